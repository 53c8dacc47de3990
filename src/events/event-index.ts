import { SluiceError } from '../errors.js'
import { NumberList } from './number-list.js'
import { PostingLists } from './posting-lists.js'
import type { CheckedItem, CheckedQuery } from './query.js'
import { RecentTerms } from './recent-terms.js'
import { TermTable } from './term-table.js'

/** Positions are kept in 32 bits. */
export const POSITION_MAX = 2 ** 32 - 2

/** Types whose numbers are kept in a map too: so many that no sensible store has more. */
const QUICK_TYPES = 1024

/** What an append is told that would go past the last position. */
export function tooMany(): SluiceError {
  return new SluiceError('SLUICE_INVALID_ARGUMENT', `an event store holds ${POSITION_MAX} events at the most`)
}

/** What the index is told of an event. */
export interface IndexedEvent {
  readonly type: string
  readonly tags: readonly string[]
}

/** An item of a query in the index's own numbers; what can't match anything is left out of a plan. */
export interface PlannedItem {
  /** Which item of the query this is. */
  readonly itemIndex: number
  /** Empty for any type. */
  readonly types: readonly number[]
  /** Empty for any tags. */
  readonly tags: readonly number[]
}

export type QueryPlan = 'all' | readonly PlannedItem[]

/** An event that matched, and which item of the query it was. */
export interface Match {
  readonly position: number
  /** `undefined` where the query was `'all'`. */
  readonly itemIndex: number | undefined
}

/**
 * Knows of every event its type and its tags, and finds those that a query matches, without reading the log: of the events
 * that were accepted, durable or not.
 */
export class EventIndex {
  readonly types = new TermTable()
  /** Types come again and again, and are few: of the first ones a map knows the numbers faster than the table. */
  readonly #typeNumbers = new Map<string, number>()
  readonly tags = new TermTable()
  /** The type of the event at position 1, 2, … */
  readonly #typeOf = new NumberList()
  readonly #byType = new PostingLists()
  readonly #byTag = new PostingLists()
  readonly recent = new RecentTerms(1)
  /** Of the tags that {@link addAll} adds; it grows with them. */
  #hashes = new Uint32Array(256)

  /** The position of the last event; 0 where there is none. */
  get head(): number {
    return this.#typeOf.length
  }

  /** Bytes that are held, used or not. */
  get bytes(): number {
    const terms = this.types.bytes + this.tags.bytes
    return terms + this.#typeOf.bytes + this.#byType.bytes + this.#byTag.bytes + this.recent.bytes
  }

  /** The number of the type of the event at a position. */
  typeOf(position: number): number {
    return this.#typeOf.at(position - 1)
  }

  /** Adds the event behind the last one. Throws `SLUICE_INVALID_ARGUMENT` past the last position. */
  add(type: string, tags: readonly string[]): void {
    const position = this.#next(this.#internType(type))
    for (const tag of tags) this.#addTag(this.tags.intern(tag), position)
    this.recent.endEvent()
  }

  /** As {@link add}, of several events, which takes less time for each. */
  addAll(events: readonly IndexedEvent[]): void {
    let hashes = 0
    for (const { tags } of events) for (const tag of tags) this.#keepHash(hashes++, this.tags.hashOf(tag))
    this.tags.fetchSlots(this.#hashes, hashes)
    let next = 0
    for (const { type, tags } of events) {
      const position = this.#next(this.#internType(type))
      for (const tag of tags) this.#addTag(this.tags.internHashed(tag, this.#hashes[next++] ?? 0), position)
      this.recent.endEvent()
    }
  }

  /** As {@link add}, of an event whose type and tags have these numbers: those from `from` to before `to`. */
  addNumbered(type: number, tags: Uint32Array, from: number, to: number): void {
    const position = this.#next(type)
    for (let at = from; at < to; at++) this.#addTag(tags[at] ?? 0, position)
    this.recent.endEvent()
  }

  /** Takes all events above a position out again. They must be among the recent ones. */
  rollBack(position: number): void {
    while (this.head > position) {
      for (const tag of this.recent.tagsOf(this.head)) this.#byTag.pop(tag)
      this.#byType.pop(this.typeOf(this.head))
      this.recent.pop()
      this.#typeOf.truncate(this.head - 1)
    }
  }

  /** A query in the index's numbers. It is for now: events that come later can bring types and tags that it lacks. */
  plan(query: CheckedQuery): QueryPlan {
    if (query === 'all') return 'all'
    return query.flatMap((item, itemIndex) => this.#planItem(item, itemIndex))
  }

  /** The highest match above a position. */
  lastMatch(query: CheckedQuery, after: number): Match | undefined {
    if (query === 'all') return this.head > after ? { position: this.head, itemIndex: undefined } : undefined
    let found: Match | undefined
    for (let itemIndex = 0; itemIndex < query.length; itemIndex++) {
      const item = query[itemIndex]
      if (item === undefined || !this.#canMatch(item, found?.position ?? after)) continue
      const [planned] = this.#planItem(item, itemIndex)
      if (planned === undefined) continue
      const position = this.floor(planned, this.head, (found?.position ?? after) + 1)
      if (position > 0) found = { position, itemIndex }
    }
    return found
  }

  /** The highest position from `to` down to `from` that an item matches; 0 where there is none. */
  floor(item: PlannedItem, to: number, from = 1): number {
    let position = to
    while (position >= from) {
      const common = item.tags.length === 0 ? position : this.#commonFloor(item.tags, position)
      if (common < from) return 0
      if (item.types.length === 0 || (common <= this.head && item.types.includes(this.typeOf(common)))) return common
      // On to the next one of those types: where they are rare, few of the tags' events are looked at.
      position = this.#typeFloor(item.types, common)
    }
    return 0
  }

  /** The lowest position from `from` up to `to` that an item matches; 0 where there is none. */
  ceiling(item: PlannedItem, from: number, to: number): number {
    let position = from
    while (position > 0 && position <= to) {
      const common = item.tags.length === 0 ? position : this.#commonCeiling(item.tags, position)
      if (common === 0 || common > to) return 0
      if (item.types.length === 0 || (common <= this.head && item.types.includes(this.typeOf(common)))) return common
      position = this.#typeCeiling(item.types, common)
    }
    return 0
  }

  /** Gives the next position to an event of this type. */
  #next(type: number): number {
    const position = this.head + 1
    if (position > POSITION_MAX) throw tooMany()
    this.#typeOf.push(type)
    this.#byType.push(type, position)
    return position
  }

  #keepHash(at: number, hash: number): void {
    if (at === this.#hashes.length) {
      const grown = new Uint32Array(2 * at)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[at] = hash
  }

  #addTag(tag: number, position: number): void {
    this.recent.pushTag(tag)
    this.#byTag.push(tag, position)
  }

  /** Whether each of an item's tags, and any of its types, has a position above `after`: what decides most conditions. */
  #canMatch({ types, tags }: CheckedItem, after: number): boolean {
    for (const tag of tags) if (lastOf(this.#byTag, this.tags.find(tag)) <= after) return false
    if (types.length === 0) return true
    for (const type of types) if (lastOf(this.#byType, this.#findType(type)) > after) return true
    return false
  }

  /** An item in the index's numbers; none where it can't match anything. */
  #planItem(item: CheckedItem, itemIndex: number): PlannedItem[] {
    const tags = item.tags.map((tag) => this.tags.find(tag))
    const types = item.types.map((type) => this.#findType(type)).filter((type) => type >= 0)
    return tags.includes(-1) || (item.types.length > 0 && types.length === 0) ? [] : [{ itemIndex, types, tags }]
  }

  #findType(type: string): number {
    return this.#typeNumbers.get(type) ?? this.types.find(type)
  }

  #internType(type: string): number {
    const known = this.#typeNumbers.get(type)
    if (known !== undefined) return known
    const number = this.types.intern(type)
    if (this.#typeNumbers.size < QUICK_TYPES) this.#typeNumbers.set(type, number)
    return number
  }

  /** The highest position up to `position` that has any of the types; 0 where there is none. */
  #typeFloor(types: readonly number[], position: number): number {
    let highest = 0
    for (const type of types) highest = Math.max(highest, this.#byType.floor(type, position))
    return highest
  }

  /** The lowest position from `position` on that has any of the types; 0 where there is none. */
  #typeCeiling(types: readonly number[], position: number): number {
    let lowest = 0
    for (const type of types) {
      const ceiling = this.#byType.ceiling(type, position)
      if (ceiling > 0 && (lowest === 0 || ceiling < lowest)) lowest = ceiling
    }
    return lowest
  }

  /** The highest position up to `position` that all tags have: each tag in turn pulls it down, until none does. */
  #commonFloor(tags: readonly number[], position: number): number {
    let common = position
    for (let agreed = 0, turn = 0; agreed < tags.length; turn++) {
      const floor = this.#byTag.floor(tags[turn % tags.length] ?? 0, common)
      if (floor === 0) return 0
      agreed = floor === common ? agreed + 1 : 1
      common = floor
    }
    return common
  }

  /** The lowest position from `position` on that all tags have; 0 where there is none. */
  #commonCeiling(tags: readonly number[], position: number): number {
    let common = position
    for (let agreed = 0, turn = 0; agreed < tags.length; turn++) {
      const ceiling = this.#byTag.ceiling(tags[turn % tags.length] ?? 0, common)
      if (ceiling === 0) return 0
      agreed = ceiling === common ? agreed + 1 : 1
      common = ceiling
    }
    return common
  }
}

/** The last position of a term; 0 where there is no such term. */
function lastOf(lists: PostingLists, term: number): number {
  return term < 0 ? 0 : lists.last(term)
}
