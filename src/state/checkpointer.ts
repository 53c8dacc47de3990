import { removeSnapshot } from '../snapshot/snapshot-place.js'
import { backupName } from './backup-name.js'
import type { Backups } from './backups.js'
import { CheckpointTimer } from './checkpoint-timer.js'
import type { CheckpointReport } from './contract.js'
import type { Keyspace } from './keyspace.js'
import { Pace } from './pace.js'
import type { Retention } from './retention.js'
import { type ReplacedAt, writeStateSnapshot } from './state-snapshot.js'
import type { Turns } from './turns.js'

/** What the checkpoints of a store stand on. */
export interface CheckpointerParts<V> {
  readonly keys: Keyspace<V>
  readonly backups: Backups
  /** Dumps come one at a time. */
  readonly dumps: Turns
  readonly compaction:
    | { readonly logBytes: number; readonly ratio: number; readonly everyMs: number | undefined }
    | undefined
  readonly retention: Retention
  readonly gzipAfterMs: number
  readonly schemaVersion: number
  readonly now: () => number
  /** Appends the record that tells of a checkpoint; resolves once it is durable. */
  readonly record: (file: string) => Promise<unknown>
  /** The time of a record. */
  readonly timeOf: (lsn: number) => Promise<number>
  /** When the states of older checkpoints were replaced. */
  readonly replaced: () => Promise<ReplacedAt>
  /** Gives up the log up to this LSN. */
  readonly trim: (lsn: number) => Promise<void>
  readonly listener: CheckpointListener
}

export interface CheckpointListener {
  progress(progress: { readonly lsn: number; readonly entries: number; readonly of: number }): void
  made(report: CheckpointReport): void
  failed(error: Error): void
  /** One was made, and what came behind it failed. */
  tidyFailed(error: Error): void
}

/** What is in the log and in no snapshot yet, and the last snapshot. */
export interface CheckpointBase {
  readonly logBytes: number
  readonly snapshotBytes: number
  /** When the last snapshot was made; where there is none, the time of the first write; `undefined` where there is neither. */
  readonly since: number | undefined
}

/** Makes checkpoints: when they are due, or asked for; never two at a time. */
export class Checkpointer<V> {
  readonly #parts: CheckpointerParts<V>
  readonly #turns: Turns
  readonly #abort = new AbortController()
  /** Bytes of the log that are in no snapshot, less what became durable since: add `keys.settledLength`. */
  #offset: number
  #snapshotBytes: number
  /** A checkpoint that failed is not tried again before so much is in the log. */
  #notBefore = 0
  #isBegun = false
  /** The one that is due by itself. */
  #due: Promise<void> | undefined
  /** One that was asked for, and has not begun: all who ask until then share it. */
  #asked: Promise<CheckpointReport | undefined> | undefined
  readonly #timer: CheckpointTimer | undefined
  /** When the state of the last snapshot was that of the store, as the timer counts from there. */
  #since: number | undefined
  #tidyFailure: Error | undefined

  constructor(parts: CheckpointerParts<V>, turns: Turns, base: CheckpointBase) {
    this.#parts = parts
    this.#turns = turns
    this.#offset = base.logBytes - parts.keys.settledLength
    this.#snapshotBytes = base.snapshotBytes
    this.#since = base.since
    const everyMs = parts.compaction?.everyMs
    if (everyMs !== undefined) this.#timer = new CheckpointTimer(everyMs, () => this.check())
  }

  /** Why the last tidying failed; `undefined` where it didn't. */
  get tidyFailure(): Error | undefined {
    return this.#tidyFailure
  }

  /** From now on checkpoints are made by themselves. Not before the store is whole: an opening that fails must leave nothing that writes. */
  begin(): void {
    this.#isBegun = true
    if (this.#since !== undefined) this.#timer?.count(this.#parts.now() - this.#since)
    this.check()
  }

  /** Something became durable, or time is over: a checkpoint may be due. */
  check(): void {
    const { compaction } = this.#parts
    const bytes = this.#logBytes
    if (compaction === undefined || !this.#isBegun || bytes === 0) return
    // Where there was no checkpoint ever, the first write begins the time.
    if (this.#timer?.isCounting === false) this.#timer.count(0)
    if (this.#due !== undefined || this.#asked !== undefined) return
    const isEnough = bytes >= compaction.logBytes && bytes >= compaction.ratio * this.#snapshotBytes
    if (this.#timer?.isDue === true || (isEnough && bytes >= this.#notBefore)) this.#begin()
  }

  /** Makes one of the state that there is now. */
  request(): Promise<CheckpointReport | undefined> {
    this.#asked ??= this.#turns.run(() => {
      this.#asked = undefined
      if (this.#logBytes > 0) return this.make(this.#parts.schemaVersion)
      const made = Promise.resolve(undefined)
      return this.#tidyFailure === undefined ? made : this.#tidy().then(() => made)
    })
    return this.#asked
  }

  /** Makes one in any case. Only from within a turn, or before anybody else can ask for one. */
  async make(schema: number): Promise<CheckpointReport> {
    const began = performance.now()
    const report = await this.#parts.dumps.run(() => this.#write(schema, began))
    await this.#parts.record(report.file)
    // From here on it has succeeded, whatever comes of the rest.
    await this.#tidy()
    this.#notBefore = 0
    this.#parts.listener.made(report)
    return report
  }

  /** Ends the one that is under way, with this reason. Resolves once nothing is under way any more. */
  async stop(reason: Error): Promise<void> {
    this.#timer?.stop()
    this.#abort.abort(reason)
    await this.#turns.run(async () => {})
  }

  /** Removes and compresses old backups, and trims the log below those that it is kept for. Where that fails, the next time makes up for it. */
  async #tidy(): Promise<void> {
    const { backups, retention, gzipAfterMs, now, trim, listener } = this.#parts
    this.#tidyFailure = undefined
    try {
      const lsn = await backups.tidy(retention, now() - gzipAfterMs, this.#abort.signal)
      if (lsn !== undefined) await trim(lsn)
    } catch (cause) {
      // Closing ends it: what is left is left to the next owner.
      if (this.#abort.signal.aborted) return
      const error = cause instanceof Error ? cause : new Error(String(cause), { cause })
      this.#tidyFailure = error
      listener.tidyFailed(error)
    }
  }

  get #logBytes(): number {
    return this.#parts.keys.settledLength + this.#offset
  }

  #begin(): void {
    if (this.#abort.signal.aborted) return
    this.#due = this.#turns
      .run(() => this.make(this.#parts.schemaVersion))
      .then(
        () => {},
        (error: Error) => {
          if (this.#abort.signal.aborted) return
          this.#notBefore = this.#logBytes + (this.#parts.compaction?.logBytes ?? 0)
          this.#parts.listener.failed(error)
        },
      )
      .finally(() => {
        this.#due = undefined
        // Time may have been over meanwhile.
        if (!this.#abort.signal.aborted) this.check()
      })
  }

  async #write(schema: number, began: number): Promise<CheckpointReport> {
    const { keys, backups, now, timeOf, replaced, listener } = this.#parts
    // First of all: one that fails is not due again before its time.
    if (this.#isBegun) this.#timer?.count(0)
    const created = now() // The caller's: it may throw, and nothing has begun yet.
    const dump = keys.beginDump()
    const { lsn, entries } = dump
    const settledLength = keys.settledLength
    this.#since = created
    try {
      const { name } = backupName(lsn, schema, false)
      const times = { time: await timeOf(lsn), created, replaced: await replaced() }
      const head = { lsn, schema, ...times, entries, gzip: false }
      const pace = new Pace(() => keys.accepts)
      const place = backups.place(name)
      const bytes = await writeStateSnapshot(place, head, dump, pace, this.#abort.signal, () => {
        listener.progress({ lsn, entries: dump.taken, of: entries })
      }).catch(async (error: unknown) => {
        await this.#discard(name)
        throw error
      })
      this.#offset = -settledLength
      this.#snapshotBytes = bytes
      return { lsn, file: name, entries, bytes, durationMs: performance.now() - began }
    } finally {
      dump.end()
    }
  }

  /** Where only the folder's sync failed the file is there, and nothing says that it stays. */
  async #discard(name: string): Promise<void> {
    try {
      await removeSnapshot(this.#parts.backups.place(name))
    } catch {
      // The error that led here is the one to be told. The file is whole, whether it stays or not.
    }
  }
}
