import type { Batch } from './batch.js'

/**
 * How long a batch is held back for company. With a number: that long, from the handover of its first frame. Adaptive:
 * at most half of the measured sync time, and only while the last batch was larger than this one is so far, which says
 * that there are producers whose next append is yet to come.
 */
export class BatchDelay {
  readonly #maxDelayMs: number | 'adaptive'
  #syncMs = 0
  #lastRecords = 0

  constructor(maxDelayMs: number | 'adaptive') {
    this.#maxDelayMs = maxDelayMs
  }

  /** Notes how many records the last batch had, and how long its sync took. */
  noteCommit(records: number, syncMs: number): void {
    this.#lastRecords = records
    this.#syncMs = this.#syncMs === 0 ? syncMs : this.#syncMs + (syncMs - this.#syncMs) / 8
  }

  /** Until when the batch should be held; in the past for not at all. */
  holdUntilMs(batch: Batch): number {
    if (batch.endedBy !== undefined) return 0
    if (this.#maxDelayMs !== 'adaptive') return batch.handedOverMs + this.#maxDelayMs
    const othersActive = batch.records < this.#lastRecords
    return othersActive ? batch.handedOverMs + this.#syncMs / 2 : 0
  }
}
