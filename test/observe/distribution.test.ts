import test from 'ava'
import fc from 'fast-check'
import { BYTES, Distribution, NANOSECONDS, RECORDS } from '../../src/observe/distribution.js'

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
      const { p50, p90, p99, p999, max, mean, count } = distribution.summary()
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
  t.deepEqual(distribution.summary(), { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 0 })
  t.regex(distribution.hgrm(), /Total count {4}= {12}0\]/)
})

test('zero is a value, and a count of zero is nothing', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  distribution.record(5, 0)
  t.is(distribution.summary().count, 0)
  distribution.record(0, 3)
  t.deepEqual(distribution.summary(), { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 3 })
})

test('no percentile lies above the maximum', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  distribution.record(1_234_567, 10)
  const { p50, p999, max } = distribution.summary()
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
    const { count, max, mean } = distribution.summary()
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
  const { count, p50, p99 } = distribution.summary()
  t.is(count, 4 * many + 2)
  t.true(p50 < 0.151 && p99 < 0.151)
})

test('fractions are rounded', (t) => {
  const distribution = new Distribution(RECORDS)
  distribution.record(6.6, 1)
  t.is(distribution.summary().max, 7)
})

for (const value of [-1, Number.NaN, Number.NEGATIVE_INFINITY]) {
  test(`${value} is refused, and leaves no trace`, (t) => {
    const distribution = new Distribution(NANOSECONDS)
    distribution.record(1000, 1)
    const before = distribution.summary()
    t.throws(() => distribution.record(value, 1), { instanceOf: RangeError, message: new RegExp(`no ${value}`) })
    t.deepEqual(distribution.summary(), before)
  })
}

test('a copy keeps its counts, and the original its own', (t) => {
  const distribution = new Distribution(NANOSECONDS)
  for (const value of [3, 70_000, 60_000_000_000]) distribution.record(value, 2)
  const copy = distribution.copy()
  const before = { summary: copy.summary(), hgrm: copy.hgrm() }
  t.deepEqual(before.summary, distribution.summary())
  t.is(before.hgrm, distribution.hgrm())
  distribution.record(3_000_000_000_000, 1000)
  t.deepEqual({ summary: copy.summary(), hgrm: copy.hgrm() }, before)
  copy.record(1, 1)
  t.is(distribution.summary().count, 1006)
})
