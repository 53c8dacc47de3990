import { frameBytesFor } from '../format/frame.js'
import type { AckLevel } from '../options.js'

/** Resolves an append's promise: with its LSN, or with a promise that is rejected. */
export type Settle = (outcome: number | Promise<never>) => void

/** The appends that one frame carries, from accepted to settled. All of them wait for the same level. */
export class PendingFrame {
  /** Where it lies in the ring. */
  readonly place: number
  readonly firstLsn: number
  readonly ack: AckLevel
  /** Of its first record: milliseconds on the shared monotonic clock. */
  readonly acceptedMs: number
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
  #settlers: Settle[] = []
  recordCount = 0
  bodyBytes = 0
  /** The ring's number of it, once it is handed over. */
  sequence = 0
  /** Whether the ring still keeps its memory: a rollback gives up that of frames which were written before. */
  inRing = true

  constructor(place: number, firstLsn: number, ack: AckLevel, acceptedMs: number, timestampMs: number) {
    this.place = place
    this.firstLsn = firstLsn
    this.ack = ack
    this.acceptedMs = acceptedMs
    this.timestampMs = timestampMs
  }

  /** Adds an append: it stands for one record, but that of an `appendMany`, which is alone, stands for all. */
  add(settle: Settle): void {
    this.#settlers.push(settle)
  }

  /** Appends that are not settled. */
  get appends(): number {
    return this.#settlers.length
  }

  get lastLsn(): number {
    return this.firstLsn + this.recordCount - 1
  }

  get frameBytes(): number {
    return frameBytesFor(this.bodyBytes)
  }

  /** Resolves all of its appends, in LSN order. Returns how many. */
  acknowledge(): number {
    const settlers = this.#settle()
    let lsn = this.firstLsn
    for (const settle of settlers) settle(lsn++)
    return settlers.length
  }

  /** Rejects all of its appends. */
  reject(error: Error): void {
    // Resolving a promise with a rejected one rejects it: so a frame keeps one function an append, not two.
    const rejection = Promise.reject(error)
    rejection.catch(() => {}) // The appends' own promises carry the error; this one is nobody's.
    for (const settle of this.#settle()) settle(rejection)
  }

  /** Lets go of the functions at once: a frame outlives them, and with them it would keep every promise alive. */
  #settle(): readonly Settle[] {
    const settlers = this.#settlers
    this.#settlers = []
    return settlers
  }
}
