/** Lets so many through at once, the others in the order in which they came. */
export class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []
  #first = 0

  constructor(count: number) {
    this.#free = count
  }

  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1
      return undefined
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  give(): void {
    const next = this.#waiting[this.#first]
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#first += 1
    // Shifting an array of thousands would cost more than what is measured.
    if (this.#first === this.#waiting.length || this.#first > 10_000) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    next()
  }
}
