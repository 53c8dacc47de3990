import { SluiceError, shown } from '../errors.js'
import type { DirectoryClaim, FileSystem } from '../fs/file-system.js'
import type { Figures } from '../observe/figures.js'
import { GuardedEmitter } from '../observe/guarded-emitter.js'
import type { LogStats } from '../observe/stats.js'
import { neverSyncsByItself, type ResolvedTuning } from '../options.js'
import type { ProgressReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import type { RecoveryReport } from '../segment/recovery-report.js'
import { SegmentIndex } from '../segment/segment-index.js'
import { appendOptions, checkedRecords, dataBytes } from './append-arguments.js'
import type { Committer } from './committer.js'
import type { AppendOptions, FollowOptions, Log, LogEvents, LogRecord, LogStatus, ReadOptions } from './contract.js'
import { Coordinator } from './coordinator.js'
import { DurableWatch } from './durable-watch.js'
import type { LogView, News } from './log-view.js'
import type { PendingFrame } from './pending-frame.js'
import { RecordReader } from './record-reader.js'
import { SegmentList } from './segment-list.js'

/** A sync that takes longer is told by a `slowSync` event: as long as etcd waits before it warns. */
const SLOW_SYNC_MS = 1000

/** What a log stands on, all of it its own. */
export interface LogParts {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly claim: DirectoryClaim
  readonly committer: Committer
  readonly tuning: ResolvedTuning
  readonly figures: Figures
}

/** The log of `openLog`: checks arguments, tells events, reads; appending and settling are the coordinator's. */
export class DirectoryLog extends GuardedEmitter<LogEvents> implements Log, LogView {
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly #parts: LogParts
  readonly #coordinator: Coordinator
  readonly #watch = new DurableWatch()
  readonly #durableIsPossible: boolean
  #segments = new SegmentList([], undefined)
  readonly #reader: RecordReader
  readonly #trims = new Set<Promise<void>>()
  #logId: Buffer | undefined
  #recovery: RecoveryReport | undefined
  #firstLsn = 1
  #status: LogStatus = 'open'
  #closed: Promise<void> | undefined

  private constructor(parts: LogParts) {
    super()
    this.#parts = parts
    this.fileSystem = parts.fileSystem
    this.directory = parts.directory
    this.#durableIsPossible = !neverSyncsByItself(parts.tuning.flush)
    this.#coordinator = new Coordinator(parts.committer, parts.tuning, parts.figures, {
      progress: (report, frames) => this.#progressed(report, frames),
      rollback: (lsn) => this.emit('rollback', lsn),
      drain: () => this.emit('drain'),
      failed: (error) => this.#failed(error),
      trimmed: (firstLsn) => this.#trimmed(firstLsn),
    })
    this.#reader = new RecordReader(this)
  }

  /** Recovers the log. Whoever calls this gives its parts back where it fails. */
  static async start(parts: LogParts): Promise<DirectoryLog> {
    const log = new DirectoryLog(parts)
    log.#recovered(await log.#coordinator.start())
    return log
  }

  get logId(): Buffer | undefined {
    return this.#logId
  }

  get firstLsn(): number {
    return this.#firstLsn
  }

  get nextLsn(): number {
    return this.#coordinator.nextLsn
  }

  get durableLsn(): number {
    return this.#coordinator.durableLsn
  }

  get status(): LogStatus {
    return this.#status
  }

  get recovery(): RecoveryReport {
    if (this.#recovery === undefined) throw new Error('a log is not handed out before it was recovered')
    return this.#recovery
  }

  append(data: Uint8Array | string, options?: AppendOptions): Promise<number> {
    const { tuning } = this.#parts
    // Before the data is measured: to look at options may run code of the caller's.
    const { ack, signal } = appendOptions(options, tuning.ack, this.#durableIsPossible)
    const bytes = dataBytes(data, tuning.maxRecordBytes)
    return this.#coordinator.append(data, bytes, ack, signal)
  }

  appendMany(
    data: readonly (Uint8Array | string)[],
    options?: AppendOptions,
  ): Promise<{ readonly first: number; readonly last: number }> {
    const { tuning } = this.#parts
    const { ack, signal } = appendOptions(options, tuning.ack, this.#durableIsPossible)
    const records = checkedRecords(data, tuning.maxRecordBytes)
    return this.#coordinator.appendMany(records, ack, signal)
  }

  flush(): Promise<number> {
    return this.#coordinator.flush()
  }

  ready(): Promise<void> {
    return this.#coordinator.ready()
  }

  prepared(): Promise<number> {
    return this.#coordinator.prepared()
  }

  read(options?: ReadOptions): AsyncIterable<LogRecord> {
    return this.#reader.read(options)
  }

  follow(options?: FollowOptions): AsyncIterable<LogRecord> {
    return this.#reader.follow(options)
  }

  get(lsn: number): Promise<LogRecord | undefined> {
    return this.#reader.get(lsn)
  }

  trim(beforeLsn: number): Promise<void> {
    if (!Number.isSafeInteger(beforeLsn) || beforeLsn < 1 || beforeLsn > this.nextLsn) {
      const message = `beforeLsn must be a whole number from 1 to nextLsn, ${this.nextLsn}, not ${shown(beforeLsn)}`
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
    }
    const trim = this.#coordinator.trim(beforeLsn)
    this.#trims.add(trim)
    const done = (): void => {
      this.#trims.delete(trim)
    }
    trim.then(done, done)
    return trim
  }

  stats(): LogStats {
    return this.#parts.figures.snapshot(this.#coordinator.occupancy)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  segments(): readonly number[] {
    return this.#segments.firstLsns
  }

  tailIndex(segmentFirstLsn: number): SegmentIndex | undefined {
    return this.#segments.tailIndex(segmentFirstLsn)
  }

  more(lsn: number, signal?: AbortSignal): Promise<News> {
    return this.#watch.past(lsn, signal)
  }

  /** A trim removes files before it tells that it is done: whoever misses a file waits for those that are under way. */
  async refresh(): Promise<void> {
    await Promise.allSettled(this.#trims)
  }

  #recovered(recovered: RecoveredLog): void {
    // Structured cloning makes a plain Uint8Array of a Buffer.
    this.#logId = Buffer.from(recovered.logId)
    const { active, report, segments, firstLsn, lastLsn } = recovered
    this.#recovery = report
    this.#firstLsn = firstLsn
    const index = active?.index
    this.#segments = new SegmentList(segments, index && new SegmentIndex(index.lsns, index.offsets))
    this.#watch.advance(lastLsn)
  }

  #progressed(report: ProgressReport, frames: readonly PendingFrame[]): void {
    const { figures } = this.#parts
    if (report.batchRecords > 0) {
      const { batchRecords: records, batchBytes: bytes, cause, waitMs, writeMs } = report
      figures.recordBatch({ records, bytes, cause, waitNs: waitMs * 1e6, writeNs: writeMs * 1e6 })
      this.#placed(report, frames)
    }
    // Counted, not told by their times: on a coarse clock a sync can take none.
    if (report.sealSyncs > 0) figures.recordSync(report.sealSyncMs * 1e6)
    for (let sync = 0; sync < report.syncs; sync++) figures.recordSync((report.syncMs / report.syncs) * 1e6)
    if (report.directorySyncs > 0) figures.recordDirectorySync(report.directorySyncMs * 1e6)
    this.#watch.advance(report.durableLsn)
    this.#tell(report, frames)
  }

  #placed(report: ProgressReport, frames: readonly PendingFrame[]): void {
    const { segmentFirstLsn: firstLsn, batchOffset } = report
    const hadSegments = this.#segments.firstLsns.length > 0
    if (!this.#segments.noteBatch(firstLsn, batchOffset, frames) || !hadSegments) return
    this.#parts.figures.recordRotation()
    this.emit('rotate', { firstLsn, sealedLastLsn: firstLsn - 1 })
  }

  #tell(report: ProgressReport, frames: readonly PendingFrame[]): void {
    const { durableLsn, batchRecords: records, batchBytes: bytes, cause, waitMs, writeMs, directorySyncMs } = report
    const lastLsn = frames.at(-1)?.lastLsn
    if (lastLsn !== undefined && this.listenerCount('commit') > 0) {
      const syncMs = report.sealSyncMs + report.syncMs
      const times = { waitMs, writeMs, syncMs, directorySyncMs }
      this.emit('commit', { firstLsn: lastLsn - records + 1, lastLsn, records, bytes, cause, ...times, durableLsn })
    }
    if (report.syncs + report.sealSyncs > 0) this.emit('durable', durableLsn)
    const durationMs = Math.max(report.syncMs, report.sealSyncMs)
    if (durationMs > SLOW_SYNC_MS) this.emit('slowSync', { durationMs, durableLsn })
  }

  #trimmed(firstLsn: number): void {
    this.#firstLsn = firstLsn
    this.#segments.trim(firstLsn)
    this.#reader.evictTrimmed()
  }

  #failed(error: SluiceError): void {
    if (this.#status === 'open') this.#status = 'failed'
    this.#watch.end(error)
    this.emit('failed', error)
  }

  async #close(): Promise<void> {
    if (this.#status === 'open') this.#status = 'closing'
    try {
      await this.#coordinator.close()
    } finally {
      // The writer has stopped: only now may another one have the directory.
      await this.#parts.claim.release().finally(() => this.#ended())
    }
  }

  async #ended(): Promise<void> {
    this.#status = 'closed'
    this.#watch.end('closed')
    await this.#reader.close()
    this.emit('close')
  }
}
