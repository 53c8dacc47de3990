import { BYTES, Distribution, type DistributionScale, NANOSECONDS, RECORDS } from './distribution.js'
import type { HistogramName, LogCounters, LogStats } from './stats.js'

type Cause = keyof LogCounters['batchesByCause']

const SCALES: Readonly<Record<HistogramName, DistributionScale>> = {
  appendMs: NANOSECONDS,
  waitMs: NANOSECONDS,
  writeMs: NANOSECONDS,
  syncMs: NANOSECONDS,
  directorySyncMs: NANOSECONDS,
  recordsPerBatch: RECORDS,
  bytesPerBatch: BYTES,
}

/** What {@link Figures.recordBatch} is told of a batch that was written. */
export interface BatchFigures {
  readonly records: number
  /** Frame headers and padding included. */
  readonly bytes: number
  readonly cause: Cause
  /**
   * From the handover of the first frame until the writer began to write it. It is the one time taken between two
   * threads, whose clocks need not agree: below 0, or NaN where one of them was not read, it counts as 0.
   */
  readonly waitNs: number
  readonly writeNs: number
}

/** What a snapshot says of the moment, beside what was counted. */
export interface Occupancy {
  readonly pendingBytes: number
  readonly waiting: number
  readonly waitingBytes: number
  readonly preparedBytes: number
}

/**
 * The counters and histograms of one log. Recording is cheap: no allocation, no clock; whoever calls has read its clock
 * once for all that happened in a turn of the event loop. Times come in nanoseconds and go out in milliseconds. Apart
 * from `waitNs` they are measured on one thread, with a clock that never goes back: a negative one is a mistake in the
 * caller, and throws a `RangeError`. A time above an hour is counted as an hour.
 */
export class Figures {
  readonly #histograms = forEachHistogram((name) => new Distribution(SCALES[name]))
  readonly #batchesByCause = { idle: 0, records: 0, bytes: 0, delay: 0, flush: 0, immediate: 0 }
  #records = 0
  #bytes = 0
  #batches = 0
  #syncs = 0
  #directorySyncs = 0
  #failures = 0
  #rotations = 0

  /** `count` records were acknowledged as durable, each `latencyNs` after it had been accepted. */
  recordAppends(latencyNs: number, count: number): void {
    this.#histograms.appendMs.record(latencyNs, count)
  }

  /** A batch was written. Its sync is recorded by itself: it may be deferred, or shared by several batches. */
  recordBatch(batch: BatchFigures): void {
    this.#batches += 1
    this.#records += batch.records
    this.#bytes += batch.bytes
    this.#batchesByCause[batch.cause] += 1
    this.#histograms.recordsPerBatch.record(batch.records, 1)
    this.#histograms.bytesPerBatch.record(batch.bytes, 1)
    this.#histograms.waitMs.record(Math.max(batch.waitNs || 0, 0), 1)
    this.#histograms.writeMs.record(batch.writeNs, 1)
  }

  recordSync(ns: number): void {
    this.#syncs += 1
    this.#histograms.syncMs.record(ns, 1)
  }

  recordDirectorySync(ns: number): void {
    this.#directorySyncs += 1
    this.#histograms.directorySyncMs.record(ns, 1)
  }

  /** A commit failed: with a full disk, or for good. */
  recordFailure(): void {
    this.#failures += 1
  }

  recordRotation(): void {
    this.#rotations += 1
  }

  /** Everything up to now, as data that later records don't change. */
  snapshot(occupancy: Occupancy): LogStats {
    const snapshots = forEachHistogram((name) => this.#histograms[name].snapshot())
    return {
      records: this.#records,
      bytes: this.#bytes,
      batches: this.#batches,
      syncs: this.#syncs,
      directorySyncs: this.#directorySyncs,
      failures: this.#failures,
      rotations: this.#rotations,
      batchesByCause: { ...this.#batchesByCause },
      histograms: forEachHistogram((name) => snapshots[name].summary),
      hgrm: (name) => snapshots[name].hgrm(),
      pendingBytes: occupancy.pendingBytes,
      waiting: occupancy.waiting,
      waitingBytes: occupancy.waitingBytes,
      preparedBytes: occupancy.preparedBytes,
    }
  }
}

function forEachHistogram<Value>(make: (name: HistogramName) => Value): Record<HistogramName, Value> {
  return {
    appendMs: make('appendMs'),
    waitMs: make('waitMs'),
    writeMs: make('writeMs'),
    syncMs: make('syncMs'),
    directorySyncMs: make('directorySyncMs'),
    recordsPerBatch: make('recordsPerBatch'),
    bytesPerBatch: make('bytesPerBatch'),
  }
}
