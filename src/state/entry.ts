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

/**
 * A value, or none. One that was written is kept as its text, outside of JavaScript's own heap, until it is read; from then on as
 * what was parsed of it, frozen: so the text that it had can be made again at any time.
 */
class Content<V> {
  protected readonly heap: TextHeap
  lsn = 0
  stamp = 0
  /** Of the text; 0: there is none. */
  #address = 0
  #value: V | undefined = undefined

  constructor(heap: TextHeap) {
    this.heap = heap
  }

  get isEmpty(): boolean {
    // JSON has no undefined: a value that was parsed is something else.
    return this.#address === 0 && this.#value === undefined
  }

  get value(): Readonly<V> {
    if (this.#address !== 0) {
      const value = JSON.parse(this.text) as V // What was stored of a V, and came back.
      this.clear()
      this.#value = value
    }
    return frozen(this.#value) as V // Not undefined: whoever asks has looked that it isn't empty.
  }

  get parsed(): Readonly<V> | undefined {
    return frozen(this.#value)
  }

  get text(): string {
    return this.#address === 0 ? JSON.stringify(this.#value) : this.heap.text(this.#address)
  }

  readText(sink: TextSink): void {
    if (this.#address === 0) sink.string(JSON.stringify(this.#value))
    else this.heap.read(this.#address, sink)
  }

  /** Puts something into what is empty. */
  put(content: EntryContent<V>): void {
    if (typeof content === 'string') {
      this.#address = this.heap.putText(content)
    } else if ('bytes' in content) {
      this.putBytes(content.bytes, content.from, content.length)
    } else {
      this.#value = content.value
    }
  }

  putBytes(bytes: Uint8Array, from: number, length: number): void {
    this.#address = this.heap.put(bytes, from, length)
  }

  /** Takes what another one has, which is empty then. What it had itself is gone. */
  take(other: Content<V>): void {
    this.clear()
    this.lsn = other.lsn
    this.stamp = other.stamp
    this.#address = other.#address
    this.#value = other.#value
    other.#address = 0
    other.#value = undefined
  }

  /** Gives away the address of its text, and is empty then. */
  protected takeText(): number {
    const address = this.#address === 0 ? this.heap.putText(this.text) : this.#address
    this.#address = 0
    this.#value = undefined
    return address
  }

  clear(): void {
    if (this.#address !== 0) this.heap.free(this.#address)
    this.#address = 0
    this.#value = undefined
  }
}

/** All that is known of a key; what it has itself is durable. There is one as long as the key is, or a dump needs it. */
export class Slot<V> extends Content<V> implements Entry<V> {
  readonly key: string
  /** The stamp of the last write of it that is accepted and not yet durable; 0 where there is none. */
  pending = 0
  /** The number of the last dump that has what it had when that began, or needs it no more. */
  dump = 0
  /** What a dump has yet to give out, and the key has no longer: its address, and its LSN. 0: nothing. */
  #kept = 0
  #keptLsn = 0

  constructor(heap: TextHeap, key: string) {
    super(heap)
    this.key = key
  }

  get hasKept(): boolean {
    return this.#kept !== 0
  }

  /** What is kept; it holds until {@link dropKept}. */
  get kept(): DumpedEntry {
    return new KeptEntry(this.heap, this.key, this.#keptLsn, this.#kept)
  }

  /** Keeps what it has, and is empty then. */
  keep(): void {
    this.#keptLsn = this.lsn
    this.#kept = this.takeText()
  }

  dropKept(): void {
    this.heap.free(this.#kept)
    this.#kept = 0
  }
}

/** What one write will make of a key, once it is durable: it is empty where that deletes. */
export class PendingEntry<V> extends Content<V> implements Entry<V> {
  readonly slot: Slot<V>
  /** Bytes, or characters, of the record that it came with: for the schedule of checkpoints. */
  readonly recordLength: number

  constructor(heap: TextHeap, slot: Slot<V>, lsn: number, stamp: number, recordLength: number) {
    super(heap)
    this.slot = slot
    this.lsn = lsn
    this.stamp = stamp
    this.recordLength = recordLength
  }

  get key(): string {
    return this.slot.key
  }
}

class KeptEntry implements DumpedEntry {
  readonly #heap: TextHeap
  readonly #address: number
  readonly key: string
  readonly lsn: number

  constructor(heap: TextHeap, key: string, lsn: number, address: number) {
    this.#heap = heap
    this.#address = address
    this.key = key
    this.lsn = lsn
  }

  get text(): string {
    return this.#heap.text(this.#address)
  }

  readText(sink: TextSink): void {
    this.#heap.read(this.#address, sink)
  }
}
