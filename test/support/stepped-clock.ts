import type { ExecutionContext } from 'ava'

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

/**
 * Time that stands still but for what a test lets pass: of `performance.now`, and of the timers set meanwhile. It is
 * this process's time, so only serial tests may stop it.
 */
export class SteppedClock {
  /** Whole milliseconds, so that what tests add up and subtract is exact. */
  #nowMs = Math.ceil(performance.now())
  #timers = new Map<object, Timer>()

  /** Stops time until the test ends. */
  static install(t: Pick<ExecutionContext<unknown>, 'teardown'>): SteppedClock {
    const clock = new SteppedClock()
    const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout } = globalThis
    Object.defineProperty(performance, 'now', { configurable: true, value: () => clock.#nowMs })
    const set = (run: () => void, ms = 0): object => clock.#set(run, ms)
    const clear = (timer: object | undefined): void => {
      if (timer !== undefined) clock.#timers.delete(timer)
    }
    // Whoever sets a timer only ever hands it back to be cleared.
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear })
    t.teardown(() => {
      Object.assign(globalThis, { setTimeout: realSetTimeout, clearTimeout: realClearTimeout })
      Reflect.deleteProperty(performance, 'now')
    })
    return clock
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets time pass, and runs the timers that are due then, in their order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.dueMs <= untilMs)
      const next = due.sort(([, one], [, other]) => one.dueMs - other.dueMs)[0]
      if (next === undefined) break
      const [key, timer] = next
      this.#timers.delete(key)
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      timer.run()
    }
    this.#nowMs = untilMs
  }

  /** Lets time pass without running a timer: as a call does that takes this long. */
  spend(ms: number): void {
    this.#nowMs += ms
  }

  #set(run: () => void, ms: number): object {
    const key = { unref: () => key, ref: () => key }
    this.#timers.set(key, { dueMs: this.#nowMs + ms, run })
    return key
  }
}
