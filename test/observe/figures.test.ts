import test from 'ava'
import fc from 'fast-check'
import float64 from 'hdr-histogram-js/dist/Float64Histogram.js'
import { BYTES, Distribution, NANOSECONDS, RECORDS } from '../../src/observe/distribution.js'
import { Figures } from '../../src/observe/figures.js'
import { GuardedEmitter } from '../../src/observe/guarded-emitter.js'
import type { HistogramName } from '../../src/observe/stats.js'

const NOTHING_HELD = { pendingBytes: 0, waiting: 0, waitingBytes: 0, preparedBytes: 0 }

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
  const stats = figures.snapshot({ pendingBytes: 11, waiting: 2, waitingBytes: 33, preparedBytes: 44 })
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
    preparedBytes: 44,
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

/** The values as they lie in a sorted array: the one at or above which `percentile` % of them are counted. */
function exactPercentile(values: readonly number[], percentile: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((percentile / 100) * sorted.length))
  return sorted[rank - 1] ?? 0
}

/** Values that spread over many magnitudes, as latencies do. */
const spread = fc
  .tuple(fc.integer({ min: 0, max: 41 }), fc.integer({ min: 0, max: 0x7fff_ffff }))
  .map(([magnitude, fraction]) => Math.min(Math.floor(2 ** magnitude * (1 + fraction / 0x8000_0000)), NANOSECONDS.top))

test('percentiles agree with a sorted array within three digits', (t) => {
  const scale = { ...NANOSECONDS, unit: 1 } // Not scaled, so that the whole numbers can be compared as they are.
  fc.assert(
    fc.property(fc.array(spread, { minLength: 1, maxLength: 400 }), (values) => {
      const distribution = new Distribution(scale)
      for (const value of values) distribution.record(value, 1)
      const { p50, p90, p99, p999, max, mean, count } = distribution.snapshot().summary
      for (const [percentile, shown] of Object.entries({ 50: p50, 90: p90, 99: p99, 99.9: p999 })) {
        const exact = exactPercentile(values, Number(percentile))
        if (shown < exact || shown > exact * 1.001) {
          throw new Error(`percentile ${percentile} is ${shown}, where the array says ${exact}`)
        }
      }
      t.is(max, Math.max(...values))
      t.is(mean, values.reduce((total, value) => total + value, 0) / values.length)
      t.is(count, values.length)
    }),
    { numRuns: 200 },
  )
})

test('an empty distribution is all zeros, and still prints', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  t.deepEqual(distribution.snapshot().summary, { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 0 })
  t.regex(distribution.snapshot().hgrm(), /Total count {4}= {12}0\]/)
})

test('zero is a value, and a count of zero is nothing', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  distribution.record(5, 0)
  t.is(distribution.snapshot().summary.count, 0)
  distribution.record(0, 3)
  t.deepEqual(distribution.snapshot().summary, { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 3 })
})

test('no percentile lies above the maximum', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  distribution.record(1_234_567, 10)
  const { p50, p999, max } = distribution.snapshot().summary
  t.is(max, 1.234567)
  t.is(p50, max)
  t.is(p999, max)
})

test('a value above the top counts as the top, infinity too', (t) => {
  for (const scale of [NANOSECONDS, RECORDS, BYTES]) {
    const distribution = new Distribution(scale)
    distribution.record(scale.top, 1)
    distribution.record(scale.top * 1000, 2)
    distribution.record(Number.POSITIVE_INFINITY, 1)
    const { count, max, mean } = distribution.snapshot().summary
    t.is(count, 4)
    t.is(max, scale.top / scale.unit)
    t.is(mean, max)
  }
})

test('a bucket counts further than 32 bits', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  const many = 2 ** 32 - 1
  for (let i = 0; i < 4; i += 1) distribution.record(150_000, many)
  distribution.record(9_000_000, 2)
  const { count, p50, p99 } = distribution.snapshot().summary
  t.is(count, 4 * many + 2)
  t.true(p50 < 0.151 && p99 < 0.151)
})

test('fractions are rounded', (t) => {
  const distribution = new Distribution(RECORDS)
  distribution.record(6.6, 1)
  t.is(distribution.snapshot().summary.max, 7)
})

for (const value of [-1, Number.NaN, Number.NEGATIVE_INFINITY]) {
  test(`${value} is refused, and leaves no trace`, (t) => {
    const distribution = new Distribution(NANOSECONDS)
    distribution.record(1000, 1)
    const before = distribution.snapshot().summary
    t.throws(() => distribution.record(value, 1), { instanceOf: RangeError, message: new RegExp(`no ${value}`) })
    t.deepEqual(distribution.snapshot().summary, before)
  })
}

test('a snapshot of a distribution keeps its counts', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  for (const value of [3, 70_000, 60_000_000_000]) distribution.record(value, 2)
  const snapshot = distribution.snapshot()
  const hgrm = snapshot.hgrm()
  // A small value first: it goes into the counts that are there, and a large one into larger ones.
  for (const value of [3, 3_000_000_000_000]) {
    distribution.record(value, 1000)
    t.is(snapshot.hgrm(), hgrm, `${value}`)
    t.is(snapshot.summary.count, 6)
  }
  t.is(distribution.snapshot().summary.count, 2006)
})

test('a percentile’s rank is not rounded up by what its product was', (t) => {
  const distribution = new Distribution({ ...NANOSECONDS, unit: 1 })
  distribution.record(10, 999)
  distribution.record(1000, 1)
  // 99.9 / 100 * 1000 is 999.0000000000001.
  t.is(distribution.snapshot().summary.p999, 10)
})

test('percentiles and the text are those of the library', (t) => {
  const scale = { ...NANOSECONDS, unit: 1 }
  const counted = fc.array(fc.tuple(fc.oneof(spread, fc.constant(0)), fc.integer({ min: 1, max: 1000 })), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(counted, (values) => {
      const distribution = new Distribution(scale)
      const histogram = new float64.default(1, scale.usual, 3)
      histogram.autoResize = true
      for (const [value, count] of values) {
        distribution.record(value, count)
        histogram.recordValueWithCount(value, count)
      }
      const { summary, hgrm } = distribution.snapshot()
      const expected = [50, 90, 99, 99.9].map((percent) => histogram.getValueAtPercentile(percent))
      t.deepEqual(
        [summary.p50, summary.p90, summary.p99, summary.p999],
        expected.map((value) => Math.min(value, summary.max)),
      )
      t.is(hgrm(), histogram.outputPercentileDistribution(5, 1))
    }),
    { numRuns: 30 },
  )
})

interface Events {
  news: (value: number, text?: string) => void
  other: () => void
}

class Emitter extends GuardedEmitter<Events> {}

test('listeners are called in order with what was emitted, and this', (t) => {
  const emitter = new Emitter()
  const calls: unknown[] = []
  const context = { name: 'context' }
  emitter.on('news', function (this: unknown, ...values) {
    calls.push([this === emitter, values])
  })
  emitter.addListener(
    'news',
    function (this: unknown, ...values) {
      calls.push([this === context, values])
    },
    context,
  )
  t.true(emitter.emit('news', 1, 'text'))
  t.deepEqual(calls, [
    [true, [1, 'text']],
    [true, [1, 'text']],
  ])
  t.false(emitter.emit('other'))
})

test('once is once, also where the listener emits again', (t) => {
  const emitter = new Emitter()
  let calls = 0
  emitter.once('news', () => {
    calls++
    emitter.emit('news', 2)
  })
  emitter.emit('news', 1)
  emitter.emit('news', 3)
  t.is(calls, 1)
  t.is(emitter.listenerCount('news'), 0)
})

test('off and removeListener take out the listener that was given', (t) => {
  for (const remove of ['off', 'removeListener'] as const) {
    for (const add of ['on', 'addListener', 'once'] as const) {
      const emitter = new Emitter()
      const calls: string[] = []
      const first = (): void => void calls.push('first')
      const second = (): void => void calls.push('second')
      emitter[add]('news', first)
      emitter[add]('news', second)
      emitter[add]('other', first)
      emitter[remove]('news', first)
      emitter.emit('news', 1)
      emitter.emit('other')
      t.deepEqual(calls, ['second', 'first'], `${add}, ${remove}`)
    }
  }
})

test('off with a context, or for once alone, takes out only those', (t) => {
  const emitter = new Emitter()
  const calls: unknown[] = []
  const one = { name: 'one' }
  const two = { name: 'two' }
  function listener(this: unknown): void {
    calls.push(this)
  }
  emitter.on('other', listener, one).on('other', listener, two).once('other', listener, two)
  emitter.off('other', listener, one)
  emitter.off('other', listener, undefined, true)
  emitter.emit('other')
  t.deepEqual(calls, [two])
})

test('off without a listener, and removeAllListeners, take out all of them', (t) => {
  const emitter = new Emitter()
  const fill = (): void => {
    for (let index = 0; index < 3; index++) emitter.on('news', () => t.fail()).on('other', () => t.fail())
  }
  fill()
  emitter.off('news')
  t.false(emitter.emit('news', 1))
  t.is(emitter.listenerCount('other'), 3)
  emitter.removeAllListeners('other')
  t.deepEqual(emitter.eventNames(), [])
  fill()
  emitter.removeAllListeners()
  t.false(emitter.emit('news', 1))
  t.false(emitter.emit('other'))
})

test('listeners() are those that were given', (t) => {
  const emitter = new Emitter()
  const one = (): void => {}
  const two = (): void => {}
  t.deepEqual(emitter.listeners('news'), [])
  emitter.on('news', one).once('news', two).on('news', one)
  t.deepEqual(emitter.listeners('news'), [one, two, one])
  t.is(emitter.listenerCount('news'), 3)
})

test('what is no function is refused when it is added, not when it is called', (t) => {
  const emitter = new Emitter()
  for (const wrong of [undefined, null, {}, 'text']) {
    for (const add of ['on', 'addListener', 'once'] as const) {
      const error = t.throws(() => emitter[add]('news', wrong as unknown as () => void), { any: true }) // That is the point.
      t.true(error instanceof TypeError)
    }
  }
  t.deepEqual(emitter.eventNames(), [])
})

test('a listener on several emitters is guarded on each', (t) => {
  const calls: unknown[] = []
  function listener(this: unknown): void {
    calls.push(this)
  }
  const one = new Emitter().on('other', listener)
  const two = new Emitter().on('other', listener)
  one.emit('other')
  two.emit('other')
  t.is(calls[0], one)
  t.is(calls[1], two)
})
