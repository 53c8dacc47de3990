import { SluiceError } from '../errors.js'
import type { StateTransaction } from './contract.js'
import { Entry, type Slot } from './entry.js'
import { jsonOf } from './json-text.js'
import type { Keyspace } from './keyspace.js'
import type { WriteText } from './state-record.js'
import { checkKey } from './state-view.js'

/** What a transaction has read and written so far. */
export class Transaction<V> implements StateTransaction<V> {
  readonly #keys: Keyspace<V>
  /** What each key had when it was first looked at. */
  readonly #read = new Map<string, Entry<V> | undefined>()
  readonly #written = new Map<string, Entry<V>>()
  #ended = false

  constructor(keys: Keyspace<V>) {
    this.#keys = keys
  }

  get(key: string): Readonly<V> | undefined {
    return this.#find(key)?.value
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined
  }

  version(key: string): number {
    this.#check(key)
    return this.#look(key)?.lsn ?? 0
  }

  set(key: string, value: Readonly<V>): void {
    this.#check(key)
    this.#write(key, jsonOf(value))
  }

  delete(key: string): boolean {
    const isThere = this.#find(key) !== undefined
    if (isThere) this.#write(key, undefined)
    return isThere
  }

  /** No more calls from now on. */
  end(): void {
    this.#ended = true
  }

  /** Whether what it has read is what there is now. */
  get isCurrent(): boolean {
    for (const [key, entry] of this.#read) if (this.#keys.accepted(key) !== entry) return false
    return true
  }

  get writes(): WriteText[] {
    return Array.from(this.#written, ([key, entry]) => ({ key, text: entry.deleted ? undefined : entry.text }))
  }

  #write(key: string, text: string | undefined): void {
    // A slot of its own: nobody else sees this entry.
    const slot: Slot<V> = { key, durable: undefined, accepted: undefined, pending: 0, dump: 0 }
    this.#written.set(key, new Entry<V>(slot, 0, text, 0))
  }

  #find(key: string): Entry<V> | undefined {
    this.#check(key)
    const written = this.#written.get(key)
    if (written !== undefined) return written.deleted ? undefined : written
    return this.#look(key)
  }

  #look(key: string): Entry<V> | undefined {
    if (this.#read.has(key)) return this.#read.get(key)
    const entry = this.#keys.accepted(key)
    this.#read.set(key, entry)
    return entry
  }

  #check(key: string): void {
    checkKey(key)
    if (this.#ended)
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', 'this transaction has ended: it writes nothing more')
  }
}
