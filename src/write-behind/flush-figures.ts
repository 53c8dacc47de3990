import { Distribution, NANOSECONDS } from '../observe/distribution.js'
import type { FlushSummary, WriteBehindStats } from './contract.js'

type Counted = Pick<
  WriteBehindStats,
  | 'flushes'
  | 'lastFlushMs'
  | 'savedInLastFlush'
  | 'totalSaved'
  | 'totalSaveErrors'
  | 'consecutiveFailures'
  | 'lastSuccessfulFlush'
  | 'flushMs'
>

/** The counters of one write-behind. */
export class FlushFigures {
  readonly #durations = new Distribution(NANOSECONDS)
  #flushes = 0
  #lastFlushMs: number | undefined
  #savedInLastFlush = 0
  #totalSaved = 0
  #totalSaveErrors = 0
  #consecutiveFailures = 0
  #lastSuccessMs: number | undefined

  /** A batch was saved but for `failed` of its entries. */
  recordBatch(saved: number, failed: number): void {
    this.#totalSaved += saved
    this.#totalSaveErrors += failed
    if (saved > 0) this.#consecutiveFailures = 0
    else if (failed > 0) this.#consecutiveFailures += 1
  }

  /** A flush that did something ended at `epochMs`. */
  recordFlush({ saved, failed, durationMs }: FlushSummary, epochMs: number): void {
    this.#flushes += 1
    this.#lastFlushMs = durationMs
    this.#savedInLastFlush = saved
    this.#durations.record(durationMs * 1e6, 1)
    if (failed === 0) this.#lastSuccessMs = epochMs
  }

  snapshot(): Counted {
    return {
      flushes: this.#flushes,
      lastFlushMs: this.#lastFlushMs,
      savedInLastFlush: this.#savedInLastFlush,
      totalSaved: this.#totalSaved,
      totalSaveErrors: this.#totalSaveErrors,
      consecutiveFailures: this.#consecutiveFailures,
      lastSuccessfulFlush: this.#lastSuccessMs === undefined ? undefined : new Date(this.#lastSuccessMs),
      flushMs: this.#durations.snapshot().summary,
    }
  }
}
