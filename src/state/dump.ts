import type { DumpedEntry, KeptEntry, Slot } from './entry.js'

/** What is told of a dump. */
export interface DumpListener<V> {
  /** A key keeps nothing any more: if it has nothing else, it is of no more use. */
  keptGone(slot: Slot<V>): void
  ended(): void
}

/**
 * The durable state of one moment, given out piece by piece while it goes on changing: a key that is about to change before
 * its turn came keeps beside what it had. No object is made for that: with a million keys, the garbage collector would have
 * a million more to look at.
 */
export class Dump<V> {
  readonly #number: number
  readonly #slots: Iterator<Slot<V>>
  readonly #listener: DumpListener<V>
  /** Keys that keep something. */
  #keeping = 0
  /** What one of them kept, until the next one's turn comes. */
  #given: KeptEntry<V> | undefined
  #taken = 0
  /** The LSN of the moment. */
  readonly lsn: number
  /** How many entries the state had. */
  readonly entries: number

  constructor(
    number: number,
    moment: { readonly lsn: number; readonly entries: number },
    slots: Iterator<Slot<V>>,
    listener: DumpListener<V>,
  ) {
    this.#number = number
    this.lsn = moment.lsn
    this.entries = moment.entries
    this.#slots = slots
    this.#listener = listener
  }

  /** Entries that were given out. */
  get taken(): number {
    return this.#taken
  }

  /** Called before a key's durable entry changes; it may be empty then. A key that is new has none, and needs no more. */
  beforeChange(slot: Slot<V>): void {
    if (slot.dump === this.#number) return
    slot.dump = this.#number
    if (slot.isEmpty) return
    slot.keep()
    this.#keeping++
  }

  /** The next entry, in no particular order; `undefined` behind the last one. It is to be read before the one after it is asked for. */
  next(): DumpedEntry | undefined {
    this.#given?.clear()
    this.#given = undefined
    for (let next = this.#slots.next(); next.done !== true; next = this.#slots.next()) {
      const slot = next.value
      if (slot.hasKept) {
        this.#given = this.#keptOf(slot)
        this.#taken++
        return this.#given
      }
      // One that has no durable entry yet gets a newer one than this moment's, if any.
      if (slot.dump === this.#number || slot.isEmpty) continue
      slot.dump = this.#number
      this.#taken++
      return slot
    }
    return undefined
  }

  /** To be called in any case: only then can there be another one. */
  end(): void {
    this.#given?.clear()
    this.#given = undefined
    // Where it was given up, some may be left.
    try {
      while (this.#keeping > 0) {
        const next = this.#slots.next()
        if (next.done === true) throw new Error(`${this.#keeping} keys keep what is not found`)
        if (next.value.hasKept) this.#keptOf(next.value).clear()
      }
    } finally {
      this.#listener.ended()
    }
  }

  #keptOf(slot: Slot<V>): KeptEntry<V> {
    const kept = slot.takeKept()
    this.#keeping--
    this.#listener.keptGone(slot)
    return kept
  }
}
