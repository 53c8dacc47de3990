/** Random numbers that a seed decides: sfc32, seeded by splitmix32. The same seed gives the same numbers everywhere. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param seed any number; only its value modulo 2^32 counts */
  constructor(seed: number) {
    let state = seed | 0
    const split = (): number => {
      state = (state + 0x9e37_79b9) | 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0_aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a_2d97)
      return mixed ^ (mixed >>> 15)
    }
    this.#a = split()
    this.#b = split()
    this.#c = split()
    for (let i = 0; i < 8; i++) this.next() // The first few still resemble the seed.
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0 to `limit` - 1; `limit` is at least 1, and below 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32
  }
}
