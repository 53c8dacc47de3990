import test, { type ExecutionContext } from 'ava'
import type { CommitFigures, Log, LogOptions } from '../../src/log/contract.js'
import type { FlushOption } from '../../src/options.js'
import type { SimulatedFileSystem } from '../../src/testing/index.js'
import { callsOf, DIRECTORY, openBegun, quiet, SEGMENT, watch } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

interface Observed {
  readonly log: Log
  readonly fileSystem: SimulatedFileSystem
  readonly clock: SteppedClock
  /** Of each batch from now on. */
  readonly commits: CommitFigures[]
  /** Of each batch from now on: its cause, and how many records it has. */
  batches(): [string, number][]
}

/** A log with one record in it, in time that stands still. */
async function observed(t: ExecutionContext, options: LogOptions): Promise<Observed> {
  const clock = SteppedClock.install(t)
  const { log, fileSystem } = await openBegun(options)
  await quiet()
  const commits: CommitFigures[] = []
  log.on('commit', (figures) => commits.push(figures))
  return { log, fileSystem, clock, commits, batches: () => commits.map(({ cause, records }) => [cause, records]) }
}

function appendAll(log: Log, count: number, bytes = 1): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => log.append('x'.repeat(bytes))))
}

test.serial('what arrives while the writer is busy, or in one turn, shares a sync', async (t) => {
  const { log, fileSystem, batches } = await observed(t, {})
  const before = fileSystem.calls.length
  await appendAll(log, 1000)
  t.deepEqual(batches(), [['idle', 1000]])
  t.is(callsOf(fileSystem, 'datasyncSync', SEGMENT, before).length, 1)
  t.is(callsOf(fileSystem, 'writeSync', SEGMENT, before).length, 1, 'frames that lie behind one another are one write')
  await log.close()
})

test.serial('batch.maxRecords bounds a batch', async (t) => {
  const { log, batches } = await observed(t, { batch: { maxRecords: 4 } })
  await appendAll(log, 10)
  t.deepEqual(batches(), [
    ['records', 4],
    ['records', 4],
    ['idle', 2],
  ])
  t.is(log.stats().batchesByCause.records, 2)
  await log.close()
})

test.serial('batch.maxBytes bounds a batch, headers included', async (t) => {
  // A frame with one record of 200 bytes takes 264, one with two 464.
  const { log, batches, commits } = await observed(t, { batch: { maxBytes: 500 } })
  await appendAll(log, 5, 200)
  t.deepEqual(batches(), [
    ['bytes', 2],
    ['bytes', 2],
    ['idle', 1],
  ])
  t.true(commits.every(({ bytes }) => bytes <= 500))
  await appendAll(log, 1, 5000)
  t.deepEqual(batches().at(-1), ['bytes', 1], 'a frame that is larger makes a batch of its own')
  await log.close()
})

test.serial('the end of a segment ends a batch, and the next one rotates', async (t) => {
  const { log, batches } = await observed(t, { segmentBytes: 16 * 1024 })
  const rotations: number[] = []
  log.on('rotate', ({ firstLsn }) => rotations.push(firstLsn))
  await Promise.all(Array.from({ length: 20 }, () => log.appendMany(['x'.repeat(1000)])))
  const [first, second] = batches()
  t.is(first?.[0], 'bytes')
  t.deepEqual(rotations, [2 + (first?.[1] ?? 0)])
  t.is(second?.[0], 'idle')
  await log.close()
})

test.serial('batch.maxDelayMs holds a batch back for company, from its first frame on', async (t) => {
  const { log, clock, batches } = await observed(t, { batch: { maxDelayMs: 5, maxRecords: 4 } })
  const first = watch(log.append('first'))
  await quiet()
  t.is(clock.timers, 1)
  clock.advance(4)
  await quiet()
  const company = log.append('company')
  await quiet()
  t.deepEqual(batches(), [])
  clock.advance(1)
  await company
  t.deepEqual(first.settled, { kind: 'resolved', value: 2 })
  t.deepEqual(batches(), [['delay', 2]])

  await appendAll(log, 4)
  t.deepEqual(batches().at(-1), ['records', 4], 'a batch that is full waits for nobody')

  const flushed = log.append('flushed')
  await quiet()
  t.is(batches().length, 2)
  t.is(await log.flush(), await flushed)
  t.deepEqual(batches().at(-1), ['flush', 1])

  const last = log.append('last')
  await quiet()
  t.is(batches().length, 3)
  await log.close()
  t.is(await last, 9)
  t.deepEqual(batches().at(-1), ['flush', 1], 'close() waits for nobody either')
})

const PUT_OFF: readonly FlushOption[] = [
  { everyMs: 1000 },
  { everyRecords: 1000, everyMs: 1000 },
  { everyRecords: 1000 },
  'never',
]

for (const flush of PUT_OFF) {
  for (const [maxDelayMs, writesAtOnce] of [
    [5, 0],
    ['adaptive', 1],
  ] as const) {
    const holds = writesAtOnce === 0 ? 'holds the write back' : 'holds nothing back'
    test.serial(`maxDelayMs ${maxDelayMs} ${holds} where the sync is put off: ${JSON.stringify(flush)}`, async (t) => {
      const { log, fileSystem, clock } = await observed(t, { flush, ack: 'written', batch: { maxDelayMs } })
      const before = fileSystem.calls.length
      const count = (call: 'writeSync' | 'datasyncSync'): number => callsOf(fileSystem, call, SEGMENT, before).length
      const append = log.append('x')
      await quiet()
      t.is(count('writeSync'), writesAtOnce)
      clock.advance(5)
      t.is(await append, 2)
      t.is(count('writeSync'), 1)
      t.is(count('datasyncSync'), 0)
      await log.close()
    })
  }
}

test.serial('maxDelayMs adaptive: half a sync at the most, and only while others are active', async (t) => {
  const { log, fileSystem, clock, batches } = await observed(t, { batch: { maxDelayMs: 'adaptive' } })
  fileSystem.onCall(({ call, path }) => {
    if (call === 'datasyncSync' && SEGMENT.test(path)) clock.spend(4)
  })
  await appendAll(log, 1)
  t.deepEqual(batches(), [['idle', 1]], 'there was nobody else yet')
  await appendAll(log, 3)
  t.deepEqual(batches().at(-1), ['idle', 3], 'more than last time: nobody is missing')
  const one = watch(log.append('one'))
  await quiet()
  t.is(one.settled, undefined, 'two of the three are yet to come')
  t.is(clock.timers, 1)
  clock.advance(1)
  const two = watch(log.append('two'))
  await quiet()
  t.is(batches().length, 2)
  clock.advance(1)
  await quiet()
  t.deepEqual(batches().at(-1), ['delay', 2], 'half of 4 ms, from the first frame on')
  t.deepEqual(
    [one.settled, two.settled],
    [
      { kind: 'resolved', value: 6 },
      { kind: 'resolved', value: 7 },
    ],
  )
  await appendAll(log, 2)
  t.deepEqual(batches().at(-1), ['idle', 2], 'all of last time are there')
  await log.close()
})

test.serial('flush immediate: one write and one sync for each append, nothing shared', async (t) => {
  const { log, fileSystem, batches } = await observed(t, { flush: 'immediate' })
  const before = fileSystem.calls.length
  await Promise.all([appendAll(log, 5), log.appendMany(['a', 'b', 'c'])])
  t.deepEqual(batches(), [
    ['immediate', 1],
    ['immediate', 1],
    ['immediate', 1],
    ['immediate', 1],
    ['immediate', 1],
    ['immediate', 3],
  ])
  t.is(callsOf(fileSystem, 'datasyncSync', SEGMENT, before).length, 6)
  t.is(callsOf(fileSystem, 'writeSync', SEGMENT, before).length, 6)
  t.is(log.stats().syncs, 7)
  t.is(log.stats().batchesByCause.immediate, 7)
  await log.close()
})

test.serial('directorySync: where it changed, or in each batch', async (t) => {
  const changed = await observed(t, { directorySync: 'changed' })
  const always = await openBegun({ directorySync: 'always' })
  for (const { log, fileSystem, expected } of [
    { ...changed, expected: 0 },
    { ...always, expected: 3 },
  ]) {
    await quiet()
    const before = fileSystem.calls.length
    const { directorySyncs, syncs } = log.stats()
    for (let batch = 0; batch < 3; batch++) await log.append('x')
    t.is(callsOf(fileSystem, 'syncDirectorySync', /log$/, before).length, expected)
    t.is(log.stats().directorySyncs - directorySyncs, expected)
    t.is(log.stats().syncs - syncs, 3)
    await log.close()
  }
})

/** When a policy that puts the sync off syncs by itself: at once, in time, or not at all. */
const DEFERRED: readonly (readonly [string, FlushOption, appends: number, 'at once' | 'in time' | 'not by itself'])[] =
  [
    ['everyMs', { everyMs: 10 }, 1, 'in time'],
    ['everyRecords, everyMs: so many', { everyRecords: 3, everyMs: 10 }, 3, 'at once'],
    ['everyRecords, everyMs: fewer', { everyRecords: 3, everyMs: 10 }, 1, 'in time'],
    ['everyRecords: so many', { everyRecords: 3 }, 3, 'at once'],
    ['everyRecords: fewer', { everyRecords: 3 }, 1, 'not by itself'],
    ['never', 'never', 3, 'not by itself'],
  ]

for (const [name, flush, appends, when] of DEFERRED) {
  test.serial(`directorySync always: with each sync that is put off, and before it counts (${name})`, async (t) => {
    const { log, fileSystem, clock } = await observed(t, { flush, ack: 'written', directorySync: 'always' })
    const trace: string[] = []
    const taken = (): string[] => trace.splice(0)
    fileSystem.onCall(({ call, path }) => {
      if (call === 'datasyncSync' && SEGMENT.test(path)) trace.push('sync')
      else if (call === 'syncDirectorySync' && path === DIRECTORY) trace.push('directory')
    })
    log.on('durable', (lsn) => trace.push(`durable ${lsn}`))
    const { directorySyncs } = log.stats()
    const synced = (lsn: number): string[] => ['sync', 'directory', `durable ${lsn}`]
    const append = async (): Promise<number> => (await appendAll(log, appends)).at(-1) ?? 0

    const first = await append()
    await quiet()
    t.deepEqual(taken(), when === 'at once' ? synced(first) : [])
    clock.advance(10)
    await quiet()
    t.deepEqual(taken(), when === 'in time' ? synced(first) : [])

    // What is synced by itself leaves one behind that is not.
    const second = when === 'at once' ? await log.append('one more') : await append()
    t.is(await log.flush(), second)
    t.deepEqual(taken(), synced(second), 'flush()')

    const third = await log.append('the last')
    t.deepEqual(taken(), [])
    await log.close()
    t.deepEqual(taken(), synced(third), 'close()')
    const expected = when === 'not by itself' ? 2 : 3
    t.is(log.stats().directorySyncs - directorySyncs, expected)
  })
}

test.serial('flush everyMs: one sync for all that was written since the first write that waits for one', async (t) => {
  const { log, fileSystem, clock } = await observed(t, { flush: { everyMs: 10 } })
  const before = fileSystem.calls.length
  const syncs = (): number => callsOf(fileSystem, 'datasyncSync', SEGMENT, before).length
  const first = watch(log.append('first'))
  await quiet()
  t.is(callsOf(fileSystem, 'writeSync', SEGMENT, before).length, 1, 'it is written promptly')
  clock.advance(6)
  const second = watch(log.append('second'))
  t.is(await log.append('written', { ack: 'written' }), 4)
  clock.advance(3)
  await quiet()
  t.is(syncs(), 0)
  t.is(first.settled, undefined)
  clock.advance(1)
  await quiet()
  t.is(syncs(), 1)
  t.deepEqual(
    [first.settled, second.settled],
    [
      { kind: 'resolved', value: 2 },
      { kind: 'resolved', value: 3 },
    ],
  )
  clock.advance(100)
  await quiet()
  t.is(syncs(), 1, 'there was nothing to sync')
  t.is(log.stats().syncs, 2)
  await log.close()
})

test.serial('flush everyRecords: a sync once that many wait for one, or everyMs after the first of them', async (t) => {
  const { log, fileSystem, clock } = await observed(t, { flush: { everyRecords: 4, everyMs: 10 } })
  const before = fileSystem.calls.length
  const syncs = (): number => callsOf(fileSystem, 'datasyncSync', SEGMENT, before).length
  const appends = [1, 2, 3].map(() => watch(log.append('x')))
  await quiet()
  t.is(syncs(), 0)
  await log.append('the fourth')
  t.is(syncs(), 1)
  t.true(appends.every(({ settled }) => settled?.kind === 'resolved'))
  const late = watch(log.append('late'))
  await quiet()
  clock.advance(9)
  await quiet()
  t.is(late.settled, undefined)
  clock.advance(1)
  await quiet()
  t.deepEqual(late.settled, { kind: 'resolved', value: 6 })
  t.is(syncs(), 2)
  await log.appendMany(['more', 'than', 'four', 'at', 'once'])
  t.is(syncs(), 3)
  await log.close()
})

test.serial('flush never: no sync but on rotation, flush() and close()', async (t) => {
  const { log, fileSystem, clock } = await observed(t, { flush: 'never', segmentBytes: 16 * 1024 })
  const before = fileSystem.calls.length
  const syncs = (): number => callsOf(fileSystem, 'datasyncSync', /\.seg/, before).length
  t.is(await log.append('x'.repeat(6000)), 2)
  clock.advance(1e9)
  await quiet()
  t.is(syncs(), 0)
  t.is(log.durableLsn, 1)
  t.is(await log.append('x'.repeat(7000)), 3)
  t.is(syncs(), 2, 'the segment before, and the new one')
  t.is(log.durableLsn, 3)
  await log.append('x')
  t.is(await log.flush(), 4)
  t.is(syncs(), 3)
  await log.append('x')
  await log.close()
  t.is(syncs(), 4)
  t.is(log.durableLsn, 5)
})
