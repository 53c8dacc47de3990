import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { readResults, writeResults } from '../../bench/results.js'
import { figuresOf } from '../../bench/suites/suites.js'
import { madeResults } from './made-results.js'

test('what is written is read again, but for digits that nobody measures', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-results-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'results.json')
  const results = madeResults()
  writeFileSync(file, writeResults(results))
  const read = readResults(file)
  const names = (rows: object): string[] => Object.entries(rows).map(([name, value]) => `${name}: ${value.length}`)
  t.deepEqual(names(read.suites), names(results.suites))
  t.deepEqual(
    figuresOf(read.suites).map(({ name, reached }) => [name, reached.toPrecision(3)]),
    figuresOf(results.suites).map(({ name, reached }) => [name, reached.toPrecision(3)]),
  )
  writeFileSync(file, writeResults(read))
  t.deepEqual(readResults(file), read)
  t.deepEqual(Object.keys(read), Object.keys(results))
})

test('a file of another format is refused', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-results-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'results.json')
  writeFileSync(file, '{"format": 2}')
  t.throws(() => readResults(file), { message: /has format 2; 1 is what can be read/ })
})
