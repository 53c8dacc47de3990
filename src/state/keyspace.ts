import { Dump } from './dump.js'
import { Entry, type EntryContent, type Slot } from './entry.js'
import { SortedKeys } from './sorted-keys.js'

/** Settled entries stay in the line until so many have gathered. */
const GAPS_MAX = 1024

/**
 * All keys, each with what it has in two states: the durable one, and the one that has also what is accepted and not yet
 * durable. Writes are accepted in the order of their LSNs, and become durable, or are taken back, by LSN.
 */
export class Keyspace<V> {
  readonly #slots = new Map<string, Slot<V>>()
  /** What is accepted and not yet durable, in the order of LSNs, from `#front` on. */
  #pending: Entry<V>[] = []
  #front = 0
  #size = 0
  #settledLsn: number
  #settledLength = 0
  #accepts = 0
  #sorted: SortedKeys | undefined
  #dumps = 0
  #dump: Dump<V> | undefined

  /** @param settledLsn the LSN that the state put in by {@link load} has */
  constructor(settledLsn = 0) {
    this.#settledLsn = settledLsn
  }

  /** Keys of the durable state. */
  get size(): number {
    return this.#size
  }

  /** All up to this LSN is in the durable state. */
  get settledLsn(): number {
    return this.#settledLsn
  }

  /** Characters of all records that became durable, since this was made. */
  get settledLength(): number {
    return this.#settledLength
  }

  /** How many writes were accepted so far: whoever compares it learns whether there is traffic. */
  get accepts(): number {
    return this.#accepts
  }

  durable(key: string): Entry<V> | undefined {
    return this.#slots.get(key)?.durable
  }

  accepted(key: string): Entry<V> | undefined {
    return this.#slots.get(key)?.accepted
  }

  /** Puts a durable entry in, while the state is read. `undefined` deletes. */
  load(key: string, lsn: number, content: EntryContent<V> | undefined): void {
    const slot = this.#slots.get(key)
    if (content === undefined) {
      if (slot !== undefined && this.#slots.delete(key)) this.#size--
      return
    }
    const target = slot ?? this.#newSlot(key)
    if (slot === undefined) this.#size++
    target.durable = new Entry(target, lsn, content, 0)
    target.accepted = target.durable
  }

  /** What was read of the state ends with this LSN. */
  loaded(lsn: number): void {
    this.#settledLsn = lsn
  }

  clear(): void {
    this.#slots.clear()
    this.#size = 0
  }

  /**
   * A write was accepted. `text` is that of its value, or, where `at` is more than 0, a record which has that from there up to its last
   * character; nothing where it deletes.
   */
  accept(key: string, lsn: number, text: string | undefined, recordLength: number, at = 0): void {
    const slot = this.#slots.get(key) ?? this.#newSlot(key)
    const entry = new Entry<V>(slot, lsn, text, recordLength, at)
    slot.accepted = text === undefined ? undefined : entry
    slot.pending++
    this.#pending.push(entry)
    this.#accepts++
  }

  /** All up to `lsn` is durable. */
  settle(lsn: number): void {
    const pending = this.#pending
    let front = this.#front
    for (let entry = pending[front]; entry !== undefined && entry.lsn <= lsn; entry = pending[++front]) {
      this.#makeDurable(entry)
    }
    this.#front = front
    // Removing from an array's beginning moves all the rest: done seldom, and then for many at once.
    if (front === pending.length || (front >= GAPS_MAX && front * 2 >= pending.length)) {
      pending.splice(0, front)
      this.#front = 0
    }
    this.#settledLsn = lsn
  }

  /** All above `lsn` was not written. */
  rollBack(lsn: number): void {
    const kept = this.#pending.slice(this.#front).filter((entry) => entry.lsn <= lsn)
    for (const entry of this.#pending.slice(this.#front)) {
      const { slot } = entry
      slot.accepted = slot.durable
      if (entry.lsn > lsn) slot.pending--
      this.#dropIfEmpty(slot)
    }
    for (const entry of kept) entry.slot.accepted = entry.deleted ? undefined : entry
    this.#pending = kept
    this.#front = 0
  }

  /** The keys of one of the states, in no particular order. */
  *entries(accepted: boolean): Generator<Entry<V>> {
    for (const slot of this.#slots.values()) {
      const entry = accepted ? slot.accepted : slot.durable
      if (entry !== undefined) yield entry
    }
  }

  /** Those that begin with `prefix`, in order. */
  *scan(prefix: string, accepted: boolean): Generator<Entry<V>> {
    this.#sorted ??= new SortedKeys(this.#slots.keys())
    for (const key of this.#sorted.from(prefix)) {
      const slot = this.#slots.get(key)
      const entry = accepted ? slot?.accepted : slot?.durable
      if (entry !== undefined) yield entry
    }
  }

  /**
   * Begins to give out the durable state as it is now, while it goes on changing. One at a time: it is to be ended before the next
   * one begins.
   */
  beginDump(): Dump<V> {
    if (this.#dump !== undefined) throw new Error('a dump is under way')
    const dump = new Dump(++this.#dumps, this.#settledLsn, this.#size, this.#slots.values(), () => {
      this.#dump = undefined
    })
    this.#dump = dump
    return dump
  }

  #newSlot(key: string): Slot<V> {
    const slot: Slot<V> = { key, durable: undefined, accepted: undefined, pending: 0, dump: 0 }
    this.#slots.set(key, slot)
    this.#sorted?.add(key)
    return slot
  }

  #makeDurable(entry: Entry<V>): void {
    const { slot } = entry
    this.#dump?.beforeChange(slot)
    if (slot.durable === undefined) {
      if (!entry.deleted) this.#size++
    } else if (entry.deleted) {
      this.#size--
    }
    slot.durable = entry.deleted ? undefined : entry
    slot.pending--
    this.#settledLength += entry.recordLength
    if (entry.deleted) this.#dropIfEmpty(slot)
  }

  #dropIfEmpty(slot: Slot<V>): void {
    if (slot.durable !== undefined || slot.pending > 0) return
    this.#slots.delete(slot.key)
    this.#sorted?.remove(slot.key)
  }
}
