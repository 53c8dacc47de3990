import { Dump } from './dump.js'
import { type Entry, type EntryContent, PendingEntry, Slot } from './entry.js'
import { SortedKeys } from './sorted-keys.js'
import { TextHeap } from './text-heap.js'

/** Settled entries stay in the line until so many have gathered. */
const GAPS_MAX = 1024
const NO_BYTES = new Uint8Array(0)

/**
 * All keys, each with what it has in two states: the durable one, and the one that has also what is accepted and not yet
 * durable. Writes are accepted in the order of their LSNs, and become durable, or are taken back, by LSN.
 */
export class Keyspace<V> {
  readonly #heap = new TextHeap()
  readonly #slots = new Map<string, Slot<V>>()
  /** What is accepted and not yet durable, in the order of LSNs, from `#front` on. */
  #pending: PendingEntry<V>[] = []
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

  /** Bytes of all records that became durable, since this was made. */
  get settledLength(): number {
    return this.#settledLength
  }

  /** It grows with each write that is accepted: whoever compares it learns whether there is traffic. */
  get accepts(): number {
    return this.#accepts
  }

  /** Keys of which anything is known, in either state or by a dump: for tests, as is {@link texts}. */
  get known(): number {
    return this.#slots.size
  }

  /** Values that are kept as texts: those that nobody has read, and those that a dump has yet to give out. */
  get texts(): number {
    return this.#heap.texts
  }

  durable(key: string): Entry<V> | undefined {
    const slot = this.#slots.get(key)
    return slot === undefined || slot.isEmpty ? undefined : slot
  }

  accepted(key: string): Entry<V> | undefined {
    const slot = this.#slots.get(key)
    return slot && this.#acceptedOf(slot)
  }

  /** What a key has with this stamp, durable or not; `undefined` where it has something else. */
  stamped(key: string, stamp: number | undefined): Entry<V> | undefined {
    const accepted = this.accepted(key)
    if (accepted?.stamp === stamp) return accepted
    const durable = this.durable(key)
    return durable?.stamp === stamp ? durable : undefined
  }

  /** Puts a durable entry in, while the state is read. `undefined` deletes. */
  load(key: string, lsn: number, content: EntryContent<V> | undefined): void {
    const found = this.#slots.get(key)
    if (content === undefined) {
      if (found === undefined) return
      found.clear()
      this.#slots.delete(key)
      this.#size--
      return
    }
    const slot = found ?? this.#newSlot(key)
    if (found === undefined) this.#size++
    else slot.clear()
    slot.put(content)
    slot.lsn = lsn
  }

  /** What was read of the state ends with this LSN. */
  loaded(lsn: number): void {
    this.#settledLsn = lsn
  }

  clear(): void {
    for (const slot of this.#slots.values()) slot.clear()
    this.#slots.clear()
    this.#size = 0
  }

  /**
   * All that a write needs of memory, before it is accepted: what comes then can't fail. No text: it deletes.
   * One that is not accepted after all is to be {@link discard}ed.
   */
  prepare(key: string, text: string | undefined, recordLength: number): PendingEntry<V> {
    const bytes = text === undefined ? NO_BYTES : Buffer.from(text)
    return this.prepareBytes(key, bytes, 0, bytes.length, recordLength)
  }

  /** As {@link prepare}, of a value whose text lies in some bytes; no length: it deletes. */
  prepareBytes(key: string, bytes: Uint8Array, from: number, length: number, recordLength: number): PendingEntry<V> {
    const slot = this.#slots.get(key) ?? this.#newSlot(key)
    const entry = new PendingEntry(this.#heap, slot, length === 0, recordLength)
    try {
      if (length > 0) entry.putBytes(bytes, from, length)
    } catch (error) {
      this.discard(entry)
      throw error
    }
    return entry
  }

  /** A write was accepted. */
  accept(entry: PendingEntry<V>, lsn: number): void {
    entry.lsn = lsn
    entry.stamp = ++this.#accepts
    // A number: a reference from what is old to what is young costs the garbage collector a visit.
    entry.slot.pending = entry.stamp
    this.#pending.push(entry)
  }

  /** A write that was prepared is not accepted. */
  discard(entry: PendingEntry<V>): void {
    entry.clear()
    this.#dropIfEmpty(entry.slot)
  }

  /** All up to `lsn` is durable. */
  settle(lsn: number): void {
    const pending = this.#pending
    for (let entry = pending[this.#front]; entry !== undefined && entry.lsn <= lsn; entry = pending[this.#front]) {
      this.#front++ // Whatever comes of one, none is done twice: what was taken from it would look as if it were deleted.
      this.#makeDurable(entry)
    }
    const front = this.#front
    // Removing from an array's beginning moves all the rest: done seldom, and then for many at once.
    if (front === pending.length || (front >= GAPS_MAX && front * 2 >= pending.length)) {
      pending.splice(0, front)
      this.#front = 0
    }
    this.#settledLsn = lsn
  }

  /** All above `lsn` was not written. */
  rollBack(lsn: number): void {
    const pending = this.#pending.slice(this.#front)
    this.#pending = []
    this.#front = 0
    for (const { slot } of pending) slot.pending = 0
    for (const entry of pending) {
      if (entry.lsn > lsn) {
        entry.clear()
        this.#dropIfEmpty(entry.slot)
      } else {
        // Of those that are pending the stamps follow on each other.
        entry.stamp = ++this.#accepts
        entry.slot.pending = entry.stamp
        this.#pending.push(entry)
      }
    }
  }

  /** The keys of one of the states, in no particular order. */
  *entries(accepted: boolean): Generator<Entry<V>> {
    for (const slot of this.#slots.values()) {
      const entry = this.#entryOf(slot, accepted)
      if (entry !== undefined) yield entry
    }
  }

  /** Those that begin with `prefix`, in order. */
  *scan(prefix: string, accepted: boolean): Generator<Entry<V>> {
    this.#sorted ??= new SortedKeys(this.#slots.keys())
    for (const key of this.#sorted.from(prefix)) {
      const slot = this.#slots.get(key)
      const entry = slot && this.#entryOf(slot, accepted)
      if (entry !== undefined) yield entry
    }
  }

  /**
   * Begins to give out the durable state as it is now, while it goes on changing. One at a time: it is to be ended before the next
   * one begins.
   */
  beginDump(): Dump<V> {
    if (this.#dump !== undefined) throw new Error('a dump is under way')
    const moment = { lsn: this.#settledLsn, entries: this.#size }
    const dump = new Dump(++this.#dumps, moment, this.#slots.values(), {
      keptGone: (slot) => this.#dropIfEmpty(slot),
      ended: () => {
        this.#dump = undefined
      },
    })
    this.#dump = dump
    return dump
  }

  #entryOf(slot: Slot<V>, accepted: boolean): Entry<V> | undefined {
    if (accepted) return this.#acceptedOf(slot)
    return slot.isEmpty ? undefined : slot
  }

  #acceptedOf(slot: Slot<V>): Entry<V> | undefined {
    const first = this.#pending[this.#front]
    const isPending = slot.pending !== 0 && first !== undefined
    const entry = isPending ? this.#pending[this.#front + slot.pending - first.stamp] : slot
    return entry === undefined || entry.isEmpty ? undefined : entry
  }

  #newSlot(key: string): Slot<V> {
    const slot = new Slot<V>(this.#heap, key)
    this.#slots.set(key, slot)
    this.#sorted?.add(key)
    return slot
  }

  #makeDurable(entry: PendingEntry<V>): void {
    const { slot, recordLength } = entry
    const [was, is] = [!slot.isEmpty, !entry.deletes]
    this.#dump?.beforeChange(slot)
    this.#size += Number(is) - Number(was)
    if (slot.pending === entry.stamp) slot.pending = 0
    slot.take(entry)
    this.#settledLength += recordLength
    if (!is) this.#dropIfEmpty(slot)
  }

  #dropIfEmpty(slot: Slot<V>): void {
    if (!slot.isEmpty || slot.pending !== 0 || slot.hasKept) return
    this.#slots.delete(slot.key)
    this.#sorted?.remove(slot.key)
  }
}
