import type { RingConsumer } from '../ring/consumer.js'

/** Looking is skipped at most so often in a row before it is tried again. */
const SKIPS_MAX = 64
/** Looks at the ring between two looks at the clock, which takes longer. */
const LOOKS_A_CLOCK_READING = 16

/**
 * Waits for news in the ring. A thread that sleeps takes 10 to 50 µs to wake, which is a good part of a commit: so before it
 * sleeps it looks again and again for a moment. That costs processor time, so it learns whether it pays: each time in
 * vain doubles how many are skipped afterwards, and news that came within that moment bring it back.
 */
export class NewsWait {
  readonly #ring: Pick<RingConsumer, 'signalCount' | 'waitForSignal'>
  readonly #lookForMs: number
  readonly #nowMs: () => number
  #skips = 0
  #skipsLeft = 0

  /** With `lookForMs` 0 it only sleeps: right where there is no second processor for the one who is waited for. */
  constructor(
    ring: Pick<RingConsumer, 'signalCount' | 'waitForSignal'>,
    lookForMs: number,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#ring = ring
    this.#lookForMs = lookForMs
    this.#nowMs = nowMs
  }

  /** Blocks this thread until there is news after `signalCount`, or for `milliseconds` in all. Returns whether there was news. */
  wait(signalCount: number, milliseconds: number): boolean {
    const beganMs = this.#nowMs()
    // Where something is due before that, looking would take all the time there is.
    if (milliseconds >= this.#lookForMs && this.#look(signalCount, beganMs + this.#lookForMs)) return true
    const leftMs = Math.max(0, milliseconds - (this.#nowMs() - beganMs))
    const news = this.#ring.waitForSignal(signalCount, leftMs)
    if (news && this.#nowMs() - beganMs <= this.#lookForMs) this.#paid()
    return news
  }

  #look(signalCount: number, untilMs: number): boolean {
    if (this.#lookForMs === 0) return false
    if (this.#skipsLeft > 0) {
      this.#skipsLeft--
      return false
    }
    do {
      for (let look = 0; look < LOOKS_A_CLOCK_READING; look++) {
        if (this.#ring.signalCount !== signalCount) {
          this.#paid()
          return true
        }
      }
    } while (this.#nowMs() < untilMs)
    this.#skips = Math.min(SKIPS_MAX, this.#skips * 2 + 1)
    this.#skipsLeft = this.#skips
    return false
  }

  #paid(): void {
    this.#skips = 0
    this.#skipsLeft = 0
  }
}
