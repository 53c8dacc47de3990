import type { EventIndex, QueryPlan } from './event-index.js'
import { type ItemCursor, PAUSED } from './item-cursor.js'

interface Lane {
  readonly cursor: ItemCursor
  /** The item's next match; 0 once it has none left; {@link PAUSED} while it has to be looked for. */
  next: number
  /** Where to look for it. */
  from: number
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
    this.#lanes =
      plan === 'all' ? [] : plan.map((item) => ({ cursor: index.cursorOf(item, backwards), next: PAUSED, from: start }))
  }

  /** The next position; 0 at the end; {@link PAUSED} where more than `steps` would be needed: the next call goes on. */
  next(steps = Number.POSITIVE_INFINITY): number {
    if (!this.#look(steps)) return PAUSED
    const position = this.#all ? this.#position : this.#nearest()
    if (position === 0 || (this.#end - position) * this.#step < 0) return 0
    this.#position = position + this.#step
    for (const lane of this.#lanes) {
      if (lane.next !== position) continue
      lane.next = PAUSED
      lane.from = this.#position
    }
    return position
  }

  /** Looks for the next match of each lane that has none; whether all were found, or found to be at their ends. */
  #look(steps: number): boolean {
    const { work } = this.#index
    const most = work.steps + steps
    for (const lane of this.#lanes) {
      if (lane.next !== PAUSED) continue
      lane.next = lane.cursor.find(lane.from, this.#end, most - work.steps)
      if (lane.next !== PAUSED) continue
      lane.from = lane.cursor.reached
      return false
    }
    return true
  }

  #nearest(): number {
    let nearest = 0
    for (const { next } of this.#lanes) {
      if (next !== 0 && (nearest === 0 || (nearest - next) * this.#step > 0)) nearest = next
    }
    return nearest
  }
}
