import { fromErrorRecord, SluiceError } from '../errors.js'
import { frameBytesFor, recordBytes } from '../format/frame.js'
import type { Figures, Occupancy } from '../observe/figures.js'
import type { AckLevel, ResolvedTuning } from '../options.js'
import type { RingProducer } from '../ring/producer.js'
import type { ProgressReport, WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import { Acknowledger } from './acknowledger.js'
import type { Committer } from './committer.js'
import { FrameEncoder } from './frame-encoder.js'
import { FrameQueue } from './frame-queue.js'
import { Handover } from './handover.js'
import { closedError, commitFailedError, diskFullError, failedError, latchError } from './log-errors.js'
import type { PendingFrame, Settle } from './pending-frame.js'
import { PreparedWatch } from './prepared-watch.js'
import { type Deferred, LsnRequests } from './requests.js'
import type { WaitingAppend } from './waiting-line.js'
import { WaitingRoom } from './waiting-room.js'

/** A frame is closed and handed over once it has this many records, or bytes: a reader checks it as a whole. */
const SLICE_RECORDS = 128
const SLICE_BYTES = 32 * 1024
/** However small the records: each append that is pending costs about this much beside its bytes. */
const APPEND_COST_BYTES = 128

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
 * Collects appends: has each record encoded straight into shared memory, hands frames over, and settles the promises as
 * the committer reports. It opens no file, and knows nothing of files.
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
  readonly #trims = new LsnRequests<void>()
  readonly #acknowledger: Acknowledger
  readonly #room: WaitingRoom
  readonly #prepared: PreparedWatch
  readonly #maxFrameRecords: number
  readonly #maxPendingAppends: number
  #durableLsn = 0
  #pendingBytes = 0
  #pendingAppends = 0
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

  constructor(committer: Committer, tuning: ResolvedTuning, figures: Figures, listener: CoordinatorListener) {
    this.#committer = committer
    this.#ring = committer.ring
    this.#figures = figures
    this.#listener = listener
    this.#prepared = new PreparedWatch(tuning.preparedSegments === 0)
    this.#maxFrameRecords = tuning.flush.kind === 'immediate' ? 1 : Math.min(SLICE_RECORDS, tuning.batch.maxRecords)
    this.#encoder = new FrameEncoder(this.#ring, { maxRecords: this.#maxFrameRecords, maxBytes: tuning.batch.maxBytes })
    this.#maxPendingAppends = Math.floor(this.#ring.capacityBytes / APPEND_COST_BYTES)
    this.#acknowledger = new Acknowledger({
      acknowledge: (frame, nowMs) => this.#acknowledge(frame, nowMs),
      resumed: () => {
        this.#resolveFlushes()
        this.#room.admit()
      },
    })
    this.#handover = new Handover(committer, this.#encoder, {
      closed: (frame) => this.#handedOver(frame),
      isAcknowledging: () => this.#acknowledger.isBehind,
    })
    const { onFull, maxWaiting } = tuning
    const maxBytes = tuning.maxPendingBytes - this.#ring.capacityBytes
    this.#room = new WaitingRoom(
      { onFull, maxWaiting, maxBytes },
      {
        accept: (waiting) => this.#acceptWaiting(waiting),
        isHalfEmpty: () => this.#isHalfEmpty,
        occupants: () => `${this.#pendingAppends} appends with ${this.occupancy.pendingBytes} bytes`,
        drained: () => listener.drain(),
      },
    )
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
    const pendingBytes = this.#pendingBytes + (this.#encoder.open?.frameBytes ?? 0)
    const preparedBytes = this.#prepared.bytes
    return { pendingBytes, waiting: this.#room.length, waitingBytes: this.#room.bytes, preparedBytes }
  }

  /** Appends a record whose data was checked and has `bytes` bytes. */
  append(data: Uint8Array | string, bytes: number, ack: AckLevel, signal: AbortSignal | undefined): Promise<number> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusal
    this.#refusePastLastLsn(1)
    const bodyBytes = recordBytes(bytes)
    const frame = this.#room.length > 0 ? undefined : this.#frameFor(bodyBytes, ack)
    if (frame === undefined) {
      return new Promise((settle, reject) => {
        this.#room.enter({ data: [data], many: false, ack, bodyBytes, settle, reject }, signal)
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
      const frame = this.#room.length > 0 ? undefined : this.#ownFrame(bodyBytes, ack)
      if (frame === undefined) {
        this.#room.enter({ data, many: true, ack, bodyBytes, settle, reject }, signal)
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
    return this.#refusal(undefined) ?? this.#room.ready()
  }

  prepared(): Promise<number> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    // So that a writer that is gone without a word is found out.
    if (!this.#prepared.settled) this.#committer.wake()
    return this.#prepared.wait()
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
    this.#room.end(closedError({ outcome: 'not-written' }), () => closedError())
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
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return undefined
  }

  #refusePastLastLsn(records: number): void {
    // Subtracted, not added up: sums past 2^53 are rounded.
    if (records <= Number.MAX_SAFE_INTEGER - this.nextLsn + 1 - this.#room.records) return
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `LSNs end at 2^53 - 1: there is no room behind ${this.nextLsn}`)
  }

  /** The frame that a record goes into: the open one, or a new one. `undefined` where there is no room. */
  #frameFor(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    if (this.#pendingAppends >= this.#maxPendingAppends) return undefined
    if (this.#encoder.openTakes(bodyBytes, ack)) return this.#encoder.open
    this.#handover.closeFrame()
    return this.#encoder.begin(bodyBytes, ack)
  }

  /** A frame for the records of one `appendMany` alone. `undefined` where there is no room. */
  #ownFrame(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    if (this.#pendingAppends >= this.#maxPendingAppends) return undefined
    this.#handover.closeFrame()
    return this.#encoder.begin(bodyBytes, ack)
  }

  /** A record was put into the open frame, which is handed over once it is worth it. */
  #accepted(frame: PendingFrame, settle: Settle): void {
    this.#note(frame, settle)
    if (frame.recordCount < this.#maxFrameRecords && frame.bodyBytes < SLICE_BYTES) return
    this.#handover.closeFrame()
  }

  /** All records of an `appendMany` were put into the open frame. */
  #acceptedMany(frame: PendingFrame, settle: Settle): void {
    this.#note(frame, settle)
    this.#handover.closeFrame()
  }

  #note(frame: PendingFrame, settle: Settle): void {
    this.#pendingAppends++
    frame.add(settle)
    this.#handover.noteAppend()
  }

  #handedOver(frame: PendingFrame): void {
    this.#pendingBytes += frame.frameBytes
    this.#queue.push(frame)
  }

  /** Accepts an append that waited, where there is room for it now. */
  #acceptWaiting({ body, records, many, ack, settle }: WaitingAppend): boolean {
    const frame = many ? this.#ownFrame(body.length, ack) : this.#frameFor(body.length, ack)
    if (frame === undefined) return false
    this.#encoder.putBody(frame, body, records)
    if (many) this.#acceptedMany(frame, settle)
    else this.#accepted(frame, settle)
    return true
  }

  get #isHalfEmpty(): boolean {
    return (
      this.occupancy.pendingBytes * 2 <= this.#ring.capacityBytes && this.#pendingAppends * 2 <= this.#maxPendingAppends
    )
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
        this.#trims.rejectAbove(0, () => closedError())
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
    this.#room.admit()
  }

  /** Lets go of the frames that have come to their level: their appends are told by and by, but there is room at once. */
  #letGo(writtenLsn: number): void {
    for (let frame = this.#queue.front; frame !== undefined; frame = this.#queue.front) {
      if (frame.lastLsn > (frame.ack === 'written' ? writtenLsn : this.#durableLsn)) return
      if (frame.ack === 'durable') this.#acknowledger.push(frame)
      this.#queue.shift()
      this.#release(frame)
    }
  }

  #acknowledge(frame: PendingFrame, nowMs: number): number {
    const appends = frame.acknowledge()
    this.#pendingAppends -= appends
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

  #release(frame: PendingFrame): void {
    if (!frame.inRing) return
    this.#pendingBytes -= frame.frameBytes
    this.#ring.release((this.#queue.front ?? this.#encoder.open)?.place)
  }

  /** The disk was full: all above `lsn` was cut off again, and the writer waits to be resumed. */
  #rollBack(lsn: number, cause: Error): void {
    this.#finishAcknowledging()
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
    this.#room.admit()
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
    this.#pendingBytes = 0
    this.#pendingAppends = 0
    for (const frame of this.#queue.removeAbove(0)) {
      const taken = !frame.inRing || this.#ring.isTaken(frame.sequence)
      frame.reject(commitFailedError(frame.firstLsn, frame.lastLsn, taken, cause))
    }
    open?.reject(commitFailedError(open.firstLsn, open.lastLsn, false, cause))
    this.#flushes.rejectAbove(0, (lsn) => commitFailedError(this.#durableLsn + 1, lsn, true, cause))
    this.#room.end(failedError(failure, { outcome: 'not-written' }), () => failedError(failure))
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
    this.#handover.announce()
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
