import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import type { Fault, FileSystemCallName, SimulatedFileSystem } from '../../src/testing/index.js'
import { collect } from '../support/records.js'
import {
  MARK,
  NEW_SEGMENT,
  openBegun,
  openPaths,
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
const FOLDER = /log$/
/** Calls that change what is on the disk. */
const CHANGES: readonly FileSystemCallName[] = [
  'writeSync',
  'datasyncSync',
  'truncateSync',
  'renameSync',
  'removeSync',
  'syncDirectorySync',
  'write',
  'datasync',
]

interface Failure {
  readonly name: string
  readonly faults: readonly Fault[]
  /** What the batch that fails is made of. */
  readonly data: string
  readonly options?: LogOptions
  /** Whether the file system may hold the record afterwards, seen by another process. @default false */
  readonly seen?: boolean
}

const io = (call: FileSystemCallName, path: RegExp, more: Partial<Fault> = {}): Fault => ({
  call,
  path,
  error: 'EIO',
  ...more,
})
const full: Fault = { call: 'writeSync', path: SEGMENT, error: 'ENOSPC' }

/** Whatever fails here, the batch under way is indeterminate, and the log is latched. */
const FAILURES: readonly Failure[] = [
  ...['EIO', 'ENOSPC', 'EDQUOT'].map((error) => ({
    name: `the sync of a batch: ${error}`,
    faults: [io('datasyncSync', SEGMENT, { error })],
    data: 'x',
    seen: true,
  })),
  { name: 'the write of a batch', faults: [io('writeSync', SEGMENT)], data: 'x' },
  {
    name: 'a part of the write of a batch',
    faults: [io('writeSync', SEGMENT, { short: 1100 })],
    data: 'x'.repeat(3000),
  },
  { name: 'the cut that a full disk asks for', faults: [full, io('truncateSync', SEGMENT)], data: 'x' },
  { name: 'a cut on a full disk', faults: [full, io('truncateSync', SEGMENT, { error: 'ENOSPC' })], data: 'x' },
  { name: 'the sync of a cut', faults: [full, io('datasyncSync', SEGMENT)], data: 'x' },
  {
    name: 'the sync of a cut, on a full disk',
    faults: [full, io('datasyncSync', SEGMENT, { error: 'ENOSPC' })],
    data: 'x',
  },
  { name: 'the footer of the segment before', faults: [io('writeSync', SEGMENT)], data: LARGE },
  { name: 'cutting off zeros behind the footer', faults: [io('truncateSync', SEGMENT)], data: LARGE },
  { name: 'the sync of the segment before', faults: [io('datasyncSync', SEGMENT)], data: LARGE },
  {
    name: 'the sync of the segment before, on a full disk',
    faults: [io('datasyncSync', SEGMENT, { error: 'ENOSPC' })],
    data: LARGE,
  },
  { name: 'closing the segment before', faults: [io('closeSync', SEGMENT)], data: LARGE },
  { name: 'making the new segment', faults: [io('openSync', NEW_SEGMENT)], data: LARGE },
  { name: 'the header and the first frame of the new segment', faults: [io('writeSync', NEW_SEGMENT)], data: LARGE },
  {
    name: 'a part of the first frame of the new segment',
    faults: [io('writeSync', NEW_SEGMENT, { short: 5000 })],
    data: LARGE,
  },
  { name: 'the sync of the new segment', faults: [io('datasyncSync', NEW_SEGMENT)], data: LARGE },
  {
    name: 'the sync of the new segment, on a full disk',
    faults: [io('datasyncSync', NEW_SEGMENT, { error: 'ENOSPC' })],
    data: LARGE,
  },
  { name: 'the rename of the new segment', faults: [io('renameSync', NEW_SEGMENT)], data: LARGE },
  { name: 'the sync of the directory', faults: [io('syncDirectorySync', FOLDER)], data: LARGE, seen: true },
  {
    name: 'the sync of the directory, on a full disk',
    faults: [io('syncDirectorySync', FOLDER, { error: 'ENOSPC' })],
    data: LARGE,
    seen: true,
  },
  {
    name: 'the sync of the directory in every batch',
    faults: [io('syncDirectorySync', FOLDER)],
    data: 'x',
    options: { directorySync: 'always' },
    seen: true,
  },
]

/** What every latched log does, whatever latched it; its durable records are `durable`. */
async function assertLatched(t: ExecutionContext, log: Log, failed: readonly SluiceError[], durable: string[]) {
  t.is(failed.length, 1, 'the failed event comes once')
  const [failure] = failed
  if (failure === undefined) throw new Error('the log has not failed')
  t.is(failure.code, 'SLUICE_FAILED')
  t.is(log.status, 'failed')
  const refusal = { code: 'SLUICE_FAILED', ...(failure.errno === undefined ? {} : { errno: failure.errno }) } as const
  await rejects(t, log.append('late'), refusal)
  await rejects(t, log.appendMany(['late']), refusal)
  await rejects(t, log.flush(), refusal)
  await rejects(t, log.ready(), refusal)
  await rejects(t, log.trim(1), refusal)
  t.deepEqual(await textsOf(log), durable, 'what is durable can still be read')
  t.is((await log.get(log.durableLsn))?.data.toString(), durable.at(-1))
  const { records, error } = await collect(log.follow())
  t.is(records.length, durable.length)
  t.true(error instanceof SluiceError && error.code === 'SLUICE_FAILED', 'a follower gets all that is durable first')
}

/** From the call on that failed, nothing on the disk was changed any more. */
function assertNoChangesSince(t: ExecutionContext, fileSystem: SimulatedFileSystem, failedCall: number): void {
  const changes = fileSystem.calls.slice(failedCall + 1).filter(({ call }) => CHANGES.includes(call))
  t.deepEqual(changes, [])
}

for (const { name, faults, data, options, seen = false } of FAILURES) {
  test(`a failed commit latches the log: ${name}`, async (t) => {
    const { log, fileSystem } = await openBegun({ segmentBytes: SEGMENT_BYTES, batch: { maxRecords: 1 }, ...options })
    await log.append('the second')
    await quiet()
    const failed: SluiceError[] = []
    log.on('failed', (error) => failed.push(error))
    const following = collect(log.follow({ from: 3 }))
    for (const fault of faults) fileSystem.inject(fault)
    const last = faults.at(-1)
    const underWay = log.append(data)
    const queued = log.append('queued')
    const code = 'SLUICE_COMMIT_FAILED'
    const cause = await rejects(t, underWay, { code, outcome: 'indeterminate', firstLsn: 3, lastLsn: 3 })
    t.like(cause.cause, { code: last?.error })
    await rejects(t, queued, { code, outcome: 'not-written', firstLsn: 4, lastLsn: 4 })
    const failedCall = fileSystem.calls.findLastIndex(({ call, error }) => error === last?.error && call === last?.call)
    const { records, error } = await following
    t.is(records.length, 0)
    t.true(error instanceof SluiceError && error.code === 'SLUICE_FAILED')
    const durable = ['the first', 'the second']
    await assertLatched(t, log, failed, durable)
    t.is(log.durableLsn, 2)
    t.is(log.stats().failures, 1)
    t.is(log.stats().pendingBytes, 0)
    await quiet()
    await log.close()
    t.is(log.status, 'closed')
    assertNoChangesSince(t, fileSystem, failedCall)
    t.deepEqual(openPaths(fileSystem), [], 'nothing is left open')

    for (let seed = 0; seed < 20; seed++) {
      const found = await recoveredTexts(fileSystem.stateAfterCrash({ seed }))
      t.deepEqual(found.slice(0, 2), durable)
      t.true(found.length === 2 || (found.length === 3 && found[2] === data), `seed ${seed}`)
    }
    const found = await recoveredTexts(fileSystem)
    t.deepEqual(found, seen ? [...durable, data] : durable)
    t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), found, 'what recovery shows is durable')
  })
}

test('a deferred sync that fails names the LSNs that were acknowledged as written', async (t) => {
  const { log, fileSystem } = await openBegun({ flush: { everyMs: 3_600_000 } })
  const failed: SluiceError[] = []
  log.on('failed', (error) => failed.push(error))
  t.is(await log.append('a', { ack: 'written' }), 2)
  const durable = rejects(t, log.append('b'), { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate', firstLsn: 3 })
  t.is(await log.append('c', { ack: 'written' }), 4)
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejects(t, log.flush(), { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate', firstLsn: 2, lastLsn: 4 })
  await durable
  t.like(failed[0], { code: 'SLUICE_FAILED', firstLsn: 2, lastLsn: 4, syscall: 'fdatasync' })
  t.regex(failed[0]?.message ?? '', /LSNs from 2 to 4 were written/)
  await assertLatched(t, log, failed, ['the first'])
  await log.close()
  t.deepEqual(await recoveredTexts(fileSystem.stateAfterCrash({ keep: 'none' })), ['the first'], 'as the error said')
  t.deepEqual(await recoveredTexts(fileSystem), ['the first', 'a', 'b', 'c'])
  t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), ['the first', 'a', 'b', 'c'])
})

test('a written append resolves though the sync of its batch fails, and the failure names it', async (t) => {
  const { log, fileSystem } = await openBegun()
  await quiet()
  const failed: SluiceError[] = []
  log.on('failed', (error) => failed.push(error))
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  const durable = rejection(log.append('d'))
  t.is(await log.append('w', { ack: 'written' }), 3)
  await durable
  t.like(failed[0], { code: 'SLUICE_FAILED', firstLsn: 2, lastLsn: 3 })
  await log.close()
})

test('a full disk told by the mark file is no failure: a mark is advice, and the next one tells as much', async (t) => {
  for (const error of ['ENOSPC', 'EDQUOT']) {
    const { log, fileSystem } = await openBegun()
    fileSystem.inject({ call: 'writeSync', path: MARK, error })
    t.is(await log.append('a'), 2)
    await quiet()
    t.is(log.status, 'open')
    t.is(await log.append('b'), 3)
    await log.close()
    const { records } = await collect((await openBegun({}, fileSystem)).log.read({ to: 3 }))
    t.is(records.length, 3)
  }
})

test('a mark that can’t be written for another reason latches the log, after its batch was acknowledged', async (t) => {
  const { log, fileSystem } = await openBegun()
  const failed: SluiceError[] = []
  log.on('failed', (error) => failed.push(error))
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'EIO', once: false })
  t.is(await log.append('acknowledged'), 2)
  await assertLatched(t, log, failed, ['the first', 'acknowledged'])
  await log.close()
  t.deepEqual(openPaths(fileSystem), [])
  t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), ['the first', 'acknowledged'])
})

test('a failed sync of zeros latches the log, though nobody waits for it', async (t) => {
  const { log, fileSystem } = await openBegun()
  await quiet()
  const failed: SluiceError[] = []
  log.on('failed', (error) => failed.push(error))
  // Few of the first zeros are left now.
  const acknowledged = 'x'.repeat(210_000)
  // The first sync is that of the batch, the second that of the zeros behind it.
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, nth: 2, error: 'EIO' })
  t.is(await log.append(acknowledged), 2)
  await quiet()
  const failedCall = fileSystem.calls.findLastIndex(({ error }) => error === 'EIO')
  await assertLatched(t, log, failed, ['the first', acknowledged])
  await log.close()
  assertNoChangesSince(t, fileSystem, failedCall)
  t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), ['the first', acknowledged])
})

test('a trim mark that can’t be synced latches the log before any file goes', async (t) => {
  const { log, fileSystem } = await openBegun({ segmentBytes: SEGMENT_BYTES })
  await log.append(LARGE)
  const failed: SluiceError[] = []
  log.on('failed', (error) => failed.push(error))
  fileSystem.inject({ call: 'datasyncSync', path: MARK, error: 'EIO' })
  const refused = rejects(t, log.trim(2), { code: 'SLUICE_FAILED', syscall: 'fdatasync' })
  await refused
  await assertLatched(t, log, failed, ['the first', LARGE])
  await log.close()
  t.is(fileSystem.calls.filter(({ call, path }) => call === 'removeSync' && SEGMENT.test(path)).length, 0)
})

test('where only the end can’t be noted, close() resolves: all is durable, and the failed event tells of it', async (t) => {
  for (const [call, path] of [
    ['writeSync', MARK],
    ['datasyncSync', MARK],
    ['truncateSync', SEGMENT],
    ['closeSync', SEGMENT],
    ['closeSync', MARK],
  ] as const) {
    const { log, fileSystem } = await openBegun()
    await quiet()
    const failed: SluiceError[] = []
    log.on('failed', (error) => failed.push(error))
    fileSystem.inject({ call, path, error: 'EIO' })
    const last = log.append('the last')
    await log.close()
    t.is(await last, 2)
    t.is(log.status, 'closed')
    t.is(failed.length, 1)
    t.like(failed[0], { code: 'SLUICE_FAILED' })
    await rejects(t, log.append('late'), { code: 'SLUICE_CLOSED' })
    t.deepEqual(openPaths(fileSystem), [])
    t.deepEqual(await recoveredTexts(fileSystem.stateAfterCrash({ keep: 'none' })), ['the first', 'the last'])
    t.deepEqual(await recoveredTexts(fileSystem), ['the first', 'the last'])
  }
})

test('a commit that fails while the log is closing: close() rejects, and releases everything all the same', async (t) => {
  const { log, fileSystem } = await openBegun({ flush: 'never' })
  await log.append('written')
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejects(t, log.close(), { code: 'SLUICE_FAILED', firstLsn: 2, lastLsn: 2 })
  t.is(log.status, 'closed')
  t.deepEqual(openPaths(fileSystem), [])
  t.deepEqual(await recoveredTexts(fileSystem), ['the first', 'written'])
})
