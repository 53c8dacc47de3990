import type { SluiceError } from '../errors.js'

/** What ends a wait: there is more; there will be none; or the store has failed, and this is its error. */
export type News = 'more' | 'closed' | SluiceError

/** Somebody who reads for ever. */
export interface Subscriber {
  /** The store is about to close, with all durable that was accepted. */
  closing(): void
}

/** Tells subscribers what became durable, and when it is over. */
export class DurableNews {
  readonly #waiting = new Set<() => void>()
  readonly #subscribers = new Set<Subscriber>()
  #durable: number
  #end: 'closed' | SluiceError | undefined

  constructor(durable: number) {
    this.#durable = durable
  }

  joined(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
  }

  left(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
  }

  /** All up to `position` is durable. */
  advance(position: number): void {
    this.#durable = position
    this.#wake()
  }

  /** Nothing more will become durable, and soon nothing can be read. */
  closing(): void {
    for (const subscriber of this.#subscribers) subscriber.closing()
  }

  /** Nothing more will become durable. */
  end(end: 'closed' | SluiceError): void {
    this.#end ??= end
    this.#wake()
  }

  /** Resolves once a position above `position` is durable, or none ever will be, or the signal says not to wait. */
  async above(position: number, signal: AbortSignal): Promise<News> {
    while (this.#durable <= position && this.#end === undefined && !signal.aborted) await this.#change(signal)
    return this.#durable > position ? 'more' : (this.#end ?? 'closed')
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.add(done)
    })
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }
}
