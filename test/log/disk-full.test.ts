import test, { type ExecutionContext } from 'ava'
import type { Log, LogOptions } from '../../src/log/contract.js'
import { type Fault, SimulatedFileSystem } from '../../src/testing/index.js'
import { GatedWrites } from '../support/gated-writes.js'
import {
  callsOf,
  DIRECTORY,
  NEW_SEGMENT,
  openBegun,
  openPaths,
  openSimulated,
  quiet,
  recoveredTexts,
  rejection,
  rejects,
  SEGMENT,
  textsOf,
} from '../support/simulated-log.js'

const SEGMENT_BYTES = 16 * 1024
/** The next batch of this size begins a new segment. */
const LARGE = 'L'.repeat(SEGMENT_BYTES - 4096)

interface FullDisk {
  readonly name: string
  readonly faults: readonly Fault[]
  readonly data: string
}

const noSpace = (call: Fault['call'], path: RegExp, more: Partial<Fault> = {}): Fault => ({
  call,
  path,
  error: 'ENOSPC',
  ...more,
})

const PLACES: readonly FullDisk[] = [
  { name: 'the write of a batch', faults: [noSpace('writeSync', SEGMENT)], data: 'x' },
  {
    name: 'the write of a batch, on a full quota',
    faults: [noSpace('writeSync', SEGMENT, { error: 'EDQUOT' })],
    data: 'x',
  },
  {
    name: 'a part of the write of a batch',
    faults: [noSpace('writeSync', SEGMENT, { short: 1100 })],
    data: 'x'.repeat(3000),
  },
  { name: 'all but the last frame of a batch', faults: [noSpace('writeSync', SEGMENT, { short: 70 })], data: 'x' },
  {
    name: 'the rest of a short write',
    faults: [
      { call: 'writeSync', path: SEGMENT, short: 700 },
      { call: 'writeSync', path: SEGMENT, short: 1100, nth: 2 },
      noSpace('writeSync', SEGMENT, { nth: 3 }),
    ],
    data: 'x'.repeat(3000),
  },
  { name: 'the footer of the segment before', faults: [noSpace('writeSync', SEGMENT)], data: LARGE },
  {
    name: 'a part of the footer of the segment before',
    faults: [noSpace('writeSync', SEGMENT, { short: 50 })],
    data: LARGE,
  },
  { name: 'the cut behind the footer', faults: [noSpace('truncateSync', SEGMENT)], data: LARGE },
  { name: 'making the new segment', faults: [noSpace('openSync', NEW_SEGMENT)], data: LARGE },
  {
    name: 'the header and the first frame of the new segment',
    faults: [noSpace('writeSync', NEW_SEGMENT)],
    data: LARGE,
  },
  {
    name: 'a part of the first frame of the new segment',
    faults: [noSpace('writeSync', NEW_SEGMENT, { short: 5000 })],
    data: LARGE,
  },
  { name: 'the name of the new segment', faults: [noSpace('renameSync', NEW_SEGMENT)], data: LARGE },
]

for (const { name, faults, data } of PLACES) {
  for (const flush of ['batch', { everyMs: 3_600_000 }] as const) {
    const policy = flush === 'batch' ? 'batch' : 'a deferred sync'
    test(`a full disk is taken back: ${name}, ${policy}`, async (t) => {
      const options: LogOptions = { segmentBytes: SEGMENT_BYTES, batch: { maxRecords: 1 }, flush }
      const { log, fileSystem } = await openBegun(options)
      await log.append('the second', { ack: 'written' })
      await quiet()
      const order: string[] = []
      log.on('rollback', (lsn) => order.push(`rollback to ${lsn}, next ${log.nextLsn}`))
      log.on('failed', () => order.push('failed'))
      for (const fault of faults) fileSystem.inject(fault)
      const error = faults.at(-1)?.error
      const full = { code: 'SLUICE_DISK_FULL', outcome: 'not-written' } as const
      const underWay = rejects(t, log.append(data), { ...full, firstLsn: 3, lastLsn: 3 })
      const queued = rejects(t, log.appendMany(['queued', 'queued']), { ...full, firstLsn: 4, lastLsn: 5 })
      const settled = [underWay, queued].map((promise) =>
        promise.then((refusal) => order.push(`rejected ${refusal.firstLsn}`)),
      )
      t.like((await underWay).cause, { code: error })
      await Promise.all([...settled, queued])
      t.deepEqual(order, ['rollback to 2, next 3', 'rejected 3', 'rejected 4'])
      t.is(log.status, 'open')
      t.is(log.stats().failures, 1)

      const again = log.append('again')
      t.is(await log.flush(), 3)
      t.is(await again, 3, 'the LSN is given again')
      const expected = ['the first', 'the second', 'again']
      t.deepEqual(await textsOf(log), expected)
      await log.append(LARGE, { ack: 'written' })
      await log.close()
      t.deepEqual(openPaths(fileSystem), [])
      t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), [...expected, LARGE])
    })
  }
}

for (const { name, faults, data } of PLACES.filter((place) => !place.name.includes('quota'))) {
  test(`what was rolled back is never found again, wherever it ends: ${name}`, async (t) => {
    for (let nth = 1; ; nth++) {
      const { log, fileSystem } = await openBegun({ segmentBytes: SEGMENT_BYTES })
      await log.append('the second')
      await quiet()
      for (const fault of faults) fileSystem.inject(fault)
      log.on('rollback', () => fileSystem.crashAfter(nth))
      // Two levels, and so two frames, in one batch.
      await Promise.all([rejection(log.append(data, { ack: 'written' })), rejection(log.append('behind'))])
      const acknowledged = await log.append('again').then(
        () => ['again'],
        () => [],
      )
      await log.close().catch(() => {})
      const ended = fileSystem.stoppedAt !== undefined
      const states: SimulatedFileSystem[] = []
      for (let seed = 0; seed < 6; seed++) states.push(fileSystem.stateAfterCrash({ seed }))
      states.push(fileSystem.stateAfterCrash({ keep: 'all' }), fileSystem.stateAfterCrash({ keep: 'none' }))
      states.push(fileSystem.killProcess())
      for (const state of states) {
        const found = await recoveredTexts(state)
        const kept = ['the first', 'the second', ...acknowledged]
        t.deepEqual(found.slice(0, kept.length), kept, `stopped at call ${nth}`)
        t.true(found.length === kept.length || found.join() === 'the first,the second,again', `at call ${nth}`)
      }
      if (!ended) break
    }
  })
}

test('a small disk: everything acknowledged stays, and room makes appends work again', async (t) => {
  const { log, fileSystem } = await openSimulated({
    segmentBytes: SEGMENT_BYTES,
    flush: { everyRecords: 3, everyMs: 1 },
  })
  const acknowledged: string[] = []
  const rollbacks: number[] = []
  log.on('rollback', (lsn) => rollbacks.push(lsn))
  const fill = async (name: string): Promise<void> => {
    for (let index = 0; ; index++) {
      const text = `${name} ${index} ${'x'.repeat(3000)}`
      const ack = index % 2 === 0 ? 'durable' : 'written'
      const error = await log.append(text, { ack }).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error !== undefined) {
        await rejects(t, Promise.reject(error), { code: 'SLUICE_DISK_FULL', outcome: 'not-written' })
        return
      }
      acknowledged.push(text)
    }
  }
  fileSystem.capacityBytes = 60 * 1024
  await fill('first')
  t.true(acknowledged.length > 8)
  await fill('still full')
  t.is(log.nextLsn - 1, acknowledged.length)
  fileSystem.capacityBytes += 30 * 1024
  await fill('more disk')
  const before = acknowledged.length
  t.true(acknowledged.some((text) => text.startsWith('more disk')))
  const target = log.nextLsn - 1
  await log.trim(target)
  await fill('trimmed')
  t.true(acknowledged.length > before, 'a trim makes room')
  t.true(rollbacks.length >= 4)
  t.is(log.status, 'open')
  const expected = acknowledged.slice(log.firstLsn - 1)
  await log.flush()
  t.deepEqual(await textsOf(log), expected)
  await log.close()
  t.deepEqual(await recoveredTexts(fileSystem.killProcess()), expected)
})

test('flush() at a rollback: rejected where it asked for what is gone, resolved where all of it is there', async (t) => {
  const { log, fileSystem } = await openBegun({ flush: 'never' })
  await log.append('written')
  await quiet()
  fileSystem.inject(noSpace('writeSync', SEGMENT))
  const below = log.flush()
  const lost = rejection(log.append('lost'))
  const above = rejects(t, log.flush(), { code: 'SLUICE_DISK_FULL', outcome: 'not-written', firstLsn: 3, lastLsn: 3 })
  t.is(await below, 2)
  await Promise.all([lost, above])
  t.is(log.durableLsn, 2)
  const before = fileSystem.calls.length
  t.is(await log.append('written'), 3)
  await quiet()
  t.is(callsOf(fileSystem, 'datasyncSync', SEGMENT, before).length, 0, 'no flush is left over')
  t.is(await log.flush(), 3)
  await log.close()
})

test('close() at a rollback: it tells what could not be made durable, and releases everything', async (t) => {
  const { log, fileSystem } = await openBegun({ flush: { everyMs: 3_600_000 } })
  const durable = log.append('kept')
  await quiet()
  fileSystem.inject(noSpace('writeSync', SEGMENT))
  const lost = rejects(t, log.append('lost'), { code: 'SLUICE_DISK_FULL' })
  const closed = rejects(t, log.close(), { code: 'SLUICE_DISK_FULL', firstLsn: 3, lastLsn: 3, outcome: 'not-written' })
  await lost
  t.is(await durable, 2)
  await closed
  t.is(log.status, 'closed')
  t.is(log.durableLsn, 2)
  t.deepEqual(openPaths(fileSystem), [])
  t.deepEqual(await recoveredTexts(fileSystem), ['the first', 'kept'])
})

test('an append that waits for room was not accepted: a rollback makes room for it', async (t) => {
  const { log, fileSystem } = await openBegun({ maxPendingBytes: SEGMENT_BYTES })
  await quiet()
  fileSystem.inject(noSpace('writeSync', SEGMENT))
  const large = 'x'.repeat(3900)
  const lost = [log.append(large), log.append(large)].map((append) => rejects(t, append, { code: 'SLUICE_DISK_FULL' }))
  const waiting = log.append(large)
  t.is(log.stats().waiting, 1)
  await Promise.all(lost)
  t.is(await waiting, 2)
  t.deepEqual(await textsOf(log), ['the first', large])
  await log.close()
})

test('a written acknowledgement below a rollback stays, and the LSNs above it are used again', async (t) => {
  const { log, fileSystem } = await openBegun({ flush: 'never' })
  for (const text of ['a', 'b']) await log.append(text)
  fileSystem.inject(noSpace('writeSync', SEGMENT))
  await rejects(t, log.append('lost'), { code: 'SLUICE_DISK_FULL', firstLsn: 4 })
  t.is(await log.append('c'), 4)
  t.deepEqual(await recoveredTexts(fileSystem.killProcess()), ['the first', 'a', 'b', 'c'])
})

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

/** Closes the log while a segment is being prepared; afterwards nothing is open, and nothing is called any more. */
async function closesForGood(t: ExecutionContext, log: Log, fileSystem: GatedWrites): Promise<void> {
  const closed = log.close()
  await quiet()
  fileSystem.letGo()
  await closed
  const calls = fileSystem.calls.length
  await quiet()
  t.is(fileSystem.calls.length, calls)
  t.deepEqual(openPaths(fileSystem), [])
}

test('once a log is closed nothing of it touches a file, not even of a segment that was given up half prepared', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun({ segmentBytes: MIB }, fileSystem)
  while (log.stats().rotations === 0) await log.append(PIECE)
  t.is(fileSystem.waiting, 1, 'the first segment was full before the next one was prepared')
  await closesForGood(t, log, fileSystem)
  t.false(fileSystem.listSync(DIRECTORY).some((name) => PREPARED.test(name)))
})

test('so it is with a log that failed', async (t) => {
  const fileSystem = new GatedWrites()
  const { log } = await openBegun({ segmentBytes: MIB }, fileSystem)
  while (fileSystem.waiting === 0) await log.append(PIECE)
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejects(t, log.append('x'), { code: 'SLUICE_COMMIT_FAILED' })
  await closesForGood(t, log, fileSystem)
})
