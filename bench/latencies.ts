import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'

const NS_PER_MS = 1e6
/** Two minutes: nothing that is measured takes longer. */
const LATENCY_NS_MAX = 120e9

/** Latencies of one trial, told in milliseconds. */
export interface LatencyFigures {
  readonly latencySamples: number
  readonly latencyMsP50: number
  readonly latencyMsP99: number
  readonly latencyMsP999: number
  readonly latencyMsMax: number
}

/** All latencies of a trial: three significant digits of nanoseconds, from a microsecond's part to two minutes. */
export class Latencies {
  readonly #histogram: Histogram

  constructor(histogram: Histogram = emptyHistogram()) {
    this.#histogram = histogram
  }

  static decode(encoded: string): Latencies {
    return new Latencies(decodeFromCompressedBase64(encoded, 64))
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(LATENCY_NS_MAX, Math.max(1, Math.round(ms * NS_PER_MS))))
  }

  /** Takes those of another trial in. */
  add(other: Latencies): void {
    this.#histogram.add(other.#histogram)
  }

  get count(): number {
    return this.#histogram.totalCount
  }

  /** `percent` from 0 to 100. NaN where there is none. */
  msAt(percent: number): number {
    return this.count === 0 ? Number.NaN : this.#histogram.getValueAtPercentile(percent) / NS_PER_MS
  }

  figures(): LatencyFigures {
    return {
      latencySamples: this.count,
      latencyMsP50: this.msAt(50),
      latencyMsP99: this.msAt(99),
      latencyMsP999: this.msAt(99.9),
      latencyMsMax: this.msAt(100),
    }
  }

  /** For another process. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram)
  }

  /** The text of a .hgrm file, in milliseconds. */
  percentileDistribution(): string {
    return this.#histogram.outputPercentileDistribution(5, NS_PER_MS)
  }
}

function emptyHistogram(): Histogram {
  return build({ bitBucketSize: 64, highestTrackableValue: LATENCY_NS_MAX, numberOfSignificantValueDigits: 3 })
}
