import test from 'ava'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { GatedWrites } from '../support/gated-writes.js'
import { callsOf, DIRECTORY, openBegun, openPaths, quiet, rejects, SEGMENT, textsOf } from '../support/simulated-log.js'

const MIB = 1024 * 1024
const PREPARED = /prepared-\d+\.tmp$/
const PIECE = 'p'.repeat(60_000)

test('zeros that don’t fit are dropped again, and their room is the appends’', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 100 * 1024 })
  const { log } = await openBegun({}, fileSystem)
  const rollbacks: number[] = []
  log.on('rollback', (lsn) => rollbacks.push(lsn))
  await quiet()
  const refused = callsOf(fileSystem, 'writeSync', SEGMENT).filter(({ error }) => error === 'ENOSPC')
  t.is(refused.length, 1, 'the zeros did not fit')
  t.deepEqual(
    callsOf(fileSystem, 'truncateSync', SEGMENT).map(({ bytes }) => bytes),
    [8192],
  )
  t.is(await log.append(PIECE), 2, 'this would not fit beside them')
  await quiet()
  t.is(callsOf(fileSystem, 'writeSync', SEGMENT).filter(({ error }) => error === 'ENOSPC').length, 1, 'once is enough')
  t.deepEqual(rollbacks, [])
  await rejects(t, log.append(PIECE), { code: 'SLUICE_DISK_FULL' })
  t.is(await log.append('small'), 3)
  t.deepEqual(await textsOf(log), ['the first', PIECE, 'small'])
  await log.close()
})

test('a segment that can’t be prepared for want of room is given up, and nothing else', async (t) => {
  const { log, fileSystem } = await openBegun({ segmentBytes: MIB })
  const failures: string[] = []
  log.on('rollback', () => failures.push('rollback'))
  log.on('failed', () => failures.push('failed'))
  fileSystem.capacityBytes = 1.5 * MIB
  let appended = 1
  for (; appended < 17; appended++) await log.append(PIECE)
  await quiet()
  t.is(callsOf(fileSystem, 'write', PREPARED).filter(({ error }) => error === 'ENOSPC').length, 1)
  t.is(callsOf(fileSystem, 'removeSync', PREPARED).length, 1)
  t.false(fileSystem.listSync(DIRECTORY).some((name) => PREPARED.test(name)))
  for (; appended < 20; appended++) await log.append(PIECE)
  t.is(log.stats().rotations, 1, 'the next segment begins as an empty file')
  t.deepEqual(failures, [])
  await log.close()
})

test('what goes wrong with preparing is no error of the log', async (t) => {
  for (const call of ['openSync', 'write', 'datasync', 'closeSync', 'removeSync'] as const) {
    const { log, fileSystem } = await openBegun({ segmentBytes: MIB })
    log.on('failed', (error) => t.fail(error.message))
    fileSystem.inject({ call, path: PREPARED, error: 'EIO', once: false })
    if (call !== 'write') fileSystem.inject({ call: 'write', path: PREPARED, error: 'ENOSPC', once: false })
    for (let index = 0; index < 20; index++) await log.append(PIECE)
    t.is(log.stats().rotations, 1, call)
    await log.close()
    t.is(log.durableLsn, 21)
  }
})

test('a prepared segment needs no room any more', async (t) => {
  const { log, fileSystem } = await openBegun({ segmentBytes: MIB })
  for (let index = 0; index < 14; index++) await log.append(PIECE)
  await quiet()
  t.is(callsOf(fileSystem, 'datasync', PREPARED).length, 1)
  fileSystem.capacityBytes = 0
  for (let index = 0; index < 11; index++) await log.append(PIECE)
  t.is(log.stats().rotations, 1)
  t.is(log.durableLsn, 26)
  await log.close()
})

test('once a log is closed nothing of it touches a file, not even of a segment that was given up half prepared', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun({ segmentBytes: MIB }, fileSystem)
  while (log.stats().rotations === 0) await log.append(PIECE)
  t.is(fileSystem.waiting, 1, 'the first segment was full before the next one was prepared')
  const closed = log.close()
  await quiet()
  fileSystem.letGo()
  await closed
  const calls = fileSystem.calls.length
  await quiet()
  t.is(fileSystem.calls.length, calls)
  t.deepEqual(openPaths(fileSystem), [])
  t.false(fileSystem.listSync(DIRECTORY).some((name) => PREPARED.test(name)))
})

test('so it is with a log that failed', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun({ segmentBytes: MIB }, fileSystem)
  while (fileSystem.waiting === 0) await log.append(PIECE)
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejects(t, log.append('x'), { code: 'SLUICE_COMMIT_FAILED' })
  const closed = log.close()
  await quiet()
  fileSystem.letGo()
  await closed
  const calls = fileSystem.calls.length
  await quiet()
  t.is(fileSystem.calls.length, calls)
  t.deepEqual(openPaths(fileSystem), [])
})
