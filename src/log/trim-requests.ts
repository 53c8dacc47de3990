import { LsnRequests } from './requests.js'

/** The trims that were asked for: the writer does one at a time. */
export class TrimRequests {
  readonly #requests = new LsnRequests<void>()
  readonly #begin: (beforeLsn: number) => void
  /** How far the writer is known to have come. */
  #trimmedTo = 0

  /** `begin` asks the writer for a trim. */
  constructor(begin: (beforeLsn: number) => void) {
    this.#begin = begin
  }

  add(beforeLsn: number): Promise<void> {
    if (beforeLsn <= this.#trimmedTo) return Promise.resolve()
    const trimmed = this.#requests.add(beforeLsn)
    if (this.#requests.length === 1) this.#begin(beforeLsn)
    return trimmed
  }

  /** The trim under way has ended; the log begins at `firstLsn`. */
  ended(firstLsn: number, error: Error | undefined): void {
    // What was reached, not what was asked for: later, more segments may lie below the same target.
    if (error === undefined) this.#trimmedTo = Math.max(this.#trimmedTo, firstLsn)
    const request = this.#requests.shift()
    if (error === undefined) request?.resolve()
    else request?.reject(error)
    this.#requests.resolveUpTo(this.#trimmedTo, undefined)
    if (this.#requests.length > 0) this.#begin(this.#requests.firstLsn)
  }

  /** Rejects all of them. */
  end(errorFor: () => Error): void {
    this.#requests.rejectAbove(0, errorFor)
  }
}
