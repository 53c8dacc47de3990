import { SluiceError } from '../errors.js'
import { ItemCursor, PAUSED, type Work } from './item-cursor.js'
import { KnownGaps } from './known-gaps.js'
import { NumberList } from './number-list.js'
import { PostingLists } from './posting-lists.js'
import { PostingSeeker, type Seeker, TypeSeeker } from './posting-seeker.js'
import type { CheckedItem, CheckedQuery } from './query.js'
import { RecentTerms } from './recent-terms.js'
import { TermTable, tooManyTerms } from './term-table.js'

/** Positions are kept in 32 bits. */
export const POSITION_MAX = 2 ** 32 - 2

/** Types whose numbers are kept in a map too: so many that no sensible store has more. */
const QUICK_TYPES = 1024

/** A search that takes no more steps than that is not worth remembering. */
const QUICK_STEPS = 256

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

/** Other limits than the usual ones are for tests. */
export interface EventIndexLimits {
  /** What a search finds that takes more steps is remembered. */
  readonly quickSteps?: number
  /** Pages that the strings of types may take, and those of tags. */
  readonly termPages?: number
}

/**
 * Knows of every event its type and its tags, and finds those that a query matches, without reading the log: of the events
 * that were accepted, durable or not.
 */
export class EventIndex {
  readonly types: TermTable
  /** Types come again and again, and are few: of the first ones a map knows the numbers faster than the table. */
  readonly #typeNumbers = new Map<string, number>()
  readonly tags: TermTable
  /** Numbers of types and tags below these are written down: they stay with their strings, used or not. */
  #keptTypes = 0
  #keptTags = 0
  /** The type of the event at position 1, 2, … */
  readonly #typeOf = new NumberList()
  readonly #byType = new PostingLists()
  readonly #byTag = new PostingLists()
  readonly recent = new RecentTerms(1)
  readonly #gaps = new KnownGaps()
  /** All looks at lists of positions that searches have taken. */
  readonly work: Work = { steps: 0 }
  readonly #quickSteps: number

  constructor({ quickSteps = QUICK_STEPS, termPages }: EventIndexLimits = {}) {
    this.#quickSteps = quickSteps
    this.types = new TermTable(undefined, termPages)
    this.tags = new TermTable(undefined, termPages)
  }

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

  /** As {@link add}, of several events, which takes less time for each: `hashes` has those of all their tags, in order. */
  addAll(events: readonly IndexedEvent[], hashes: Uint32Array): void {
    let count = 0
    for (const { tags } of events) count += tags.length
    this.tags.fetchSlots(hashes, count)
    let next = 0
    for (const { type, tags } of events) {
      const position = this.#next(this.#internType(type))
      for (const tag of tags) this.#addTag(this.tags.internHashed(tag, hashes[next++] ?? 0), position)
      this.recent.endEvent()
    }
  }

  /** As {@link add}, of an event whose type and tags have these numbers: those from `from` to before `to`. */
  addNumbered(type: number, tags: Uint32Array, from: number, to: number): void {
    const position = this.#next(type)
    for (let at = from; at < to; at++) this.#addTag(tags[at] ?? 0, position)
    this.recent.endEvent()
  }

  /** Throws `SLUICE_INVALID_ARGUMENT` where there may be no room for more types and tags. */
  checkRoom(): void {
    if (this.types.full || this.tags.full) throw tooManyTerms()
  }

  /** Numbers of types and tags below these are written down: they are not given to others. */
  keepTerms(types: number, tags: number): void {
    this.#keptTypes = Math.max(this.#keptTypes, types)
    this.#keptTags = Math.max(this.#keptTags, tags)
  }

  /**
   * Takes all events above a position out again, and with them types and tags that nothing else has and that are not
   * written down. The events must be among the recent ones.
   */
  rollBack(position: number): void {
    if (this.head > position) this.#gaps.clear()
    while (this.head > position) {
      for (const tag of this.recent.tagsOf(this.head)) this.#byTag.pop(tag)
      this.#byType.pop(this.typeOf(this.head))
      this.recent.pop()
      this.#typeOf.truncate(this.head - 1)
    }
    this.tags.truncate(usedOf(this.tags, this.#byTag, this.#keptTags))
    const types = usedOf(this.types, this.#byType, this.#keptTypes)
    for (let type = types; type < this.types.size; type++) this.#typeNumbers.delete(this.types.termOf(type))
    this.types.truncate(types)
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
      const position = this.#lastOf(planned, found?.position ?? after)
      if (position > 0) found = { position, itemIndex }
    }
    return found
  }

  /** Goes through the matches of an item, in one direction. */
  cursorOf({ types, tags }: PlannedItem, backwards: boolean): ItemCursor {
    const byCount =
      tags.length < 2 ? tags : tags.toSorted((one, other) => this.#byTag.count(one) - this.#byTag.count(other))
    const seekers: Seeker[] = byCount.map((tag) => new PostingSeeker(this.#byTag, tag, backwards))
    // Last: to look at the type of a position costs less than to find one of that type, where a tag has given it.
    if (types.length > 0) seekers.push(new TypeSeeker(this.#byType, types, this.#typeOf, backwards))
    return new ItemCursor(seekers, backwards, this.work)
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

  /** The last match of an item above `after`; 0 where there is none. */
  #lastOf(item: PlannedItem, after: number): number {
    const { types, tags } = item
    const [tag] = tags
    let last = 0
    if (tag === undefined) for (const type of types) last = Math.max(last, this.#byType.last(type))
    else if (tags.length > 1 || types.length > 0) return this.#lastCommon(item, after)
    else last = this.#byTag.last(tag)
    return last > after ? last : 0
  }

  #lastCommon(item: PlannedItem, after: number): number {
    const cursor = this.cursorOf(item, true)
    const position = cursor.find(this.head, after + 1, this.#quickSteps)
    if (position !== PAUSED) return position
    const terms = [item.types, item.tags].map((each) => each.toSorted((one, other) => one - other).join())
    return this.#gaps.lastMatch(terms.join(';'), cursor, this.head, after)
  }
}

/** How many terms are left when those at the end go that have no position, down to those that are kept. */
function usedOf(table: TermTable, lists: PostingLists, kept: number): number {
  let used = table.size
  while (used > kept && lists.count(used - 1) === 0) used--
  return used
}

/** The last position of a term; 0 where there is no such term. */
function lastOf(lists: PostingLists, term: number): number {
  return term < 0 ? 0 : lists.last(term)
}
