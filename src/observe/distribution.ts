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

  /** The same counts, apart from this one from now on. */
  copy(): Distribution {
    const copy = new Distribution(this.#scale)
    if (this.#histogram !== undefined) {
      copy.#histogram = emptyHistogram(this.#scale)
      copy.#histogram.add(this.#histogram)
    }
    copy.#sum = this.#sum
    return copy
  }

  summary(): HistogramSummary {
    const { unit } = this.#scale
    const histogram = this.#histogram
    if (histogram === undefined) return { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0, count: 0 }
    const { totalCount: count, maxValue } = histogram
    // The library answers with the upper end of the value's bucket, which can lie above the largest value recorded.
    const percentile = (percent: number) => Math.min(histogram.getValueAtPercentile(percent), maxValue) / unit
    return {
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      p999: percentile(99.9),
      max: maxValue / unit,
      mean: this.#sum / count / unit,
      count,
    }
  }

  /** The percentile distribution as text, in shown units. */
  hgrm(): string {
    const histogram = this.#histogram ?? emptyHistogram(this.#scale)
    return histogram.outputPercentileDistribution(TICKS_PER_HALF_DISTANCE, this.#scale.unit)
  }
}

function emptyHistogram(scale: DistributionScale): Float64Histogram {
  // With any other lowest value the library reports a maximum that was never recorded.
  const histogram = new float64.default(1, scale.usual, SIGNIFICANT_DIGITS)
  histogram.autoResize = true
  return histogram
}
