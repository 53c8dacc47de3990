import { randomInt } from 'node:crypto'
import { SluiceError } from '../errors.js'
import { firstSlot, HashSlots } from './hash-slots.js'
import { NumberList } from './number-list.js'

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

/** A shorter key is written here: that takes less than to call for it. */
const WRITTEN_HERE_MAX = 48

/** So many are put into the slots together: see {@link HashSlots.addAll}. */
const UNPACKED_TOGETHER = 256

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
  readonly #slots = new HashSlots()
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
    let bytes = this.#lengths.bytes + this.#starts.bytes + this.#slots.bytes
    for (const page of this.#pages) bytes += page.length
    return bytes
  }

  /** The number of a string; -1 where it has none. */
  find(term: string): number {
    if (term === this.#lastTerm) return this.#lastNumber
    const hash = this.hashOf(term)
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
    this.#slots.add(number, this.#lastHash)
    this.#lastNumber = number
    return number
  }

  /** Forgets all strings from number `size` on: the next one gets that number. */
  truncate(size: number): void {
    this.#starts.truncate(this.size) // There may be one of a string that was not taken up after all.
    if (size >= this.size) return
    this.#lastTerm = undefined
    for (let number = this.size - 1; number >= size; number--) {
      const { page, at, bytes, wide } = this.#placeOf(number)
      this.#slots.remove(number, this.#hashBytes(page, at, at + bytes, wide))
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

  /** `false` only for a string that has no number, and was not announced: see {@link HashSlots.mayHave}. */
  mayHave(term: string): boolean {
    return this.#slots.mayHave(this.hashOf(term))
  }

  /**
   * Says of a string which will be given a number, before any that is announced later, that it may be there; returns its
   * hash, for {@link internHashed}.
   */
  announce(term: string): number {
    const hash = this.hashOf(term)
    this.#slots.announce(hash)
    return hash
  }

  /** See {@link HashSlots.fetch}. */
  fetchSlots(hashes: Uint32Array, count: number): void {
    this.#slots.fetch(hashes, count)
  }

  /** As {@link intern}, of a string whose hash is known. */
  internHashed(term: string, hash: number): number {
    const found = this.#findHashed(term, hash)
    if (found >= 0) return found
    const number = this.size
    this.#store(term)
    this.#slots.add(number, hash)
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
    if (this.size === 0) this.#slots.reserve(size)
  }

  /** Takes up strings of {@link pack} that it does not have yet; `false` where they are not of that form. */
  unpack(packed: Buffer): boolean {
    if (packed.length < 4) return false
    const count = packed.readUInt32LE(0)
    let at = 4 + 4 * count
    if (at > packed.length) return false
    this.#lastTerm = undefined // What was not found can be found then.
    const hashes = new Uint32Array(UNPACKED_TOGETHER)
    for (let index = 0; index < count; ) {
      const first = this.size
      let hashed = 0
      try {
        for (; index < count && hashed < UNPACKED_TOGETHER; index++, hashed++) {
          const length = packed.readUInt32LE(4 + 4 * index)
          const end = at + bytesOf(length)
          if (end > packed.length) break
          const { page, start } = this.#room(end - at)
          // A short one byte by byte: a call to copy it takes longer.
          if (end - at > WRITTEN_HERE_MAX) packed.copy(page, start, at, end)
          else for (let from = at, to = start; from < end; from++, to++) page[to] = packed[from] ?? 0
          hashes[hashed] = this.#hashBytes(packed, at, end, length >= WIDE)
          this.#lengths.push(length)
          at = end
        }
      } finally {
        // Where there is no room for the next one, those before it are there as a whole: they can be taken out again.
        this.#slots.addAll(first, hashes, hashed)
      }
      if (index < count && hashed < UNPACKED_TOGETHER) return false
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
    const shard = this.#slots.shardOf(hash)
    const mask = shard.length - 1
    for (let at = firstSlot(hash, mask); ; at = (at + 2) & mask) {
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
