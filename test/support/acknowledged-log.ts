import { seededAppend } from './seeded-append.js'

interface SentAppend {
  readonly firstLsn: number
  readonly lastLsn: number
  readonly seed: number
}

/** What a process that appends has said of its log, see test/fixtures/appender.ts: what must be there, and what may be. */
export class AcknowledgedLog {
  /** Every record up to here must be there. */
  ackedLsn = 0
  /** Everything below this LSN was given up, and is to stay so. */
  trimmedTo = 1
  /** No record from this LSN on was ever given up. */
  trimTarget = 1
  acknowledgements = 0
  /** In LSN order, dense. */
  #sent: SentAppend[] = []

  get sentLsn(): number {
    return this.#sent.at(-1)?.lastLsn ?? 0
  }

  /** Takes in a line of the process's. */
  hear(line: string): void {
    const [what, ...numbers] = line.split(' ')
    const [first = Number.NaN, count = Number.NaN, seed = Number.NaN] = numbers.map(Number)
    if (what === 'ready') {
      this.#opened(first)
    } else if (what === 'sent') {
      if (first !== this.sentLsn + 1 && this.#sent.length > 0) throw new Error(`LSN ${first} follows ${this.sentLsn}`)
      this.#sent.push({ firstLsn: first, lastLsn: first + count - 1, seed })
    } else if (what === 'acked') {
      this.acknowledgements++
      this.ackedLsn = Math.max(this.ackedLsn, first)
    } else if (what === 'trim') {
      this.trimTarget = Math.max(this.trimTarget, first)
    } else if (what === 'trimmed') {
      this.trimmedTo = Math.max(this.trimmedTo, first)
    }
  }

  /**
   * The log was found to end with this LSN: what was sent above it is gone, and its LSNs free. Returns the append that
   * this would split, which must not be.
   */
  foundLast(lsn: number): SentAppend | undefined {
    const split = this.#sent.find((append) => append.firstLsn <= lsn && append.lastLsn > lsn)
    this.#sent = this.#sent.filter((append) => append.lastLsn <= lsn)
    this.ackedLsn = Math.min(this.ackedLsn, lsn)
    return split
  }

  /** A process opened the log, and says which LSN comes next. */
  #opened(nextLsn: number): void {
    if (nextLsn <= this.ackedLsn) throw new Error(`LSN ${this.ackedLsn} was acknowledged, and ${nextLsn} comes next`)
    const split = this.foundLast(nextLsn - 1)
    if (split !== undefined) throw new Error(`LSN ${nextLsn} comes next, in the middle of an append`)
  }

  /** Forgets what lies below this LSN. */
  foundFirst(lsn: number): void {
    this.#sent = this.#sent.filter((append) => append.lastLsn >= lsn)
  }

  /** Every record that was sent, from `firstLsn` on, in LSN order. */
  *records(firstLsn: number): IterableIterator<{ readonly lsn: number; readonly data: Buffer }> {
    for (const append of this.#sent) {
      if (append.lastLsn < firstLsn) continue
      let lsn = append.firstLsn
      for (const record of seededAppend(append.seed).records) {
        if (lsn >= firstLsn) yield { lsn, data: Buffer.from(record) }
        lsn++
      }
    }
  }
}
