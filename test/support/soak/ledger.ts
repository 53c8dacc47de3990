import type { AckLevel } from '../../../src/options.js'
import { type Stretch, shareOf } from './stretch.js'

/** How many LSNs it remembers: of all sizes, these are far more records than trims leave. A power of two. */
const WINDOW_LSNS = 2 ** 20

/**
 * What was acknowledged, by LSN, in memory that never grows: the checksum of each record, and the running sum of
 * {@link shareOf}. What readers got is compared with it once all of that was acknowledged.
 */
export class Ledger {
  /** All up to this LSN was acknowledged. */
  completeLsn = 0
  acknowledged = 0
  readonly #lsns: Float64Array
  readonly #checksums: Uint32Array
  readonly #sums: Uint32Array
  readonly #lastAcked: Record<AckLevel, number> = { durable: 0, written: 0 }
  #uncompared: Stretch[] = []
  readonly #onViolation: (violation: string) => void

  constructor(onViolation: (violation: string) => void, windowLsns = WINDOW_LSNS) {
    this.#onViolation = onViolation
    this.#lsns = new Float64Array(windowLsns)
    this.#checksums = new Uint32Array(windowLsns)
    this.#sums = new Uint32Array(windowLsns)
  }

  /** An append of these records was acknowledged with this LSN as its first one. */
  acknowledge(firstLsn: number, checksums: readonly number[], level: AckLevel): void {
    const lastLsn = firstLsn + checksums.length - 1
    if (firstLsn <= this.#lastAcked[level]) {
      this.#onViolation(`LSN ${firstLsn} was acknowledged as ${level} behind ${this.#lastAcked[level]}`)
    }
    this.#lastAcked[level] = Math.max(this.#lastAcked[level], lastLsn)
    for (const [index, checksum] of checksums.entries()) this.#note(firstLsn + index, checksum)
    this.acknowledged += checksums.length
    this.#complete()
  }

  /** Whether a record that was read is the one that was acknowledged; `undefined` where that is not known. */
  agrees(lsn: number, checksum: number): boolean | undefined {
    const slot = lsn % this.#lsns.length
    return this.#lsns[slot] === lsn ? this.#checksums[slot] === checksum : undefined
  }

  /** A reader got these. */
  compare(stretch: Stretch | undefined): void {
    if (stretch !== undefined) this.#uncompared.push(stretch)
    this.#uncompared = this.#uncompared.filter((each) => !this.#compared(each))
  }

  /** How many stretches have records that were read, and not acknowledged so far. */
  get uncompared(): number {
    return this.#uncompared.length
  }

  #note(lsn: number, checksum: number): void {
    const slot = lsn % this.#lsns.length
    if (lsn <= this.completeLsn || this.#lsns[slot] === lsn) {
      this.#onViolation(`LSN ${lsn} was acknowledged twice`)
      return
    }
    this.#lsns[slot] = lsn
    this.#checksums[slot] = checksum
  }

  #complete(): void {
    for (;;) {
      const lsn = this.completeLsn + 1
      const slot = lsn % this.#lsns.length
      if (this.#lsns[slot] !== lsn) return
      this.#sums[slot] = this.#sumTo(lsn - 1) + shareOf(lsn, this.#checksums[slot] ?? 0)
      this.completeLsn = lsn
    }
  }

  #sumTo(lsn: number): number {
    return lsn === 0 ? 0 : (this.#sums[lsn % this.#sums.length] ?? 0)
  }

  #compared({ from, to, sum }: Stretch): boolean {
    if (to > this.completeLsn) return false
    if (from + this.#lsns.length <= this.completeLsn + 1) {
      this.#onViolation(`a reader is so far behind that LSNs ${from} to ${to} are forgotten`)
    } else if ((this.#sumTo(to) - this.#sumTo(from - 1)) >>> 0 !== sum) {
      this.#onViolation(`a reader got other records as LSNs ${from} to ${to} than were acknowledged`)
    }
    return true
  }
}
