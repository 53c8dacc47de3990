import { NumberList } from './number-list.js'

/** Where a term's positions lie: its only one in `#lasts`; in a slot of 4; in a slot of 16; in a list of its own. */
const ALONE = 0
const IN_4 = 1
const IN_16 = 2
const OWN_LIST = 3

const KIND_BITS = 2
const KIND_MASK = 3

/**
 * For each term (a tag, or a type) the ascending positions of its events. Most tags have few: a single position takes 12
 * bytes, a few lie in slots of 4 and 16, and only those with more have a list of their own. The last position, which
 * decides most conditions, is found without looking at the others.
 */
export class PostingLists {
  readonly #lasts = new NumberList()
  readonly #counts = new NumberList()
  /** Number of the slot or list, and the kind in the two lowest bits. */
  readonly #places = new NumberList()
  readonly #slots4 = new Slots(4)
  readonly #slots16 = new Slots(16)
  readonly #lists: NumberList[] = []

  /** Bytes that are held, used or not. */
  get bytes(): number {
    let bytes = this.#lasts.bytes + this.#counts.bytes + this.#places.bytes + this.#slots4.bytes + this.#slots16.bytes
    for (const list of this.#lists) bytes += list.bytes
    return bytes
  }

  /** How many positions a term has: 0 for one that was never seen. */
  count(term: number): number {
    return term < this.#counts.length ? this.#counts.at(term) : 0
  }

  /** A term's last position; 0 where it has none. */
  last(term: number): number {
    return this.count(term) === 0 ? 0 : this.#lasts.at(term)
  }

  /** A term's position by its index, which is below `count`. */
  at(term: number, index: number): number {
    const place = this.#places.at(term)
    const number = place >>> KIND_BITS
    switch (place & KIND_MASK) {
      case ALONE:
        return this.#lasts.at(term)
      case IN_4:
        return this.#slots4.at(number, index)
      case IN_16:
        return this.#slots16.at(number, index)
      default:
        return this.#lists[number]?.at(index) ?? 0
    }
  }

  /** The list of a term that has one of its own, which it keeps. */
  listOf(term: number): NumberList | undefined {
    const place = term < this.#places.length ? this.#places.at(term) : ALONE
    return (place & KIND_MASK) === OWN_LIST ? this.#lists[place >>> KIND_BITS] : undefined
  }

  /** Adds a position, above all that the term has. Terms come in order: a new one has the lowest number not seen yet. */
  push(term: number, position: number): void {
    while (term >= this.#counts.length) {
      this.#counts.push(0)
      this.#lasts.push(0)
      this.#places.push(ALONE)
    }
    const count = this.#counts.at(term)
    // One that was emptied can still have its list.
    if (count > 0 || this.#places.at(term) !== ALONE) this.#append(term, count, position)
    this.#lasts.set(term, position)
    this.#counts.set(term, count + 1)
  }

  /** Takes the last position away again. */
  pop(term: number): void {
    const count = this.count(term)
    if (count === 0) throw new RangeError(`term ${term} has no position to take away`)
    const place = this.#places.at(term)
    if ((place & KIND_MASK) === OWN_LIST) this.#lists[place >>> KIND_BITS]?.truncate(count - 1)
    // What it keeps stays where it is: a slot that is too large is filled again soon, or never matters.
    this.#lasts.set(term, count === 1 ? 0 : this.at(term, count - 2))
    this.#counts.set(term, count - 1)
    if (count === 1 && (place & KIND_MASK) !== ALONE) this.#giveUp(term, place)
  }

  /** Puts a position behind `count` others, one at least, and moves them where there is more room if need be. */
  #append(term: number, count: number, position: number): void {
    const place = this.#places.at(term)
    const number = place >>> KIND_BITS
    const kind = place & KIND_MASK
    if (kind === OWN_LIST) {
      this.#lists[number]?.push(position)
    } else if (kind === IN_16 && count < 16) this.#slots16.set(number, count, position)
    else if (kind === IN_4 && count < 4) this.#slots4.set(number, count, position)
    else this.#move(term, count, position)
  }

  #move(term: number, count: number, position: number): void {
    const place = this.#places.at(term)
    let moved: number
    if (count < 4) {
      const slot = this.#slots4.take()
      for (let index = 0; index < count; index++) this.#slots4.set(slot, index, this.at(term, index))
      this.#slots4.set(slot, count, position)
      moved = (slot << KIND_BITS) | IN_4
    } else if (count < 16) {
      const slot = this.#slots16.take()
      for (let index = 0; index < count; index++) this.#slots16.set(slot, index, this.at(term, index))
      this.#slots16.set(slot, count, position)
      moved = (slot << KIND_BITS) | IN_16
    } else {
      const list = new NumberList()
      for (let index = 0; index < count; index++) list.push(this.at(term, index))
      list.push(position)
      moved = ((this.#lists.push(list) - 1) << KIND_BITS) | OWN_LIST
    }
    this.#giveUp(term, place)
    this.#places.set(term, moved >>> 0)
  }

  #giveUp(term: number, place: number): void {
    const kind = place & KIND_MASK
    if (kind === IN_4) this.#slots4.giveBack(place >>> KIND_BITS)
    if (kind === IN_16) this.#slots16.giveBack(place >>> KIND_BITS)
    // A list stays with its term, empty: it is made for those with many positions, and they come back.
    if (kind !== OWN_LIST) this.#places.set(term, ALONE)
  }
}

/** Slots of a fixed number of numbers; those given back are taken again first. */
class Slots {
  readonly #numbers = new NumberList()
  readonly #free: number[] = []
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  get bytes(): number {
    return this.#numbers.bytes
  }

  take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const slot = this.#numbers.length / this.#size
    for (let index = 0; index < this.#size; index++) this.#numbers.push(0)
    return slot
  }

  giveBack(slot: number): void {
    this.#free.push(slot)
  }

  at(slot: number, index: number): number {
    return this.#numbers.at(slot * this.#size + index)
  }

  set(slot: number, index: number, value: number): void {
    this.#numbers.set(slot * this.#size + index, value)
  }
}
