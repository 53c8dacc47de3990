import type { FlushPolicy } from './writer-options.js'

/** When what was written is synced. Times are milliseconds on the shared monotonic clock. */
export class FlushSchedule {
  readonly #policy: FlushPolicy
  #unsyncedRecords = 0
  #firstUnsyncedMs = Number.POSITIVE_INFINITY

  constructor(policy: FlushPolicy) {
    this.#policy = policy
  }

  /** Whether every batch is synced as soon as it is written. */
  get withEachBatch(): boolean {
    return this.#policy.kind === 'batch' || this.#policy.kind === 'immediate'
  }

  /** Whether syncs come by themselves at all. */
  get ever(): boolean {
    return this.#policy.kind !== 'never'
  }

  noteWritten(records: number, nowMs: number): void {
    this.#unsyncedRecords += records
    if (this.#firstUnsyncedMs === Number.POSITIVE_INFINITY) this.#firstUnsyncedMs = nowMs
  }

  noteSynced(): void {
    this.#unsyncedRecords = 0
    this.#firstUnsyncedMs = Number.POSITIVE_INFINITY
  }

  /** When the next sync is due: in the past for at once, infinity for not by itself. */
  get dueMs(): number {
    if (this.#unsyncedRecords === 0) return Number.POSITIVE_INFINITY
    const policy = this.#policy
    if (policy.kind === 'never') return Number.POSITIVE_INFINITY
    if (policy.kind === 'interval') return this.#firstUnsyncedMs + policy.everyMs
    if (policy.kind === 'count' && this.#unsyncedRecords < policy.everyRecords) {
      return this.#firstUnsyncedMs + (policy.everyMs ?? Number.POSITIVE_INFINITY)
    }
    return this.#firstUnsyncedMs
  }
}
