import { fromErrorRecord, SluiceError, type SluiceErrorDetails } from '../errors.js'
import { FRAME_HEADER_BYTES, frameBytesFor, RECORD_HEADER_BYTES, recordBytes, writeFrameDraft } from '../format/frame.js'
import type { Figures } from '../observe/figures.js'
import type { AckLevel, ResolvedTuning } from '../options.js'
import { monotonicMs } from '../ring/clock.js'
import { DRAFT_FLAGS_AT, DRAFT_HANDED_OVER_AT, DRAFT_WANTS_WRITTEN } from '../ring/layout.js'
import type { RingProducer } from '../ring/producer.js'
import type { ProgressReport, WriterReport } from '../ring/report.js'
import type { RecoveredLog } from '../segment/recovered-log.js'
import type { Committer } from './committer.js'
import { FrameQueue } from './frame-queue.js'
import { PendingFrame } from './pending-frame.js'
import { WaitingLine } from './waiting-line.js'

/** A frame is handed over once it has this many records, or bytes, so that the writer works while others still come. */
const SLICE_RECORDS = 128
const SLICE_BYTES = 32 * 1024
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

interface FlushRequest {
  readonly lsn: number
  readonly resolve: (durableLsn: number) => void
  readonly reject: (error: Error) => void
}

interface Deferred<Value> {
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

/**
 * Collects appends: encodes each record straight into shared memory, assigns its LSN, closes frames and hands them over,
 * and settles the promises as the committer reports. It opens no file, and knows nothing of files.
 */
export class Coordinator {
  readonly #committer: Committer
  readonly #ring: RingProducer
  readonly #words: Uint32Array
  readonly #tuning: ResolvedTuning
  readonly #figures: Figures
  readonly #listener: CoordinatorListener
  readonly #queue = new FrameQueue()
  readonly #line = new WaitingLine()
  readonly #maxFrameRecords: number
  readonly #maxPendingAppends: number
  readonly #maxWaitingBytes: number
  #open: PendingFrame | undefined
  #nextLsn = 1
  #durableLsn = 0
  #writtenLsn = 0
  #lastTimestampMs = 0
  #pendingBytes = 0
  #pendingAppends = 0
  #unannouncedBytes = 0
  #turnEnds: NodeJS.Immediate | undefined
  #needsDrain = false
  #readyRequests: Deferred<void>[] = []
  #flushRequests: FlushRequest[] = []
  #trimRequests: { readonly lsn: number; readonly request: Deferred<void> }[] = []
  #trimmedTo = 0
  #closing: Deferred<void> | undefined
  #closeError: Error | undefined
  #failure: SluiceError | undefined
  #closed = false
  /** The newest promise's resolve function: a promise is made by one function for all, which saves a closure each. */
  #resolve: (value: number | Promise<never>) => void = () => {}
  readonly #capture = (resolve: (value: number | Promise<never>) => void): void => {
    this.#resolve = resolve
  }
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    this.#handOver()
    if (this.#unannouncedBytes > 0) this.#announce()
  }

  constructor(committer: Committer, tuning: ResolvedTuning, figures: Figures, listener: CoordinatorListener) {
    this.#committer = committer
    this.#ring = committer.ring
    this.#words = new Uint32Array(this.#ring.bytes.buffer)
    this.#tuning = tuning
    this.#figures = figures
    this.#listener = listener
    this.#maxFrameRecords = tuning.flush.kind === 'immediate' ? 1 : Math.min(SLICE_RECORDS, tuning.batch.maxRecords)
    this.#maxPendingAppends = Math.floor(this.#ring.capacityBytes / APPEND_COST_BYTES)
    this.#maxWaitingBytes = tuning.maxPendingBytes - this.#ring.capacityBytes
  }

  /** Recovers the log. */
  async start(): Promise<RecoveredLog> {
    const recovered = await this.#committer.open({
      report: (report) => this.#receive(report),
      lost: (error) => this.#fail(error),
    })
    this.#nextLsn = recovered.lastLsn + 1
    this.#durableLsn = recovered.lastLsn
    this.#writtenLsn = recovered.lastLsn
    this.#lastTimestampMs = recovered.lastTimestampMs
    return recovered
  }

  get nextLsn(): number {
    return this.#nextLsn
  }

  get durableLsn(): number {
    return this.#durableLsn
  }

  get failure(): SluiceError | undefined {
    return this.#failure
  }

  get occupancy(): { pendingBytes: number; waiting: number; waitingBytes: number } {
    return {
      pendingBytes: this.#pendingBytes + (this.#open?.frameBytes ?? 0),
      waiting: this.#line.length,
      waitingBytes: this.#line.bytes,
    }
  }

  /** Appends a record whose data was checked and has `bytes` bytes. */
  append(data: Uint8Array | string, bytes: number, ack: AckLevel, signal: AbortSignal | undefined): Promise<number> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusal
    this.#refusePastLastLsn(1)
    const bodyBytes = recordBytes(bytes)
    if (this.#line.length > 0) return this.#wait([data], false, bodyBytes, bytes, ack, signal)
    const frame = this.#frameFor(bodyBytes, ack)
    if (frame === undefined) return this.#wait([data], false, bodyBytes, bytes, ack, signal)
    return this.#accept(frame, data, bytes)
  }

  /** Appends records, whose data was checked and has `bytes` bytes in all, as one frame. Resolves to the first LSN. */
  appendMany(
    data: readonly (Uint8Array | string)[],
    bytes: number,
    ack: AckLevel,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const refusal = this.#refusal(signal)
    if (refusal !== undefined) return refusal
    this.#refusePastLastLsn(data.length)
    let bodyBytes = 0
    for (const record of data) bodyBytes += recordBytes(lengthOf(record))
    if (frameBytesFor(bodyBytes) > this.#ring.capacityBytes) {
      const message = `${data.length} records with ${bytes} bytes need a frame of ${frameBytesFor(bodyBytes)} bytes: maxPendingBytes allows ${this.#ring.capacityBytes}`
      throw new SluiceError('SLUICE_RECORD_TOO_LARGE', message)
    }
    if (this.#line.length > 0 || !this.#hasRoomForMany(bodyBytes)) {
      return this.#wait(data, true, bodyBytes, bytes, ack, signal)
    }
    return this.#acceptMany(data, bodyBytes, ack)
  }

  /** Makes everything accepted so far durable. */
  flush(): Promise<number> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    const lsn = this.#nextLsn - 1
    if (lsn <= this.#durableLsn) return Promise.resolve(this.#durableLsn)
    this.#handOver()
    this.#ring.requestFlush(lsn)
    return new Promise((resolve, reject) => {
      this.#flushRequests.push({ lsn, resolve, reject })
      this.#announce()
    })
  }

  ready(): Promise<void> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    if (!this.#needsDrain) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#readyRequests.push({ resolve, reject })
    })
  }

  trim(beforeLsn: number): Promise<void> {
    const refusal = this.#refusal(undefined)
    if (refusal !== undefined) return refusal
    // The writer answers only to a higher target than the last one.
    if (beforeLsn <= this.#trimmedTo) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#trimRequests.push({ lsn: beforeLsn, request: { resolve, reject } })
      if (this.#trimRequests.length === 1) this.#requestTrim()
    })
  }

  /** Makes what was accepted durable, and stops what is behind the committer, whatever happens. */
  async close(): Promise<void> {
    this.#closed = true
    this.#line.rejectAll(closedError())
    this.#rejectReady(closedError())
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
    if (this.#failure !== undefined) return Promise.reject(failedError(this.#failure))
    if (this.#closed) return Promise.reject(closedError())
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return undefined
  }

  #refusePastLastLsn(records: number): void {
    if (this.#nextLsn + this.#line.length + records - 1 <= Number.MAX_SAFE_INTEGER) return
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `LSNs end at 2^53 - 1: there is no room behind ${this.#nextLsn}`)
  }

  /** The frame that a record of `bodyBytes` goes into: the open one, or a new one. `undefined` where there is no room. */
  #frameFor(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    const open = this.#open
    if (open !== undefined) {
      const grown = frameBytesFor(open.bodyBytes + bodyBytes)
      const fits = grown <= this.#tuning.batch.maxBytes && this.#ring.canGrow(grown)
      if (open.ack === ack && open.recordCount < this.#maxFrameRecords && fits) {
        return this.#pendingAppends < this.#maxPendingAppends ? open : undefined
      }
      this.#handOver()
    }
    if (this.#pendingAppends >= this.#maxPendingAppends) return undefined
    return this.#openFrame(bodyBytes, ack)
  }

  #openFrame(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    const place = this.#ring.begin(frameBytesFor(bodyBytes))
    if (place === -1) return undefined
    const timestampMs = Math.max(Date.now(), this.#lastTimestampMs)
    this.#lastTimestampMs = timestampMs
    this.#open = new PendingFrame(place, this.#nextLsn, ack, monotonicMs(), timestampMs)
    return this.#open
  }

  #accept(frame: PendingFrame, data: Uint8Array | string, bytes: number): Promise<number> {
    this.#encode(frame, data, bytes)
    this.#pendingAppends++
    const promise = new Promise<number>(this.#capture)
    frame.settlers.push(this.#resolve)
    if (frame.recordCount >= this.#maxFrameRecords || frame.bodyBytes >= SLICE_BYTES) this.#handOver()
    if (this.#unannouncedBytes >= SLICE_BYTES) this.#announce()
    this.#turnEnds ??= setImmediate(this.#endTurn)
    return promise
  }

  #hasRoomForMany(bodyBytes: number): boolean {
    this.#handOver()
    return this.#pendingAppends < this.#maxPendingAppends && this.#ring.begin(frameBytesFor(bodyBytes)) !== -1
  }

  #acceptMany(data: readonly (Uint8Array | string)[], bodyBytes: number, ack: AckLevel): Promise<number> {
    const frame = this.#openFrame(bodyBytes, ack)
    if (frame === undefined) throw new Error('the room for a frame was there a moment ago') // See #hasRoomForMany.
    for (const record of data) this.#encode(frame, record, lengthOf(record))
    this.#pendingAppends++
    const promise = new Promise<number>(this.#capture)
    frame.settlers.push(this.#resolve)
    this.#handOver()
    if (this.#unannouncedBytes >= SLICE_BYTES) this.#announce()
    this.#turnEnds ??= setImmediate(this.#endTurn)
    return promise
  }

  /** Puts a record behind the others of a frame, for which there is room. Assigns its LSN. */
  #encode(frame: PendingFrame, data: Uint8Array | string, bytes: number): void {
    const at = frame.place + FRAME_HEADER_BYTES + frame.bodyBytes
    const bodyBytes = recordBytes(bytes)
    this.#words[at / 4] = bytes
    // The padding is part of what is checksummed: zeros, not what an earlier frame left.
    if (bytes % 4 !== 0) this.#words[(at + bodyBytes) / 4 - 1] = 0
    if (typeof data === 'string') this.#ring.bytes.write(data, at + RECORD_HEADER_BYTES, bytes, 'utf8')
    else this.#ring.bytes.set(data, at + RECORD_HEADER_BYTES)
    frame.bodyBytes += bodyBytes
    frame.recordCount++
    this.#nextLsn++
  }

  /** Closes the open frame, and makes it the writer's. */
  #handOver(): void {
    const frame = this.#open
    if (frame === undefined) return
    this.#open = undefined
    const { bytes } = this.#ring
    const { place, frameBytes } = frame
    writeFrameDraft(bytes, place, frame)
    bytes.writeDoubleLE(monotonicMs(), place + DRAFT_HANDED_OVER_AT)
    bytes.writeUInt32LE(frame.ack === 'written' ? DRAFT_WANTS_WRITTEN : 0, place + DRAFT_FLAGS_AT)
    if (frameBytes > FRAME_HEADER_BYTES + frame.bodyBytes) this.#words[(place + frameBytes) / 4 - 1] = 0
    frame.sequence = this.#ring.publish(frameBytes)
    this.#pendingBytes += frameBytes
    this.#unannouncedBytes += frameBytes
    this.#queue.push(frame)
  }

  #announce(): void {
    this.#unannouncedBytes = 0
    this.#committer.wake()
  }

  #wait(
    data: readonly (Uint8Array | string)[],
    many: boolean,
    bodyBytes: number,
    bytes: number,
    ack: AckLevel,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    this.#needsDrain = true
    const { onFull, maxWaiting } = this.#tuning
    if (onFull === 'reject' || this.#line.length >= maxWaiting || this.#line.bytes + bytes > this.#maxWaitingBytes) {
      const { pendingBytes } = this.occupancy
      const message = `no room: ${pendingBytes} bytes are pending, ${this.#line.length} appends with ${this.#line.bytes} bytes wait`
      return Promise.reject(new SluiceError('SLUICE_QUEUE_FULL', message, { outcome: 'not-written' }))
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#line.remove(waiting)
        reject(signal?.reason)
      }
      const waiting = {
        data: data.map((record) => (typeof record === 'string' ? record : Buffer.from(record))),
        many,
        ack,
        bodyBytes,
        copiedBytes: bytes,
        accept: (accepted: Promise<number>) => {
          signal?.removeEventListener('abort', giveUp)
          resolve(accepted)
        },
        reject: (error: unknown) => {
          signal?.removeEventListener('abort', giveUp)
          reject(error)
        },
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#line.push(waiting)
    })
  }

  /** Accepts those that wait, in order, as far as there is room. */
  #admit(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const accepted = this.#tryAccept(first.data, first.many, first.bodyBytes, first.ack)
      if (accepted === undefined) return
      this.#line.shift()
      first.accept(accepted)
    }
    const { pendingBytes } = this.occupancy
    if (!this.#needsDrain || pendingBytes * 2 > this.#ring.capacityBytes) return
    this.#needsDrain = false
    const requests = this.#readyRequests
    this.#readyRequests = []
    for (const request of requests) request.resolve()
    this.#listener.drain()
  }

  #tryAccept(
    data: readonly (Uint8Array | string)[],
    many: boolean,
    bodyBytes: number,
    ack: AckLevel,
  ): Promise<number> | undefined {
    if (many) return this.#hasRoomForMany(bodyBytes) ? this.#acceptMany(data, bodyBytes, ack) : undefined
    const frame = this.#frameFor(bodyBytes, ack)
    const record = data[0]
    return frame === undefined || record === undefined ? undefined : this.#accept(frame, record, lengthOf(record))
  }

  #receive(report: WriterReport): void {
    switch (report.kind) {
      case 'progress':
        return this.#progress(report)
      case 'rollback':
        return this.#rollBack(report.lsn, fromErrorRecord(report.error))
      case 'failed':
        this.#writtenLsn = report.writtenLsn
        return this.#fail(fromErrorRecord(report.error))
      case 'trimmed':
        return this.#trimmed(report.firstLsn, undefined)
      case 'trim-failed':
        return this.#trimmed(report.firstLsn, fromErrorRecord(report.error))
      case 'closed':
        this.#closing?.resolve()
    }
  }

  #progress(report: ProgressReport): void {
    const nowMs = monotonicMs()
    this.#writtenLsn = report.writtenLsn
    this.#durableLsn = report.durableLsn
    const written: PendingFrame[] = []
    for (;;) {
      const frame = this.#queue.nextWritten(report.writtenLsn)
      if (frame === undefined) break
      written.push(frame)
      if (frame.ack === 'written') frame.acknowledge()
    }
    for (let frame = this.#queue.front; frame !== undefined; frame = this.#queue.front) {
      if (!frame.settled && frame.lastLsn <= report.durableLsn) {
        frame.acknowledge()
        this.#figures.recordAppends((nowMs - frame.acceptedMs) * 1e6, frame.recordCount)
      }
      if (!frame.settled) break
      this.#queue.shift()
      this.#release(frame)
    }
    this.#settleFlushes()
    this.#listener.progress(report, written)
    this.#admit()
  }

  #release(frame: PendingFrame): void {
    if (!frame.inRing) return
    this.#pendingBytes -= frame.frameBytes
    this.#pendingAppends -= frame.settlers.length
    this.#ring.release((this.#queue.front ?? this.#open)?.place)
  }

  #settleFlushes(): void {
    while ((this.#flushRequests[0]?.lsn ?? Number.POSITIVE_INFINITY) <= this.#durableLsn) {
      this.#flushRequests.shift()?.resolve(this.#durableLsn)
    }
  }

  /** The disk was full: all above `lsn` was cut off again, and the writer waits. */
  #rollBack(lsn: number, cause: Error): void {
    const rejected = this.#queue.removeAbove(lsn)
    if (this.#open !== undefined) rejected.push(this.#open)
    this.#open = undefined
    this.#nextLsn = lsn + 1
    // Frames that stay were written; the memory they lay in is given up with all the rest.
    this.#pendingBytes = 0
    this.#pendingAppends = 0
    this.#ring.reset()
    for (const frame of this.#queue) frame.inRing = false
    this.#unannouncedBytes = 0
    this.#figures.recordFailure()
    this.#listener.rollback(lsn)
    const error = (first: number, last: number): SluiceError =>
      new SluiceError('SLUICE_DISK_FULL', `the disk is full: LSNs from ${first} to ${last} were not written`, {
        cause,
        outcome: 'not-written',
        firstLsn: first,
        lastLsn: last,
      })
    for (const frame of rejected) frame.reject(error(frame.firstLsn, frame.lastLsn))
    const flushes = this.#flushRequests.filter((request) => request.lsn > lsn)
    this.#flushRequests = this.#flushRequests.filter((request) => request.lsn <= lsn)
    for (const request of flushes) request.reject(error(lsn + 1, request.lsn))
    this.#ring.requestFlush(this.#flushRequests.at(-1)?.lsn ?? 0)
    if (this.#closing !== undefined) this.#closeError ??= error(lsn + 1, rejected.at(-1)?.lastLsn ?? lsn + 1)
    this.#committer.resume()
    this.#admit()
  }

  /** Latches the log: nothing is acknowledged any more. */
  #fail(cause: Error): void {
    if (this.#failure !== undefined) return
    const details: SluiceErrorDetails = { cause, firstLsn: this.#durableLsn + 1, lastLsn: this.#writtenLsn }
    const unsynced =
      this.#writtenLsn > this.#durableLsn
        ? `; LSNs from ${this.#durableLsn + 1} to ${this.#writtenLsn} were written, and may be lost in a power cut`
        : ''
    const message = `the log has failed, and must be closed and opened again: ${cause.message}${unsynced}`
    const failure = new SluiceError('SLUICE_FAILED', message, unsynced === '' ? { cause } : details)
    this.#failure = failure
    clearImmediate(this.#turnEnds)
    this.#figures.recordFailure()
    const frames = this.#queue.removeAbove(0)
    const rejections = frames.map((frame) => [frame, !frame.inRing || this.#ring.isTaken(frame.sequence)] as const)
    if (this.#open !== undefined) rejections.push([this.#open, false])
    this.#open = undefined
    for (const [frame, taken] of rejections) frame.reject(commitFailed(frame.firstLsn, frame.lastLsn, taken, cause))
    for (const request of this.#flushRequests) {
      request.reject(commitFailed(this.#durableLsn + 1, request.lsn, true, cause))
    }
    this.#flushRequests = []
    this.#line.rejectAll(failedError(failure))
    this.#rejectReady(failedError(failure))
    for (const { request } of this.#trimRequests) request.reject(failedError(failure))
    this.#trimRequests = []
    this.#listener.failed(failure)
    this.#closing?.reject(failure)
  }

  #rejectReady(error: Error): void {
    const requests = this.#readyRequests
    this.#readyRequests = []
    for (const request of requests) request.reject(error)
  }

  #requestTrim(): void {
    const first = this.#trimRequests[0]
    if (first === undefined) return
    this.#ring.requestTrim(first.lsn)
    this.#announce()
  }

  #trimmed(firstLsn: number, error: Error | undefined): void {
    this.#listener.trimmed(firstLsn)
    const first = this.#trimRequests.shift()
    this.#trimmedTo = Math.max(this.#trimmedTo, first?.lsn ?? 0)
    if (error === undefined) first?.request.resolve()
    else first?.request.reject(error)
    for (let next = this.#trimRequests[0]; next !== undefined && next.lsn <= this.#trimmedTo; next = this.#trimRequests[0]) {
      this.#trimRequests.shift()
      next.request.resolve()
    }
    this.#requestTrim()
  }
}

function lengthOf(data: Uint8Array | string): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the log is closed')
}

function failedError(failure: SluiceError): SluiceError {
  return new SluiceError('SLUICE_FAILED', failure.message, { cause: failure.cause })
}

function commitFailed(firstLsn: number, lastLsn: number, taken: boolean, cause: Error): SluiceError {
  const outcome = taken ? 'indeterminate' : 'not-written'
  const fate = taken ? 'may or may not be on disk' : 'were not written'
  const message = `a commit failed: LSNs from ${firstLsn} to ${lastLsn} ${fate}: ${cause.message}`
  return new SluiceError('SLUICE_COMMIT_FAILED', message, { cause, outcome, firstLsn, lastLsn })
}
