/** Numbers of a page: a power of two. 64 KiB, small enough to be allocated without a pause. */
const PAGE_NUMBERS = 16_384
const PAGE_SHIFT = 14
const PAGE_MASK = PAGE_NUMBERS - 1
const FIRST_NUMBERS = 16

/**
 * A growing list of whole numbers below 2^32, outside of the heap that the garbage collector walks. Its first page grows
 * by doubling; behind it whole pages are added, so that nothing large is ever copied.
 */
export class NumberList {
  readonly #pages: Uint32Array[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Bytes that are held, used or not. */
  get bytes(): number {
    let bytes = 0
    for (const page of this.#pages) bytes += page.byteLength
    return bytes
  }

  /** The number at `index`, which is below `length`. */
  at(index: number): number {
    // Callers stay below `length`: what lies outside reads as 0 for the compiler's sake.
    return this.#pages[index >>> PAGE_SHIFT]?.[index & PAGE_MASK] ?? 0
  }

  set(index: number, value: number): void {
    const page = this.#pages[index >>> PAGE_SHIFT]
    if (page === undefined || index >= this.#length) throw new RangeError(`${index} is not below ${this.#length}`)
    page[index & PAGE_MASK] = value
  }

  push(value: number): void {
    const index = this.#length
    const inPage = index & PAGE_MASK
    let page = this.#pages[index >>> PAGE_SHIFT]
    if (page === undefined || inPage >= page.length) page = this.#grow(index >>> PAGE_SHIFT)
    page[inPage] = value
    this.#length = index + 1
  }

  /** A list of the numbers from index `from` on, each of them less by `less`, which none is below. */
  tail(from: number, less = 0): NumberList {
    const tail = new NumberList()
    for (let at = from; at < this.#length; ) {
      const inPage = at & PAGE_MASK
      const numbers = this.#pages[at >>> PAGE_SHIFT]?.subarray(inPage, inPage + this.#length - at)
      if (numbers === undefined) break // There is a page for each number.
      tail.#pushAll(numbers, less)
      at += numbers.length
    }
    return tail
  }

  /** Cuts the list down. Pages that are not needed any more are given up, but for one. */
  truncate(length: number): void {
    if (length > this.#length) throw new RangeError(`${length} is above ${this.#length}`)
    this.#length = length
    const pages = (length >>> PAGE_SHIFT) + 1
    if (this.#pages.length > pages) this.#pages.length = pages
  }

  /**
   * The index of the first number that is not below `value`, of an ascending list, where it lies between `from` and `to`;
   * `to` where there is none.
   */
  lowerBound(value: number, from = 0, to = this.#length): number {
    let low = from
    let high = to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.at(middle) < value) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Page by page, not one by one: lists are long, and an append may wait for this. */
  #pushAll(numbers: Uint32Array, less: number): void {
    for (let from = 0; from < numbers.length; ) {
      const inPage = this.#length & PAGE_MASK
      const number = this.#length >>> PAGE_SHIFT
      let page = this.#pages[number]
      while (page === undefined || page.length < Math.min(inPage + numbers.length - from, PAGE_NUMBERS)) {
        page = this.#grow(number)
      }
      const room = page.subarray(inPage, inPage + numbers.length - from)
      room.set(numbers.subarray(from, from + room.length))
      if (less > 0) for (let at = 0; at < room.length; at++) room[at] = (room[at] ?? 0) - less
      this.#length += room.length
      from += room.length
    }
  }

  #grow(page: number): Uint32Array {
    const old = this.#pages[page]
    const size = page > 0 ? PAGE_NUMBERS : Math.min(PAGE_NUMBERS, Math.max(FIRST_NUMBERS, (old?.length ?? 0) * 2))
    const grown = new Uint32Array(size)
    if (old !== undefined) grown.set(old)
    this.#pages[page] = grown
    return grown
  }
}
