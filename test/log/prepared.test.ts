import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { GatedWrites } from '../support/gated-writes.js'
import {
  callsOf,
  DIRECTORY,
  MARK,
  NEW_SEGMENT,
  openBegun,
  openPaths,
  openSimulated,
  PREPARED,
  quiet,
  recoveredTexts,
  rejects,
  SEGMENT,
  textsOf,
  throws,
  watch,
} from '../support/simulated-log.js'

const KIB = 1024
const MIB = 1024 * KIB
/** Appends may be larger than a segment. */
const OPTIONS = { segmentBytes: MIB, preparedSegments: 3, maxPendingBytes: 16 * MIB } as const
const PIECE = 'p'.repeat(60 * KIB)

function preparedFiles(fileSystem: SimulatedFileSystem): readonly string[] {
  return fileSystem.listSync(DIRECTORY).filter((name) => PREPARED.test(`/${name}`))
}

test('without the option there is nothing to wait for', async (t) => {
  const { log, fileSystem } = await openSimulated({ segmentBytes: MIB })
  t.is(await log.prepared(), 0)
  t.is(log.stats().preparedBytes, 0)
  t.deepEqual(callsOf(fileSystem, 'openSync', PREPARED), [])
  await log.close()
})

test('segments are prepared from the opening on, and told once they are ready', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  t.is(await log.prepared(), 3 * MIB)
  t.is(log.stats().preparedBytes, 3 * MIB)
  t.is(preparedFiles(fileSystem).length, 3)
  t.is(await log.prepared(), 3 * MIB, 'at once')
  await log.close()
  t.deepEqual(preparedFiles(fileSystem), [])
})

test('every segment begins in a prepared file, the first one too, and none of them ever grows', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  await log.prepared()
  const from = fileSystem.calls.length
  await Promise.all(Array.from({ length: 34 }, () => log.append(PIECE)))
  t.is(log.stats().rotations, 2)
  t.is(callsOf(fileSystem, 'openSync', NEW_SEGMENT, from).length, 0)
  t.is(callsOf(fileSystem, 'renameSync', PREPARED, from).length, 3)
  for (const { position = 0, bytes = 0 } of callsOf(fileSystem, 'writeSync', SEGMENT, from)) {
    t.true(position + bytes <= MIB, `${bytes} bytes at ${position}`)
  }
  await log.close()
})

test('of a log that is opened again the active segment is filled with zeros, too', async (t) => {
  const { log: before, fileSystem } = await openBegun()
  await before.close()
  const { log } = await openSimulated(OPTIONS, fileSystem)
  t.is(await log.prepared(), 3 * MIB)
  const fd = fileSystem.openSync(`${DIRECTORY}/0000000000000001.seg`, 'read')
  t.is(fileSystem.sizeSync(fd), MIB)
  await log.append('x')
  t.is(fileSystem.sizeSync(fd), MIB)
  fileSystem.closeSync(fd)
  await log.close()
})

test('zeros of the active segment whose sync fails latch the log', async (t) => {
  const { log: before, fileSystem } = await openBegun()
  await before.close()
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO', nth: 2 })
  const { log } = await openSimulated(OPTIONS, fileSystem)
  await rejects(t, log.prepared(), { code: 'SLUICE_FAILED', syscall: 'fdatasync' })
  t.is(log.status, 'failed')
  await log.close()
})

test('a disk that has no room for the zeros of the active segment harms nobody', async (t) => {
  const { log: before, fileSystem } = await openBegun()
  await before.close()
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  const { log } = await openSimulated(OPTIONS, fileSystem)
  t.is(await log.prepared(), 3 * MIB)
  t.is(await log.append('x'), 2)
  await log.close()
})

test('segments are made good for while something that was written waits for its sync', async (t) => {
  const options = { ...OPTIONS, flush: { everyMs: 3_600_000 }, ack: 'written' } as const
  const { log } = await openSimulated(options)
  await log.prepared()
  t.is(await log.append('begins a segment, and is durable'), 1)
  t.is(await log.append('waits'), 2)
  t.is(await log.prepared(), 3 * MIB)
  t.is(log.durableLsn, 1)
  await log.close()
})

test('a trim whose mark finds no room is noted without those that are prepared', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  for (let index = 0; index < 20; index++) await log.append(PIECE)
  await log.prepared()
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'ENOSPC' })
  await log.trim(log.nextLsn - 1)
  t.true(log.firstLsn > 1)
  t.is(preparedFiles(fileSystem).length, 0)
  await log.close()
})

test('those that are used up are made good for once there is time, and asking waits for that', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openSimulated(OPTIONS, fileSystem)
  fileSystem.letGo()
  await log.prepared()
  await log.append('x')
  t.is(log.stats().preparedBytes, 2 * MIB)
  t.is(await log.prepared(), 3 * MIB)
  t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 4)
  await log.close()
})

test('a full disk takes them first: records find room where they were', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  await log.prepared()
  await log.append('the first')
  await log.prepared()
  const rollbacks: number[] = []
  log.on('rollback', (lsn) => rollbacks.push(lsn))
  fileSystem.capacityBytes = 4 * MIB + 64 * KIB
  // A segment of its own, larger than others: it does not fit beside what is prepared.
  const large = 'l'.repeat(3 * MIB)
  t.is(await log.append(large), 2)
  t.deepEqual(preparedFiles(fileSystem), [])
  t.deepEqual(rollbacks, [])
  t.deepEqual(await textsOf(log), ['the first', large])
  await log.close()
})

test('where there is no room for all of them, asking resolves to what there is', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 2.5 * MIB })
  const { log } = await openSimulated(OPTIONS, fileSystem)
  t.is(await log.prepared(), 2 * MIB)
  t.is(preparedFiles(fileSystem).length, 2, 'what did not fit is gone')
  t.is(await log.append('x'), 1)
  await log.close()
})

test('where none can be prepared the log works all the same', async (t) => {
  for (const call of ['openSync', 'write', 'datasync'] as const) {
    const fileSystem = new SimulatedFileSystem()
    fileSystem.inject({ call, path: PREPARED, error: 'EIO', once: false })
    const { log } = await openSimulated(OPTIONS, fileSystem)
    log.on('failed', (error) => t.fail(error.message))
    t.is(await log.prepared(), 0, call)
    for (let index = 0; index < 20; index++) await log.append(PIECE)
    t.is(log.stats().rotations, 1)
    await log.close()
  }
})

test('who waits is told when the log closes, and later ones too', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openSimulated(OPTIONS, fileSystem)
  const prepared = rejects(t, log.prepared(), { code: 'SLUICE_CLOSED' })
  const closed = log.close()
  await prepared
  fileSystem.letGo()
  await closed
  await rejects(t, log.prepared(), { code: 'SLUICE_CLOSED' })
  t.is(log.stats().preparedBytes, 0)
  t.deepEqual(preparedFiles(fileSystem), [])
  t.deepEqual(openPaths(fileSystem), [])
})

test('who waits is told when the log fails, and later ones too', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun(OPTIONS, fileSystem)
  const prepared = rejects(t, log.prepared(), { code: 'SLUICE_FAILED', syscall: 'fdatasync' })
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejects(t, log.append('x'), { code: 'SLUICE_COMMIT_FAILED' })
  await prepared
  await rejects(t, log.prepared(), { code: 'SLUICE_FAILED' })
  fileSystem.letGo()
  await quiet()
  t.is(log.stats().preparedBytes, 0, 'nothing will be written to them')
  t.deepEqual(preparedFiles(fileSystem), [])
  t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 1, 'none is begun')
  await log.close()
  t.deepEqual(openPaths(fileSystem), [])
})

test('after one that failed, and a rotation, asking waits for the next one', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  fileSystem.inject({ call: 'openSync', path: PREPARED, error: 'EIO' })
  const { log } = await openSimulated({ ...OPTIONS, preparedSegments: 1 }, fileSystem)
  t.is(await log.prepared(), 0)
  await log.append('x')
  t.is(await log.prepared(), MIB)
  await log.close()
})

test('after a full disk, once there is room and a segment was begun, asking waits for them', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  await log.prepared()
  await log.append('the first')
  await log.prepared()
  fileSystem.capacityBytes = 4 * MIB + 64 * KIB
  const large = 'l'.repeat(3 * MIB)
  await log.append(large)
  fileSystem.capacityBytes = 100 * MIB
  await log.append(large)
  t.is(await log.prepared(), 3 * MIB)
  await log.close()
})

test('a full disk takes what is being prepared, too, before it rejects', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun({ ...OPTIONS, preparedSegments: 1 }, fileSystem)
  for (let slice = 0; slice < 3; slice++) {
    fileSystem.letOn()
    await quiet()
  }
  t.is(fileSystem.waiting, 1)
  fileSystem.capacityBytes = MIB + 100 * KIB
  const rollbacks: number[] = []
  log.on('rollback', (lsn) => rollbacks.push(lsn))
  t.is(await log.append('l'.repeat(600 * KIB)), 2)
  t.deepEqual(rollbacks, [])
  fileSystem.letGo()
  await log.close()
  t.deepEqual(preparedFiles(fileSystem), [])
})

for (const [call, path] of [
  ['renameSync', PREPARED],
  ['writeSync', PREPARED],
] as const) {
  test(`a segment that finds no room (${call}) is begun once more without those that are prepared`, async (t) => {
    const { log, fileSystem } = await openSimulated(OPTIONS)
    await log.prepared()
    fileSystem.inject({ call, path, error: 'ENOSPC' })
    const rollbacks: number[] = []
    log.on('rollback', (lsn) => rollbacks.push(lsn))
    t.is(await log.append('a'), 1)
    t.is(log.stats().syncs, callsOf(fileSystem, 'datasyncSync', /seg|prepared/).length)
    await Promise.all(Array.from({ length: 40 }, () => log.append(PIECE)))
    t.deepEqual(rollbacks, [])
    await log.close()
    t.deepEqual(openPaths(fileSystem), [])
    t.deepEqual(
      fileSystem.listSync(DIRECTORY).filter((name) => name.endsWith('.tmp')),
      [],
    )
    t.is((await recoveredTexts(fileSystem.crash({ keep: 'none' }))).length, 41)
  })
}

test('one that finds no room the second time either is rolled back, and nothing is left of it', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  await log.prepared()
  fileSystem.inject({ call: 'renameSync', path: PREPARED, error: 'ENOSPC' })
  fileSystem.inject({ call: 'renameSync', path: NEW_SEGMENT, error: 'ENOSPC' })
  await rejects(t, log.append('a'), { code: 'SLUICE_DISK_FULL', outcome: 'not-written' })
  t.deepEqual(
    fileSystem.listSync(DIRECTORY).filter((name) => name.endsWith('.tmp')),
    [],
  )
  t.is(await log.append('b'), 1)
  t.deepEqual(await textsOf(log), ['b'])
  await log.close()
  t.deepEqual(openPaths(fileSystem), [])
})

test('several who wait are all told', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openSimulated(OPTIONS, fileSystem)
  const waiting = [log.prepared(), log.prepared()]
  const first = watch(log.prepared())
  await quiet()
  t.is(first.settled, undefined)
  fileSystem.letGo()
  t.deepEqual(await Promise.all(waiting), [3 * MIB, 3 * MIB])
  await log.close()
})

test('what a crash left of them is removed by the next opening', async (t) => {
  const { log, fileSystem } = await openSimulated(OPTIONS)
  await log.prepared()
  await log.append('kept')
  for (const keep of ['all', 'none'] as const) {
    const after = fileSystem.crash({ keep })
    const { log: reopened } = await openSimulated({}, after)
    t.deepEqual(preparedFiles(after), [])
    t.deepEqual(await textsOf(reopened), ['kept'])
    await reopened.close()
  }
  await log.close()
})

test('the option is checked', (t) => {
  for (const preparedSegments of [-1, 1.5, 129, '3', null, Number.NaN]) {
    // A program that isn't compiled can say so.
    const options = { preparedSegments } as object
    throws(t, () => openLog('/nowhere', options), { code: 'SLUICE_INVALID_OPTION', mentions: 'preparedSegments' })
  }
  const small = { preparedSegments: 1, segmentBytes: MIB - 1 }
  throws(t, () => openLog('/nowhere', small), {
    code: 'SLUICE_INVALID_OPTION',
    mentions: 'preparedSegments: 1 is impossible beside segmentBytes: 1048575',
  })
})
