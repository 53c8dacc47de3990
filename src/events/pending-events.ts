import type { EventIndex, IndexedEvent } from './event-index.js'
import type { CheckedQuery } from './query.js'

/**
 * Accepted events that the index lacks, in order: it is brought up to them while the writer is at work, or when it is
 * asked. Whether it has to be asked at all, most conditions are told without that: the hashes of all tags, those of the
 * index and those that wait here, are in one filter.
 */
export class PendingEvents {
  readonly #index: EventIndex
  #events: IndexedEvent[] = []
  /** Of all their tags, in order: each is made once. The list grows with them, and is used again. */
  #hashes = new Uint32Array(256)
  #hashCount = 0
  /** So many of the events are in the filter, and have their hashes: who asks no conditions needs neither at once. */
  #announced = 0

  constructor(index: EventIndex) {
    this.#index = index
  }

  /** Adds an event that was accepted behind the last one. */
  add(event: IndexedEvent): void {
    this.#events.push(event)
  }

  /** Brings the index up to all events. */
  bringUp(): void {
    const events = this.#events
    if (events.length === 0) return
    const { tags: terms } = this.#index
    for (let at = this.#announced; at < events.length; at++) {
      for (const tag of events[at]?.tags ?? []) this.#keep(terms.hashOf(tag))
    }
    this.#events = []
    this.#hashCount = 0
    this.#announced = 0
    this.#index.addAll(events, this.#hashes)
  }

  /**
   * `false` only where no event matches, of those in the index and those that wait here: each item has a tag that none of
   * them has. `true` decides nothing.
   */
  mayMatch(query: CheckedQuery): boolean {
    if (query === 'all') return true
    this.#announce()
    const { tags: terms } = this.#index
    for (const { tags } of query) {
      let mayHaveAll = true
      for (const tag of tags) mayHaveAll &&= terms.mayHave(tag)
      if (mayHaveAll) return true
    }
    return false
  }

  #announce(): void {
    for (; this.#announced < this.#events.length; this.#announced++) {
      for (const tag of this.#events[this.#announced]?.tags ?? []) this.#keep(this.#index.tags.announce(tag))
    }
  }

  #keep(hash: number): void {
    if (this.#hashCount === this.#hashes.length) {
      const grown = new Uint32Array(2 * this.#hashCount)
      grown.set(this.#hashes)
      this.#hashes = grown
    }
    this.#hashes[this.#hashCount++] = hash
  }
}
