import { SluiceError } from '../errors.js'
import { frameBytesFor, recordBytes } from '../format/frame.js'
import type { AckLevel, ResolvedTuning } from '../options.js'
import type { RingProducer } from '../ring/producer.js'
import type { CheckedRecords } from './append-arguments.js'
import type { FrameEncoder } from './frame-encoder.js'
import type { Handover } from './handover.js'
import type { PendingFrame, Settle } from './pending-frame.js'
import type { WaitingAppend } from './waiting-line.js'
import { WaitingRoom } from './waiting-room.js'

/** A frame is closed and handed over once it has this many records, or bytes: a reader checks it as a whole. */
const SLICE_RECORDS = 128
const SLICE_BYTES = 32 * 1024
/** However small the records: each append that is pending costs about this much beside its bytes. */
const APPEND_COST_BYTES = 128

/** How many records of separate appends share a frame. */
export function frameRecordsFor({ flush, batch }: ResolvedTuning): number {
  return flush.kind === 'immediate' ? 1 : Math.min(SLICE_RECORDS, batch.maxRecords)
}

/** The LSNs of the first and the last record of an `appendMany`. */
export interface FirstAndLast {
  readonly first: number
  readonly last: number
}

/** What an {@link Intake} puts appends into. */
export interface IntakeParts {
  readonly ring: RingProducer
  readonly encoder: FrameEncoder
  readonly handover: Handover
}

/**
 * Where appends come in: has each record encoded into the open frame where there is room for it, lets the append wait or
 * rejects it where there is none, and keeps count of what is pending.
 */
export class Intake {
  readonly #ring: RingProducer
  readonly #encoder: FrameEncoder
  readonly #handover: Handover
  readonly #room: WaitingRoom
  readonly #maxFrameRecords: number
  readonly #maxPendingAppends: number
  /** Of the frames that were handed over. */
  #pendingBytes = 0
  #pendingAppends = 0
  /** The newest promise's resolve function: all promises are made by one function, which saves a closure each. */
  #resolve: (value: number | Promise<never>) => void = () => {}
  readonly #capture = (resolve: (value: number | Promise<never>) => void): void => {
    this.#resolve = resolve
  }

  constructor({ ring, encoder, handover }: IntakeParts, tuning: ResolvedTuning, drained: () => void) {
    this.#ring = ring
    this.#encoder = encoder
    this.#handover = handover
    this.#maxFrameRecords = frameRecordsFor(tuning)
    this.#maxPendingAppends = Math.floor(ring.capacityBytes / APPEND_COST_BYTES)
    const { onFull, maxWaiting } = tuning
    this.#room = new WaitingRoom(
      { onFull, maxWaiting, maxBytes: tuning.maxPendingBytes - ring.capacityBytes },
      {
        accept: (waiting) => this.#acceptWaiting(waiting),
        isHalfEmpty: () => this.#isHalfEmpty,
        occupants: () => `${this.#pendingAppends} appends with ${this.pendingBytes} bytes`,
        drained,
      },
    )
  }

  /** Of all that was accepted and has not come to its level. */
  get pendingBytes(): number {
    return this.#pendingBytes + (this.#encoder.open?.frameBytes ?? 0)
  }

  /** Appends that wait for room, and bytes of their copies. */
  get waiting(): number {
    return this.#room.length
  }

  get waitingBytes(): number {
    return this.#room.bytes
  }

  /** Appends a record whose data was checked and has `bytes` bytes. */
  append(data: Uint8Array | string, bytes: number, ack: AckLevel, signal: AbortSignal | undefined): Promise<number> {
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

  /** Appends records as one frame. */
  appendMany(
    { data, sizes, bytes }: CheckedRecords,
    ack: AckLevel,
    signal: AbortSignal | undefined,
  ): Promise<FirstAndLast> {
    this.#refusePastLastLsn(data.length)
    let bodyBytes = 0
    for (const size of sizes) bodyBytes += recordBytes(size)
    const frameBytes = frameBytesFor(bodyBytes)
    if (frameBytes > this.#ring.capacityBytes) {
      const message = `${data.length} records with ${bytes} bytes need ${frameBytes} bytes: maxPendingBytes allows ${this.#ring.capacityBytes}`
      throw new SluiceError('SLUICE_RECORD_TOO_LARGE', message)
    }
    return new Promise((resolve, reject) => {
      const settle = settleMany(resolve, data.length)
      const frame = this.#room.length > 0 ? undefined : this.#ownFrame(bodyBytes, ack)
      if (frame === undefined) {
        this.#room.enter({ data, many: true, ack, bodyBytes, settle, reject }, signal)
        return
      }
      this.#encoder.putMany(frame, data, sizes)
      this.#acceptedMany(frame, settle)
    })
  }

  /** Resolves when there is room again. */
  ready(): Promise<void> {
    return this.#room.ready()
  }

  /** Accepts those who wait for room, as far as there is some. */
  admit(): void {
    this.#room.admit()
  }

  /** A frame was closed, and put into the ring. */
  noteHandedOver(frame: PendingFrame): void {
    this.#pendingBytes += frame.frameBytes
  }

  /** Gives the memory of the oldest frame back; `next` is the one behind it. */
  release(frame: PendingFrame, next: PendingFrame | undefined): void {
    if (!frame.inRing) return
    this.#pendingBytes -= frame.frameBytes
    this.#ring.release((next ?? this.#encoder.open)?.place)
  }

  /** So many appends were told. */
  noteTold(appends: number): void {
    this.#pendingAppends -= appends
  }

  /** Nothing lies in the ring any more; of these frames, which were written, the appends are still to be told. */
  reset(stay: Iterable<PendingFrame>): void {
    this.#pendingBytes = 0
    this.#pendingAppends = 0
    for (const frame of stay) {
      frame.inRing = false
      this.#pendingAppends += frame.appends
    }
  }

  /** Rejects those who wait for room, and those who wait to hear of it, each of these with an error of its own. */
  end(refusal: SluiceError, told: () => SluiceError): void {
    this.#room.end(refusal, told)
  }

  #refusePastLastLsn(records: number): void {
    // Subtracted, not added up: sums past 2^53 are rounded.
    const { nextLsn } = this.#encoder
    if (records <= Number.MAX_SAFE_INTEGER - nextLsn + 1 - this.#room.records) return
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `LSNs end at 2^53 - 1: there is no room behind ${nextLsn}`)
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
    return this.pendingBytes * 2 <= this.#ring.capacityBytes && this.#pendingAppends * 2 <= this.#maxPendingAppends
  }
}

/**
 * Settles an `appendMany` of so many records. Not by a promise behind the append's own: whoever awaits it would be told
 * after those who come later. It is made here, where the records aren't: they would live until it is called.
 */
function settleMany(resolve: (value: FirstAndLast | Promise<never>) => void, records: number): Settle {
  return (outcome) => resolve(typeof outcome === 'number' ? { first: outcome, last: outcome + records - 1 } : outcome)
}
