import { frozen } from './json-text.js'
import type { TextHeap } from './text-heap.js'
import type { TextSink } from './text-slab.js'

/** What a key has, for those who read it at once: it changes with the key. */
export interface Entry<V> {
  readonly key: string
  readonly lsn: number
  /** Of all that was accepted each has one of its own, and what was read when the state was opened has 0. */
  readonly stamp: number
  readonly value: Readonly<V>
  /** The value where it was read before. */
  readonly parsed: Readonly<V> | undefined
  /** The value as JSON. */
  readonly text: string
  /** Gives it to `sink`, as bytes where they are there. */
  readText(sink: TextSink): void
  /** Has the text stay, where there is one: else the value is {@link parsed}, and frozen. */
  pin(): PinnedText | undefined
}

/** What a dump gives out. */
export type DumpedEntry = Pick<Entry<unknown>, 'key' | 'lsn' | 'text' | 'readText'>

/** A value as JSON text, as bytes that are that text, or as what was parsed of one. `undefined` stands for a deletion. */
export type EntryContent<V> = string | TextBytes | { readonly value: V }

/** A part of some bytes: a text in UTF-8. */
export interface TextBytes {
  readonly bytes: Uint8Array
  readonly from: number
  readonly length: number
}

/** A text that stays where it is. */
export class PinnedText {
  readonly #heap: TextHeap
  readonly #address: number

  constructor(heap: TextHeap, address: number) {
    this.#heap = heap
    this.#address = address
    heap.pin(address)
  }

  get text(): string {
    return this.#heap.text(this.#address)
  }

  /** To be called once. */
  unpin(): void {
    this.#heap.unpin(this.#address)
  }
}

/**
 * A value, or none. One that was written is kept as its text, outside of JavaScript's own heap, until it is read; from then on as
 * what was parsed of it, frozen: so a text can be made of it again, unless it is nested too deep for that.
 */
class Content<V> {
  protected readonly heap: TextHeap
  lsn = 0
  stamp = 0
  /** Of the text; 0: there is none. */
  protected address = 0
  protected read: V | undefined = undefined

  constructor(heap: TextHeap) {
    this.heap = heap
  }

  get isEmpty(): boolean {
    // JSON has no undefined: a value that was parsed is something else.
    return this.address === 0 && this.read === undefined
  }

  get value(): Readonly<V> {
    if (this.address !== 0) {
      const value = JSON.parse(this.text) as V // What was stored of a V, and came back.
      this.clear()
      this.read = value
    }
    return frozen(this.read) as V // Not undefined: whoever asks has looked that it isn't empty.
  }

  get parsed(): Readonly<V> | undefined {
    return frozen(this.read)
  }

  get text(): string {
    return this.address === 0 ? JSON.stringify(this.read) : this.heap.text(this.address)
  }

  readText(sink: TextSink): void {
    if (this.address === 0) sink.string(JSON.stringify(this.read))
    else this.heap.read(this.address, sink)
  }

  /** Has its text stay until it is unpinned, whatever becomes of this; `undefined` where it has none: see {@link parsed}. */
  pin(): PinnedText | undefined {
    return this.address === 0 ? undefined : new PinnedText(this.heap, this.address)
  }

  /** Puts something into what is empty. */
  put(content: EntryContent<V>): void {
    if (typeof content === 'string') {
      const bytes = Buffer.from(content)
      this.putBytes(bytes, 0, bytes.length)
    } else if ('bytes' in content) {
      this.putBytes(content.bytes, content.from, content.length)
    } else {
      this.read = content.value
    }
  }

  putBytes(bytes: Uint8Array, from: number, length: number): void {
    this.address = this.heap.put(bytes, from, length)
  }

  /** Takes what another one has, which is empty then. What it had itself is gone. Nothing in it can fail. */
  take(other: Content<V>): void {
    this.clear()
    this.lsn = other.lsn
    this.stamp = other.stamp
    this.address = other.address
    this.read = other.read
    other.address = 0
    other.read = undefined
  }

  clear(): void {
    if (this.address !== 0) this.heap.free(this.address)
    this.address = 0
    this.read = undefined
  }
}

/** All that is known of a key; what it has itself is durable. There is one as long as the key is, or a dump needs it. */
export class Slot<V> extends Content<V> implements Entry<V> {
  readonly key: string
  /** The stamp of the last write of it that is accepted and not yet durable; 0 where there is none. */
  pending = 0
  /** The number of the last dump that has what it had when that began, or needs it no more. */
  dump = 0
  /** What a dump has yet to give out, and the key has no longer, as the fields of {@link Content}. */
  #keptAddress = 0
  #keptRead: V | undefined = undefined
  #keptLsn = 0

  constructor(heap: TextHeap, key: string) {
    super(heap)
    this.key = key
  }

  get hasKept(): boolean {
    return this.#keptAddress !== 0 || this.#keptRead !== undefined
  }

  /** What is kept, which is not kept any more. Whoever has it clears it. */
  takeKept(): KeptEntry<V> {
    const kept = new KeptEntry<V>(this.heap, this.key, this.#keptLsn, this.#keptAddress, this.#keptRead)
    this.#keptAddress = 0
    this.#keptRead = undefined
    return kept
  }

  /** Keeps what it has, and is empty then. Nothing in it can fail, and no object is made. */
  keep(): void {
    this.#keptLsn = this.lsn
    this.#keptAddress = this.address
    this.#keptRead = this.read
    this.address = 0
    this.read = undefined
  }
}

/** What one write will make of a key, once it is durable. */
export class PendingEntry<V> extends Content<V> implements Entry<V> {
  readonly slot: Slot<V>
  readonly deletes: boolean
  /** Bytes, or characters, of the record that it came with: for the schedule of checkpoints. */
  readonly recordLength: number

  constructor(heap: TextHeap, slot: Slot<V>, deletes: boolean, recordLength: number) {
    super(heap)
    this.slot = slot
    this.deletes = deletes
    this.recordLength = recordLength
  }

  get key(): string {
    return this.slot.key
  }
}

export class KeptEntry<V> extends Content<V> implements DumpedEntry {
  readonly key: string

  constructor(heap: TextHeap, key: string, lsn: number, address: number, read: V | undefined) {
    super(heap)
    this.key = key
    this.lsn = lsn
    this.address = address
    this.read = read
  }
}
