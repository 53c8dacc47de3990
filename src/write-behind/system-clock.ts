import type { Clock } from './contract.js'

/** The longest that a timer of Node's can wait: it takes a longer one for 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer(run, delayMs) {
    const timer = setTimeout(run, Math.min(Math.max(Math.ceil(delayMs), 0), TIMER_MS_MAX))
    return () => clearTimeout(timer)
  },
}
