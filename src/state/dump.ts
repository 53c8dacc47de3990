import type { Entry, Slot } from './entry.js'

/**
 * The durable state of one moment, given out piece by piece while it goes on changing: a key that is about to change before
 * its turn came has its old entry put aside first.
 */
export class Dump<V> {
  readonly #number: number
  readonly #slots: Iterator<Slot<V>>
  readonly #onEnd: () => void
  /** Entries of that moment whose keys have changed since. */
  #aside: Entry<V>[] = []
  #taken = 0
  /** The LSN of the moment. */
  readonly lsn: number
  /** How many entries the state had. */
  readonly entries: number

  constructor(number: number, lsn: number, entries: number, slots: Iterator<Slot<V>>, onEnd: () => void) {
    this.#number = number
    this.lsn = lsn
    this.entries = entries
    this.#slots = slots
    this.#onEnd = onEnd
  }

  /** Entries that were given out. */
  get taken(): number {
    return this.#taken
  }

  /** Called before a key's durable entry changes. A key that is new has none, and needs no more. */
  beforeChange(slot: Slot<V>): void {
    if (slot.dump === this.#number) return
    slot.dump = this.#number
    if (slot.durable !== undefined) this.#aside.push(slot.durable)
  }

  /** The next entry, in no particular order; `undefined` behind the last one. */
  next(): Entry<V> | undefined {
    const aside = this.#aside.pop()
    if (aside !== undefined) {
      this.#taken++
      return aside
    }
    for (let next = this.#slots.next(); next.done !== true; next = this.#slots.next()) {
      const slot = next.value
      // One that has no durable entry yet gets a newer one than this moment's, if any.
      if (slot.dump === this.#number || slot.durable === undefined) continue
      slot.dump = this.#number
      this.#taken++
      return slot.durable
    }
    return undefined
  }

  /** To be called in any case: only then can there be another one. */
  end(): void {
    this.#onEnd()
  }
}
