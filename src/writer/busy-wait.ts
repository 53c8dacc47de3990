/** The wait is skipped at most so often in a row before it is tried again. */
const SKIPS_MAX = 64
/** Looks at the condition between two looks at the clock, which takes longer. */
const LOOKS_A_CLOCK_READING = 16

/**
 * Waits by looking again and again, for a moment at most: a thread that sleeps takes 10 to 50 µs to wake, which is a good
 * part of a commit. It costs processor time, so it learns whether it pays: each wait in vain doubles how many are
 * skipped afterwards, and one that was not brings it back.
 */
export class BusyWait {
  readonly #longestMs: number
  #skips = 0
  #skipsLeft = 0

  /** With 0 it never waits: right where there is no second processor for the one who is waited for. */
  constructor(longestMs: number) {
    this.#longestMs = longestMs
  }

  /** Waits until `isOver`. Returns false where that did not come in time, or waiting has not paid lately. */
  until(isOver: () => boolean): boolean {
    if (this.#longestMs === 0) return false
    if (this.#skipsLeft > 0) {
      this.#skipsLeft--
      return false
    }
    const untilMs = performance.now() + this.#longestMs
    do {
      for (let look = 0; look < LOOKS_A_CLOCK_READING; look++) {
        if (isOver()) {
          this.#skips = 0
          return true
        }
      }
    } while (performance.now() < untilMs)
    this.#skips = Math.min(SKIPS_MAX, this.#skips * 2 + 1)
    this.#skipsLeft = this.#skips
    return false
  }

  /** Notes that a sleep in its place took so long: had it been over in time, waiting pays again. */
  noteSleep(sleptMs: number): void {
    if (sleptMs > this.#longestMs) return
    this.#skips = 0
    this.#skipsLeft = 0
  }
}
