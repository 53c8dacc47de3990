import { fromErrorRecord, type SluiceError } from '../errors.js'
import type { Figures, Occupancy } from '../observe/figures.js'
import type { AckLevel, ResolvedTuning } from '../options.js'
import type { RingProducer } from '../ring/producer.js'
import type { ProgressReport, WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import { Acknowledger } from './acknowledger.js'
import type { CheckedRecords } from './append-arguments.js'
import type { Committer } from './committer.js'
import { FrameEncoder } from './frame-encoder.js'
import { FrameQueue } from './frame-queue.js'
import { Handover } from './handover.js'
import { type FirstAndLast, frameRecordsFor, Intake } from './intake.js'
import { closedError, commitFailedError, diskFullError, failedError, latchError } from './log-errors.js'
import type { PendingFrame } from './pending-frame.js'
import { PreparedWatch } from './prepared-watch.js'
import { type Deferred, LsnRequests } from './requests.js'
import { isAborted } from './signals.js'
import { TrimRequests } from './trim-requests.js'

/** What the coordinator tells the log, after it has settled what had to be settled, or, of a large batch, the first of it. */
export interface CoordinatorListener {
  /** A batch was written, or a sync made; `frames` are those that the batch brought to the segment. */
  progress(report: ProgressReport, frames: readonly PendingFrame[]): void
  rollback(lsn: number): void
  drain(): void
  /** The log is latched: `error` has the code `SLUICE_FAILED`. */
  failed(error: SluiceError): void
  trimmed(firstLsn: number): void
}

/**
 * Collects appends: has each record encoded before the call returns, hands frames over in shared memory, and settles the
 * promises as the committer reports. It opens no file, and knows nothing of files.
 */
export class Coordinator {
  readonly #committer: Committer
  readonly #ring: RingProducer
  readonly #encoder: FrameEncoder
  readonly #handover: Handover
  readonly #figures: Figures
  readonly #listener: CoordinatorListener
  readonly #queue = new FrameQueue()
  readonly #flushes = new LsnRequests<number>()
  readonly #trims: TrimRequests
  readonly #acknowledger: Acknowledger
  readonly #intake: Intake
  readonly #prepared: PreparedWatch
  #durableLsn = 0
  #closing: Deferred<void> | undefined
  #closeError: Error | undefined
  #failure: SluiceError | undefined
  #closed = false

  constructor(committer: Committer, tuning: ResolvedTuning, figures: Figures, listener: CoordinatorListener) {
    this.#committer = committer
    this.#ring = committer.ring
    this.#figures = figures
    this.#listener = listener
    this.#prepared = new PreparedWatch(tuning.preparedSegments === 0)
    this.#encoder = new FrameEncoder(this.#ring, {
      maxRecords: frameRecordsFor(tuning),
      maxBytes: tuning.batch.maxBytes,
    })
    this.#acknowledger = new Acknowledger({
      acknowledge: (frame, nowMs) => this.#acknowledge(frame, nowMs),
      resumed: () => {
        this.#resolveFlushes()
        this.#intake.admit()
      },
    })
    this.#handover = new Handover(committer, this.#encoder, {
      closed: (frame) => this.#handedOver(frame),
      isAcknowledging: () => this.#acknowledger.isBehind,
    })
    const parts = { ring: this.#ring, encoder: this.#encoder, handover: this.#handover }
    this.#intake = new Intake(parts, tuning, () => listener.drain())
    this.#trims = new TrimRequests((beforeLsn) => {
      this.#ring.requestTrim(beforeLsn)
      this.#handover.announce()
    })
  }

  /** Recovers the log. */
  async start(): Promise<RecoveredLog> {
    const recovered = await this.#committer.open({
      report: (report) => this.#receive(report),
      lost: (error) => this.#fail(error),
    })
    this.#encoder.start(recovered.lastLsn, recovered.lastTimestampMs)
    this.#durableLsn = recovered.lastLsn
    this.#handover.writtenLsn = recovered.lastLsn
    return recovered
  }

  get nextLsn(): number {
    return this.#encoder.nextLsn
  }

  get durableLsn(): number {
    return this.#durableLsn
  }

  get occupancy(): Occupancy {
    const { pendingBytes, waiting, waitingBytes } = this.#intake
    return { pendingBytes, waiting, waitingBytes, preparedBytes: this.#prepared.bytes }
  }

  /** Appends a record whose data was checked and has `bytes` bytes. */
  append(data: Uint8Array | string, bytes: number, ack: AckLevel, signal: AbortSignal | undefined): Promise<number> {
    return this.#refusal(signal) ?? this.#intake.append(data, bytes, ack, signal)
  }

  /** Appends records as one frame. */
  appendMany(records: CheckedRecords, ack: AckLevel, signal: AbortSignal | undefined): Promise<FirstAndLast> {
    return this.#refusal(signal) ?? this.#intake.appendMany(records, ack, signal)
  }

  /** Makes everything accepted so far durable. */
  flush(): Promise<number> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    const lsn = this.nextLsn - 1
    if (lsn <= this.#durableLsn) {
      // Not before the appends that it waits for.
      return this.#acknowledger.isBehind ? this.#flushes.add(lsn) : Promise.resolve(this.#durableLsn)
    }
    this.#handover.closeFrame()
    this.#ring.requestFlush(lsn)
    const flushed = this.#flushes.add(lsn)
    this.#handover.announce()
    return flushed
  }

  ready(): Promise<void> {
    return this.#refusal(undefined) ?? this.#intake.ready()
  }

  prepared(): Promise<number> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    // So that a writer that is gone without a word is found out.
    if (!this.#prepared.settled) this.#committer.wake()
    return this.#prepared.wait()
  }

  trim(beforeLsn: number): Promise<void> {
    return this.#refusal(undefined) ?? this.#trims.add(beforeLsn)
  }

  /** Makes what was accepted durable, and stops what is behind the committer, whatever happens. */
  async close(): Promise<void> {
    this.#closed = true
    this.#intake.end(closedError({ outcome: 'not-written' }), () => closedError())
    this.#prepared.end(() => closedError())
    if (this.#failure === undefined) {
      await new Promise<void>((resolve, reject) => {
        this.#closing = { resolve, reject }
        this.#handover.closeFrame()
        this.#ring.requestClose()
        this.#handover.announce()
      }).catch((error: Error) => {
        this.#closeError = error
      })
    }
    this.#handover.stop()
    await this.#committer.stop()
    if (this.#closeError !== undefined) throw this.#closeError
  }

  #refusal(signal: AbortSignal | undefined): Promise<never> | undefined {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#failure !== undefined) return Promise.reject(failedError(this.#failure))
    if (signal !== undefined && isAborted(signal)) return Promise.reject(signal.reason)
    return undefined
  }

  #handedOver(frame: PendingFrame): void {
    this.#intake.noteHandedOver(frame)
    this.#queue.push(frame)
  }

  #receive(report: WriterReport): void {
    switch (report.kind) {
      case 'progress':
        this.#progress(report)
        break
      case 'rollback':
        this.#rollBack(report.lsn, fromErrorRecord(report.error))
        break
      case 'failed':
        this.#handover.writtenLsn = report.writtenLsn
        this.#fail(fromErrorRecord(report.error))
        break
      case 'trimmed':
        this.#trimmed(report.firstLsn, undefined)
        break
      case 'trim-failed':
        this.#trimmed(report.firstLsn, fromErrorRecord(report.error))
        break
      case 'prepared':
        this.#prepared.note(report.bytes, report.settled)
        break
      case 'closed':
        this.#finishAcknowledging()
        // One that was asked for while another was under way: the writer may have finished before it heard of it.
        this.#trims.end(() => closedError())
        if (!this.#queue.isEmpty)
          this.#fail(new Error('the writer ended before it had committed all that was accepted'))
        this.#closing?.resolve()
    }
  }

  #progress(report: ProgressReport): void {
    this.#handover.writtenLsn = report.writtenLsn
    this.#durableLsn = report.durableLsn
    const written: PendingFrame[] = []
    for (;;) {
      const frame = this.#queue.nextWritten(report.writtenLsn)
      if (frame === undefined) break
      written.push(frame)
      if (frame.ack === 'written') this.#acknowledger.push(frame)
    }
    this.#letGo(report.writtenLsn)
    this.#acknowledger.begin()
    this.#resolveFlushes()
    this.#listener.progress(report, written)
    this.#intake.admit()
  }

  /** Lets go of the frames that have come to their level: their appends are told by and by, but there is room at once. */
  #letGo(writtenLsn: number): void {
    for (let frame = this.#queue.front; frame !== undefined; frame = this.#queue.front) {
      if (frame.lastLsn > (frame.ack === 'written' ? writtenLsn : this.#durableLsn)) return
      if (frame.ack === 'durable') this.#acknowledger.push(frame)
      this.#queue.shift()
      this.#intake.release(frame, this.#queue.front)
    }
  }

  #acknowledge(frame: PendingFrame, nowMs: number): number {
    const appends = frame.acknowledge()
    this.#intake.noteTold(appends)
    if (frame.ack === 'durable') this.#figures.recordAppends((nowMs - frame.acceptedMs) * 1e6, frame.recordCount)
    return appends
  }

  /** What was acknowledged by the committer stands, whatever is told next. */
  #finishAcknowledging(): void {
    this.#acknowledger.finish()
    this.#resolveFlushes()
  }

  /** A flush is told behind the appends that it waited for. */
  #resolveFlushes(): void {
    const { firstLsn = Number.POSITIVE_INFINITY } = this.#acknowledger
    this.#flushes.resolveUpTo(Math.min(this.#durableLsn, firstLsn - 1), this.#durableLsn)
  }

  /** The disk was full: all above `lsn` was cut off again, and the writer waits to be resumed. */
  #rollBack(lsn: number, cause: Error): void {
    this.#finishAcknowledging()
    const rejected = this.#queue.removeAbove(lsn)
    const open = this.#encoder.rollBack(lsn)
    if (open !== undefined) rejected.push(open)
    // Frames that stay were written; the memory they lay in is given up with all the rest.
    this.#intake.reset(this.#queue)
    this.#handover.rollBack(lsn)
    this.#figures.recordFailure()
    // Taken out before a listener runs: what it appends and flushes is given the same LSNs again.
    const flushes = this.#flushes.takeAbove(lsn)
    this.#listener.rollback(lsn)
    for (const frame of rejected) frame.reject(diskFullError(frame.firstLsn, frame.lastLsn, cause))
    for (const flush of flushes) flush.reject(diskFullError(lsn + 1, flush.lsn, cause))
    // What was asked for must not be more than there is: a target never reached would turn every write into a sync.
    this.#ring.requestFlush(this.#flushes.lastLsn)
    const lastLsn = rejected.at(-1)?.lastLsn
    if (this.#closing !== undefined && lastLsn !== undefined) {
      this.#closeError ??= diskFullError(lsn + 1, lastLsn, cause)
    }
    this.#committer.resume()
    this.#intake.admit()
  }

  /** Latches the log: nothing is acknowledged any more. */
  #fail(cause: Error): void {
    if (this.#failure !== undefined) return
    this.#finishAcknowledging()
    const failure = latchError(cause, this.#durableLsn, this.#handover.writtenLsn)
    this.#failure = failure
    this.#handover.stop()
    this.#figures.recordFailure()
    const allDurable = this.#durableLsn === this.nextLsn - 1
    const open = this.#encoder.abandon()
    this.#intake.reset([])
    for (const frame of this.#queue.removeAbove(0)) {
      const taken = !frame.inRing || this.#ring.isTaken(frame.sequence)
      frame.reject(commitFailedError(frame.firstLsn, frame.lastLsn, taken, cause))
    }
    open?.reject(commitFailedError(open.firstLsn, open.lastLsn, false, cause))
    this.#flushes.rejectAbove(0, (lsn) => commitFailedError(this.#durableLsn + 1, lsn, true, cause))
    this.#intake.end(failedError(failure, { outcome: 'not-written' }), () => failedError(failure))
    this.#prepared.end(() => failedError(failure))
    this.#trims.end(() => failedError(failure))
    this.#listener.failed(failure)
    // close() promises that what was accepted is durable. Where it is, only the next opening has more to do.
    if (allDurable) this.#closing?.resolve()
    else this.#closing?.reject(failure)
  }

  #trimmed(firstLsn: number, error: Error | undefined): void {
    this.#listener.trimmed(firstLsn)
    this.#trims.ended(firstLsn, error)
  }
}
