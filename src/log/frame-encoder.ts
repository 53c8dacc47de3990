import {
  FRAME_HEADER_BYTES,
  frameBytesFor,
  RECORD_HEADER_BYTES,
  recordBytes,
  unseededChecksum,
  writeFrameDraft,
} from '../format/frame.js'
import { copyBytes } from '../fs/copy-bytes.js'
import { copyGiven, givenLength } from '../fs/given-bytes.js'
import type { AckLevel } from '../options.js'
import { monotonicMs } from '../ring/clock.js'
import { writeDraftNotes } from '../ring/draft-notes.js'
import type { RingProducer } from '../ring/producer.js'
import { PendingFrame } from './pending-frame.js'

/**
 * Records that take at most so many bytes in a frame are put together in memory of this thread's own, so many bytes of
 * them, and go into the ring with one copy: from or to memory that is shared, JavaScript copies a few hundred bytes at a
 * quarter of the speed (see {@link copyBytes}), and the other thread has just read what is written over there.
 */
const STAGED_RECORD_BYTES_MAX = 2 * 1024
const STAGE_BYTES = 16 * 1024

/** What bounds a frame that separate appends share. */
export interface FrameBounds {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Encodes records into the ring's memory, frame by frame, and assigns their LSNs. */
export class FrameEncoder {
  readonly #ring: RingProducer
  readonly #words: Uint32Array
  readonly #bounds: FrameBounds
  readonly #stage = Buffer.from(new ArrayBuffer(STAGE_BYTES))
  readonly #stageWords = new Uint32Array(this.#stage.buffer)
  /** The last bytes of the open frame's body, which the ring does not have yet. */
  #stagedBytes = 0
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
    // One into which nothing could be put is as old as that; the next is begun now.
    if (open.recordCount === 0) return false
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

  /**
   * Puts a record of `bytes` bytes behind the others of the open frame, which has room for it. Throws where the data isn't as
   * long as it said, and then has put nothing.
   */
  put(frame: PendingFrame, data: Uint8Array | string, bytes: number): void {
    const bodyBytes = recordBytes(bytes)
    if (bodyBytes <= STAGED_RECORD_BYTES_MAX) {
      if (this.#stagedBytes + bodyBytes > STAGE_BYTES) this.#unstage(frame)
      writeRecord(this.#stage, this.#stageWords, this.#stagedBytes, data, bytes)
      this.#stagedBytes += bodyBytes
    } else {
      this.#unstage(frame)
      writeRecord(this.#ring.bytes, this.#words, bodyEnd(frame), data, bytes)
    }
    frame.bodyBytes += bodyBytes
    frame.recordCount++
    this.#nextLsn++
  }

  /** Puts records of so many bytes behind the others of the open frame, which has room for all: all of them, or, as `put`, none. */
  putMany(frame: PendingFrame, data: readonly (Uint8Array | string)[], sizes: readonly number[]): void {
    const { bodyBytes, recordCount } = frame
    let at = 0
    try {
      // As many sizes as records: the check made one of each.
      for (const record of data) this.put(frame, record, sizes[at++] as number)
    } catch (error) {
      this.#stagedBytes = Math.max(0, this.#stagedBytes - (frame.bodyBytes - bodyBytes))
      this.#nextLsn -= frame.recordCount - recordCount
      frame.bodyBytes = bodyBytes
      frame.recordCount = recordCount
      throw error
    }
  }

  /** Puts records that {@link encodeBody} encoded behind the others of the open frame, which has room for them. */
  putBody(frame: PendingFrame, body: Buffer, records: number): void {
    this.#unstage(frame)
    copyBytes(body, 0, body.length, this.#ring.bytes, bodyEnd(frame))
    frame.bodyBytes += body.length
    frame.recordCount += records
    this.#nextLsn += records
  }

  /**
   * Closes the open frame, if there is one, and puts it into the ring, which does not show it to the writer yet. Makes the
   * checksum of its body where it is told to. One that was begun for records that could not be put is given up.
   */
  handOver(checksum: boolean): PendingFrame | undefined {
    const frame = this.#open
    if (frame === undefined) return undefined
    this.#open = undefined
    if (frame.recordCount === 0) return undefined
    this.#unstage(frame)
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
    this.#stagedBytes = 0
    return open
  }

  /** Brings what is staged of the open frame to the ring. */
  #unstage(frame: PendingFrame): void {
    if (this.#stagedBytes === 0) return
    copyBytes(this.#stage, 0, this.#stagedBytes, this.#ring.bytes, bodyEnd(frame) - this.#stagedBytes)
    this.#stagedBytes = 0
  }
}

/** Where the open frame's next record goes in the ring. */
function bodyEnd(frame: PendingFrame): number {
  return frame.place + FRAME_HEADER_BYTES + frame.bodyBytes
}

/** Writes a record of `size` bytes, with its length and its padding, at `at` of `bytes`, whose words are `words`. */
function writeRecord(bytes: Buffer, words: Uint32Array, at: number, data: Uint8Array | string, size: number): void {
  words[at / 4] = size
  // The padding is part of what is checksummed: zeros, not what an earlier frame left.
  if (size % 4 !== 0) words[(at + recordBytes(size)) / 4 - 1] = 0
  const dataAt = at + RECORD_HEADER_BYTES
  if (typeof data === 'string') {
    // As many bytes as characters are ASCII, which is the same in both, and faster to write as Latin-1.
    bytes.write(data, dataAt, size, size === data.length ? 'latin1' : 'utf8')
  } else {
    copyGiven(data, size, bytes, dataAt, recordBytes(size) > STAGED_RECORD_BYTES_MAX)
  }
}

/** Records as they will lie in a frame's body, in `bodyBytes` of memory of their own. Throws a `RangeError` where they need more, or less. */
export function encodeBody(data: readonly (Uint8Array | string)[], bodyBytes: number): Buffer {
  // Not from Node's pool: a small body that waits long would keep a whole slab of it.
  const body = Buffer.from(new ArrayBuffer(bodyBytes))
  let at = 0
  for (const record of data) {
    const dataAt = at + RECORD_HEADER_BYTES
    let bytes: number
    if (typeof record === 'string') {
      bytes = body.write(record, dataAt, 'utf8')
    } else {
      bytes = givenLength(record)
      body.set(record, dataAt)
    }
    body.writeUInt32LE(bytes, at)
    at += recordBytes(bytes)
  }
  if (at !== bodyBytes) throw new RangeError(`${bodyBytes} bytes were to be encoded, and there are ${at}`)
  return body
}
