import { frozen } from './json-text.js'

/**
 * What one write made of a key. A value that was written is kept as its text, which is compact, until it is read; from then on as
 * what was parsed of it, frozen: so the text that it had can be made again at any time.
 */
export class Entry<V> {
  readonly slot: Slot<V>
  readonly lsn: number
  /** Characters of the record that it came with: for the schedule of checkpoints. */
  readonly recordLength: number
  /** The value as JSON, or a record that has it from `#at` on, up to its last character. */
  #text: string | undefined
  readonly #at: number
  #value: V | undefined

  /** @param at 0, or where in `content`, which is the record of a set, the value begins */
  constructor(slot: Slot<V>, lsn: number, content: EntryContent<V> | undefined, recordLength: number, at = 0) {
    this.slot = slot
    this.lsn = lsn
    this.recordLength = recordLength
    this.#text = typeof content === 'string' ? content : undefined
    this.#at = at
    this.#value = typeof content === 'string' ? undefined : content?.value
  }

  get deleted(): boolean {
    // JSON has no undefined: a value that was parsed is something else.
    return this.#text === undefined && this.#value === undefined
  }

  get value(): Readonly<V> {
    if (this.#text !== undefined) {
      this.#value = JSON.parse(this.text) as V // What was stored of a V, and came back.
      this.#text = undefined
    }
    return frozen(this.#value) as V // Not undefined: whoever asks has looked that it isn't deleted.
  }

  /** The value as JSON. */
  get text(): string {
    if (this.#text === undefined) return JSON.stringify(this.#value)
    return this.#at === 0 ? this.#text : this.#text.slice(this.#at, -1)
  }
}

/** A value as JSON text, or as what was parsed of one. `undefined` stands for a deletion. */
export type EntryContent<V> = string | { readonly value: V }

/** All that is known of a key. */
export interface Slot<V> {
  readonly key: string
  durable: Entry<V> | undefined
  /** What the key will have once all that was accepted is durable. */
  accepted: Entry<V> | undefined
  /** Writes of it that are accepted and not yet durable. */
  pending: number
  /** The number of the last dump that has it, or needs it no more. */
  dump: number
}
