import test from 'ava'
import type { BatchCause, CommitFigures } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import type { HistogramName } from '../../src/observe/stats.js'
import { openBegun, quiet } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const HISTOGRAMS: readonly HistogramName[] = [
  'appendMs',
  'waitMs',
  'writeMs',
  'syncMs',
  'directorySyncMs',
  'recordsPerBatch',
  'bytesPerBatch',
]

test('every histogram of a log counts what the log did, and prints', async (t) => {
  const log = await openLog(temporaryDirectory(t), { segmentBytes: 32 * 1024 })
  const commits: CommitFigures[] = []
  log.on('commit', (figures) => commits.push(figures))
  for (let round = 0; round < 6; round++) {
    await Promise.all([log.append(Buffer.alloc(9000)), log.appendMany(['a', 'b']), log.append('c')])
  }
  const stats = log.stats()
  await log.close()
  const counts = Object.fromEntries(HISTOGRAMS.map((name) => [name, stats.histograms[name].count]))
  t.is(commits.length, stats.batches)
  t.true(stats.rotations > 0)
  t.deepEqual(counts, {
    appendMs: 24,
    waitMs: stats.batches,
    writeMs: stats.batches,
    // The one that seals a segment is one of its own.
    syncMs: stats.batches + stats.rotations,
    directorySyncMs: stats.rotations + 1,
    recordsPerBatch: stats.batches,
    bytesPerBatch: stats.batches,
  })
  t.is(stats.syncs, stats.histograms.syncMs.count)
  t.is(stats.directorySyncs, stats.histograms.directorySyncMs.count)
  t.is(stats.records, 24)
  t.is(stats.histograms.recordsPerBatch.max, Math.max(...commits.map(({ records }) => records)))
  // Of the larger numbers a histogram keeps three digits.
  const largest = Math.max(...commits.map(({ bytes }) => bytes))
  t.true(Math.abs(stats.histograms.bytesPerBatch.max - largest) <= largest / 1000)
  for (const name of HISTOGRAMS) {
    const { p50, p90, p99, p999, max, count } = stats.histograms[name]
    const rising = [0, p50, p90, p99, p999, max]
    t.deepEqual(
      rising,
      [...rising].sort((one, other) => one - other),
      name,
    )
    t.true(max > 0, `${name} was measured`)
    t.regex(stats.hgrm(name), new RegExp(`Total count +=? +${count}\\]`), name)
  }
})

test('the latency of appends is that of those who wait until they are durable', async (t) => {
  const log = await openLog(temporaryDirectory(t), { flush: { everyMs: 1 } })
  await Promise.all([log.append('a'), log.append('b', { ack: 'written' }), log.appendMany(['c', 'd'])])
  await log.flush()
  t.is(log.stats().histograms.appendMs.count, 3)
  await log.close()
})

test.serial('batches are counted by what started them, as their events say', async (t) => {
  const clock = SteppedClock.install(t)
  const { log } = await openBegun({ batch: { maxRecords: 3, maxBytes: 1000, maxDelayMs: 5 } })
  await quiet()
  const told: Partial<Record<BatchCause, number>> = {}
  const before = log.stats().batchesByCause
  log.on('commit', ({ cause }) => {
    told[cause] = (told[cause] ?? 0) + 1
  })
  const full = [log.append('a'), log.append('b'), log.append('c')]
  await Promise.all(full)
  await log.append('x'.repeat(1500))
  const delayed = log.append('late')
  await quiet()
  clock.advance(5)
  await delayed
  const flushed = log.append('flushed')
  await quiet()
  await log.flush()
  await flushed
  const after = log.stats().batchesByCause
  t.deepEqual(told, { records: 1, bytes: 1, delay: 1, flush: 1 })
  for (const cause of ['idle', 'records', 'bytes', 'delay', 'flush', 'immediate'] as const) {
    t.is(after[cause] - before[cause], told[cause] ?? 0, cause)
  }
  await log.close()
})
