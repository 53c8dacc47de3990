import type { SluiceError } from '../errors.js'

/** Somebody who waits for events. */
export interface Subscriber {
  /**
   * Whether an event up to this position, which is durable now, is for it. It is asked each time that anything becomes
   * durable: what is for others must cost it next to nothing.
   */
  concerns(durable: number): boolean
}

/** Tells those who wait what became durable, as far as it is for them, and when it is over. */
export class DurableNews {
  readonly #waiting = new Map<Subscriber, () => void>()
  #over: 'closed' | SluiceError | undefined

  /** Why nothing more will become durable. */
  get over(): 'closed' | SluiceError | undefined {
    return this.#over
  }

  /** All up to `position` is durable. */
  advance(position: number): void {
    for (const [subscriber, wake] of this.#waiting) if (subscriber.concerns(position)) wake()
  }

  /** Nothing more will become durable. */
  end(end: 'closed' | SluiceError): void {
    this.#over ??= end
    for (const wake of this.#waiting.values()) wake()
  }

  /** Resolves once an event concerns the subscriber, or it is over, or the signal says not to wait. */
  change(subscriber: Subscriber, signal: AbortSignal): Promise<void> {
    if (this.#over !== undefined || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(subscriber)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.set(subscriber, wake)
    })
  }
}
