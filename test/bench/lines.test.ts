import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { describeLines, linesOf, meanBytes } from '../../bench/lines.js'

test('a seed makes the same lines each time, as long as those of an access log', (t) => {
  const lines = linesOf({ kind: 'seed', seed: 7 })
  t.deepEqual(linesOf({ kind: 'seed', seed: 7 }), lines)
  t.notDeepEqual(linesOf({ kind: 'seed', seed: 8 }), lines)
  t.is(lines.length, 10_000)
  const lengths = lines.map((line) => line.length).sort((a, b) => a - b)
  t.true((lengths[0] ?? 0) >= 81 && (lengths.at(-1) ?? 0) <= 1363)
  t.true(Math.abs((lengths[5000] ?? 0) - 231) < 10, `the median is ${lengths[5000]}`)
  t.false(lines.some((line) => line.includes('\n')))
})

test('a log is read line by line, whether or not it ends in one', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lines-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'access.log')
  for (const end of ['', '\n']) {
    writeFileSync(path, `first\n\nthe third${end}`)
    const lines = linesOf({ kind: 'file', path })
    t.deepEqual(lines.map(String), ['first', 'the third'])
    t.is(meanBytes(lines), 7)
    t.is(describeLines({ kind: 'file', path }, lines), '2 lines of a real log, 5 to 9 bytes, median 5, mean 7')
  }
  writeFileSync(path, '\n')
  t.throws(() => linesOf({ kind: 'file', path }), { message: /no lines/ })
})
