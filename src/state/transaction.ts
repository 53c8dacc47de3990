import { SluiceError } from '../errors.js'
import type { StateTransaction } from './contract.js'
import type { PinnedText } from './entry.js'
import { jsonOf, storedValue } from './json-text.js'
import type { Keyspace } from './keyspace.js'
import type { WriteText } from './state-record.js'
import { checkKey } from './state-view.js'

/** Of a key that is not there. */
const NO_STAMP = -1

/** What a key had for a transaction when that first looked; it may have something else by now. */
interface Seen<V> {
  readonly isThere: boolean
  readonly lsn: number
  readonly stamp: number
  /** Where it was read before. */
  value: Readonly<V> | undefined
  /** Else its text. */
  readonly pinned: PinnedText | undefined
}

/** What a transaction has written. */
interface Written<V> {
  /** The value as JSON; `undefined` where it is deleted. */
  readonly text: string | undefined
  value: Readonly<V> | undefined
}

/** What a transaction has read and written so far. */
export class Transaction<V> implements StateTransaction<V> {
  readonly #keys: Keyspace<V>
  readonly #read = new Map<string, Seen<V>>()
  readonly #written = new Map<string, Written<V>>()
  #ended = false

  constructor(keys: Keyspace<V>) {
    this.#keys = keys
  }

  get(key: string): Readonly<V> | undefined {
    this.#check(key)
    const written = this.#written.get(key)
    if (written === undefined) return this.#valueOf(key, this.#look(key, true))
    if (written.text !== undefined) written.value ??= storedValue<V>(written.text)
    return written.value
  }

  has(key: string): boolean {
    this.#check(key)
    const written = this.#written.get(key)
    return written === undefined ? this.#look(key).isThere : written.text !== undefined
  }

  version(key: string): number {
    this.#check(key)
    return this.#look(key).lsn
  }

  set(key: string, value: Readonly<V>): void {
    this.#check(key)
    this.#write(key, jsonOf(value))
  }

  delete(key: string): boolean {
    const isThere = this.has(key)
    if (isThere) this.#write(key, undefined)
    return isThere
  }

  /** No more calls from now on. */
  end(): void {
    if (!this.#ended) for (const { pinned } of this.#read.values()) pinned?.unpin()
    this.#ended = true
  }

  /** Whether what it has read is what there is now. */
  get isCurrent(): boolean {
    for (const [key, { stamp }] of this.#read) {
      if ((this.#keys.accepted(key)?.stamp ?? NO_STAMP) !== stamp) return false
    }
    return true
  }

  get writes(): WriteText[] {
    return Array.from(this.#written, ([key, { text }]) => ({ key, text }))
  }

  #write(key: string, text: string | undefined): void {
    this.#written.set(key, { text, value: undefined })
  }

  /** @param reads whether the value is wanted at once: then nothing has to be pinned */
  #look(key: string, reads = false): Seen<V> {
    let seen = this.#read.get(key)
    if (seen === undefined) {
      const entry = this.#keys.accepted(key)
      const value = reads ? entry?.value : entry?.parsed
      const { lsn = 0, stamp = NO_STAMP } = entry ?? {}
      seen = { isThere: entry !== undefined, lsn, stamp, value, pinned: value === undefined ? entry?.pin() : undefined }
      this.#read.set(key, seen)
    }
    return seen
  }

  /** The value that is read by all, where the key still has it. */
  #valueOf(key: string, seen: Seen<V>): Readonly<V> | undefined {
    if (seen.value === undefined && seen.pinned !== undefined) {
      seen.value = this.#keys.stamped(key, seen.stamp)?.value ?? storedValue<V>(seen.pinned.text)
    }
    return seen.value
  }

  #check(key: string): void {
    checkKey(key)
    if (this.#ended)
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', 'this transaction has ended: it writes nothing more')
  }
}
