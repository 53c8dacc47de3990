import { checksum } from '../../../src/format/checksum.js'
import type { LogRecord } from '../../../src/log/contract.js'
import { numberOf } from './soak-record.js'

/** The records of some LSNs, as a reader got them: `sum` adds up their checksums, each with its LSN, modulo 2^32. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly sum: number
}

/** What a record adds to the sum of a stretch: the same record under another LSN adds something else. */
export function shareOf(lsn: number, sum: number): number {
  return (Math.imul(lsn >>> 0, 0x9e37_79b1) ^ sum) >>> 0
}

/** Checks what one reader gets, record by record: LSNs without a gap, numbers that only grow, the bytes that were appended. */
export class StretchCheck {
  #from: number
  #next: number
  #sum = 0
  #number = -1
  /** The highest LSN that was checked. */
  get lastLsn(): number {
    return this.#next - 1
  }

  get records(): number {
    return this.#next - this.#from
  }

  /** `from` is the LSN that has to come first. */
  constructor(from: number) {
    this.#from = from
    this.#next = from
  }

  /** Throws where this record should not come next. */
  take(record: LogRecord): void {
    const { lsn, data } = record
    if (lsn !== this.#next) throw new Error(`LSN ${lsn} came where ${this.#next} should have`)
    const number = numberOf(record)
    if (number !== undefined) {
      if (number <= this.#number) throw new Error(`LSN ${lsn} has number ${number}, behind number ${this.#number}`)
      this.#number = number
    }
    this.#sum = (this.#sum + shareOf(lsn, checksum(data))) >>> 0
    this.#next = lsn + 1
  }

  /** What was checked since the last call; `undefined` where that is nothing. */
  cut(): Stretch | undefined {
    if (this.#next === this.#from) return undefined
    const stretch = { from: this.#from, to: this.#next - 1, sum: this.#sum }
    this.#from = this.#next
    this.#sum = 0
    return stretch
  }
}
