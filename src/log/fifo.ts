/** Removing from an array's beginning moves all the rest: done seldom, and then for many at once. */
const COMPACT_FROM = 1024

/** Elements in the order in which they came. What is taken out is let go of at once. */
export class Fifo<Element> {
  readonly #elements: (Element | undefined)[] = []
  #front = 0

  get length(): number {
    return this.#elements.length - this.#front
  }

  /** The oldest one. */
  get first(): Element | undefined {
    return this.#elements[this.#front]
  }

  /** The newest one. */
  get last(): Element | undefined {
    return this.length === 0 ? undefined : this.#elements.at(-1)
  }

  push(element: Element): void {
    this.#elements.push(element)
  }

  /** Takes the oldest one out. */
  shift(): Element | undefined {
    if (this.length === 0) return undefined
    const element = this.#elements[this.#front]
    this.#elements[this.#front] = undefined
    this.#front++
    if (this.#front === this.#elements.length || (this.#front >= COMPACT_FROM && this.#front >= this.length)) {
      this.#elements.splice(0, this.#front)
      this.#front = 0
    }
    return element
  }

  /** Takes the newest one out. */
  pop(): Element | undefined {
    return this.length === 0 ? undefined : this.#elements.pop()
  }

  *[Symbol.iterator](): IterableIterator<Element> {
    for (const element of this.#elements.slice(this.#front)) if (element !== undefined) yield element
  }
}
