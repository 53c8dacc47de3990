import { SluiceError, shown } from '../errors.js'
import type { Log } from '../log/contract.js'
import { GuardedEmitter } from '../observe/guarded-emitter.js'
import type { FlushSummary, WriteBehind, WriteBehindEvents, WriteBehindStats } from './contract.js'
import type { DirtyEntry, Held } from './dirty-entry.js'
import { Flusher } from './flusher.js'
import { Journal } from './journal.js'
import { WaitingMarks } from './waiting-marks.js'
import type { ResolvedOptions } from './write-behind-options.js'

/** Whoever builds on a write-behind is told of the keys that are dirty no more: not by an event, which can be unsubscribed. */
export type SettledListener<K extends string> = (keys: readonly K[]) => void

/** The write-behind of `createWriteBehind`: checks arguments, makes room, journals, tells; saving is the flusher's. */
export class RepositoryWriteBehind<V, K extends string>
  extends GuardedEmitter<WriteBehindEvents<K>>
  implements WriteBehind<V, K>
{
  readonly #options: ResolvedOptions<V, K>
  readonly #flusher: Flusher<V, K>
  readonly #settled: SettledListener<K>
  readonly #line = new WaitingMarks<K>()
  /** Marks on their way into the journal: dirty once they are there. */
  readonly #pending = new Set<Promise<void>>()
  readonly #ready: Promise<void>
  #journal: Journal<V, K> | undefined
  #isOpen: boolean
  #replayed: number | undefined
  /** Keys that were not dirty when their mark was taken, and are on their way into the journal. */
  readonly #reserved = new Set<K>()
  #isFull = false
  #isSlow = false
  #closed: Promise<void> | undefined

  /** `log` is the journal's, on its way; `settled` is told what is dirty no more. */
  constructor(options: ResolvedOptions<V, K>, log: Promise<Log> | undefined, settled: SettledListener<K> = () => {}) {
    super()
    this.#options = options
    this.#settled = settled
    this.#flusher = new Flusher(options, {
      flushed: (summary) => this.#flushed(summary),
      saveFailed: (failure) => this.emit('saveFailed', failure),
      breakerOpen: (state) => this.emit('breakerOpen', state),
      breakerClosed: () => this.emit('breakerClosed'),
      settled: (entries) => this.#settle(entries),
    })
    this.#isOpen = log === undefined
    this.#ready = log === undefined ? Promise.resolve() : this.#openJournal(log)
    // Whoever marks or flushes is told; where nobody does, the event tells.
    this.#ready.catch(() => {})
  }

  markDirty(key: K, value?: V): Promise<void> {
    return this.mark(key, value) ?? Promise.resolve()
  }

  /** As `markDirty`; `undefined` where the mark is taken already. */
  mark(key: K, value: V | undefined): Promise<void> | undefined {
    checkKey(key)
    if (value === undefined && this.#options.read === undefined) {
      refuse(`markDirty(${shown(key)}) without a value needs the option read`)
    }
    const held = this.#held(key, value)
    const bytes = this.#encode(key, held)
    if (this.#closed !== undefined) return Promise.reject(closedError())
    if (!this.#isOpen) return this.#ready.then(() => this.#admit(key, held, bytes))
    return this.#admit(key, held, bytes)
  }

  async flush(): Promise<void> {
    await this.flushKeys(undefined)
  }

  /** As `flush`, of these keys only. */
  async flushKeys(keys: readonly K[] | undefined): Promise<void> {
    if (!this.#isOpen) await this.#ready
    await Promise.allSettled(this.#pending)
    await this.#flusher.flush(keys)
  }

  ready(): Promise<void> {
    return this.#ready
  }

  isDirty(key: K): boolean {
    return this.#flusher.dirty.has(key)
  }

  dirtyValue(key: K): V | undefined {
    const entry = this.#flusher.dirty.get(key)
    if (entry === undefined) return undefined
    return entry.held === undefined ? this.#options.read?.(key) : entry.held.value
  }

  stats(): WriteBehindStats {
    return {
      ...this.#flusher.stats(),
      waiting: this.#line.length,
      strained: this.#isFull || this.#isSlow,
      replayed: this.#replayed,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openJournal(opening: Promise<Log>): Promise<void> {
    try {
      const log = await opening
      try {
        await this.#replay(log)
      } catch (error) {
        await log.close().catch(() => {}) // What went wrong before is what counts.
        throw error
      }
    } catch (error) {
      if (error instanceof SluiceError) this.emit('journalFailed', error)
      throw error
    }
  }

  async #replay(log: Log): Promise<void> {
    const { codec, journal } = this.#options
    const { dirty } = this.#flusher
    const opened = new Journal<V, K>(log, dirty, {
      compactBytes: journal?.compactBytes ?? Number.POSITIVE_INFINITY,
      trouble: (error) => this.emit('journalFailed', error),
    })
    const unsaved = await opened.replay()
    const marks = unsaved.map(({ key, value, place }) => ({ key, value: decoded(value, place.lsn), place }))
    // The keys were K when they were marked, by a program that gave the journal this directory.
    for (const { key, value, place } of marks) this.#flusher.mark(key as K, { value }, place)
    this.#replayed = marks.length
    this.#journal = opened
    this.#isOpen = true
    this.#flusher.hurry()

    function decoded(bytes: Buffer, lsn: number): V {
      try {
        return codec.decode(bytes)
      } catch (cause) {
        const message = `the value of record ${lsn} of the journal can't be decoded`
        throw new SluiceError('SLUICE_CORRUPT', message, { cause, firstLsn: lsn })
      }
    }
  }

  /** With a journal the value is read now: what was saved must never be newer than what the journal would replay over it. */
  #held(key: K, given: V | undefined): Held<V> {
    if (given !== undefined) return { value: given }
    const { journal, read } = this.#options
    return journal === undefined ? undefined : { value: read?.(key) }
  }

  /** The bytes of a mark's value, where there is a journal; `undefined` where there is none to journal. */
  #encode(key: K, held: Held<V>): Uint8Array | string | undefined {
    const { journal, codec } = this.#options
    if (journal === undefined || held?.value === undefined) return undefined
    try {
      return checkBytes(codec.encode(held.value))
    } catch (cause) {
      const message = `the value of ${shown(key)} can't be journalled`
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', message, { cause })
    }
  }

  #admit(key: K, held: Held<V>, bytes: Uint8Array | string | undefined): Promise<void> | undefined {
    if (this.#hasRoom(key)) return this.#take(key, held, bytes)
    if (this.#closed !== undefined) return Promise.reject(closedError())
    if (!this.#isFull) {
      this.#isFull = true
      this.#strained('full')
    }
    const { onFull, maxWaiting, maxDirty } = this.#options
    if (onFull === 'reject' || this.#line.length >= maxWaiting) {
      const message = `${maxDirty} keys are dirty already, and ${this.#line.length} marks wait`
      return Promise.reject(new SluiceError('SLUICE_QUEUE_FULL', message))
    }
    return this.#line.add(key, () => this.#take(key, held, bytes))
  }

  /** A key that is dirty already takes no room. Past those that wait no other goes: marks of a key keep their order. */
  #hasRoom(key: K): boolean {
    if (this.#isKnown(key)) return true
    return this.#line.length === 0 && this.#fits()
  }

  #isKnown(key: K): boolean {
    return this.#flusher.dirty.has(key) || this.#journal?.underway.has(key) === true
  }

  #fits(): boolean {
    return this.#flusher.dirty.size + this.#reserved.size < this.#options.maxDirty
  }

  #take(key: K, held: Held<V>, bytes: Uint8Array | string | undefined): Promise<void> | undefined {
    if (this.#journal === undefined) {
      this.#flusher.mark(key, held, undefined)
      return undefined
    }
    const { underway } = this.#journal
    if (!this.#flusher.dirty.has(key)) this.#reserved.add(key)
    const taken = this.#journal
      .append(key, bytes, (place) => {
        this.#reserved.delete(key)
        this.#flusher.mark(key, held, place)
      })
      .catch((error: unknown) => {
        // A mark that came to nothing leaves room for another one.
        if (!underway.has(key)) this.#reserved.delete(key)
        this.#admitWaiting()
        throw error
      })
    return this.#track(taken)
  }

  #track(mark: Promise<void>): Promise<void> {
    this.#pending.add(mark)
    const done = (): void => {
      this.#pending.delete(mark)
    }
    mark.then(done, done)
    return mark
  }

  #settle(entries: readonly DirtyEntry<V, K>[]): void {
    if (this.#journal !== undefined) for (const { place } of entries) if (place) this.#journal.noteSaved(place)
    this.#settled(entries.map(({ key }) => key))
    this.#admitWaiting()
  }

  #admitWaiting(): void {
    this.#line.admit((key) => this.#isKnown(key) || this.#fits())
    if (this.#isFull && this.#line.length === 0 && this.#flusher.dirty.size <= this.#options.maxDirty / 2) {
      this.#isFull = false
      this.#checkRecovery()
    }
  }

  #flushed(summary: FlushSummary): void {
    this.#journal?.tidy()
    this.emit('flush', summary)
    this.#log(summary)
    const wasSlow = this.#isSlow
    this.#isSlow = this.#flusher.interval.isStretched
    if (this.#isSlow && !wasSlow) this.#strained('slow')
    if (wasSlow && !this.#isSlow) this.#checkRecovery()
  }

  #strained(reason: 'slow' | 'full'): void {
    this.emit('strained', { reason, intervalMs: this.#flusher.interval.ms, dirty: this.#flusher.dirty.size })
  }

  #checkRecovery(): void {
    if (!this.#isFull && !this.#isSlow) this.emit('recovered')
  }

  #log({ saved, failed, batches, durationMs, dirty }: FlushSummary): void {
    const { logger } = this.#options
    if (logger === undefined) return
    const fields = { saved, failed, batches, durationMs, dirty }
    try {
      if (failed === 0) logger.info(fields, `wrote ${saved} entries behind`)
      else logger.warn(fields, `wrote ${saved} entries behind; ${failed} saves failed`)
    } catch (error) {
      // As what a listener throws: neither swallowed, nor in the way of a flush.
      setImmediate(() => {
        throw error
      })
    }
  }

  async #close(): Promise<void> {
    this.#line.rejectAll(closedError())
    try {
      // Where the journal did not open, nothing is dirty.
      if (await this.#opens()) await this.flush()
    } finally {
      await this.#flusher.end(closedError())
      // What it ends with matters less than what could not be saved; on a log that failed it resolves.
      await this.#journal?.close().finally(() => this.emit('close'))
      if (this.#journal === undefined) this.emit('close')
    }
  }

  #opens(): Promise<boolean> {
    return this.#ready.then(
      () => true,
      () => false,
    )
  }
}

function checkBytes(bytes: unknown): Uint8Array | string {
  if (bytes instanceof Uint8Array || (typeof bytes === 'string' && bytes.isWellFormed())) return bytes
  throw new TypeError(`a codec must give bytes, or a string without lone surrogates, not ${shown(bytes)}`)
}

function checkKey(key: unknown): void {
  if (typeof key === 'string' && key.isWellFormed()) return
  refuse(`a key must be a string without lone surrogates, not ${shown(key)}`)
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the write-behind is closed')
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
