import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IBackoff,
} from 'cockatiel'
import type { Clock } from './contract.js'

export type BreakerState = 'closed' | 'open' | 'half-open'

/**
 * Leaves a repository alone after so many failures in a row, until one save has been let through, and succeeded. The library
 * compares the length of a break with the system's time of day; here a break has no length of its own until our clock says
 * that it is over, so that tests can let time pass, and nothing depends on the time of day.
 */
export class RepositoryBreaker {
  readonly #policy: CircuitBreakerPolicy
  readonly #clock: Clock
  readonly #halfOpenAfterMs: number
  #probeAtMs = Number.NEGATIVE_INFINITY

  constructor(options: { readonly failures: number; readonly halfOpenAfterMs: number }, clock: Clock) {
    this.#clock = clock
    this.#halfOpenAfterMs = options.halfOpenAfterMs
    const isOver = (): boolean => this.#clock.nowMs() >= this.#probeAtMs
    const next = (): IBackoff<unknown> => {
      this.#probeAtMs = this.#clock.nowMs() + this.#halfOpenAfterMs
      return {
        get duration() {
          return isOver() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
        },
        next,
      }
    }
    this.#policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(options.failures),
      halfOpenAfter: { next },
    })
  }

  get state(): BreakerState {
    if (this.#policy.state === CircuitState.Closed) return 'closed'
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open'
  }

  /** When one save may try the repository again: by the clock's `nowMs`. */
  get probeAtMs(): number {
    return this.#probeAtMs
  }

  /** Whether a save may begin now: any number while it is closed, one where it is open and the break is over. */
  get letsThrough(): boolean {
    const { state } = this
    return state === 'closed' || (state === 'open' && this.#clock.nowMs() >= this.#probeAtMs)
  }

  /** Runs a save that {@link letsThrough} allows; rejects as it does. */
  run<Result>(save: () => Promise<Result>): Promise<Result> {
    return this.#policy.execute(save)
  }
}
