/** Each shard is a table of its own: what has to be made anew when one grows is small, and no append waits for long. */
const SHARDS = 256
const SHARD_MASK = SHARDS - 1
const SHARD_SHIFT = 8
const SLOTS_MIN = 8
/** Room for more is not made before they are there. */
const RESERVED_MAX = 2 ** 22

/**
 * A hash table of numbers from 0 on, outside of the garbage collector's heap. What has a number, and whether it is what is
 * looked for, its owner knows: here are only the hashes.
 *
 * Slots of two numbers: one more than the number, 0 for none; and its hash, so that others are passed over quickly. Beside
 * them a filter, a byte a slot, which the processor's caches hold sooner: it tells of most hashes that are not there.
 */
export class HashSlots {
  readonly #shards: Uint32Array[] = Array.from({ length: SHARDS }, () => new Uint32Array(2 * SLOTS_MIN))
  readonly #sizes = new Uint32Array(SHARDS)
  readonly #filters: Uint32Array[] = this.#shards.map(filterFor)

  /** Bytes that are held, used or not. */
  get bytes(): number {
    return [...this.#shards, ...this.#filters].reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  #filterOf(hash: number): Uint32Array {
    return this.#filters[hash & SHARD_MASK] as Uint32Array // There are as many as the mask allows.
  }

  /**
   * The slots in which what has this hash is, if it is there: from {@link firstSlot} on, by twos and round the end, up to the
   * first one that has no number.
   */
  shardOf(hash: number): Uint32Array {
    return this.#shards[hash & SHARD_MASK] as Uint32Array // There are as many as the mask allows.
  }

  /** Makes room for so many numbers at one go: while there are none. */
  reserve(size: number): void {
    // Three eighths of a shard are taken at the most; an eighth more, because they are not spread evenly.
    const wanted = (Math.min(size, RESERVED_MAX) / SHARDS) * (8 / 3) * (9 / 8)
    let slots = 2 * SLOTS_MIN
    while (slots < wanted) slots *= 2
    for (let at = 0; at < SHARDS; at++) {
      const shard = new Uint32Array(slots)
      this.#shards[at] = shard
      this.#filters[at] = filterFor(shard)
    }
  }

  /**
   * `false` only for a hash that no number has, and that was not announced: of those that could be told so, it passes about
   * one in ten.
   */
  mayHave(hash: number): boolean {
    const filter = this.#filterOf(hash)
    const bit = bitOf(hash, filter)
    return (((filter[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1
  }

  /** {@link mayHave} says so of the hash from now on: of one that is there, or will be added before any that is announced later. */
  announce(hash: number): void {
    setBit(this.#filterOf(hash), hash)
  }

  /**
   * Has the slots of the first `count` of these hashes brought in from memory, all at the same time: each lies somewhere
   * else, and to wait for one after the other takes as long as half of all the rest. What it returns means nothing:
   * something has to come of it.
   */
  fetch(hashes: Uint32Array, count: number): number {
    let fetched = 0
    for (let at = 0; at < count; at++) {
      const hash = hashes[at] ?? 0
      const shard = this.shardOf(hash)
      fetched |= shard[firstSlot(hash, shard.length - 1)] ?? 0
    }
    return fetched
  }

  /** Adds a number that is not there. */
  add(number: number, hash: number): void {
    const index = hash & SHARD_MASK
    const size = (this.#sizes[index] ?? 0) + 1
    const shard = this.shardOf(hash)
    if (size * 8 <= shard.length * 3) {
      this.#sizes[index] = size
      put(shard, number, hash)
      this.announce(hash)
      return
    }
    const grown = new Uint32Array(shard.length * 2)
    const filter = filterFor(grown)
    this.#sizes[index] = size
    for (let at = 0; at < shard.length; at += 2) {
      const entry = shard[at] ?? 0
      if (entry === 0) continue
      const entryHash = shard[at + 1] ?? 0
      put(grown, entry - 1, entryHash)
      setBit(filter, entryHash)
    }
    put(grown, number, hash)
    setBit(filter, hash)
    this.#shards[index] = grown
    this.#filters[index] = filter
  }

  /** Adds numbers from `first` on that are not there, by their hashes: all slots are brought in from memory at the same time. */
  addAll(first: number, hashes: Uint32Array, count: number): void {
    this.fetch(hashes, count)
    for (let at = 0; at < count; at++) this.add(first + at, hashes[at] ?? 0)
  }

  /** Removes a number, with this hash, where it is there. The filter keeps it until the shard grows: others can have the same bit. */
  remove(number: number, hash: number): void {
    const index = hash & SHARD_MASK
    const shard = this.shardOf(hash)
    const mask = shard.length - 1
    let hole = firstSlot(hash, mask)
    while (shard[hole] !== number + 1) {
      if (shard[hole] === 0) return
      hole = (hole + 2) & mask
    }
    this.#sizes[index] = (this.#sizes[index] ?? 0) - 1
    // Those behind it move up, as far as they may: a search ends at a hole.
    for (let at = (hole + 2) & mask; shard[at] !== 0; at = (at + 2) & mask) {
      const wanted = firstSlot(shard[at + 1] ?? 0, mask)
      if (((at - wanted) & mask) < ((at - hole) & mask)) continue
      shard[hole] = shard[at] ?? 0
      shard[hole + 1] = shard[at + 1] ?? 0
      hole = at
    }
    shard[hole] = 0
    shard[hole + 1] = 0
  }
}

/** A byte a slot: of a shard that is full, an eleventh of the bits is set. */
function filterFor(shard: Uint32Array): Uint32Array {
  return new Uint32Array(shard.length / 8)
}

function bitOf(hash: number, filter: Uint32Array): number {
  return (hash >>> SHARD_SHIFT) & (filter.length * 32 - 1)
}

function setBit(filter: Uint32Array, hash: number): void {
  const bit = bitOf(hash, filter)
  filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31))
}

/** Where the search for a hash begins, in a shard of `mask` + 1 numbers. */
export function firstSlot(hash: number, mask: number): number {
  return ((hash >>> SHARD_SHIFT) << 1) & mask
}

function put(shard: Uint32Array, number: number, hash: number): void {
  const mask = shard.length - 1
  let at = firstSlot(hash, mask)
  while (shard[at] !== 0) at = (at + 2) & mask
  shard[at] = number + 1
  shard[at + 1] = hash
}
