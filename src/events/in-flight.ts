import { firstAtLeast } from './first-at-least.js'

/** Appends that were accepted and are not yet told to be durable, in order: who depends on one waits for its promise. */
export class InFlight {
  #lasts: number[] = []
  #promises: Promise<unknown>[] = []
  /** Those before it are told. */
  #first = 0
  #toldTo: number

  /** All up to `toldTo` was there before. */
  constructor(toldTo: number) {
    this.#toldTo = toldTo
  }

  /** How many are held, some of them told since: those in front are given up now and then. */
  get held(): number {
    return this.#lasts.length
  }

  /** An append was accepted, whose last position is `last`. */
  add(last: number, promise: Promise<unknown>): void {
    this.#lasts.push(last)
    this.#promises.push(promise)
  }

  /** The promise of the append that has this position; `undefined` where that is told. */
  holding(position: number): Promise<unknown> | undefined {
    return position <= this.#toldTo ? undefined : this.#promises[firstAtLeast(position, this.#lasts, this.#first)]
  }

  /** All up to `position` is durable, and will be told in order. */
  settle(position: number): void {
    const last = this.#promises[firstAtLeast(position + 1, this.#lasts, this.#first) - 1]
    const told = (): void => this.#told(position)
    last?.then(told, told)
  }

  #told(position: number): void {
    for (let last = this.#lasts[this.#first]; last !== undefined && last <= position; last = this.#lasts[this.#first]) {
      this.#toldTo = last
      this.#first++
    }
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
