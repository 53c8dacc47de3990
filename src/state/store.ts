import { SluiceError, shown } from '../errors.js'
import type { Log, LogStatus } from '../log/contract.js'
import { GuardedEmitter } from '../observe/guarded-emitter.js'
import type { Backups } from './backups.js'
import type { Checkpointer } from './checkpointer.js'
import type {
  CheckpointReport,
  RestoredState,
  StateChange,
  StateEvents,
  StateReadOptions,
  StateRecovery,
  StateStore,
  StateTransaction,
  StateWriteOptions,
  VersionedValue,
} from './contract.js'
import type { PendingEntry } from './entry.js'
import { historyOf } from './history.js'
import type { JsonFile } from './json-file.js'
import type { Keyspace } from './keyspace.js'
import { readAgain } from './read-again.js'
import { restoreFrom } from './restore.js'
import type { ResolvedStateOptions } from './state-options.js'
import type { EncodedWrite, RecordEncoder, WriteText } from './state-record.js'
import { checkKey, StateView } from './state-view.js'
import { Updates } from './updates.js'
import type { WriteLine } from './write-line.js'

/** What a store stands on, all of it its own. */
export interface StoreParts<V> {
  readonly log: Log
  readonly keys: Keyspace<V>
  readonly backups: Backups
  readonly line: WriteLine
  readonly encoder: RecordEncoder
  readonly options: ResolvedStateOptions
  readonly recovery: StateRecovery
}

/** The store of `openStateStore`. Values are read from memory; what is written goes into the log first. */
export class DirectoryStateStore<V> extends GuardedEmitter<StateEvents> implements StateStore<V> {
  readonly recovery: StateRecovery
  readonly #parts: StoreParts<V>
  readonly #log: Log
  readonly #keys: Keyspace<V>
  readonly #line: WriteLine
  readonly #encoder: RecordEncoder
  readonly #view: StateView<V>
  readonly #updates: Updates<V>
  #checkpointer: Checkpointer<V> | undefined
  #json: JsonFile<V> | undefined
  #isClosing = false
  #closed: Promise<void> | undefined

  constructor(parts: StoreParts<V>) {
    super()
    this.#parts = parts
    this.recovery = parts.recovery
    const { log, keys, line } = parts
    this.#log = log
    this.#keys = keys
    this.#line = line
    this.#encoder = parts.encoder
    this.#view = new StateView(keys)
    this.#updates = new Updates({ keys, line, write: (writes) => this.#writeAll(writes) })
    log.on('durable', (lsn) => this.#durable(lsn))
    log.on('rollback', (lsn) => this.#rolledBack(lsn))
    log.on('drain', () => line.pump())
    log.on('failed', (error) => this.#failed(error))
  }

  /** What works in the background; it needs the store, so it comes after it. */
  begin(checkpointer: Checkpointer<V>, json: JsonFile<V> | undefined): void {
    this.#checkpointer = checkpointer
    this.#json = json
    json?.check()
    checkpointer.begin()
  }

  get size(): number {
    return this.#keys.size
  }

  get status(): LogStatus {
    return this.#isClosing && this.#log.status === 'open' ? 'closing' : this.#log.status
  }

  get tidyFailure(): Error | undefined {
    return this.#checkpointer?.tidyFailure
  }

  get durableLsn(): number {
    return this.#keys.settledLsn
  }

  get(key: string, options?: StateReadOptions): Readonly<V> | undefined {
    return this.#view.get(key, options)
  }

  has(key: string, options?: StateReadOptions): boolean {
    return this.#view.has(key, options)
  }

  entry(key: string, options?: StateReadOptions): VersionedValue<V> | undefined {
    return this.#view.entry(key, options)
  }

  keys(options?: StateReadOptions): IterableIterator<string> {
    return this.#view.keys(options)
  }

  entries(options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]> {
    return this.#view.entries(options)
  }

  scan(prefix: string, options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]> {
    return this.#view.scan(prefix, options)
  }

  [Symbol.iterator](): IterableIterator<[key: string, value: Readonly<V>]> {
    return this.entries()
  }

  set(key: string, value: Readonly<V>, options?: StateWriteOptions): Promise<number> {
    checkKey(key)
    const ifVersion = options === undefined ? undefined : ifVersionOf(options)
    const record = this.#encoder.set(key, value)
    if (this.#isClosing) return Promise.reject(closedError())
    // The usual way, without a function for those who wait.
    if (ifVersion === undefined && this.#line.isEmpty) {
      const written = this.#write(key, record)
      if (written !== undefined) return written
    }
    const bytes = new Uint8Array(record.bytes) // A copy: the next record uses that memory again.
    const kept = { ...record, bytes }
    return this.#line.submit(() => this.#conflict(key, ifVersion) ?? this.#write(key, kept), bytes.length)
  }

  delete(key: string, options?: StateWriteOptions): Promise<boolean> {
    checkKey(key)
    const ifVersion = options === undefined ? undefined : ifVersionOf(options)
    if (this.#isClosing) return Promise.reject(closedError())
    return this.#line.submit(() => {
      const conflict = this.#conflict(key, ifVersion)
      if (conflict !== undefined) return conflict
      const isThere = this.#keys.accepted(key) !== undefined
      return (isThere ? this.#write(key, this.#encoder.write(key, undefined)) : this.#allDurable())?.then(() => isThere)
    }, 0)
  }

  update(
    key: string,
    change: (value: Readonly<V> | undefined, key: string) => Readonly<V> | undefined | Promise<Readonly<V> | undefined>,
  ): Promise<Readonly<V> | undefined> {
    checkKey(key)
    checkFunction('change', change)
    return this.#isClosing ? Promise.reject(closedError()) : this.#updates.update(key, change)
  }

  transact<Result>(work: (tx: StateTransaction<V>) => Result | Promise<Result>): Promise<Result> {
    checkFunction('work', work)
    return this.#isClosing ? Promise.reject(closedError()) : this.#updates.transact(work)
  }

  async flush(): Promise<void> {
    if (this.#isClosing) throw closedError()
    await this.#line.submit(() => this.#log.flush(), 0)
  }

  checkpoint(): Promise<CheckpointReport | undefined> {
    const { status } = this
    if (this.#checkpointer === undefined || status === 'closing' || status === 'closed') {
      return Promise.reject(closedError())
    }
    return this.#checkpointer.request()
  }

  async restore(options: { readonly at: number | Date }): Promise<RestoredState<V>> {
    if (typeof options !== 'object' || options === null) refuse(`options must be an object, not ${shown(options)}`)
    const { backups, options: own } = this.#parts
    const load = { at: options.at, schemaVersion: own.schemaVersion }
    return await readAgain(() => restoreFrom<V>(this.#log, backups, load, own.migrations))
  }

  history(key: string): AsyncIterable<StateChange<V>> {
    checkKey(key)
    return historyOf<V>(this.#log, key)
  }

  /** Appends a record that says something else than a write of a key. */
  note(record: string): Promise<number> {
    return this.#line.submit(() => this.#append(record), record.length)
  }

  /** Writes several keys as one record. */
  writeBatch(writes: readonly WriteText[]): Promise<unknown> {
    return this.#line.submit(() => this.#writeAll(writes), 0)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#isClosing = true
    try {
      await this.#checkpointer?.stop(closedError())
      if (this.#log.status === 'open') await this.#log.flush()
      await this.#json?.close().catch((error: Error) => this.emit('jsonFailed', error))
    } finally {
      await this.#log.close().finally(() => {
        this.#line.pump()
        this.emit('close')
      })
    }
  }

  /** Writes one key; `undefined` where there is no room. */
  #write(key: string, { bytes, valueAt, valueLength }: EncodedWrite): Promise<number> | undefined {
    // What can fail comes first: what is in the log has to be in memory, too.
    const entry = this.#keys.prepareBytes(key, bytes, valueAt, valueLength, bytes.length)
    const lsn = this.#log.nextLsn
    let isAccepted = false
    try {
      const appended = this.#log.append(bytes)
      isAccepted = this.#log.nextLsn !== lsn
      if (!isAccepted) return this.#refused(appended)
      this.#keys.accept(entry, lsn)
      return appended
    } finally {
      if (!isAccepted) this.#keys.discard(entry)
    }
  }

  #writeAll(writes: readonly WriteText[]): Promise<unknown> | undefined {
    const [first] = writes
    if (first === undefined) return this.#allDurable()
    if (writes.length === 1) return this.#write(first.key, this.#encoder.write(first.key, first.text))
    const record = this.#encoder.batch(writes)
    const entries: PendingEntry<V>[] = []
    const lsn = this.#log.nextLsn
    let isAccepted = false
    try {
      for (const [at, { key, text }] of writes.entries()) {
        entries.push(this.#keys.prepare(key, text, at === 0 ? record.length : 0))
      }
      const appended = this.#log.append(record)
      isAccepted = this.#log.nextLsn !== lsn
      if (!isAccepted) return this.#refused(appended)
      for (const entry of entries) this.#keys.accept(entry, lsn)
      return appended
    } finally {
      if (!isAccepted) for (const entry of entries) this.#keys.discard(entry)
    }
  }

  /** What is accepted has an LSN at once; nothing waits in the log, as it is opened to reject. */
  #append(record: string): Promise<number> | undefined {
    const lsn = this.#log.nextLsn
    const appended = this.#log.append(record)
    return this.#log.nextLsn === lsn ? this.#refused(appended) : appended
  }

  /** Resolves once what is accepted now is told to be durable. On a log that has failed or is closed, nothing is pending. */
  #allDurable(): Promise<unknown> {
    const { status } = this.#log
    return status === 'open' || status === 'closing' ? this.#log.flush() : Promise.resolve()
  }

  /** An open log refuses only where there is no room; else it says why. */
  #refused(appended: Promise<number>): Promise<number> | undefined {
    if (this.#log.status !== 'open') return appended
    appended.catch(() => {})
    return undefined
  }

  #conflict(key: string, ifVersion: number | undefined): Promise<never> | undefined {
    if (ifVersion === undefined) return undefined
    const version = this.#keys.accepted(key)?.lsn ?? 0
    if (version === ifVersion) return undefined
    const found = version === 0 ? 'is not there' : `has version ${version}`
    const message = `the key ${shown(key)} ${found}, and ifVersion is ${ifVersion}`
    return Promise.reject(new SluiceError('SLUICE_VERSION_CONFLICT', message))
  }

  #durable(lsn: number): void {
    const before = this.#keys.settledLength
    this.#keys.settle(lsn)
    if (this.#keys.settledLength === before) return
    this.#checkpointer?.check()
    this.#json?.check()
  }

  #rolledBack(lsn: number): void {
    this.#keys.rollBack(lsn)
    this.emit('rollback', lsn)
  }

  #failed(error: SluiceError): void {
    this.#keys.rollBack(this.#keys.settledLsn)
    this.#line.pump()
    this.emit('failed', error)
  }
}

function ifVersionOf(options: StateWriteOptions): number | undefined {
  if (typeof options !== 'object' || options === null) refuse(`options must be an object, not ${shown(options)}`)
  for (const name of Object.keys(options)) {
    if (name !== 'ifVersion') refuse(`there is no option ${name}; there is ifVersion`)
  }
  const { ifVersion } = options
  if (ifVersion === undefined || (Number.isSafeInteger(ifVersion) && ifVersion >= 0)) return ifVersion
  return refuse(`ifVersion must be a whole number from 0 on, not ${shown(ifVersion)}`)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') refuse(`${name} must be a function, not ${shown(value)}`)
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the state store is closed')
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
