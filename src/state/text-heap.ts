import { type TextSink, TextSlab } from './text-slab.js'

/** Blocks are multiples of it. */
const UNIT_BYTES = 16
/** A block is at most an eighth longer than needed: so many lengths of blocks there are from one power of two to the next. */
const LENGTHS_AN_OCTAVE = 8
/** What needs more has a slab of its own. */
const UNITS_MAX = 4096
const SLAB_BYTES_MIN = 16 * 1024
const SLAB_BYTES_MAX = 1024 * 1024
/** In an address, the number of the slab counts so many. */
const BLOCKS_MAX = SLAB_BYTES_MAX / UNIT_BYTES

/** By the units that are needed: which length of blocks serves. */
const LENGTH_OF = new Uint8Array(UNITS_MAX + 1)
/** The units of each length. */
const UNITS: number[] = []
for (let units = 1; units <= UNITS_MAX; units += Math.max(1, 2 ** Math.floor(Math.log2(units)) / LENGTHS_AN_OCTAVE)) {
  LENGTH_OF.fill(UNITS.length, (UNITS.at(-1) ?? 0) + 1, units + 1)
  UNITS.push(units)
}

/** Slabs of one length of blocks. */
interface Family {
  readonly units: number
  /** In all slabs. */
  bytes: number
  /** One of those that have a free block, all of whose blocks are. */
  spare: TextSlab | undefined
  /** Those that have a free block. */
  readonly open: TextSlab[]
}

/** A text that somebody holds. */
interface Pin {
  count: number
  isFreed: boolean
}

/**
 * Texts outside of JavaScript's own heap, in UTF-8. There, millions that come and go would be copied, marked and swept by the garbage
 * collector, which stops everything else meanwhile; here they are nothing to it. Who puts a text in frees it.
 */
export class TextHeap {
  readonly #slabs: (TextSlab | undefined)[] = [undefined] // No address is 0.
  readonly #vacant: number[] = []
  readonly #families: Family[] = UNITS.map((units) => ({ units, bytes: 0, spare: undefined, open: [] }))
  #bytes = 0
  #texts = 0
  readonly #pins = new Map<number, Pin>()

  /** How many texts it has: for tests, as is {@link bytes}. */
  get texts(): number {
    return this.#texts
  }

  /** Bytes of memory that it holds. */
  get bytes(): number {
    return this.#bytes
  }

  /** Puts bytes of `source` in; returns the address, which is more than 0. */
  put(source: Uint8Array, from: number, length: number): number {
    const units = Math.ceil(TextSlab.bytesFor(length) / UNIT_BYTES)
    const family = this.#families[LENGTH_OF[units] ?? 0]
    const slab =
      units > UNITS_MAX || family === undefined ? this.#newSlab(units * UNIT_BYTES, 1) : this.#slabFor(family)
    const block = slab.take(length)
    if (slab === family?.spare) family.spare = undefined
    if (slab.isFull && slab.place >= 0) this.#shut(slab)
    slab.fill(block, source, from)
    this.#texts++
    return slab.number * BLOCKS_MAX + block
  }

  text(address: number): string {
    return this.#slabOf(address).text(address % BLOCKS_MAX)
  }

  /** Gives the bytes of a text to `sink`, which is not to keep them. */
  read(address: number, sink: TextSink): void {
    this.#slabOf(address).read(address % BLOCKS_MAX, sink)
  }

  /** Has a text stay, also when it is freed, until it is unpinned as often. */
  pin(address: number): void {
    const pin = this.#pins.get(address)
    if (pin === undefined) this.#pins.set(address, { count: 1, isFreed: false })
    else pin.count++
  }

  unpin(address: number): void {
    const pin = this.#pins.get(address)
    if (pin === undefined) throw new Error(`the text at ${address} is not pinned`)
    if (--pin.count > 0) return
    this.#pins.delete(address)
    if (pin.isFreed) this.free(address)
  }

  free(address: number): void {
    const pin = this.#pins.size === 0 ? undefined : this.#pins.get(address)
    if (pin !== undefined) {
      if (pin.isFreed) throw new Error(`the text at ${address} was freed before`)
      pin.isFreed = true
      return
    }
    const slab = this.#slabOf(address)
    slab.free(address % BLOCKS_MAX)
    this.#texts--
    const family = this.#familyOf(slab)
    if (family === undefined) {
      this.#drop(slab)
      return
    }
    if (slab.place < 0) {
      slab.place = family.open.length
      family.open.push(slab)
    }
    if (!slab.isEmpty) return
    // One is kept for the next texts of its length.
    if (family.spare === undefined) {
      family.spare = slab
    } else {
      this.#shut(slab)
      this.#drop(slab)
    }
  }

  /** The same one until it is full: so what is used next lies close together, and others become empty meanwhile. */
  #slabFor(family: Family): TextSlab {
    const [open] = family.open
    if (open !== undefined) return open
    const blockBytes = family.units * UNIT_BYTES
    // As much as there is already, so that a few texts don't take much, and many don't take many slabs.
    const bytes = Math.min(SLAB_BYTES_MAX, Math.max(SLAB_BYTES_MIN, family.bytes))
    const slab = this.#newSlab(blockBytes, Math.max(1, Math.floor(bytes / blockBytes)))
    family.bytes += slab.bytes
    slab.place = family.open.length
    family.open.push(slab)
    return slab
  }

  #newSlab(blockBytes: number, blocks: number): TextSlab {
    const number = this.#vacant.at(-1) ?? this.#slabs.length
    const slab = new TextSlab(number, blockBytes, blocks)
    if (number < this.#slabs.length) this.#vacant.pop()
    this.#slabs[number] = slab
    this.#bytes += slab.bytes
    return slab
  }

  /** Takes it off those that have room. */
  #shut(slab: TextSlab): void {
    const open = this.#familyOf(slab)?.open
    const last = open?.pop()
    if (open === undefined || last === undefined) return
    if (last !== slab) {
      last.place = slab.place
      open[slab.place] = last
    }
    slab.place = -1
  }

  #drop(slab: TextSlab): void {
    this.#slabs[slab.number] = undefined
    this.#vacant.push(slab.number)
    this.#bytes -= slab.bytes
    const family = this.#familyOf(slab)
    if (family !== undefined) family.bytes -= slab.bytes
  }

  /** None of those that have one block alone. */
  #familyOf(slab: TextSlab): Family | undefined {
    const units = slab.blockBytes / UNIT_BYTES
    return units > UNITS_MAX ? undefined : this.#families[LENGTH_OF[units] ?? 0]
  }

  #slabOf(address: number): TextSlab {
    const slab = this.#slabs[Math.floor(address / BLOCKS_MAX)]
    if (slab === undefined) throw new Error(`there is no text at ${address}`)
    return slab
  }
}
