import { toErrorRecord } from '../errors.js'
import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { monotonicMs } from '../ring/clock.js'
import type { RingConsumer } from '../ring/consumer.js'
import type { ProgressReport, ReportSink } from '../ring/report.js'
import { type Placement, RotatingSegments, WriteTakenBack } from '../segment/rotating-segments.js'
import { FailedSync } from '../segment/segment-writer.js'
import type { Batch } from './batch.js'
import { BatchIntake } from './batch-intake.js'
import { CommitTimes } from './commit-times.js'
import { type DurableEnd, DurableMark } from './durable-mark.js'
import { FlushSchedule } from './flush-schedule.js'
import { Trimmer } from './trimmer.js'
import type { WriterOptions, WriterStart } from './writer-options.js'

/** Zero-filling pays below this many bytes a batch: above, the zeros cost more than the metadata that they save. */
const ZERO_FILL_BELOW_BATCH_BYTES = 80 * 1024
/** The active segment is zero-filled further once fewer bytes than this, or than two batches, are left of the zeros. */
const ZEROS_LEFT_BYTES = 64 * 1024

/** Where a sync takes less than this, its report is foretold: the other thread takes a good part of it to wake. */
const FORETELL_BELOW_SYNC_MS = 0.15
/** Not after a larger batch: the other thread has enough to do with what comes meanwhile, and is awake. */
const FORETELL_BELOW_BATCH_BYTES = 80 * 1024

/** What the caller of {@link Writer.step} does next: come again at once (0) or after that many milliseconds, or end. */
export type WriterStep = number | 'stopped' | 'closing'

/**
 * Commits what lies in the ring: takes a batch, writes it, syncs it as the policy says, reports. It is a machine that
 * its caller steps, so that the same code runs blocking in a thread of its own and unblocking in a test.
 *
 * Failures: a full disk on a write is taken back and reported as a rollback, and the writer then waits to be resumed. Any
 * other failure of a write, and every failure of a sync, latches the writer for good before anything else is done: after
 * a failed fsync the pages count as clean, so a second one that succeeds proves nothing.
 */
export class Writer {
  readonly #options: WriterOptions
  readonly #ring: RingConsumer
  readonly #reports: ReportSink
  readonly #mark: DurableMark
  readonly #intake: BatchIntake
  readonly #schedule: FlushSchedule
  readonly #trimmer: Trimmer
  readonly #times = new CommitTimes()
  readonly #segments: RotatingSegments
  #writtenLsn: number
  #averageBatchBytes = 0
  #stopped: 'no' | 'rolled-back' | 'latched' | 'closed' = 'no'

  /** Opens the files of a log that was recovered. Throws `SLUICE_IO` and `SLUICE_DISK_FULL`. */
  static open(
    fileSystem: FileSystem,
    options: WriterOptions,
    start: WriterStart,
    ring: RingConsumer,
    reports: ReportSink,
  ): Writer {
    const doing = `opening the log in ${options.directory} for writing`
    return withSystemErrors(doing, () => new Writer(fileSystem, options, start, ring, reports))
  }

  private constructor(
    fileSystem: FileSystem,
    options: WriterOptions,
    start: WriterStart,
    ring: RingConsumer,
    reports: ReportSink,
  ) {
    this.#options = options
    this.#ring = ring
    this.#reports = reports
    this.#writtenLsn = start.lastLsn
    this.#schedule = new FlushSchedule(options.flush)
    this.#trimmer = new Trimmer(fileSystem, options.directory, start.firstLsn, start.segments)
    const { directory, segmentBytes, preparedSegments } = options
    // Where syncs are put off, the page cache takes the writes in much sooner than the device would.
    const access: FileAccess = this.#schedule.withEachBatch ? 'direct' : 'cached'
    const fillsActive = preparedSegments > 0 && this.#schedule.ever
    const files = { directory, segmentBytes, preparedSegments, fillsActive, access }
    const rotationStart = { ...start, ...files, previousEndOffset: start.previous.endOffset }
    this.#mark = DurableMark.open(fileSystem, directory, start.lastLsn)
    try {
      this.#segments = new RotatingSegments(fileSystem, rotationStart, this.#times, (state) =>
        reports.send({ kind: 'prepared', ...state }),
      )
    } catch (error) {
      this.#mark.close()
      throw error
    }
    this.#mark.advance(start.lastLsn, this.#endIn(this.#trimmer.lastSegment))
    this.#intake = new BatchIntake(options, ring, this.#segments, this.#mark)
    this.rest()
  }

  /** Whether the next rotation waits for calls in the background: this thread's event loop has to turn for them. */
  get backgroundIsUrgent(): boolean {
    return this.#segments.backgroundIsUrgent
  }

  /** Whether there is something to do in the background: this thread's event loop has to turn for it, when there is time. */
  get hasBackgroundWork(): boolean {
    return this.#segments.hasBackgroundWork
  }

  /**
   * Nothing else is to be done: prepares segments in the background, as many as `preparedSegments` asks for, and fills the
   * active one with zeros, a slice a call. Returns whether that is to be called again.
   */
  rest(): boolean {
    if (this.#stopped !== 'no') return false
    try {
      return this.#segments.rest()
    } catch (error) {
      this.#latch(error)
      return false
    }
  }

  /** Does one thing: commits a batch, or syncs, trims or prepares. */
  step(): WriterStep {
    if (this.#stopped !== 'no') return 'stopped'
    try {
      return this.#step()
    } catch (error) {
      this.#latch(error)
      return 'stopped'
    }
  }

  /** After a rollback, once the coordinator has reset the ring. */
  resume(): void {
    if (this.#stopped !== 'rolled-back') return
    this.#stopped = 'no'
    this.#ring.reset()
  }

  /** The end of the work: everything durable, noted as closed, every descriptor closed; then the report. */
  async finish(): Promise<void> {
    await this.#segments.stopPreparing()
    if (this.#stopped !== 'no') return
    try {
      this.#segments.trimZeros()
      this.#mark.noteClosed(this.#trimmer.firstLsn)
      this.#segments.close()
      this.#mark.close()
      this.#stopped = 'closed'
      this.#reports.send({ kind: 'closed', durableLsn: this.#mark.lsn })
    } catch (error) {
      this.#latch(error)
    }
  }

  /** Lets go of the descriptors of a writer that has not finished, where no thread's end does that. */
  async abandon(): Promise<void> {
    if (this.#stopped === 'closed') return
    this.#stopped = 'closed'
    await this.#segments.stopPreparing()
    for (const file of [this.#segments, this.#mark]) {
      try {
        file.close()
      } catch {
        // Nothing hangs on it any more: whoever abandons a writer has told what failed, and only a reopen recovers.
      }
    }
  }

  #step(): WriterStep {
    const nowMs = monotonicMs()
    // Read before the frames are: whoever asks for the end has shown all frames first, so those that are seen now are all.
    const { closeRequested } = this.#ring
    let holdUntilMs = Number.POSITIVE_INFINITY
    if (this.#ring.available > 0) {
      const batch = this.#intake.look()
      holdUntilMs = this.#intake.holdUntilMs(batch)
      if (holdUntilMs <= nowMs) {
        this.#commit(batch, nowMs)
        if (this.#stopped !== 'no') return 'stopped'
        this.#trim()
        return 0
      }
    }
    if (this.#mark.lsn < this.#writtenLsn && (this.#intake.wantsFlush || this.#schedule.dueMs <= nowMs)) {
      this.#sync()
      return 0
    }
    if (this.#trim()) return 0
    if (closeRequested) return 'closing'
    const isHeldShortly = holdUntilMs < Number.POSITIVE_INFINITY && this.#intake.holdsShortly
    if (!isHeldShortly && this.#zeroFill()) return 0
    return Math.max(0, Math.min(holdUntilMs, this.#schedule.dueMs) - nowMs)
  }

  /** Does one step of a trim. Returns whether there was one to do. */
  #trim(): boolean {
    const request = this.#ring.trims
    const done = this.#trimmer.step(request, this.#ring.trimTarget, (firstLsn) =>
      // What is prepared goes before a trim is refused.
      this.#mark.noteTrim(firstLsn, () => this.#segments.giveUpPrepared()),
    )
    if (done !== undefined && done !== 'more') this.#reports.send(done)
    return done !== undefined
  }

  #commit(batch: Batch, nowMs: number): void {
    const cause = this.#intake.take(batch, nowMs)
    this.#times.begin()
    const rotates = batch.bytes > this.#segments.roomBytes
    let placement: Placement
    try {
      placement = rotates ? this.#rotate(batch) : this.#append(batch)
    } catch (error) {
      if (!(error instanceof WriteTakenBack)) throw error
      this.#rollBack(error.cause)
      return
    }
    const figures = {
      batchRecords: batch.records,
      batchBytes: batch.bytes,
      cause,
      waitMs: nowMs - batch.handedOverMs,
      segmentFirstLsn: placement.segmentFirstLsn,
      batchOffset: placement.offset,
    }
    this.#averageBatchBytes += (batch.bytes - this.#averageBatchBytes) / 8
    if (rotates) {
      if (this.#schedule.withEachBatch) this.#intake.noteCommit(batch, nowMs, this.#times.syncMs)
      this.#progressed(figures)
    } else {
      this.#syncBatch(batch, figures, nowMs)
    }
  }

  /** Writes the batch behind what the active segment has. */
  #append(batch: Batch): Placement {
    const placement = this.#segments.append(batch.drafts(this.#ring.bytes), this.#mark.lsn)
    this.#writtenLsn = batch.lastLsn
    return placement
  }

  /** Puts the batch into a new segment, as one commit: afterwards it is durable, and so is all before it. */
  #rotate(batch: Batch): Placement {
    const deferred = this.#mark.lsn < this.#writtenLsn
    if (this.#segments.hasActive) {
      this.#segments.seal(this.#writtenLsn, this.#mark.lsn)
      if (deferred && this.#options.directorySync === 'always') this.#segments.syncDirectory()
      this.#synced(this.#trimmer.lastSegment)
      if (deferred) this.#report(undefined)
    }
    const placement = this.#segments.begin(batch.drafts(this.#ring.bytes), this.#mark.lsn)
    this.#trimmer.addSegment(placement.segmentFirstLsn)
    this.#writtenLsn = batch.lastLsn
    this.#synced(placement.segmentFirstLsn)
    return placement
  }

  /** Syncs the batch that was just written, where the policy says so, and reports. */
  #syncBatch(batch: Batch, figures: BatchReport, nowMs: number): void {
    this.#schedule.noteWritten(batch.records, nowMs)
    if (!this.#schedule.withEachBatch) {
      this.#report(figures)
      // Not left to the next step: under load that one finds more to write, and so would every one after it.
      if (this.#intake.wantsFlush || this.#schedule.dueMs <= monotonicMs()) this.#sync()
      return
    }
    if (batch.wantsWritten) this.#report(figures)
    if (this.#isShortAndAlone(batch)) this.#reports.foretell()
    this.#syncActive()
    this.#intake.noteCommit(batch, nowMs, this.#times.syncMs)
    this.#progressed(batch.wantsWritten ? undefined : figures)
  }

  /** Where more is waiting, this thread goes on with that, and nothing hangs on how soon the other one hears. */
  #isShortAndAlone(batch: Batch): boolean {
    const isShort = batch.bytes < FORETELL_BELOW_BATCH_BYTES && this.#times.averageSyncMs < FORETELL_BELOW_SYNC_MS
    return isShort && this.#ring.available === 0
  }

  #sync(): void {
    this.#times.begin()
    this.#syncActive()
    this.#progressed(undefined)
  }

  #syncActive(): void {
    this.#segments.sync()
    if (this.#options.directorySync === 'always') this.#segments.syncDirectory()
    this.#synced(this.#trimmer.lastSegment)
  }

  /** All that was written is durable. */
  #synced(segmentFirstLsn: number): void {
    this.#mark.advance(this.#writtenLsn, this.#endIn(segmentFirstLsn))
    this.#schedule.noteSynced()
  }

  /** Reports what is durable now, and then notes the mark: it is true, and nobody has to wait for it. */
  #progressed(figures: BatchReport | undefined): void {
    this.#report(figures)
    this.#mark.note(this.#trimmer.firstLsn)
    if (this.#zerosPay) this.#segments.prepareNext()
  }

  #endIn(segmentFirstLsn: number): DurableEnd {
    return { segmentFirstLsn, endOffset: this.#segments.endOffset }
  }

  /** Zero-fills the active segment a little further, while nothing else is to be done. Returns whether it did. */
  #zeroFill(): boolean {
    return this.#zerosPay && this.#segments.zeroFill(Math.max(ZEROS_LEFT_BYTES, 2 * this.#averageBatchBytes))
  }

  get #zerosPay(): boolean {
    return this.#schedule.ever && this.#averageBatchBytes < ZERO_FILL_BELOW_BATCH_BYTES
  }

  #rollBack(error: unknown): void {
    this.#stopped = 'rolled-back'
    this.#ring.stop()
    this.#reports.send({ kind: 'rollback', lsn: this.#writtenLsn, error: toErrorRecord(error) })
  }

  #latch(error: unknown): void {
    this.#stopped = 'latched'
    this.#ring.stop()
    const cause = error instanceof FailedSync ? error.cause : error
    this.#reports.send({
      kind: 'failed',
      writtenLsn: this.#writtenLsn,
      durableLsn: this.#mark.lsn,
      error: toErrorRecord(cause),
    })
    // It never rejects. Whoever ends this writer waits for it once more.
    void this.#segments.stopPreparing()
  }

  #report(batch: BatchReport | undefined): void {
    const report: ProgressReport = {
      kind: 'progress',
      writtenLsn: this.#writtenLsn,
      durableLsn: this.#mark.lsn,
      batchRecords: batch?.batchRecords ?? 0,
      batchBytes: batch?.batchBytes ?? 0,
      cause: batch?.cause ?? 'flush',
      waitMs: batch?.waitMs ?? 0,
      ...this.#times.take(),
      segmentFirstLsn: batch?.segmentFirstLsn ?? 0,
      batchOffset: batch?.batchOffset ?? 0,
    }
    this.#reports.send(report)
  }
}

type BatchReport = Pick<
  ProgressReport,
  'batchRecords' | 'batchBytes' | 'cause' | 'waitMs' | 'segmentFirstLsn' | 'batchOffset'
>
