import type { Float64Histogram } from 'hdr-histogram-js'
// The one class that is used. The library's entry loads all of it: compression and WebAssembly, 35 ms before a log can open.
import float64 from 'hdr-histogram-js/dist/Float64Histogram.js'
import type { HistogramSummary } from './stats.js'

/** Bounds and unit of a {@link Distribution}. */
export interface DistributionScale {
  /** The array begins large enough for this value, and grows by itself, doubling its range, when a larger one comes. */
  readonly usual: number
  /** A value above this is counted as this one, so that what a stray value can cost in memory is bounded. */
  readonly top: number
  /** What values are divided by when they are shown: 1e6 for nanoseconds shown as milliseconds. */
  readonly unit: number
}

/** Nanoseconds, shown as milliseconds: 1 ms to begin with, an hour at the most. */
export const NANOSECONDS: DistributionScale = { usual: 2 ** 20, top: 3_600_000_000_000, unit: 1_000_000 }
/** Records in a batch. The top cannot be reached: a batch has less than 4 GiB, and a record takes up 4 bytes or more. */
export const RECORDS: DistributionScale = { usual: 2 ** 16, top: 2 ** 32, unit: 1 }
/** Bytes in a batch. The top lies above the largest frame and the largest batch. */
export const BYTES: DistributionScale = { usual: 2 ** 23, top: 2 ** 32, unit: 1 }

/** How exact values are kept: three significant digits, an error of less than 0.1 %. */
const SIGNIFICANT_DIGITS = 3
/** Lines of the percentile distribution for each halving of the distance to 100 %. */
const TICKS_PER_HALF_DISTANCE = 5

const NOTHING: HistogramSummary = { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 0 }

/** What a {@link Distribution} held at one moment. */
export interface DistributionSnapshot {
  readonly summary: HistogramSummary
  /** The percentile distribution as text, in shown units. */
  hgrm(): string
}

/**
 * A histogram of non-negative numbers, kept as whole ones. Recording allocates nothing, but for the first value, and
 * the few times in its life when the array grows.
 *
 * Counts are 64-bit floats. With 32 bits the library wraps around in silence once a bucket has been hit 2^32 times,
 * which takes less than an hour at two million appends a second that all take about as long.
 */
export class Distribution {
  readonly #scale: DistributionScale
  /** Made with the first value: it takes up 96 KiB or more, and most logs count no directory syncs, for one. */
  #histogram: Float64Histogram | undefined
  /** Of the values as they were counted. The library's own mean walks the whole array, which takes milliseconds. */
  #sum = 0

  constructor(scale: DistributionScale) {
    this.#scale = scale
  }

  /** Counts `value` `count` times; a `count` of 0 or less counts nothing. Throws a `RangeError` below 0 and for NaN. */
  record(value: number, count: number): void {
    // Written so that NaN is refused too.
    if (!(value >= 0)) throw new RangeError(`a distribution holds no ${value}`)
    if (!(count > 0)) return
    const counted = value < this.#scale.top ? Math.round(value) : this.#scale.top
    this.#histogram ??= emptyHistogram(this.#scale)
    this.#histogram.recordValueWithCount(counted, count)
    this.#sum += counted * count
  }

  /** What was counted up to now, apart from what comes later. */
  snapshot(): DistributionSnapshot {
    const scale = this.#scale
    const histogram = this.#histogram
    if (histogram === undefined) return { summary: NOTHING, hgrm: () => print(emptyHistogram(scale), scale) }
    const { totalCount: count, maxValue } = histogram
    const counts = new Counts(histogram)
    const { unit } = scale
    // The upper end of the value's bucket can lie above the largest value recorded.
    const percentile = (percent: number): number => Math.min(counts.valueAt(percent), maxValue) / unit
    const [p50, p90, p99, p999] = [percentile(50), percentile(90), percentile(99), percentile(99.9)]
    return {
      summary: { p50, p90, p99, p999, max: maxValue / unit, mean: this.#sum / count / unit, count },
      hgrm: () => print(counts.into(emptyHistogram(scale), maxValue), scale),
    }
  }
}

/** The counts of a histogram at one moment. */
class Counts {
  readonly #histogram: Float64Histogram
  readonly #total: number
  readonly #zeros: number
  /** Where the smallest value but 0 is counted. */
  readonly #lowest: number
  /** From there to the largest value, and how far they were walked. */
  readonly #counts: Float64Array
  #walked = 0
  #seen: number

  constructor(histogram: Float64Histogram) {
    const { totalCount, minNonZeroValue, maxValue } = histogram
    this.#histogram = histogram
    this.#total = totalCount
    this.#zeros = histogram.getCountAtIndex(0)
    this.#seen = this.#zeros
    this.#lowest = maxValue === 0 ? 1 : histogram.countsArrayIndex(minNonZeroValue)
    const counts = histogram._counts as unknown as Float64Array // It has other counts under no class but this one.
    this.#counts = counts.slice(this.#lowest, histogram.countsArrayIndex(maxValue) + 1)
  }

  /**
   * The largest value that is counted as the one at this percentile, which rises from call to call: so that all are found in
   * one walk. The library walks from 0 on for each, with a call for each count: that takes tens of milliseconds when the
   * figures of a log are asked for the first time.
   */
  valueAt(percent: number): number {
    const share = (percent / 100) * this.#total
    // Rounded up, but for what the product itself was rounded up by.
    const rank = Math.max(1, Math.ceil(share - share * Number.EPSILON))
    const counts = this.#counts
    let walked = this.#walked
    let seen = this.#seen
    while (seen < rank && walked < counts.length) seen += counts[walked++] ?? 0
    this.#walked = walked
    this.#seen = seen
    return walked === 0 ? 0 : this.#histogram.highestEquivalentValue(this.#valueOf(walked - 1))
  }

  /** Counts into an empty histogram what was counted. */
  into(histogram: Float64Histogram, maxValue: number): Float64Histogram {
    const counts = this.#counts
    histogram.recordValueWithCount(0, this.#zeros)
    for (let at = 0; at < counts.length; at++) {
      // The largest value as it is, and not by its bucket: it ends the table.
      const value = at === counts.length - 1 ? maxValue : this.#valueOf(at)
      histogram.recordValueWithCount(value, counts[at] ?? 0)
    }
    return histogram
  }

  #valueOf(at: number): number {
    return this.#histogram.valueFromIndex(this.#lowest + at)
  }
}

/** The percentile distribution as text, in shown units. */
function print(histogram: Float64Histogram, { unit }: DistributionScale): string {
  return histogram.outputPercentileDistribution(TICKS_PER_HALF_DISTANCE, unit)
}

function emptyHistogram(scale: DistributionScale): Float64Histogram {
  // With any other lowest value the library reports a maximum that was never recorded.
  const histogram = new float64.default(1, scale.usual, SIGNIFICANT_DIGITS)
  histogram.autoResize = true
  return histogram
}
