import { SluiceError } from '../errors.js'
import { NumberList } from './number-list.js'
import { PostingLists } from './posting-lists.js'
import type { CheckedQuery } from './query.js'
import { RecentTerms } from './recent-terms.js'
import { TermTable } from './term-table.js'

/** Positions are kept in 32 bits. */
export const POSITION_MAX = 2 ** 32 - 2

/** What an append is told that would go past the last position. */
export function tooMany(): SluiceError {
  return new SluiceError('SLUICE_INVALID_ARGUMENT', `an event store holds ${POSITION_MAX} events at the most`)
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
  readonly tags = new TermTable()
  /** The type of the event at position 1, 2, … */
  readonly #typeOf = new NumberList()
  readonly #byType = new PostingLists()
  readonly #byTag = new PostingLists()
  readonly recent = new RecentTerms(1)

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
    const position = this.#next(this.types.intern(type))
    for (const tag of tags) this.#addTag(this.tags.intern(tag), position)
    this.recent.endEvent()
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
    const items: PlannedItem[] = []
    for (const [itemIndex, item] of query.entries()) {
      const tags = item.tags.map((tag) => this.tags.find(tag))
      const types = item.types.map((type) => this.types.find(type)).filter((type) => type >= 0)
      if (tags.includes(-1) || (item.types.length > 0 && types.length === 0)) continue
      items.push({ itemIndex, types, tags })
    }
    return items
  }

  /** The highest match above a position. */
  lastMatch(query: CheckedQuery, after: number): Match | undefined {
    if (query === 'all') return this.head > after ? { position: this.head, itemIndex: undefined } : undefined
    let found: Match | undefined
    for (const item of this.#itemsOf(query)) {
      const position = this.floor(item, this.head, Math.max(after, found?.position ?? 0) + 1)
      if (position > 0) found = { position, itemIndex: item.itemIndex }
    }
    return found
  }

  /** The highest position from `to` down to `from` that an item matches; 0 where there is none. */
  floor(item: PlannedItem, to: number, from = 1): number {
    if (item.tags.length === 0) {
      let highest = 0
      for (const type of item.types) highest = Math.max(highest, this.#byType.floor(type, to))
      return highest >= from ? highest : 0
    }
    let position = to
    while (position >= from) {
      const common = this.#commonFloor(item.tags, position)
      if (common < from) return 0
      if (this.#hasType(item, common)) return common
      position = common - 1
    }
    return 0
  }

  /** The lowest position from `from` up to `to` that an item matches; 0 where there is none. */
  ceiling(item: PlannedItem, from: number, to: number): number {
    if (item.tags.length === 0) {
      let lowest = 0
      for (const type of item.types) {
        const position = this.#byType.ceiling(type, from)
        if (position > 0 && (lowest === 0 || position < lowest)) lowest = position
      }
      return lowest <= to ? lowest : 0
    }
    let position = from
    while (position <= to) {
      const common = this.#commonCeiling(item.tags, position)
      if (common === 0 || common > to) return 0
      if (this.#hasType(item, common)) return common
      position = common + 1
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

  #addTag(tag: number, position: number): void {
    this.recent.pushTag(tag)
    this.#byTag.push(tag, position)
  }

  *#itemsOf(query: Exclude<CheckedQuery, 'all'>): Iterable<PlannedItem> {
    const plan = this.plan(query)
    if (plan !== 'all') yield* plan
  }

  #hasType(item: PlannedItem, position: number): boolean {
    return item.types.length === 0 || item.types.includes(this.typeOf(position))
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
