import { SluiceError, shown } from '../errors.js'
import type { RestoredState, StateReader, StateReadOptions, VersionedValue } from './contract.js'
import type { Entry } from './entry.js'
import type { Keyspace } from './keyspace.js'

/** Throws `SLUICE_INVALID_ARGUMENT` for what is no key: every string is one. */
export function checkKey(key: string, name = 'key'): void {
  if (typeof key !== 'string')
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${name} must be a string, not ${shown(key)}`)
}

/** Reads a keyspace. */
export class StateView<V> implements StateReader<V> {
  readonly #keys: Keyspace<V>

  constructor(keys: Keyspace<V>) {
    this.#keys = keys
  }

  get size(): number {
    return this.#keys.size
  }

  get(key: string, options?: StateReadOptions): Readonly<V> | undefined {
    return this.#find(key, options)?.value
  }

  has(key: string, options?: StateReadOptions): boolean {
    return this.#find(key, options) !== undefined
  }

  entry(key: string, options?: StateReadOptions): VersionedValue<V> | undefined {
    const entry = this.#find(key, options)
    return entry && { value: entry.value, version: entry.lsn }
  }

  keys(options?: StateReadOptions): IterableIterator<string> {
    return mapped(this.#keys.entries(readsAccepted(options)), ({ key }) => key)
  }

  entries(options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]> {
    return mapped(this.#keys.entries(readsAccepted(options)), pairOf)
  }

  scan(prefix: string, options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]> {
    checkKey(prefix, 'prefix')
    return mapped(this.#keys.scan(prefix, readsAccepted(options)), pairOf)
  }

  [Symbol.iterator](): IterableIterator<[key: string, value: Readonly<V>]> {
    return this.entries()
  }

  #find(key: string, options: StateReadOptions | undefined): Entry<V> | undefined {
    checkKey(key)
    return options !== undefined && readsAccepted(options) ? this.#keys.accepted(key) : this.#keys.durable(key)
  }
}

/** A state that was read for its own sake. */
export class RestoredView<V> extends StateView<V> implements RestoredState<V> {
  readonly lsn: number
  readonly foundVersion: number

  constructor(keys: Keyspace<V>, foundVersion: number) {
    super(keys)
    this.lsn = keys.settledLsn
    this.foundVersion = foundVersion
  }
}

function readsAccepted(options: StateReadOptions | undefined): boolean {
  if (options === undefined) return false
  if (typeof options !== 'object' || options === null) refuse(`options must be an object, not ${shown(options)}`)
  for (const name of Object.keys(options)) if (name !== 'read') refuse(`there is no option ${name}; there is read`)
  const { read = 'durable' } = options
  if (read !== 'durable' && read !== 'accepted') refuse(`read must be 'durable' or 'accepted', not ${shown(read)}`)
  return read === 'accepted'
}

function pairOf<V>(entry: Entry<V>): [key: string, value: Readonly<V>] {
  return [entry.key, entry.value]
}

function* mapped<From, To>(from: Iterable<From>, map: (each: From) => To): Generator<To, undefined> {
  for (const each of from) yield map(each)
  return undefined
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
