import { firstAtLeast } from './first-at-least.js'

/** Appends that were accepted and are not yet durable, in order: who depends on one waits for its promise. */
export class InFlight {
  #lasts: number[] = []
  #promises: Promise<unknown>[] = []
  /** Those before it are durable. */
  #first = 0

  /** How many are held, some of them durable since: those in front are given up now and then. */
  get held(): number {
    return this.#lasts.length
  }

  /** An append was accepted, whose last position is `last`. */
  add(last: number, promise: Promise<unknown>): void {
    this.#lasts.push(last)
    this.#promises.push(promise)
  }

  /** The promise of the append that has this position. */
  holding(position: number): Promise<unknown> | undefined {
    return this.#promises[firstAtLeast(position, this.#lasts, this.#first)]
  }

  /** All up to `position` is durable. */
  settle(position: number): void {
    while (this.#first < this.#lasts.length && (this.#lasts[this.#first] ?? 0) <= position) this.#first++
    if (this.#first === this.#lasts.length) {
      this.#lasts = []
      this.#promises = []
      this.#first = 0
    } else if (this.#first > 1024 && this.#first * 2 > this.#lasts.length) {
      this.#lasts = this.#lasts.slice(this.#first)
      this.#promises = this.#promises.slice(this.#first)
      this.#first = 0
    }
  }

  /** All above `position` was taken back. */
  rollBack(position: number): void {
    while (this.#lasts.length > this.#first && (this.#lasts.at(-1) ?? 0) > position) {
      this.#lasts.pop()
      this.#promises.pop()
    }
  }
}
