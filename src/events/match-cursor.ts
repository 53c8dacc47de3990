import type { EventIndex, PlannedItem, QueryPlan } from './event-index.js'

interface Lane {
  readonly item: PlannedItem
  /** The item's next match; 0 once it has none left. */
  next: number
}

/** Goes through the positions that a query matches, between two bounds, upwards or downwards: each once. */
export class MatchCursor {
  readonly #index: EventIndex
  readonly #lanes: Lane[]
  readonly #all: boolean
  readonly #end: number
  readonly #step: 1 | -1
  #position: number

  /** From `start` on: up to `end`, or down to it where it lies below. `backwards` says which way, should they be equal. */
  constructor(index: EventIndex, plan: QueryPlan, start: number, end: number, backwards: boolean) {
    this.#index = index
    this.#all = plan === 'all'
    this.#end = end
    this.#step = backwards ? -1 : 1
    this.#position = start
    this.#lanes = plan === 'all' ? [] : plan.map((item) => ({ item, next: this.#nextOf(item) }))
  }

  /** The next position; 0 at the end. */
  next(): number {
    const position = this.#all ? this.#position : this.#nearest()
    if (position === 0 || (this.#end - position) * this.#step < 0) return 0
    this.#position = position + this.#step
    for (const lane of this.#lanes) if (lane.next === position) lane.next = this.#nextOf(lane.item)
    return position
  }

  #nearest(): number {
    let nearest = 0
    for (const { next } of this.#lanes) {
      if (next !== 0 && (nearest === 0 || (nearest - next) * this.#step > 0)) nearest = next
    }
    return nearest
  }

  #nextOf(item: PlannedItem): number {
    return this.#step === 1
      ? this.#index.ceiling(item, this.#position, this.#end)
      : this.#index.floor(item, this.#position, this.#end)
  }
}
