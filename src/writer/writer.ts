import path from 'node:path'
import { isDiskFull, toErrorRecord } from '../errors.js'
import { readUint64 } from '../format/checksum.js'
import { TEMPORARY_SUFFIX } from '../format/file-names.js'
import { sealFrame } from '../format/frame.js'
import { SEGMENT_HEADER_BYTES } from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import { monotonicMs } from '../ring/clock.js'
import type { RingConsumer } from '../ring/consumer.js'
import type { ProgressReport, ReportedCause, WriterReport } from '../ring/report.js'
import { MarkFile } from '../segment/mark-file.js'
import { Preparation } from '../segment/preparation.js'
import { FailedSync, SegmentWriter } from '../segment/segment-writer.js'
import { Batch } from './batch.js'
import { BatchDelay } from './batch-delay.js'
import { CommitTimes } from './commit-times.js'
import { FlushSchedule } from './flush-schedule.js'
import { Trimmer } from './trimmer.js'
import type { WriterOptions, WriterStart } from './writer-options.js'

/** Zero-filling pays below this many bytes a batch: above, the zeros cost as much as the metadata that they save. */
const ZERO_FILL_BELOW_BATCH_BYTES = 512 * 1024
/** The active segment is zero-filled further once fewer bytes than this, or than two batches, are left of the zeros. */
const ZEROS_LEFT_BYTES = 64 * 1024
/** Smaller segments aren't prepared in the background: they would be full before they are ready. */
const PREPARE_FROM_SEGMENT_BYTES = 1024 * 1024

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
  readonly #fileSystem: FileSystem
  readonly #options: WriterOptions
  readonly #ring: RingConsumer
  readonly #send: (report: WriterReport) => void
  readonly #logId: Uint8Array
  readonly #marks: MarkFile
  readonly #schedule: FlushSchedule
  readonly #delay: BatchDelay
  readonly #trimmer: Trimmer
  readonly #times = new CommitTimes()
  #segment: SegmentWriter | undefined
  #previousEndOffset: number
  #preparation: Preparation | undefined
  #preparations = 0
  #writtenLsn: number
  #durableLsn: number
  /** Where the durable frames end: what the mark file tells readers in other processes. */
  #durableEnd: { segmentFirstLsn: number; endOffset: number }
  #averageBatchBytes = 0
  #stopped: 'no' | 'rolled-back' | 'latched' = 'no'

  constructor(
    fileSystem: FileSystem,
    options: WriterOptions,
    start: WriterStart,
    ring: RingConsumer,
    send: (report: WriterReport) => void,
  ) {
    this.#fileSystem = fileSystem
    this.#options = options
    this.#ring = ring
    this.#send = send
    this.#logId = start.logId
    this.#writtenLsn = start.lastLsn
    this.#durableLsn = start.lastLsn
    this.#previousEndOffset = start.previous.endOffset
    this.#schedule = new FlushSchedule(options.flush)
    this.#delay = new BatchDelay(options.batch.maxDelayMs)
    this.#marks = MarkFile.open(fileSystem, options.directory)
    this.#trimmer = new Trimmer(fileSystem, options.directory, start.firstLsn, start.segments)
    if (start.active !== undefined) {
      this.#segment = SegmentWriter.resume(fileSystem, options.directory, start.active, start.lastTimestampMs)
    }
    this.#durableEnd = {
      segmentFirstLsn: this.#trimmer.lastSegment,
      endOffset: this.#segment?.offset ?? this.#previousEndOffset,
    }
  }

  /** Whether calls are under way in the background: this thread's event loop has to turn for them. */
  get backgroundBusy(): boolean {
    return this.#preparation?.busy === true
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
    this.#preparation?.abandon()
    await this.#preparation?.settled
    if (this.#stopped !== 'no') return
    try {
      this.#segment?.trimZeros()
      this.#note(true)
      this.#marks.sync()
      this.#closeFiles()
      this.#stopped = 'latched'
      this.#send({ kind: 'closed', durableLsn: this.#durableLsn })
    } catch (error) {
      this.#latch(error)
    }
  }

  /** Lets go of the descriptors of a writer that has latched itself, where no thread's end does that. */
  async abandon(): Promise<void> {
    this.#stopped = 'latched'
    this.#preparation?.abandon()
    await this.#preparation?.settled
    this.#closeFiles()
  }

  #step(): WriterStep {
    const nowMs = monotonicMs()
    let holdUntilMs = Number.POSITIVE_INFINITY
    if (this.#ring.available > 0) {
      const batch = this.#collect()
      holdUntilMs = this.#holdUntilMs(batch)
      if (holdUntilMs <= nowMs) {
        this.#commit(batch, nowMs)
        if (this.#stopped !== 'no') return 'stopped'
        this.#trim()
        return 0
      }
    }
    if (this.#durableLsn < this.#writtenLsn && (this.#wantsFlush || this.#schedule.dueMs <= nowMs)) {
      this.#sync()
      return 0
    }
    if (this.#trim()) return 0
    if (this.#ring.closeRequested) return 'closing'
    if (this.#zeroFill()) return 0
    return Math.max(0, Math.min(holdUntilMs, this.#schedule.dueMs) - nowMs)
  }

  /** Does one step of a trim. Returns whether there was one to do. */
  #trim(): boolean {
    const done = this.#trimmer.step(this.#ring.trimTarget, (firstLsn) => this.#noteTrim(firstLsn))
    if (done !== undefined && done !== 'more') this.#send(done)
    return done !== undefined
  }

  get #wantsFlush(): boolean {
    return this.#ring.closeRequested || this.#ring.flushTarget > this.#durableLsn
  }

  #collect(): Batch {
    const { flush, batch, segmentBytes } = this.#options
    const room = segmentBytes - (this.#segment?.offset ?? SEGMENT_HEADER_BYTES)
    return Batch.collect(this.#ring, {
      maxFrames: flush.kind === 'immediate' ? 1 : Number.POSITIVE_INFINITY,
      maxRecords: batch.maxRecords,
      maxBytes: batch.maxBytes,
      roomBytes: room,
      roomAfterRotationBytes: segmentBytes - SEGMENT_HEADER_BYTES,
    })
  }

  #holdUntilMs(batch: Batch): number {
    if (this.#options.flush.kind === 'immediate' || this.#wantsFlush) return 0
    return this.#delay.holdUntilMs(batch)
  }

  #causeOf(batch: Batch, nowMs: number): ReportedCause {
    if (this.#options.flush.kind === 'immediate') return 'immediate'
    if (batch.endedBy !== undefined) return batch.endedBy
    if (this.#wantsFlush) return 'flush'
    const heldUntilMs = this.#delay.holdUntilMs(batch)
    return heldUntilMs > batch.handedOverMs && heldUntilMs <= nowMs ? 'delay' : 'idle'
  }

  #commit(batch: Batch, nowMs: number): void {
    const cause = this.#causeOf(batch, nowMs)
    this.#ring.take(batch.places.length)
    this.#times.begin()
    const waitMs = nowMs - batch.handedOverMs
    const segment = this.#segment
    const fits = segment !== undefined && segment.offset + batch.bytes <= this.#options.segmentBytes
    const placed = fits ? this.#append(segment, batch) : this.#rotate(batch)
    if (placed === undefined) return
    this.#writtenLsn = batch.lastLsn
    this.#averageBatchBytes += (batch.bytes - this.#averageBatchBytes) / 8
    const figures = {
      batchRecords: batch.records,
      batchBytes: batch.bytes,
      cause,
      waitMs,
      segmentFirstLsn: placed.segment.firstLsn,
      batchOffset: placed.offset,
    }
    if (placed.durable) {
      this.#progressed(figures)
      return
    }
    this.#schedule.noteWritten(batch.records, nowMs)
    if (!this.#schedule.withEachBatch) {
      this.#report(figures)
      // Not left to the next step: under load that one finds more to write, and so would every one after it.
      if (this.#wantsFlush || this.#schedule.dueMs <= monotonicMs()) this.#sync()
      return
    }
    if (batch.wantsWritten) this.#report(figures)
    this.#syncActive()
    this.#progressed(batch.wantsWritten ? undefined : figures)
    this.#delay.noteCommit(batch.records, this.#times.syncMs)
  }

  /** Writes the batch behind what the segment has. `undefined` where it was rolled back. */
  #append(segment: SegmentWriter, batch: Batch): PlacedBatch | undefined {
    const checkpoint = segment.checkpoint
    try {
      const offset = segment.offset
      this.#times.write(() => this.#writeFrames(segment, batch))
      return { segment, offset, durable: false }
    } catch (error) {
      if (!isDiskFull(error)) throw error
      segment.cutBack(checkpoint)
      this.#rollBack(error)
      return undefined
    }
  }

  /**
   * Seals the active segment and puts the batch into a new one, as one commit: the old one is synced, footer and all;
   * the new one, header and frames, is synced under a temporary name; then renamed; then the directory is synced. Only
   * then is anything acknowledged. `undefined` where it was rolled back.
   */
  #rotate(batch: Batch): PlacedBatch | undefined {
    if (this.#segment !== undefined && !this.#seal(this.#segment)) return undefined
    const segment = this.#begin(batch)
    if (segment === undefined) return undefined
    this.#segment = segment
    this.#trimmer.addSegment(segment.firstLsn)
    this.#synced(batch.lastLsn, segment)
    return { segment, offset: SEGMENT_HEADER_BYTES, durable: true }
  }

  #seal(segment: SegmentWriter): boolean {
    const checkpoint = segment.checkpoint
    try {
      this.#times.sealSync(() => segment.seal(this.#writtenLsn, this.#durableLsn))
    } catch (error) {
      if (!isDiskFull(error)) throw error
      segment.cutBack(checkpoint)
      this.#rollBack(error)
      return false
    }
    this.#previousEndOffset = segment.offset
    const deferred = this.#durableLsn < this.#writtenLsn
    this.#synced(this.#writtenLsn, segment)
    segment.close()
    this.#segment = undefined
    if (deferred) this.#report(undefined)
    return true
  }

  #begin(batch: Batch): SegmentWriter | undefined {
    const prepared = this.#preparation?.take()
    this.#preparation = undefined
    let begun: ReturnType<typeof SegmentWriter.begin>
    try {
      begun = SegmentWriter.begin(
        this.#fileSystem,
        this.#options.directory,
        {
          logId: this.#logId,
          firstLsn: batch.firstLsn,
          previousEndOffset: this.#previousEndOffset,
          mark: this.#durableLsn,
          createdMs: readUint64(this.#ring.bytes, (batch.places[0] ?? 0) + 32),
        },
        prepared,
      )
    } catch (error) {
      if (!isDiskFull(error)) throw error
      this.#rollBack(error)
      return undefined
    }
    const { segment, temporaryPath } = begun
    try {
      this.#times.write(() => this.#writeFrames(segment, batch))
    } catch (error) {
      if (!isDiskFull(error)) throw error
      segment.discard(temporaryPath)
      this.#rollBack(error)
      return undefined
    }
    this.#times.sync(() => segment.sync())
    segment.publish(this.#options.directory, temporaryPath)
    this.#times.directorySync(() => this.#fileSystem.syncDirectorySync(this.#options.directory))
    return segment
  }

  /** Completes each frame for its place, and writes them: those that lie one behind the other in one call. */
  #writeFrames(segment: SegmentWriter, batch: Batch): void {
    const { bytes } = this.#ring
    let offset = segment.offset
    let runAt = -1
    let runBytes = 0
    for (const at of batch.places) {
      const frameBytes = bytes.readUInt32LE(at + 8)
      sealFrame(bytes, at, segment.nonceChecksum, offset, this.#durableLsn)
      segment.noteFrame(readUint64(bytes, at + 24), offset, readUint64(bytes, at + 32))
      if (at !== runAt + runBytes) {
        if (runBytes > 0) segment.write(bytes, runAt, runBytes)
        runAt = at
        runBytes = 0
      }
      runBytes += frameBytes
      offset += frameBytes
    }
    segment.write(bytes, runAt, runBytes)
  }

  #sync(): void {
    this.#times.begin()
    this.#syncActive()
    this.#progressed(undefined)
  }

  #syncActive(): void {
    const { directory, directorySync } = this.#options
    this.#times.sync(() => this.#segment?.sync())
    if (directorySync === 'always') {
      this.#times.directorySync(() => this.#fileSystem.syncDirectorySync(directory))
    }
    this.#synced(this.#writtenLsn, this.#segment)
  }

  #synced(lsn: number, segment: SegmentWriter | undefined): void {
    this.#durableLsn = lsn
    this.#schedule.noteSynced()
    if (segment !== undefined) this.#durableEnd = { segmentFirstLsn: segment.firstLsn, endOffset: segment.offset }
  }

  /** Reports what is durable now, and then notes the mark: it is true, and nobody has to wait for it. */
  #progressed(figures: BatchReport | undefined): void {
    this.#report(figures)
    this.#note(false)
    this.#prepare()
  }

  #note(closed: boolean, firstLsn = this.#trimmer.firstLsn): void {
    this.#marks.note({
      durableLsn: this.#durableLsn,
      firstLsn,
      ...this.#durableEnd,
      closed,
    })
  }

  #noteTrim(firstLsn: number): void {
    this.#note(false, firstLsn)
    this.#marks.sync()
  }

  /** Zero-fills the active segment a little further, while nothing else is to be done. Returns whether it did. */
  #zeroFill(): boolean {
    const segment = this.#segment
    const leastBytes = Math.max(ZEROS_LEFT_BYTES, 2 * this.#averageBatchBytes)
    if (segment === undefined || !this.#zerosPay || segment.zeroedAheadBytes >= leastBytes) return false
    try {
      return segment.zeroFill(this.#options.segmentBytes)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      segment.dropZeros()
      return false
    }
  }

  get #zerosPay(): boolean {
    return this.#schedule.ever && this.#averageBatchBytes < ZERO_FILL_BELOW_BATCH_BYTES
  }

  /** Begins to prepare the next segment once this one is half full. */
  #prepare(): void {
    const { segmentBytes, directory } = this.#options
    if (this.#preparation !== undefined || segmentBytes < PREPARE_FROM_SEGMENT_BYTES || !this.#zerosPay) return
    if (this.#segment === undefined || this.#segment.offset < segmentBytes / 2) return
    const name = `prepared-${++this.#preparations}${TEMPORARY_SUFFIX}`
    this.#preparation = new Preparation(this.#fileSystem, path.join(directory, name), segmentBytes)
  }

  #rollBack(error: unknown): void {
    this.#stopped = 'rolled-back'
    this.#ring.stop()
    this.#send({ kind: 'rollback', lsn: this.#writtenLsn, error: toErrorRecord(error) })
  }

  #latch(error: unknown): void {
    this.#stopped = 'latched'
    this.#ring.stop()
    const cause = error instanceof FailedSync ? error.cause : error
    this.#send({
      kind: 'failed',
      writtenLsn: this.#writtenLsn,
      durableLsn: this.#durableLsn,
      error: toErrorRecord(cause),
    })
  }

  #closeFiles(): void {
    this.#segment?.close()
    this.#segment = undefined
    this.#marks.close()
  }

  #report(batch: BatchReport | undefined): void {
    const report: ProgressReport = {
      kind: 'progress',
      writtenLsn: this.#writtenLsn,
      durableLsn: this.#durableLsn,
      batchRecords: batch?.batchRecords ?? 0,
      batchBytes: batch?.batchBytes ?? 0,
      cause: batch?.cause ?? 'flush',
      waitMs: batch?.waitMs ?? 0,
      ...this.#times.take(),
      segmentFirstLsn: batch?.segmentFirstLsn ?? 0,
      batchOffset: batch?.batchOffset ?? 0,
    }
    this.#send(report)
  }
}

type BatchReport = Pick<
  ProgressReport,
  'batchRecords' | 'batchBytes' | 'cause' | 'waitMs' | 'segmentFirstLsn' | 'batchOffset'
>

interface PlacedBatch {
  readonly segment: SegmentWriter
  /** Where its first frame begins. */
  readonly offset: number
  /** Whether it is durable already. */
  readonly durable: boolean
}
