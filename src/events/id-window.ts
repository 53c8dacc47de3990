import { firstAtLeast } from './first-at-least.js'

/**
 * The ids of the last events that had one, with their positions: what makes a retry known. Of durable events, the last
 * `size` ids are remembered, exactly.
 */
export class IdWindow {
  readonly size: number
  readonly #positions = new Map<string, number>()
  /** Ids in the order of positions, and these; those before `#first` forgotten, those before `#settled` of durable events. */
  #order: string[] = []
  #places: number[] = []
  #first = 0
  #settled = 0

  constructor(size: number) {
    this.size = size
  }

  /** How many ids are remembered. */
  get count(): number {
    return this.#positions.size
  }

  /** The position of an id's event; `undefined` for one that is not remembered. */
  positionOf(id: string): number | undefined {
    return this.#positions.get(id)
  }

  /** Remembers an id that is not remembered, whose event can be taken back until {@link settle}. */
  add(id: string, position: number): void {
    this.#positions.set(id, position)
    this.#order.push(id)
    this.#places.push(position)
  }

  /** The events up to `durable` stay: older ids than the last `size` of theirs are forgotten. */
  settle(durable: number): void {
    while (this.#settled < this.#order.length && (this.#places[this.#settled] ?? 0) <= durable) this.#settled++
    while (this.#settled - this.#first > this.size) this.#positions.delete(this.#order[this.#first++] ?? '')
    // The order is cut off in front only now and then: that costs each id one move at the most.
    if (this.#first <= 1024 || this.#first * 2 < this.#order.length) return
    this.#order = this.#order.slice(this.#first)
    this.#places = this.#places.slice(this.#first)
    this.#settled -= this.#first
    this.#first = 0
  }

  /** Forgets the ids of all events above a position. */
  rollBack(position: number): void {
    while (this.#order.length > this.#settled && (this.#places.at(-1) ?? 0) > position) {
      this.#positions.delete(this.#order.pop() ?? '')
      this.#places.pop()
    }
  }

  /** What is remembered of the events from position `first` to `last`, in their order. */
  between(first: number, last: number): { readonly ids: readonly string[]; readonly positions: readonly number[] } {
    const from = this.#indexOf(first)
    const to = this.#indexOf(last + 1)
    return { ids: this.#order.slice(from, to), positions: this.#places.slice(from, to) }
  }

  /** The place in the order of the first one, of those that are remembered, whose position is not below `position`. */
  #indexOf(position: number): number {
    return firstAtLeast(position, this.#places, this.#first)
  }
}
