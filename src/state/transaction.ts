import { SluiceError } from '../errors.js'
import type { StateTransaction } from './contract.js'
import { frozen, jsonOf } from './json-text.js'
import type { Keyspace } from './keyspace.js'
import type { WriteText } from './state-record.js'
import { checkKey } from './state-view.js'

/** Of a key that is not there. */
const NO_STAMP = -1

/** What a key has for a transaction. */
interface Seen<V> {
  /** The value as JSON, or as what was parsed of it; a key that is not there has neither. */
  readonly text: string | undefined
  value: Readonly<V> | undefined
  readonly lsn: number
  readonly stamp: number
}

/** What a transaction has read and written so far. */
export class Transaction<V> implements StateTransaction<V> {
  readonly #keys: Keyspace<V>
  /** What each key had when it was first looked at: that may be another thing by now. */
  readonly #read = new Map<string, Seen<V>>()
  readonly #written = new Map<string, Seen<V>>()
  #ended = false

  constructor(keys: Keyspace<V>) {
    this.#keys = keys
  }

  get(key: string): Readonly<V> | undefined {
    const seen = this.#find(key, true)
    if (seen.value !== undefined || seen.text === undefined) return seen.value
    seen.value = frozen(JSON.parse(seen.text) as Readonly<V>) // What was stored of a V, and came back.
    return seen.value
  }

  has(key: string): boolean {
    const { text, value } = this.#find(key)
    return text !== undefined || value !== undefined
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
    this.#written.set(key, { text, value: undefined, lsn: 0, stamp: NO_STAMP })
  }

  #find(key: string, asValue = false): Seen<V> {
    this.#check(key)
    return this.#written.get(key) ?? this.#look(key, asValue)
  }

  #look(key: string, asValue = false): Seen<V> {
    let seen = this.#read.get(key)
    if (seen === undefined) {
      const entry = this.#keys.accepted(key)
      // Values are frozen, and texts are texts: neither changes with the key.
      const value = asValue ? entry?.value : entry?.parsed
      const text = value === undefined ? entry?.text : undefined
      seen = { text, value, lsn: entry?.lsn ?? 0, stamp: entry?.stamp ?? NO_STAMP }
      this.#read.set(key, seen)
    }
    return seen
  }

  #check(key: string): void {
    checkKey(key)
    if (this.#ended)
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', 'this transaction has ended: it writes nothing more')
  }
}
