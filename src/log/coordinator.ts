import { fromErrorRecord, SluiceError } from '../errors.js'
import { frameBytesFor, recordBytes } from '../format/frame.js'
import type { Figures, Occupancy } from '../observe/figures.js'
import type { AckLevel, ResolvedTuning } from '../options.js'
import { monotonicMs } from '../ring/clock.js'
import type { RingProducer } from '../ring/producer.js'
import type { ProgressReport, WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import type { Committer } from './committer.js'
import { FrameEncoder } from './frame-encoder.js'
import { FrameQueue } from './frame-queue.js'
import { closedError, commitFailedError, diskFullError, failedError, latchError } from './log-errors.js'
import type { PendingFrame, Settle } from './pending-frame.js'
import { PreparedWatch } from './prepared-watch.js'
import { type Deferred, LsnRequests } from './requests.js'
import { type UncopiedAppend, WaitingLine } from './waiting-line.js'

/** A frame is closed and handed over once it has this many records, or bytes: a reader checks it as a whole. */
const SLICE_RECORDS = 128
const SLICE_BYTES = 32 * 1024
/**
 * Frames are shown to the writer once they have this many bytes together, or the turn of the event loop ends: so that it
 * works while others still come, and yet a commit has what a turn brings, where that costs less than a commit more.
 */
const ANNOUNCE_BYTES = 80 * 1024
/**
 * While the writer is at work, the checksums of what comes meanwhile are made here, up to so many bytes in a turn of the
 * event loop: that takes some 50 µs.
 */
const CHECKSUM_BYTES_A_TURN = 256 * 1024
/** However small the records: each append that is pending costs about this much beside its bytes. */
const APPEND_COST_BYTES = 128

/** What the coordinator tells the log, after it has settled what had to be settled. */
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
 * Collects appends: has each record encoded straight into shared memory, hands frames over, and settles the promises as
 * the committer reports. It opens no file, and knows nothing of files.
 */
export class Coordinator {
  readonly #committer: Committer
  readonly #ring: RingProducer
  readonly #encoder: FrameEncoder
  readonly #tuning: ResolvedTuning
  readonly #figures: Figures
  readonly #listener: CoordinatorListener
  readonly #queue = new FrameQueue()
  readonly #line = new WaitingLine(() => {
    this.#admit()
    this.#drain()
  })
  readonly #flushes = new LsnRequests<number>()
  readonly #trims = new LsnRequests<void>()
  readonly #readies = new LsnRequests<void>()
  readonly #prepared: PreparedWatch
  readonly #maxFrameRecords: number
  readonly #maxPendingAppends: number
  readonly #maxWaitingBytes: number
  #durableLsn = 0
  #writtenLsn = 0
  #pendingBytes = 0
  #pendingAppends = 0
  #unannouncedBytes = 0
  /** The last LSN of the frames that the writer has been shown by {@link #announce}. */
  #shownLsn = 0
  /** Of the frames that were handed over with their checksums in this turn of the event loop. */
  #checksummedBytes = 0
  #turnEnds: NodeJS.Immediate | undefined
  #needsDrain = false
  #trimmedTo = 0
  #closing: Deferred<void> | undefined
  #closeError: Error | undefined
  #failure: SluiceError | undefined
  #closed = false
  /** The newest promise's resolve function: all promises are made by one function, which saves a closure each. */
  #resolve: (value: number | Promise<never>) => void = () => {}
  readonly #capture = (resolve: (value: number | Promise<never>) => void): void => {
    this.#resolve = resolve
  }
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    this.#handOver()
    this.#checksummedBytes = 0
    if (this.#unannouncedBytes > 0) this.#announce()
  }

  constructor(committer: Committer, tuning: ResolvedTuning, figures: Figures, listener: CoordinatorListener) {
    this.#committer = committer
    this.#ring = committer.ring
    this.#tuning = tuning
    this.#figures = figures
    this.#listener = listener
    this.#prepared = new PreparedWatch(tuning.preparedSegments === 0)
    this.#maxFrameRecords = tuning.flush.kind === 'immediate' ? 1 : Math.min(SLICE_RECORDS, tuning.batch.maxRecords)
    this.#encoder = new FrameEncoder(this.#ring, { maxRecords: this.#maxFrameRecords, maxBytes: tuning.batch.maxBytes })
    this.#maxPendingAppends = Math.floor(this.#ring.capacityBytes / APPEND_COST_BYTES)
    this.#maxWaitingBytes = tuning.maxPendingBytes - this.#ring.capacityBytes
  }

  /** Recovers the log. */
  async start(): Promise<RecoveredLog> {
    const recovered = await this.#committer.open({
      report: (report) => this.#receive(report),
      lost: (error) => this.#fail(error),
    })
    this.#encoder.start(recovered.lastLsn, recovered.lastTimestampMs)
    this.#durableLsn = recovered.lastLsn
    this.#writtenLsn = recovered.lastLsn
    return recovered
  }

  get nextLsn(): number {
    return this.#encoder.nextLsn
  }

  get durableLsn(): number {
    return this.#durableLsn
  }

  get occupancy(): Occupancy {
    const pendingBytes = this.#pendingBytes + (this.#encoder.open?.frameBytes ?? 0)
    const preparedBytes = this.#prepared.bytes
    return { pendingBytes, waiting: this.#line.length, waitingBytes: this.#line.bytes, preparedBytes }
  }

  /** Appends a record whose data was checked and has `bytes` bytes. */
  append(data: Uint8Array | string, bytes: number, ack: AckLevel, signal: AbortSignal | undefined): Promise<number> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusal
    this.#refusePastLastLsn(1)
    const bodyBytes = recordBytes(bytes)
    const frame = this.#line.length > 0 ? undefined : this.#frameFor(bodyBytes, ack)
    if (frame === undefined) {
      return new Promise((settle, reject) => {
        this.#wait({ data: [data], many: false, ack, bodyBytes, settle, reject }, signal)
      })
    }
    const promise = new Promise(this.#capture)
    this.#encoder.put(frame, data, bytes)
    this.#accepted(frame, this.#resolve)
    return promise
  }

  /** Appends records, whose data was checked and has `bytes` bytes in all, as one frame. */
  appendMany(
    data: readonly (Uint8Array | string)[],
    bytes: number,
    ack: AckLevel,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly first: number; readonly last: number }> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusal
    this.#refusePastLastLsn(data.length)
    let bodyBytes = 0
    for (const record of data) bodyBytes += recordBytes(lengthOf(record))
    const frameBytes = frameBytesFor(bodyBytes)
    if (frameBytes > this.#ring.capacityBytes) {
      const message = `${data.length} records with ${bytes} bytes need ${frameBytes} bytes: maxPendingBytes allows ${this.#ring.capacityBytes}`
      throw new SluiceError('SLUICE_RECORD_TOO_LARGE', message)
    }
    return new Promise((resolve, reject) => {
      // Not by a promise behind the append's own: whoever awaits it would be told after those who come later.
      const settle: Settle = (outcome) =>
        resolve(typeof outcome === 'number' ? { first: outcome, last: outcome + data.length - 1 } : outcome)
      const frame = this.#line.length > 0 ? undefined : this.#ownFrame(bodyBytes, ack)
      if (frame === undefined) {
        this.#wait({ data, many: true, ack, bodyBytes, settle, reject }, signal)
        return
      }
      for (const record of data) this.#encoder.put(frame, record, lengthOf(record))
      this.#acceptedMany(frame, settle)
    })
  }

  /** Makes everything accepted so far durable. */
  flush(): Promise<number> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    const lsn = this.nextLsn - 1
    if (lsn <= this.#durableLsn) return Promise.resolve(this.#durableLsn)
    this.#handOver()
    this.#ring.requestFlush(lsn)
    const flushed = this.#flushes.add(lsn)
    this.#announce()
    return flushed
  }

  ready(): Promise<void> {
    return this.#refusal(undefined) ?? (this.#needsDrain ? this.#readies.add(0) : Promise.resolve())
  }

  prepared(): Promise<number> {
    return this.#refusal(undefined) ?? this.#prepared.wait()
  }

  trim(beforeLsn: number): Promise<void> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    if (beforeLsn <= this.#trimmedTo) return Promise.resolve()
    const trimmed = this.#trims.add(beforeLsn)
    if (this.#trims.length === 1) this.#requestTrim()
    return trimmed
  }

  /** Makes what was accepted durable, and stops what is behind the committer, whatever happens. */
  async close(): Promise<void> {
    this.#closed = true
    this.#line.rejectAll(closedError({ outcome: 'not-written' }))
    this.#readies.rejectAbove(-1, () => closedError())
    this.#prepared.end(() => closedError())
    if (this.#failure === undefined) {
      await new Promise<void>((resolve, reject) => {
        this.#closing = { resolve, reject }
        this.#handOver()
        this.#ring.requestClose()
        this.#announce()
      }).catch((error: Error) => {
        this.#closeError = error
      })
    }
    clearImmediate(this.#turnEnds)
    await this.#committer.stop()
    if (this.#closeError !== undefined) throw this.#closeError
  }

  #refusal(signal: AbortSignal | undefined): Promise<never> | undefined {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#failure !== undefined) return Promise.reject(failedError(this.#failure))
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return undefined
  }

  #refusePastLastLsn(records: number): void {
    // Subtracted, not added up: sums past 2^53 are rounded.
    if (records <= Number.MAX_SAFE_INTEGER - this.nextLsn + 1 - this.#line.records) return
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `LSNs end at 2^53 - 1: there is no room behind ${this.nextLsn}`)
  }

  /** The frame that a record goes into: the open one, or a new one. `undefined` where there is no room. */
  #frameFor(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    if (this.#pendingAppends >= this.#maxPendingAppends) return undefined
    if (this.#encoder.openTakes(bodyBytes, ack)) return this.#encoder.open
    this.#handOver()
    return this.#encoder.begin(bodyBytes, ack)
  }

  /** A frame for the records of one `appendMany` alone. `undefined` where there is no room. */
  #ownFrame(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    if (this.#pendingAppends >= this.#maxPendingAppends) return undefined
    this.#handOver()
    return this.#encoder.begin(bodyBytes, ack)
  }

  /** A record was put into the open frame, which is handed over once it is worth it. */
  #accepted(frame: PendingFrame, settle: Settle): void {
    this.#note(frame, settle)
    if (frame.recordCount < this.#maxFrameRecords && frame.bodyBytes < SLICE_BYTES) return
    this.#handOver()
  }

  /** All records of an `appendMany` were put into the open frame. */
  #acceptedMany(frame: PendingFrame, settle: Settle): void {
    this.#note(frame, settle)
    this.#handOver()
  }

  #note(frame: PendingFrame, settle: Settle): void {
    this.#pendingAppends++
    frame.add(settle)
    this.#turnEnds ??= setImmediate(this.#endTurn)
  }

  /** Closes the open frame, and hands it over. */
  #handOver(): void {
    const frame = this.#encoder.handOver(this.#sparesChecksum())
    if (frame === undefined) return
    this.#pendingBytes += frame.frameBytes
    this.#unannouncedBytes += frame.frameBytes
    this.#queue.push(frame)
    if (this.#unannouncedBytes >= ANNOUNCE_BYTES) this.#announce()
  }

  /** Whether the writer, which is at work, is spared the checksum of the open frame. */
  #sparesChecksum(): boolean {
    const bodyBytes = this.#encoder.open?.bodyBytes ?? 0
    const spares = this.#shownLsn > this.#writtenLsn && this.#checksummedBytes + bodyBytes <= CHECKSUM_BYTES_A_TURN
    if (spares) this.#checksummedBytes += bodyBytes
    return spares
  }

  #announce(): void {
    this.#unannouncedBytes = 0
    this.#shownLsn = (this.#encoder.open?.firstLsn ?? this.nextLsn) - 1
    this.#ring.show()
    this.#committer.wake()
  }

  #wait(append: UncopiedAppend, signal: AbortSignal | undefined): void {
    this.#needsDrain = true
    const { onFull, maxWaiting } = this.#tuning
    const { length, bytes } = this.#line
    if (onFull === 'wait' && length < maxWaiting && bytes + append.bodyBytes <= this.#maxWaitingBytes) {
      this.#line.add(append, signal)
      return
    }
    const { pendingBytes } = this.occupancy
    const message = `no room: ${this.#pendingAppends} appends with ${pendingBytes} bytes are pending, ${length} with ${bytes} bytes wait`
    append.reject(new SluiceError('SLUICE_QUEUE_FULL', message, { outcome: 'not-written' }))
  }

  /** Accepts those that wait, in order, as far as there is room. */
  #admit(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const { body, many, ack, settle } = first
      const frame = many ? this.#ownFrame(body.length, ack) : this.#frameFor(body.length, ack)
      if (frame === undefined) return
      this.#line.shift()
      this.#encoder.putBody(frame, body, first.records)
      if (many) this.#acceptedMany(frame, settle)
      else this.#accepted(frame, settle)
    }
  }

  /** Once there is room for those who waited, and as much again, others are told to come back. */
  #drain(): void {
    if (!this.#needsDrain || this.#line.length > 0) return
    if (this.occupancy.pendingBytes * 2 > this.#ring.capacityBytes) return
    if (this.#pendingAppends * 2 > this.#maxPendingAppends) return
    this.#needsDrain = false
    this.#readies.resolveUpTo(0, undefined)
    this.#listener.drain()
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
        this.#writtenLsn = report.writtenLsn
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
        // One that was asked for while another was under way: the writer may have finished before it heard of it.
        this.#trims.rejectAbove(0, () => closedError())
        if (!this.#queue.isEmpty)
          this.#fail(new Error('the writer ended before it had committed all that was accepted'))
        this.#closing?.resolve()
    }
  }

  #progress(report: ProgressReport): void {
    this.#writtenLsn = report.writtenLsn
    this.#durableLsn = report.durableLsn
    const written: PendingFrame[] = []
    for (;;) {
      const frame = this.#queue.nextWritten(report.writtenLsn)
      if (frame === undefined) break
      written.push(frame)
      if (frame.ack === 'written') this.#acknowledge(frame)
    }
    this.#settleDurable()
    this.#flushes.resolveUpTo(this.#durableLsn, this.#durableLsn)
    this.#listener.progress(report, written)
    this.#admit()
    this.#drain()
  }

  #settleDurable(): void {
    const nowMs = monotonicMs()
    for (let frame = this.#queue.front; frame !== undefined; frame = this.#queue.front) {
      if (!frame.settled && frame.lastLsn <= this.#durableLsn) {
        this.#acknowledge(frame)
        this.#figures.recordAppends((nowMs - frame.acceptedMs) * 1e6, frame.recordCount)
      }
      if (!frame.settled) return
      this.#queue.shift()
      this.#release(frame)
    }
  }

  #acknowledge(frame: PendingFrame): void {
    this.#pendingAppends -= frame.acknowledge()
  }

  #release(frame: PendingFrame): void {
    if (!frame.inRing) return
    this.#pendingBytes -= frame.frameBytes
    this.#ring.release((this.#queue.front ?? this.#encoder.open)?.place)
  }

  /** The disk was full: all above `lsn` was cut off again, and the writer waits to be resumed. */
  #rollBack(lsn: number, cause: Error): void {
    const rejected = this.#queue.removeAbove(lsn)
    const open = this.#encoder.rollBack(lsn)
    if (open !== undefined) rejected.push(open)
    // Frames that stay were written; the memory they lay in is given up with all the rest.
    this.#pendingBytes = 0
    this.#pendingAppends = 0
    for (const frame of this.#queue) {
      frame.inRing = false
      this.#pendingAppends += frame.appends
    }
    this.#unannouncedBytes = 0
    this.#shownLsn = lsn
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
    this.#admit()
    this.#drain()
  }

  /** Latches the log: nothing is acknowledged any more. */
  #fail(cause: Error): void {
    if (this.#failure !== undefined) return
    const failure = latchError(cause, this.#durableLsn, this.#writtenLsn)
    this.#failure = failure
    clearImmediate(this.#turnEnds)
    this.#figures.recordFailure()
    const allDurable = this.#durableLsn === this.nextLsn - 1
    const open = this.#encoder.abandon()
    this.#pendingBytes = 0
    this.#pendingAppends = 0
    for (const frame of this.#queue.removeAbove(0)) {
      const taken = !frame.inRing || this.#ring.isTaken(frame.sequence)
      frame.reject(commitFailedError(frame.firstLsn, frame.lastLsn, taken, cause))
    }
    open?.reject(commitFailedError(open.firstLsn, open.lastLsn, false, cause))
    this.#flushes.rejectAbove(0, (lsn) => commitFailedError(this.#durableLsn + 1, lsn, true, cause))
    this.#line.rejectAll(failedError(failure, { outcome: 'not-written' }))
    this.#readies.rejectAbove(-1, () => failedError(failure))
    this.#prepared.end(() => failedError(failure))
    this.#trims.rejectAbove(0, () => failedError(failure))
    this.#listener.failed(failure)
    // close() promises that what was accepted is durable. Where it is, only the next opening has more to do.
    if (allDurable) this.#closing?.resolve()
    else this.#closing?.reject(failure)
  }

  #requestTrim(): void {
    if (this.#trims.length === 0) return
    this.#ring.requestTrim(this.#trims.firstLsn)
    this.#announce()
  }

  #trimmed(firstLsn: number, error: Error | undefined): void {
    // What was reached, not what was asked for: later, more segments may lie below the same target.
    if (error === undefined) this.#trimmedTo = Math.max(this.#trimmedTo, firstLsn)
    this.#listener.trimmed(firstLsn)
    const request = this.#trims.shift()
    if (error === undefined) request?.resolve()
    else request?.reject(error)
    this.#trims.resolveUpTo(this.#trimmedTo, undefined)
    this.#requestTrim()
  }
}

function lengthOf(data: Uint8Array | string): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
}
