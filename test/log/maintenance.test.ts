import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { inspectLog, repairLog, verifyLog } from '../../src/log/maintenance.js'
import { recover } from '../../src/segment/recovery.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { buildLog } from '../support/build-log.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import { flip, frameOf, segmentOf } from '../support/memory-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('a damaged log on a real file system: verified, repaired, opened', async (t) => {
  const directory = temporaryDirectory(t)
  const log = buildLog(THREE_SEGMENTS)
  flip(segmentOf(log, 1).bytes, frameOf(segmentOf(log, 1), 1).offset + 60)
  for (const [name, bytes] of log.files) writeFileSync(join(directory, name), bytes)
  const { ok, findings } = await verifyLog(directory)
  t.false(ok)
  t.like(findings, [{ kind: 'corrupt', segment: segmentOf(log, 1).name, firstLsn: 6, lastLsn: 6 }])
  t.is((await inspectLog(directory)).segments.length, 3)
  const planned = await repairLog(directory, { dryRun: true })
  t.false(existsSync(join(directory, 'quarantine')))
  const done = await repairLog(directory)
  t.deepEqual(done.changes, planned.changes)
  t.deepEqual(done.lost, [{ firstLsn: 6, lastLsn: 10 }])
  t.true((await verifyLog(directory)).ok)
  t.is(recover(nodeFileSystem, directory).lastLsn, 5)
  t.deepEqual(readdirSync(join(directory, 'quarantine')).sort(), [
    `${segmentOf(log, 1).name}.4168`,
    `${segmentOf(log, 2).name}.0`,
  ])
  t.deepEqual(readFileSync(join(directory, 'quarantine', `${segmentOf(log, 2).name}.0`)), segmentOf(log, 2).bytes)
})

test('repair refuses a log that somebody else holds, and gives its own lock back', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const claim = await fileSystem.claim('/log')
  await t.throwsAsync(repairLog('/log', { fileSystem }), { instanceOf: SluiceError, code: 'SLUICE_LOCKED' })
  await claim.release()
  t.false((await repairLog('/log', { fileSystem })).damaged)
  await (await fileSystem.claim('/log')).release()
})

test('a folder that is missing is refused, and not made', async (t) => {
  const directory = join(temporaryDirectory(t), 'missing')
  for (const call of [verifyLog, repairLog, inspectLog]) {
    const error = await t.throwsAsync(call(directory), { instanceOf: SluiceError })
    t.like(error, { code: 'SLUICE_IO' })
  }
  t.false(existsSync(directory))
})

test('a relative path is resolved', async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'log'))
  const before = process.cwd()
  process.chdir(directory)
  t.teardown(() => process.chdir(before))
  t.is((await inspectLog('log')).segments.length, 0)
})

test('impossible arguments and options are refused by name', async (t) => {
  for (const call of [verifyLog, repairLog, inspectLog]) {
    for (const directory of ['', 'a\0b', 7]) {
      // A caller without types can pass anything.
      await t.throwsAsync(call(directory as string), { code: 'SLUICE_INVALID_ARGUMENT', message: /directory/ })
    }
    const wrong = [{ dryrun: true }, { fileSystem: 7 }, null, []]
    for (const options of wrong) {
      await t.throwsAsync(call('/log', options as object), { code: 'SLUICE_INVALID_OPTION' })
    }
  }
  const dryRun: unknown = 'yes'
  await t.throwsAsync(repairLog('/log', { dryRun: dryRun as boolean }), { message: /dryRun must be true or false/ })
})
