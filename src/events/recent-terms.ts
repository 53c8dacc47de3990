import { NumberList } from './number-list.js'

/** Compaction of the front is put off until that much of it was given up. */
const SLACK_NUMBERS = 65_536

/**
 * The tags' numbers of the last events, in order: what is needed to take an event back out of the index, and to write the
 * index down. A queue with two ends: events come and go at its back, and are given up at its front.
 */
export class RecentTerms {
  #tags = new NumberList()
  /** For each event where its tags end in `#tags`. */
  #ends = new NumberList()
  /** Events and tags at the front that were given up. */
  #deadEvents = 0
  #firstPosition: number

  constructor(firstPosition: number) {
    this.#firstPosition = firstPosition
  }

  /** The lowest position that is held. */
  get firstPosition(): number {
    return this.#firstPosition
  }

  /** The position that comes next. */
  get nextPosition(): number {
    return this.#firstPosition + this.#ends.length - this.#deadEvents
  }

  /** How many tags all events have together. */
  get tagCount(): number {
    return this.#tags.length - this.#startOf(this.#deadEvents)
  }

  get bytes(): number {
    return this.#tags.bytes + this.#ends.bytes
  }

  /** Adds a tag to the event that {@link endEvent} will add. */
  pushTag(tag: number): void {
    this.#tags.push(tag)
  }

  endEvent(): void {
    this.#ends.push(this.#tags.length)
  }

  /** How many tags the events of these positions, which are held, have together. */
  tagsBetween(first: number, last: number): number {
    return this.#ends.at(this.#eventAt(last)) - this.#startOf(this.#eventAt(first))
  }

  /** The first position by which the events from `first` on have so many tags together; `last` where they don't. */
  reaching(tags: number, first: number, last: number): number {
    const from = this.#eventAt(first)
    const to = this.#eventAt(last)
    return first + this.#ends.lowerBound(this.#startOf(from) + tags, from, to) - from
  }

  /** The tags of the event at a position that is held. */
  tagsOf(position: number): number[] {
    const event = this.#eventAt(position)
    const tags: number[] = []
    for (let at = this.#startOf(event); at < this.#ends.at(event); at++) tags.push(this.#tags.at(at))
    return tags
  }

  /** Writes the tags of all events of these positions, which are held, into `target` from `at` on. */
  copyTags(first: number, last: number, target: Uint32Array, at: number): void {
    const from = this.#startOf(this.#eventAt(first))
    const to = this.#ends.at(this.#eventAt(last))
    for (let index = from; index < to; index++) target[at + index - from] = this.#tags.at(index)
  }

  /** Takes the last event away again. */
  pop(): void {
    const event = this.#ends.length - 1
    this.#tags.truncate(this.#startOf(event))
    this.#ends.truncate(event)
  }

  /** Gives up all events below a position. */
  dropBelow(position: number): void {
    this.#deadEvents += position - this.#firstPosition
    this.#firstPosition = position
    if (this.#deadEvents < SLACK_NUMBERS && this.#startOf(this.#deadEvents) < SLACK_NUMBERS) return
    const start = this.#startOf(this.#deadEvents)
    this.#tags = this.#tags.tail(start)
    this.#ends = this.#ends.tail(this.#deadEvents, start)
    this.#deadEvents = 0
  }

  #eventAt(position: number): number {
    return this.#deadEvents + position - this.#firstPosition
  }

  #startOf(event: number): number {
    return event === 0 ? 0 : this.#ends.at(event - 1)
  }
}
