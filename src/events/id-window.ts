/**
 * The ids of the last events that had one, with their positions: what makes a retry known. Of durable events, the last
 * `size` ids are remembered, exactly.
 */
export class IdWindow {
  readonly size: number
  /** In the order of positions, which is that of insertion. */
  readonly #positions = new Map<string, number>()
  /** The ids of events that may still be taken back, in order. */
  readonly #unsettled: string[] = []

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

  /** Remembers an id, whose event can be taken back until {@link settle}. */
  add(id: string, position: number): void {
    // One that was forgotten, and comes again, stands where it came last.
    this.#positions.delete(id)
    this.#positions.set(id, position)
    this.#unsettled.push(id)
  }

  /** The events up to `durable` stay: older ids than the last `size` of theirs are forgotten. */
  settle(durable: number): void {
    let settled = 0
    for (const id of this.#unsettled) {
      if ((this.#positions.get(id) ?? 0) > durable) break
      settled++
    }
    this.#unsettled.splice(0, settled)
    const most = this.size + this.#unsettled.length
    if (this.#positions.size <= most) return
    let over = this.#positions.size - most
    for (const id of this.#positions.keys()) {
      if (over-- <= 0) break
      this.#positions.delete(id)
    }
  }

  /** Forgets the ids of all events above a position. */
  rollBack(position: number): void {
    for (let id = this.#unsettled.at(-1); id !== undefined; id = this.#unsettled.at(-1)) {
      if ((this.#positions.get(id) ?? 0) <= position) return
      this.#positions.delete(id)
      this.#unsettled.pop()
    }
  }

  /** All that is remembered, in the order of positions. */
  entries(): IterableIterator<[string, number]> {
    return this.#positions.entries()
  }
}
