/** A flush may take this part of the interval. */
const SHARE = 0.5
/** How many times as long the interval becomes at the most: one save that hangs must not put the next flush off for hours. */
const STRETCH_MAX = 16

/** The time between flushes: what was asked for, or longer while flushes take more than half of it. */
export class FlushInterval {
  readonly #askedMs: number
  #ms: number

  constructor(askedMs: number) {
    this.#askedMs = askedMs
    this.#ms = askedMs
  }

  get ms(): number {
    return this.#ms
  }

  get isStretched(): boolean {
    return this.#ms > this.#askedMs
  }

  /** A flush took so long: the next interval follows from it, longer or shorter. */
  flushed(durationMs: number): void {
    const neededMs = Math.ceil(durationMs / SHARE)
    this.#ms = Math.min(Math.max(this.#askedMs, neededMs), this.#askedMs * STRETCH_MAX)
  }
}
