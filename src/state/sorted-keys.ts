/** Splicing into an array of so many costs less than a microsecond. */
const CHUNK_KEYS_MAX = 512

/**
 * Keys in the order of their code units, in chunks, so that adding and removing one costs a search and a short move. Iterations
 * may go on while keys come and go.
 */
export class SortedKeys {
  #chunks: string[][] = []
  /** Grows with each change: an iteration finds its place again then. */
  #changes = 0

  constructor(keys: Iterable<string>) {
    const sorted = [...keys].sort()
    for (let at = 0; at < sorted.length; at += CHUNK_KEYS_MAX / 2) {
      this.#chunks.push(sorted.slice(at, at + CHUNK_KEYS_MAX / 2))
    }
  }

  add(key: string): void {
    this.#changes++
    const index = Math.max(0, this.#chunkOf(key))
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([key])
      return
    }
    const at = placeIn(chunk, key)
    if (chunk[at] === key) return
    chunk.splice(at, 0, key)
    if (chunk.length > CHUNK_KEYS_MAX) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK_KEYS_MAX / 2))
  }

  remove(key: string): void {
    const index = this.#chunkOf(key)
    const chunk = this.#chunks[index]
    if (chunk === undefined) return
    const at = placeIn(chunk, key)
    if (chunk[at] !== key) return
    this.#changes++
    chunk.splice(at, 1)
    if (chunk.length === 0) this.#chunks.splice(index, 1)
  }

  /** The keys that begin with `prefix`, in order. */
  *from(prefix: string): Generator<string> {
    let [chunk, at] = this.#seek(prefix)
    let changes = this.#changes
    for (;;) {
      const keys = this.#chunks[chunk]
      if (keys === undefined) return
      const key = keys[at]
      if (key === undefined) {
        chunk++
        at = 0
        continue
      }
      if (!key.startsWith(prefix)) return
      yield key
      at++
      if (changes !== this.#changes) {
        ;[chunk, at] = this.#seek(key)
        if (this.#chunks[chunk]?.[at] === key) at++
        changes = this.#changes
      }
    }
  }

  /** The place of the first key at or behind `key`. */
  #seek(key: string): [chunk: number, at: number] {
    const index = Math.max(0, this.#chunkOf(key))
    return [index, placeIn(this.#chunks[index] ?? [], key)]
  }

  /** The last chunk that doesn't begin behind `key`; -1 where all of them do. */
  #chunkOf(key: string): number {
    let [low, high] = [0, this.#chunks.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const first = this.#chunks[middle]?.[0]
      if (first !== undefined && first <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** Where `key` is, or would be. */
function placeIn(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const there = keys[middle]
    if (there !== undefined && there < key) low = middle + 1
    else high = middle
  }
  return low
}
