import type { AckLevel } from '../../../src/options.js'

/** What a crash state, or the log itself, did against its promises. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/** What a log was found to hold: the records from `firstLsn` on. */
export interface Found {
  readonly firstLsn: number
  readonly records: readonly Buffer[]
  /** Of each record; fewer where some are not known yet. */
  readonly timestamps: readonly number[]
}

export function lastLsnOf({ firstLsn, records }: Found): number {
  return firstLsn + records.length - 1
}

/** What a log was given, and what it said: from that follows what has to be found after a crash, and what may be. */
export class Model {
  /** What is accepted and not given up: LSN 1 first. */
  #records: Buffer[] = []
  /** The first and last LSN of each `appendMany`. */
  #many: (readonly [first: number, last: number])[] = []
  readonly #acknowledged: Record<AckLevel, number> = { durable: 0, written: 0 }
  /** All up to here was said to be durable, or was read. */
  durableLsn = 0
  /** The highest LSN that a trim named. */
  #trimAsked = 1
  /** Up to here a trim was acknowledged. */
  #trimmedTo = 1

  get nextLsn(): number {
    return this.#records.length + 1
  }

  clone(): Model {
    const copy = new Model()
    copy.#records = this.#records.slice()
    copy.#many = this.#many.slice()
    Object.assign(copy.#acknowledged, this.#acknowledged)
    copy.durableLsn = this.durableLsn
    copy.#trimAsked = this.#trimAsked
    copy.#trimmedTo = this.#trimmedTo
    return copy
  }

  accept(lsn: number, records: readonly Buffer[], many: boolean): void {
    if (lsn !== this.nextLsn) throw new Violation(`LSN ${lsn} was given, where ${this.nextLsn} is due`)
    this.#records.push(...records)
    if (many) this.#many.push([lsn, this.nextLsn - 1])
  }

  acknowledge(level: AckLevel, lsn: number): void {
    if (lsn < this.#acknowledged[level]) {
      throw new Violation(`LSN ${lsn} was acknowledged as ${level} after ${this.#acknowledged[level]}`)
    }
    if (lsn >= this.nextLsn) throw new Violation(`LSN ${lsn} was acknowledged as ${level}, and never accepted`)
    this.#acknowledged[level] = lsn
    if (level === 'durable') this.durableUpTo(lsn)
  }

  durableUpTo(lsn: number): void {
    this.durableLsn = Math.max(this.durableLsn, lsn)
  }

  /** Somebody read this record: it was durable, then. */
  sawRecord(lsn: number, data: Buffer): void {
    if (this.#records[lsn - 1]?.equals(data) !== true)
      throw new Violation(`LSN ${lsn} was read, and is not what it was`)
    this.durableUpTo(lsn)
  }

  /** The log says that all above this LSN is taken back. */
  rollBack(lsn: number): void {
    const acknowledged = Math.max(this.durableLsn, this.#acknowledged.written)
    if (lsn < acknowledged) throw new Violation(`LSN ${acknowledged} was acknowledged, and rolled back to ${lsn}`)
    this.#giveUpAbove(lsn)
  }

  /** An append was told that these records, from `lsn` on, were not written. */
  notWritten(lsn: number, records: readonly Buffer[], fullDisk: boolean): void {
    const [first] = records
    if (first === undefined || this.#records[lsn - 1] !== first) return
    if (fullDisk) throw new Violation(`LSN ${lsn} was rejected on a full disk, and no rollback was told`)
    if (this.durableLsn >= lsn) throw new Violation(`LSN ${lsn} was durable, and rejected as not written`)
    this.#giveUpAbove(lsn - 1)
  }

  trimAsked(lsn: number): void {
    this.#trimAsked = Math.max(this.#trimAsked, lsn)
  }

  trimmed(firstLsn: number): void {
    this.#trimmedTo = Math.max(this.#trimmedTo, firstLsn)
  }

  /** Holds what was found against all that is known. After a process died, what was acknowledged as written counts too. */
  check(found: Found, afterPowerCut: boolean): void {
    const { firstLsn, records } = found
    const lastLsn = lastLsnOf(found)
    const { written } = this.#acknowledged
    if (firstLsn > this.#trimAsked) throw new Violation(`begins with ${firstLsn}; trimmed was only ${this.#trimAsked}`)
    if (firstLsn < this.#trimmedTo) throw new Violation(`begins with ${firstLsn}; trimmed was up to ${this.#trimmedTo}`)
    if (lastLsn < this.durableLsn) throw new Violation(`ends with ${lastLsn}; ${this.durableLsn} was durable`)
    if (!afterPowerCut && lastLsn < written) throw new Violation(`ends with ${lastLsn}; ${written} was written`)
    for (const [index, data] of records.entries()) {
      const lsn = firstLsn + index
      const accepted = this.#records[lsn - 1]
      if (accepted === undefined) throw new Violation(`LSN ${lsn} is there, and was never accepted, or was rejected`)
      if (!accepted.equals(data)) throw new Violation(`LSN ${lsn} is there, and is not what was accepted`)
    }
    for (const [first, last] of this.#many) {
      const split = (first <= lastLsn && lastLsn < last) || (first < firstLsn && firstLsn <= last)
      if (split) throw new Violation(`of an appendMany of ${first} to ${last} only a part is there`)
    }
  }

  /** What was only written may be gone. */
  powerFailed(): void {
    this.#acknowledged.written = Math.min(this.#acknowledged.written, this.durableLsn)
  }

  /** The log was opened again, and has this: all of it is durable now, and what it lacks was never there. */
  reopened(found: Found): void {
    const lastLsn = lastLsnOf(found)
    this.#giveUpAbove(lastLsn)
    this.durableLsn = lastLsn
    this.#acknowledged.durable = lastLsn
    this.#acknowledged.written = lastLsn
    this.#trimAsked = found.firstLsn
    this.#trimmedTo = found.firstLsn
  }

  #giveUpAbove(lsn: number): void {
    this.#records.length = Math.min(this.#records.length, lsn)
    this.#many = this.#many.filter(([, last]) => last <= lsn)
  }
}
