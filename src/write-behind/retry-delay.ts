import { type IExponentialBackoffOptions, noJitterGenerator } from 'cockatiel'
import type { RetryOptions } from './write-behind-options.js'

/** The part of each delay that chance decides: the other half is always waited. */
const JITTER = 0.5

/** How long an entry waits until it is saved again: twice as long after each failure, less up to a half by chance. */
export class RetryDelay {
  readonly #options: IExponentialBackoffOptions<number>
  readonly #random: () => number

  constructor({ initialDelayMs, maxDelayMs }: RetryOptions, random: () => number) {
    this.#options = { initialDelay: initialDelayMs, maxDelay: maxDelayMs, exponent: 2, generator: noJitterGenerator }
    this.#random = random
  }

  /** Milliseconds after so many failures, 1 or more. The library's own jitter takes its chance from no one's seed. */
  after(failures: number): number {
    const [delayMs] = noJitterGenerator(failures - 1, this.#options)
    return delayMs * (1 - JITTER * this.#random())
  }
}
