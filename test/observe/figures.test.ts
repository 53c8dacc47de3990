import test from 'ava'
import { Figures } from '../../src/observe/figures.js'
import type { HistogramName } from '../../src/observe/stats.js'

const NOTHING_HELD = { pendingBytes: 0, waiting: 0, waitingBytes: 0 }

/** The rows and the closing lines of a percentile distribution. */
function parseHgrm(text: string): { rows: { value: number; percentile: number; count: number }[]; total: number } {
  const rows = text
    .split('\n')
    .filter((line) => /^\s+\d/.test(line))
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([value = Number.NaN, percentile = Number.NaN, count = Number.NaN]) => ({ value, percentile, count }))
  return { rows, total: Number(/Total count {4}= +(\d+)\]/.exec(text)?.[1]) }
}

test('counters count', (t) => {
  const figures = new Figures()
  figures.recordBatch({ records: 64, bytes: 17_000, cause: 'idle', waitNs: 20_000, writeNs: 8000 })
  figures.recordBatch({ records: 1, bytes: 320, cause: 'immediate', waitNs: 0, writeNs: 3000 })
  figures.recordSync(140_000)
  figures.recordSync(150_000)
  figures.recordDirectorySync(70_000)
  figures.recordFailure()
  figures.recordRotation()
  const stats = figures.snapshot({ pendingBytes: 11, waiting: 2, waitingBytes: 33 })
  t.like(stats, {
    records: 65,
    bytes: 17_320,
    batches: 2,
    syncs: 2,
    directorySyncs: 1,
    failures: 1,
    rotations: 1,
    batchesByCause: { idle: 1, records: 0, bytes: 0, delay: 0, flush: 0, immediate: 1 },
    pendingBytes: 11,
    waiting: 2,
    waitingBytes: 33,
  })
})

test('times come out in milliseconds, sizes as they are', (t) => {
  const figures = new Figures()
  figures.recordAppends(2_000_000, 64)
  figures.recordBatch({ records: 64, bytes: 17_000, cause: 'idle', waitNs: 1_000_000, writeNs: 3_000_000 })
  figures.recordSync(4_000_000)
  figures.recordDirectorySync(5_000_000)
  const { histograms } = figures.snapshot(NOTHING_HELD)
  const means = Object.entries(histograms).map(([name, { mean, max, count }]) => [name, mean, max, count])
  t.deepEqual(means, [
    ['appendMs', 2, 2, 64],
    ['waitMs', 1, 1, 1],
    ['writeMs', 3, 3, 1],
    ['syncMs', 4, 4, 1],
    ['directorySyncMs', 5, 5, 1],
    ['recordsPerBatch', 64, 64, 1],
    ['bytesPerBatch', 17_000, 17_000, 1],
  ])
})

test('a wait between two clocks that disagree counts as none', (t) => {
  const figures = new Figures()
  for (const waitNs of [-5000, Number.NaN]) {
    figures.recordBatch({ records: 1, bytes: 320, cause: 'idle', waitNs, writeNs: 1000 })
  }
  const { waitMs } = figures.snapshot(NOTHING_HELD).histograms
  t.is(waitMs.count, 2)
  t.is(waitMs.max, 0)
})

test('a negative time of one clock is a mistake of the caller', (t) => {
  const figures = new Figures()
  t.throws(() => figures.recordAppends(-1, 1), { instanceOf: RangeError })
  t.throws(() => figures.recordSync(Number.NaN), { instanceOf: RangeError })
})

test('a snapshot does not change later', (t) => {
  const figures = new Figures()
  figures.recordAppends(150_000, 64)
  figures.recordBatch({ records: 64, bytes: 17_000, cause: 'idle', waitNs: 20_000, writeNs: 8000 })
  const stats = figures.snapshot(NOTHING_HELD)
  const before = JSON.stringify(stats)
  const hgrm = stats.hgrm('appendMs')
  figures.recordAppends(9_000_000_000, 1000)
  figures.recordBatch({ records: 1, bytes: 320, cause: 'flush', waitNs: 1, writeNs: 1 })
  figures.recordSync(1)
  t.is(JSON.stringify(stats), before)
  t.is(stats.hgrm('appendMs'), hgrm)
  t.not(figures.snapshot(NOTHING_HELD).hgrm('appendMs'), hgrm)
})

test('.hgrm parses: values rise, percentiles reach 1, the last row holds all counts', (t) => {
  const figures = new Figures()
  for (let i = 1; i <= 1000; i += 1) figures.recordAppends(i * 10_000, 2)
  const { rows, total } = parseHgrm(figures.snapshot(NOTHING_HELD).hgrm('appendMs'))
  t.is(total, 2000)
  t.true(rows.length > 20)
  for (const [at, row] of rows.entries()) {
    const before = rows[at - 1]
    if (before === undefined) continue
    t.true(row.value >= before.value && row.percentile >= before.percentile && row.count >= before.count)
  }
  const last = rows.at(-1)
  t.is(last?.percentile, 1)
  t.is(last?.count, 2000)
  const median = rows.find((row) => row.percentile >= 0.5)
  t.true(median !== undefined && Math.abs(median.value - 5) < 0.02, `the median is ${median?.value} ms`)
})

test('every histogram prints when nothing was recorded', (t) => {
  const stats = new Figures().snapshot(NOTHING_HELD)
  for (const name of Object.keys(stats.histograms)) {
    // The keys of the histograms are their names.
    t.is(parseHgrm(stats.hgrm(name as HistogramName)).total, 0)
  }
})
