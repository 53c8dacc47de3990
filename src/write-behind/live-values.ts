/**
 * Values in memory. Clean ones are kept in the order of their use, and the least recently used ones go where there are too
 * many; those that are held, because they are dirty or being archived, stay.
 */
export class LiveValues<V, K extends string> {
  readonly #max: number
  readonly #held = new Map<K, V>()
  /** A Map keeps the order of insertion: the first is the least recently used. */
  readonly #clean = new Map<K, V>()
  evicted = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#held.size + this.#clean.size
  }

  /** Reads a value; it counts as used. */
  use(key: K): V | undefined {
    const held = this.#held.get(key)
    if (held !== undefined) return held
    const clean = this.#clean.get(key)
    if (clean === undefined) return undefined
    this.#clean.delete(key)
    this.#clean.set(key, clean)
    return clean
  }

  /** Puts a value in place of what was there. */
  put(key: K, value: V, held: boolean): void {
    this.#held.delete(key)
    this.#clean.delete(key)
    if (held) this.#held.set(key, value)
    else this.#clean.set(key, value)
    this.#evict()
  }

  /** A held value is clean, and may go. */
  letGo(key: K): void {
    const value = this.#held.get(key)
    if (value !== undefined) this.put(key, value, false)
  }

  remove(key: K): void {
    this.#held.delete(key)
    this.#clean.delete(key)
  }

  #evict(): void {
    for (const key of this.#clean.keys()) {
      if (this.size <= this.#max) return
      this.#clean.delete(key)
      this.evicted += 1
    }
  }
}
