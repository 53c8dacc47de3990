/**
 * The ids of the last events that had one, with their positions: what makes a retry known. Of durable events, the last
 * `size` ids are remembered, exactly.
 */
export class IdWindow {
  readonly size: number
  readonly #positions = new Map<string, number>()
  /** Ids in the order of positions, those before `#first` forgotten; and how many of them are of durable events. */
  #order: string[] = []
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
  }

  /** The events up to `durable` stay: older ids than the last `size` of theirs are forgotten. */
  settle(durable: number): void {
    while (this.#settled < this.#order.length && this.#positionAt(this.#settled) <= durable) this.#settled++
    while (this.#settled - this.#first > this.size) this.#positions.delete(this.#order[this.#first++] ?? '')
    // The order is cut off in front only now and then: that costs each id one move at the most.
    if (this.#first <= 1024 || this.#first * 2 < this.#order.length) return
    this.#order = this.#order.slice(this.#first)
    this.#settled -= this.#first
    this.#first = 0
  }

  /** Forgets the ids of all events above a position. */
  rollBack(position: number): void {
    while (this.#order.length > this.#settled && this.#positionAt(this.#order.length - 1) > position) {
      this.#positions.delete(this.#order.pop() ?? '')
    }
  }

  /** All that is remembered, in the order of positions. */
  *entries(): Generator<[id: string, position: number]> {
    for (let at = this.#first; at < this.#order.length; at++) yield [this.#order[at] ?? '', this.#positionAt(at)]
  }

  /** The position of an id that is remembered, by its place in the order. */
  #positionAt(at: number): number {
    return this.#positions.get(this.#order[at] ?? '') ?? 0
  }
}
