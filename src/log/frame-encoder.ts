import {
  FRAME_HEADER_BYTES,
  frameBytesFor,
  RECORD_HEADER_BYTES,
  recordBytes,
  unseededChecksum,
  writeFrameDraft,
} from '../format/frame.js'
import { copyBytes } from '../fs/copy-bytes.js'
import type { AckLevel } from '../options.js'
import { monotonicMs } from '../ring/clock.js'
import { writeDraftNotes } from '../ring/draft-notes.js'
import type { RingProducer } from '../ring/producer.js'
import { PendingFrame } from './pending-frame.js'

/** What bounds a frame that separate appends share. */
export interface FrameBounds {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Encodes records straight into the ring's memory, frame by frame, and assigns their LSNs. */
export class FrameEncoder {
  readonly #ring: RingProducer
  readonly #words: Uint32Array
  readonly #bounds: FrameBounds
  #open: PendingFrame | undefined
  #nextLsn = 1
  #lastTimestampMs = 0

  constructor(ring: RingProducer, bounds: FrameBounds) {
    this.#ring = ring
    this.#words = new Uint32Array(ring.bytes.buffer)
    this.#bounds = bounds
  }

  /** Begins behind `lastLsn`; timestamps never go back behind `lastTimestampMs`. */
  start(lastLsn: number, lastTimestampMs: number): void {
    this.#nextLsn = lastLsn + 1
    this.#lastTimestampMs = lastTimestampMs
  }

  get nextLsn(): number {
    return this.#nextLsn
  }

  /** The frame that is not handed over yet. */
  get open(): PendingFrame | undefined {
    return this.#open
  }

  /** Whether the open frame takes another record that takes `bodyBytes`, of an append that waits for `ack`. */
  openTakes(bodyBytes: number, ack: AckLevel): boolean {
    const open = this.#open
    if (open === undefined || open.ack !== ack || open.recordCount >= this.#bounds.maxRecords) return false
    const grown = frameBytesFor(open.bodyBytes + bodyBytes)
    return grown <= this.#bounds.maxBytes && this.#ring.canGrow(grown)
  }

  /** Opens a frame for at least `bodyBytes`; no other one is open. `undefined` where the ring has no room for it. */
  begin(bodyBytes: number, ack: AckLevel): PendingFrame | undefined {
    const place = this.#ring.begin(frameBytesFor(bodyBytes))
    if (place === -1) return undefined
    // One look at each clock a frame: that is one a turn of the event loop, or a little more.
    const timestampMs = Math.max(Date.now(), this.#lastTimestampMs)
    this.#lastTimestampMs = timestampMs
    this.#open = new PendingFrame(place, this.#nextLsn, ack, monotonicMs(), timestampMs)
    return this.#open
  }

  /** Puts a record of `bytes` bytes behind the others of the open frame, which has room for it. */
  put(frame: PendingFrame, data: Uint8Array | string, bytes: number): void {
    const at = frame.place + FRAME_HEADER_BYTES + frame.bodyBytes
    const bodyBytes = recordBytes(bytes)
    this.#words[at / 4] = bytes
    // The padding is part of what is checksummed: zeros, not what an earlier frame left.
    if (bytes % 4 !== 0) this.#words[(at + bodyBytes) / 4 - 1] = 0
    if (typeof data === 'string') {
      // As many bytes as characters are ASCII, which is the same in both, and faster to write as Latin-1.
      this.#ring.bytes.write(data, at + RECORD_HEADER_BYTES, bytes, bytes === data.length ? 'latin1' : 'utf8')
    } else copyBytes(data, 0, bytes, this.#ring.bytes, at + RECORD_HEADER_BYTES)
    frame.bodyBytes += bodyBytes
    frame.recordCount++
    this.#nextLsn++
  }

  /** Puts records that {@link encodeBody} encoded behind the others of the open frame, which has room for them. */
  putBody(frame: PendingFrame, body: Buffer, records: number): void {
    copyBytes(body, 0, body.length, this.#ring.bytes, frame.place + FRAME_HEADER_BYTES + frame.bodyBytes)
    frame.bodyBytes += body.length
    frame.recordCount += records
    this.#nextLsn += records
  }

  /**
   * Closes the open frame, if there is one, and puts it into the ring, which does not show it to the writer yet. Makes the
   * checksum of its body where it is told to.
   */
  handOver(checksum: boolean): PendingFrame | undefined {
    const frame = this.#open
    if (frame === undefined) return undefined
    this.#open = undefined
    const { bytes } = this.#ring
    const { place, frameBytes } = frame
    writeFrameDraft(bytes, place, frame)
    writeDraftNotes(bytes, place, {
      handedOverMs: monotonicMs(),
      wantsWritten: frame.ack === 'written',
      checksum: checksum ? unseededChecksum(bytes, place + FRAME_HEADER_BYTES, frame.bodyBytes) : undefined,
    })
    if (frameBytes > FRAME_HEADER_BYTES + frame.bodyBytes) this.#words[(place + frameBytes) / 4 - 1] = 0
    frame.sequence = this.#ring.publish(frameBytes)
    return frame
  }

  /** Gives the LSNs above `lsn` free again, with the open frame, which is returned. */
  rollBack(lsn: number): PendingFrame | undefined {
    this.#nextLsn = lsn + 1
    this.#ring.reset()
    return this.abandon()
  }

  /** Gives up the open frame, and returns it. */
  abandon(): PendingFrame | undefined {
    const open = this.#open
    this.#open = undefined
    return open
  }
}

/** Records as they will lie in a frame's body, in `bodyBytes` of memory of their own. */
export function encodeBody(data: readonly (Uint8Array | string)[], bodyBytes: number): Buffer {
  // Not from Node's pool: a small body that waits long would keep a whole slab of it.
  const body = Buffer.from(new ArrayBuffer(bodyBytes))
  let at = 0
  for (const record of data) {
    let bytes = record.length
    if (typeof record === 'string') bytes = body.write(record, at + RECORD_HEADER_BYTES, 'utf8')
    else body.set(record, at + RECORD_HEADER_BYTES)
    body.writeUInt32LE(bytes, at)
    at += recordBytes(bytes)
  }
  return body
}
