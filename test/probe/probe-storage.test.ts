import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { probeStorage } from '../../src/index.js'
import { measureStorage } from '../../src/probe/storage-measurement.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { openPaths } from '../support/simulated-log.js'
import { sluice } from '../support/sluice-command.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('a probe measures every call, names the place, and leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t)
  const report = await probeStorage(directory)
  t.is(report.directory, directory)
  for (const name of ['writeMs', 'syncMs', 'commitMs', 'growingCommitMs', 'directorySyncMs'] as const) {
    const { p50, p99, max, count } = report[name]
    t.true(p50 > 0 && p50 <= p99 && p99 <= max && count >= 8, `${name}: ${JSON.stringify(report[name])}`)
  }
  t.true(report.bytesPerSecond > 0)
  t.true(report.zeroFillBytesPerSecond > 0)
  t.is(report.recommendations.length, 4)
  t.deepEqual(readdirSync(directory), [])
})

test('what can’t be measured is refused, by name', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const refused = { code: 'SLUICE_INVALID_ARGUMENT' }
  await t.throwsAsync(probeStorage(join(directory, 'none')), { ...refused, message: /no directory ".*none"/ })
  await t.throwsAsync(probeStorage(file), { ...refused, message: /is not a directory/ })
  await t.throwsAsync(async () => probeStorage(''), refused)
})

test('a disk without room is told as such', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 1024 * 1024 })
  t.throws(() => measureStorage(fileSystem, '/'), { code: 'ENOSPC' })
  t.deepEqual(fileSystem.listSync('/'), [])
  t.deepEqual(openPaths(fileSystem), [])
})

test.serial('sluice probe says the same, as text and as JSON', async (t) => {
  const directory = temporaryDirectory(t)
  const [text, json] = await Promise.all([sluice(t, ['probe', directory]), sluice(t, ['probe', '--json', directory])])
  t.is(text.exit, 0)
  t.is(text.stderr, '')
  for (const line of [/^both: a commit +\d/m, /^recommended:$/m, /^ {2}segmentBytes: /m])
    t.regex(text.stdout.toString(), line)
  t.is(JSON.parse(json.stdout.toString()).directory, directory)
  t.deepEqual(readdirSync(directory), [])
  const refused = await sluice(t, ['probe', join(directory, 'none')])
  t.is(refused.exit, 1)
  t.regex(refused.stderr, /^sluice: SLUICE_INVALID_ARGUMENT: there is no directory /)
})
