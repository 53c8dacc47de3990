import { SluiceError, shown } from '../errors.js'
import { jsonOf, storedValue } from './json-text.js'
import type { Keyspace } from './keyspace.js'
import type { WriteText } from './state-record.js'
import { Transaction } from './transaction.js'
import type { WriteLine } from './write-line.js'

/** An asynchronous change that was disturbed so many times in a row is given up. */
const RUNS_MAX = 10

/** What a change is of, and how it is written. */
export interface UpdateParts<V> {
  readonly keys: Keyspace<V>
  readonly line: WriteLine
  /** Appends the writes as one record; `undefined` where there is no room. With nothing to write it resolves once all accepted is durable. */
  readonly write: (writes: readonly WriteText[]) => Promise<unknown> | undefined
}

type Change<V> = (
  value: Readonly<V> | undefined,
  key: string,
) => Readonly<V> | undefined | Promise<Readonly<V> | undefined>

/** Changes that depend on what is there: of one key, or of several at once. */
export class Updates<V> {
  readonly #parts: UpdateParts<V>
  /** The last of the updates that are under way, by key: others of the key come after it. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(parts: UpdateParts<V>) {
    this.#parts = parts
  }

  update(key: string, change: Change<V>): Promise<Readonly<V> | undefined> {
    return (
      this.#inTurn(key, change) ??
      this.#parts.line.submit(() => this.#inTurn(key, change) ?? this.#update(key, change, false), 0)
    )
  }

  transact<Result>(work: (tx: Transaction<V>) => Result | Promise<Result>): Promise<Result> {
    return this.#parts.line.submit(() => this.#transact(work), 0)
  }

  /** Puts an update behind those of its key; `undefined` where there are none. */
  #inTurn(key: string, change: Change<V>): Promise<Readonly<V> | undefined> | undefined {
    const last = this.#last.get(key)
    if (last === undefined) return undefined
    return this.#register(
      key,
      last.then(() => this.#parts.line.submit(() => this.#update(key, change, true), 0)),
    )
  }

  #register<Result>(key: string, update: Promise<Result>): Promise<Result> {
    const settled = update.then(
      () => {},
      () => {},
    )
    this.#last.set(key, settled)
    settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    })
    return update
  }

  /** @param isRegistered whether others of the key wait for it already */
  #update(key: string, change: Change<V>, isRegistered: boolean): Promise<Readonly<V> | undefined> | undefined {
    const seen = this.#parts.keys.accepted(key)
    const stamp = seen?.stamp
    let made: ReturnType<Change<V>>
    try {
      made = change(seen?.value, key)
      if (!isPromise(made)) return this.#writeUpdate(key, made)
    } catch (error) {
      return Promise.reject(error)
    }
    const later = this.#updateLater(key, change, stamp, made)
    return isRegistered ? later : this.#register(key, later)
  }

  async #updateLater(
    key: string,
    change: Change<V>,
    first: number | undefined,
    made: Promise<Readonly<V> | undefined>,
  ): Promise<Readonly<V> | undefined> {
    const { keys, line } = this.#parts
    let seen = first
    let value = await made
    for (let run = 1; run <= RUNS_MAX; run++) {
      const isCurrent = (): boolean => keys.accepted(key)?.stamp === seen
      const written = await line.submit(() => (isCurrent() ? boxed(this.#writeUpdate(key, value)) : NOTHING), 0)
      if (written !== undefined) return written.value
      if (run === RUNS_MAX) break
      const now = keys.accepted(key)
      seen = now?.stamp
      value = await change(now?.value, key)
    }
    throw disturbed(`the update of ${shown(key)}`)
  }

  #writeUpdate(key: string, value: Readonly<V> | undefined): Promise<Readonly<V> | undefined> | undefined {
    const { keys, write } = this.#parts
    if (value === undefined) {
      const writes = keys.accepted(key) === undefined ? [] : [{ key, text: undefined }]
      return write(writes)?.then(() => undefined)
    }
    const text = jsonOf(value)
    const written = write([{ key, text }])
    const stamp = keys.accepted(key)?.stamp
    // Where the key has something else by now, a value of its own.
    return written?.then(() => keys.stamped(key, stamp)?.value ?? storedValue<V>(text))
  }

  #transact<Result>(work: (tx: Transaction<V>) => Result | Promise<Result>): Promise<Result> | undefined {
    const tx = new Transaction(this.#parts.keys)
    let made: Result
    try {
      const result = work(tx)
      if (isPromise(result)) return this.#transactLater(work, tx, result)
      made = result
    } catch (error) {
      tx.end()
      return Promise.reject(error)
    }
    tx.end()
    try {
      return this.#parts.write(tx.writes)?.then(() => made)
    } catch (error) {
      return Promise.reject(error) // All of it together is too large for a record.
    }
  }

  async #transactLater<Result>(
    work: (tx: Transaction<V>) => Result | Promise<Result>,
    first: Transaction<V>,
    made: Promise<Result>,
  ): Promise<Result> {
    const { keys, line, write } = this.#parts
    let tx = first
    let result = made
    for (let run = 1; run <= RUNS_MAX; run++) {
      const value = await Promise.resolve(result).finally(() => tx.end())
      const current = tx
      const written = await line.submit(() => (current.isCurrent ? boxed(write(current.writes)) : NOTHING), 0)
      if (written !== undefined) return value
      if (run === RUNS_MAX) break
      tx = new Transaction(keys)
      result = (async () => await work(tx))()
    }
    throw disturbed('a transaction')
  }
}

const NOTHING = Promise.resolve(undefined)

function boxed<Value>(promise: Promise<Value> | undefined): Promise<{ readonly value: Value }> | undefined {
  return promise?.then((value) => ({ value }))
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function disturbed(what: string): SluiceError {
  const message = `${what} was given up: in ${RUNS_MAX} runs, others wrote what it had read each time before it was done`
  return new SluiceError('SLUICE_VERSION_CONFLICT', message)
}
