import { randomInt } from 'node:crypto'
import { SluiceError } from '../errors.js'
import { NumberList } from './number-list.js'

/** Each shard is a table of its own: what has to be made anew when one grows is small, and no append waits for long. */
const SHARDS = 256
const SHARD_MASK = SHARDS - 1
const SHARD_SHIFT = 8
const SLOTS_MIN = 8

/** Bytes of a page of keys. A longer key gets a page of its own. */
const PAGE_BYTES = 256 * 1024
/** Keys begin at multiples of four bytes, so that a place fits into 32 bits: of so many pages, 16 GiB of keys. */
const UNIT_SHIFT = 2
const UNITS_PER_PAGE = PAGE_BYTES >>> UNIT_SHIFT
const PAGES_MAX = 2 ** 32 / UNITS_PER_PAGE
/** Lists of positions number their places in 30 bits. */
const TERMS_MAX = 2 ** 30
/** Full is what has only a quarter left: more than one append can bring. */
const FULL_SHARE = 3 / 4

/** More strings than that are not believed in before they are there. */
const RESERVED_MAX = 2 ** 22

/** A shorter key is written here: that takes less than to call for it. */
const WRITTEN_HERE_MAX = 48

/** A key with a character above U+00FF takes two bytes for each code unit; else one. */
const WIDE = 0x8000_0000

/**
 * Numbers strings (tags, or types of events) from 0 in the order in which they come, and finds the number of each. A hash
 * table outside of the garbage collector's heap: about 25 bytes a string beside its characters, where a `Map` of strings
 * takes 100 and more, and has to be walked again and again. The hash is seeded at random, so that nobody can prepare
 * strings that collide.
 */
export class TermTable {
  readonly #seed: number
  /** Slots of two numbers: one more than that of a string, 0 for none; and its hash, so that others are passed over quickly. */
  readonly #shards: Uint32Array[] = Array.from({ length: SHARDS }, () => new Uint32Array(2 * SLOTS_MIN))
  readonly #shardSizes = new Uint32Array(SHARDS)
  readonly #lengths = new NumberList()
  readonly #starts = new NumberList()
  readonly #pages: Buffer[] = []
  #pageEnd = PAGE_BYTES
  /** Of the string that was looked for last: an append's condition and its event often ask for the same one. */
  #lastTerm: string | undefined
  #lastHash = 0
  #lastNumber = -1

  readonly #pagesMax: number

  /** Other pages than the usual number are for tests. */
  constructor(seed = randomInt(2 ** 32), pagesMax = PAGES_MAX) {
    this.#seed = seed
    this.#pagesMax = pagesMax
  }

  /** Whether no more should come: what does comes out of what is kept for those that are under way. */
  get full(): boolean {
    return this.#pages.length >= this.#pagesMax * FULL_SHARE || this.size >= TERMS_MAX * FULL_SHARE
  }

  /** How many strings there are: the next one gets this number. */
  get size(): number {
    return this.#lengths.length
  }

  /** Bytes that are held, used or not. */
  get bytes(): number {
    let bytes = this.#lengths.bytes + this.#starts.bytes
    for (const shard of this.#shards) bytes += shard.byteLength
    for (const page of this.#pages) bytes += page.length
    return bytes
  }

  /** The number of a string; -1 where it has none. */
  find(term: string): number {
    if (term === this.#lastTerm) return this.#lastNumber
    const hash = this.#hash(term)
    const number = this.#findHashed(term, hash)
    this.#lastTerm = term
    this.#lastHash = hash
    this.#lastNumber = number
    return number
  }

  /** The number of a string, which gets one where it has none. Throws `SLUICE_INVALID_ARGUMENT`, and changes nothing, where no room is left. */
  intern(term: string): number {
    const found = this.find(term)
    if (found >= 0) return found
    const number = this.size
    this.#store(term)
    this.#link(number, this.#lastHash)
    this.#lastNumber = number
    return number
  }

  /** Forgets all strings from number `size` on: the next one gets that number. */
  truncate(size: number): void {
    if (size >= this.size) return
    this.#lastTerm = undefined
    for (let number = this.size - 1; number >= size; number--) {
      const { page, at, bytes, wide } = this.#placeOf(number)
      this.#unlink(number, this.#hashBytes(page, at, at + bytes, wide))
      this.#lengths.truncate(number)
    }
    this.#starts.truncate(size)
    if (size === 0) {
      this.#pages.length = 0
      this.#pageEnd = PAGE_BYTES
      return
    }
    const start = this.#starts.at(size - 1)
    this.#pages.length = Math.floor(start / UNITS_PER_PAGE) + 1
    this.#pageEnd = ((start % UNITS_PER_PAGE) << UNIT_SHIFT) + rounded(bytesOf(this.#lengths.at(size - 1)))
  }

  /** The hash of a string, for {@link fetchSlots} and {@link internHashed}. */
  hashOf(term: string): number {
    return this.#hash(term)
  }

  /**
   * Has the slots of the first `count` of these hashes brought in from memory, all at the same time: each lies somewhere
   * else, and to wait for one after the other takes as long as half of all the rest. What it returns means nothing.
   */
  fetchSlots(hashes: Uint32Array, count: number): number {
    let fetched = 0
    for (let at = 0; at < count; at++) {
      const hash = hashes[at] ?? 0
      const shard = this.#shards[hash & SHARD_MASK]
      if (shard !== undefined) fetched |= shard[firstAt(hash, shard.length - 1)] ?? 0
    }
    return fetched
  }

  /** As {@link intern}, of a string whose hash is known. */
  internHashed(term: string, hash: number): number {
    const found = this.#findHashed(term, hash)
    if (found >= 0) return found
    const number = this.size
    this.#store(term)
    this.#link(number, hash)
    this.#lastTerm = undefined // What was not found can be found now.
    return number
  }

  /** The string of a number below `size`. */
  termOf(number: number): string {
    const { page, at, bytes, wide } = this.#placeOf(number)
    return wide ? page.toString('utf16le', at, at + bytes) : page.toString('latin1', at, at + bytes)
  }

  /** Where a block of strings ends that begins at number `from`: at `to`, or before what would make it larger than `bytesMax`. */
  blockEnd(from: number, to: number, bytesMax: number): number {
    let end = from
    for (let bytes = 0; end < to; end++) {
      bytes += 4 + bytesOf(this.#lengths.at(end))
      if (bytes > bytesMax && end > from) break
    }
    return end
  }

  /**
   * The strings from number `from` to before `to`, for {@link unpack}: their number, the lengths of all, the characters
   * of all; numbers in 32 bits, little-endian.
   */
  pack(from: number, to: number): Buffer {
    let bytes = 4 + 4 * (to - from)
    for (let number = from; number < to; number++) bytes += bytesOf(this.#lengths.at(number))
    const packed = Buffer.allocUnsafe(bytes)
    packed.writeUInt32LE(to - from, 0)
    let at = 4 + 4 * (to - from)
    for (let number = from; number < to; number++) {
      packed.writeUInt32LE(this.#lengths.at(number), 4 + 4 * (number - from))
      const place = this.#placeOf(number)
      at += copied(place.page, place.at, place.bytes, packed, at)
    }
    return packed
  }

  /** Makes room for so many strings at one go, where that is more than there are: of what does not have any yet. */
  reserve(size: number): void {
    if (this.size > 0) return
    // Three eighths of a shard are taken at the most; an eighth more, because they are not spread evenly.
    const wanted = (Math.min(size, RESERVED_MAX) / SHARDS) * (8 / 3) * (9 / 8)
    let slots = 2 * SLOTS_MIN
    while (slots < wanted) slots *= 2
    for (let at = 0; at < SHARDS; at++) this.#shards[at] = new Uint32Array(slots)
  }

  /** Takes up strings of {@link pack} that it does not have yet; `false` where they are not of that form. */
  unpack(packed: Buffer): boolean {
    if (packed.length < 4) return false
    const count = packed.readUInt32LE(0)
    let at = 4 + 4 * count
    if (at > packed.length) return false
    this.#lastTerm = undefined // What was not found can be found then.
    for (let index = 0; index < count; index++) {
      const length = packed.readUInt32LE(4 + 4 * index)
      const end = at + bytesOf(length)
      if (end > packed.length) return false
      const number = this.size
      const { page, start } = this.#room(end - at)
      // A short one byte by byte: a call to copy it takes longer.
      if (end - at > WRITTEN_HERE_MAX) packed.copy(page, start, at, end)
      else for (let from = at, to = start; from < end; from++, to++) page[to] = packed[from] ?? 0
      const hash = this.#hashBytes(packed, at, end, length >= WIDE)
      this.#lengths.push(length)
      this.#link(number, hash)
      at = end
    }
    return at === packed.length
  }

  /** As {@link #hash}, of a string's bytes. */
  #hashBytes(bytes: Buffer, from: number, to: number, wide: boolean): number {
    let hash = this.#seed
    const step = wide ? 2 : 1
    for (let at = from; at < to; at += step) {
      const unit = wide ? bytes.readUInt16LE(at) : (bytes[at] ?? 0)
      hash = Math.imul(hash ^ unit, 0x9e37_79b1)
      hash = (hash << 13) | (hash >>> 19)
    }
    return finished(hash)
  }

  #hash(term: string): number {
    let hash = this.#seed
    for (let at = 0; at < term.length; at++) {
      hash = Math.imul(hash ^ term.charCodeAt(at), 0x9e37_79b1)
      hash = (hash << 13) | (hash >>> 19)
    }
    return finished(hash)
  }

  #findHashed(term: string, hash: number): number {
    const shard = this.#shards[hash & SHARD_MASK]
    if (shard === undefined) return -1 // There are as many as the mask allows.
    const mask = shard.length - 1
    for (let at = firstAt(hash, mask); ; at = (at + 2) & mask) {
      const number = (shard[at] ?? 0) - 1
      if (number < 0) return -1
      if (shard[at + 1] === hash && this.#is(number, term)) return number
    }
  }

  #is(number: number, term: string): boolean {
    const length = this.#lengths.at(number)
    if ((length & ~WIDE) >>> 0 !== term.length) return false
    const start = this.#starts.at(number)
    const page = this.#pages[Math.floor(start / UNITS_PER_PAGE)]
    if (page === undefined) return false // Each number has its page.
    const at = (start % UNITS_PER_PAGE) << UNIT_SHIFT
    if (length >= WIDE) {
      for (let index = 0; index < term.length; index++) {
        if (page.readUInt16LE(at + 2 * index) !== term.charCodeAt(index)) return false
      }
      return true
    }
    for (let index = 0; index < term.length; index++) {
      if (page[at + index] !== term.charCodeAt(index)) return false
    }
    return true
  }

  #placeOf(number: number): { page: Buffer; at: number; bytes: number; wide: boolean } {
    const start = this.#starts.at(number)
    const page = this.#pages[Math.floor(start / UNITS_PER_PAGE)]
    if (page === undefined || number >= this.size) throw new RangeError(`no string has the number ${number}`)
    const length = this.#lengths.at(number)
    const at = (start % UNITS_PER_PAGE) << UNIT_SHIFT
    return { page, at, bytes: bytesOf(length), wide: length >= WIDE }
  }

  #store(term: string): void {
    if (this.#isWrittenAhead(term)) {
      this.#room(term.length)
      this.#lengths.push(term.length)
      return
    }
    const wide = isWide(term)
    const { page, start } = this.#room(wide ? term.length * 2 : term.length)
    page.write(term, start, wide ? 'utf16le' : 'latin1')
    this.#lengths.push(wide ? (term.length | WIDE) >>> 0 : term.length)
  }

  /** Writes a short key where the next one will lie; `false` where it is not short, has no room there, or takes two bytes a unit. */
  #isWrittenAhead(term: string): boolean {
    const length = term.length
    const end = this.#pageEnd
    const page = this.#pages[this.#pages.length - 1]
    if (length > WRITTEN_HERE_MAX || page === undefined || end + length > PAGE_BYTES) return false
    for (let at = 0; at < length; at++) {
      const unit = term.charCodeAt(at)
      if (unit > 0xff) return false
      page[end + at] = unit
    }
    return true
  }

  /** Room for a key, whose place is noted. */
  #room(bytes: number): { page: Buffer; start: number } {
    let page = this.#pages[this.#pages.length - 1]
    if (page === undefined || this.#pageEnd + bytes > PAGE_BYTES) {
      if (this.#pages.length >= this.#pagesMax) throw tooManyTerms()
      page = Buffer.alloc(Math.max(PAGE_BYTES, bytes))
      this.#pages.push(page)
      this.#pageEnd = 0
    }
    const start = this.#pageEnd
    this.#starts.push((this.#pages.length - 1) * UNITS_PER_PAGE + (start >>> UNIT_SHIFT))
    this.#pageEnd += rounded(bytes)
    return { page, start }
  }

  #unlink(number: number, hash: number): void {
    const index = hash & SHARD_MASK
    const shard = this.#shards[index]
    if (shard === undefined) return // There are as many as the mask allows.
    this.#shardSizes[index] = (this.#shardSizes[index] ?? 0) - 1
    const mask = shard.length - 1
    let hole = firstAt(hash, mask)
    while (shard[hole] !== number + 1) hole = (hole + 2) & mask
    // Those behind it move up, as far as they may: a search ends at a hole.
    for (let at = (hole + 2) & mask; shard[at] !== 0; at = (at + 2) & mask) {
      const wanted = firstAt(shard[at + 1] ?? 0, mask)
      if (((at - wanted) & mask) < ((at - hole) & mask)) continue
      shard[hole] = shard[at] ?? 0
      shard[hole + 1] = shard[at + 1] ?? 0
      hole = at
    }
    shard[hole] = 0
    shard[hole + 1] = 0
  }

  #link(number: number, hash: number): void {
    const index = hash & SHARD_MASK
    const size = (this.#shardSizes[index] ?? 0) + 1
    this.#shardSizes[index] = size
    const shard = this.#shards[index]
    if (shard === undefined) return // There are as many as the mask allows.
    if (size * 8 <= shard.length * 3) {
      put(shard, number, hash)
      return
    }
    const grown = new Uint32Array(shard.length * 2)
    for (let at = 0; at < shard.length; at += 2) {
      const entry = shard[at] ?? 0
      if (entry > 0) put(grown, entry - 1, shard[at + 1] ?? 0)
    }
    put(grown, number, hash)
    this.#shards[index] = grown
  }
}

/** What an append is told for whose types or tags there is no room. */
export function tooManyTerms(): SluiceError {
  const message = 'the event store has too many different types or tags: about 800 million, or 12 GiB, are the most'
  return new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}

/** To a multiple of four. */
function rounded(bytes: number): number {
  return (bytes + 3) & ~3
}

function put(shard: Uint32Array, number: number, hash: number): void {
  const mask = shard.length - 1
  let at = firstAt(hash, mask)
  while (shard[at] !== 0) at = (at + 2) & mask
  shard[at] = number + 1
  shard[at + 1] = hash
}

/** Where the search for a hash begins, in a shard of `mask` + 1 numbers. */
function firstAt(hash: number, mask: number): number {
  return ((hash >>> SHARD_SHIFT) << 1) & mask
}

/** Spreads what was mixed in over all bits. */
function finished(mixed: number): number {
  let hash = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The bytes of a key by its noted length. */
function bytesOf(length: number): number {
  return length >= WIDE ? (length - WIDE) * 2 : length
}

/** Copies a key, and returns how many bytes it has. */
function copied(page: Buffer, from: number, bytes: number, target: Buffer, to: number): number {
  if (bytes > WRITTEN_HERE_MAX) return page.copy(target, to, from, from + bytes)
  for (let at = 0; at < bytes; at++) target[to + at] = page[from + at] ?? 0
  return bytes
}

function isWide(term: string): boolean {
  for (let at = 0; at < term.length; at++) if (term.charCodeAt(at) > 0xff) return true
  return false
}
