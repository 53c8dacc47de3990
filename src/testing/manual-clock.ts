import type { Clock } from '../write-behind/contract.js'

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

/** Time that stands still but for what a test lets pass: give it to `createWriteBehind` as `clock`. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #epochMs: number
  readonly #timers = new Set<Timer>()

  /** @param epochMs the time of day that it begins with, in milliseconds since the epoch */
  constructor(epochMs = 0) {
    this.#epochMs = epochMs
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** When the next one is due; infinite where none is set. */
  get nextDueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY
    for (const timer of this.#timers) dueMs = Math.min(dueMs, timer.dueMs)
    return dueMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  epochMs(): number {
    return this.#epochMs + this.#nowMs
  }

  setTimer(run: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 0), run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass, and runs the timers that are due then in their order; what their callbacks await comes afterwards. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      let next: Timer | undefined
      for (const timer of this.#timers) {
        if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
      }
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.run()
    }
    this.#nowMs = untilMs
  }
}
