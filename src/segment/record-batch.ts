import { RECORD_HEADER_BYTES, recordBytes } from '../format/frame.js'
import type { ProvedFrame } from './frame-window.js'

/** A record as a segment holds it. */
export interface StoredRecord {
  readonly lsn: number
  readonly data: Buffer
  /** Milliseconds since the epoch, of its frame. */
  readonly timestamp: number
}

/** No chunk is longer, unless one frame is. */
export const CHUNK_BYTES_MAX = 256 * 1024

/**
 * The records of proved frames that lie in one chunk of a segment, taken one by one: a batch of a hundred thousand tiny
 * records costs no more memory than its chunk.
 *
 * The records are views of the chunk, which nobody writes to again. What one of them can keep alive is bounded: a chunk
 * has at most 256 KiB; where less than half of it is records they are moved to a smaller one; and the records of a
 * frame that is longer than that are copied out one by one, unless one record is most of the frame.
 */
export class RecordBatch {
  readonly #bytes: Buffer
  readonly #frames: readonly ProvedFrame[]
  readonly #shift: number
  readonly #lastLsn: number
  readonly #copyBelow: number
  #nextFrame = 0
  #at = 0
  #leftInFrame = 0
  #timestamp = 0
  #lsn: number

  /**
   * The frames are consecutive; the first holds `fromLsn`, and `lastLsn` is not beyond the last. `shift` is what their
   * places in `bytes` are too high by.
   */
  constructor(bytes: Buffer, frames: readonly ProvedFrame[], fromLsn: number, lastLsn: number, shift = 0) {
    this.#bytes = bytes
    this.#shift = shift
    this.#copyBelow = bytes.length > CHUNK_BYTES_MAX ? bytes.length / 2 : 0
    this.#frames = frames
    this.#lastLsn = lastLsn
    this.#lsn = frames[0]?.header.firstLsn ?? fromLsn
    while (this.#lsn < fromLsn) this.#leaveRecord(this.#enterRecord())
  }

  /** A batch that keeps only the frames of a chunk, where they are less than half of it. */
  static cutDown(chunk: Buffer, frames: readonly ProvedFrame[], fromLsn: number, lastLsn: number): RecordBatch {
    const last = frames.at(-1)
    const begin = frames[0]?.bodyAt ?? 0
    const end = last === undefined ? begin : last.bodyAt + last.header.bodyBytes
    // A chunk that met the end of the file is a part of the memory that was taken for it.
    if ((end - begin) * 2 >= chunk.buffer.byteLength) return new RecordBatch(chunk, frames, fromLsn, lastLsn)
    return new RecordBatch(Buffer.from(chunk.subarray(begin, end)), frames, fromLsn, lastLsn, begin)
  }

  /** The next record; `undefined` once all were taken. */
  next(): StoredRecord | undefined {
    if (this.#lsn > this.#lastLsn) return undefined
    const length = this.#enterRecord()
    const begin = this.#at + RECORD_HEADER_BYTES
    const view = this.#bytes.subarray(begin, begin + length)
    const record = {
      lsn: this.#lsn,
      data: length < this.#copyBelow ? Buffer.from(view) : view,
      timestamp: this.#timestamp,
    }
    this.#leaveRecord(length)
    return record
  }

  /** Moves on to the next frame if need be, and returns the length of the record that is next. */
  #enterRecord(): number {
    const frame = this.#frames[this.#nextFrame]
    if (this.#leftInFrame === 0 && frame !== undefined) {
      this.#nextFrame += 1
      this.#at = frame.bodyAt - this.#shift
      this.#leftInFrame = frame.header.recordCount
      this.#timestamp = frame.header.timestampMs
    }
    return this.#bytes.readUInt32LE(this.#at)
  }

  #leaveRecord(length: number): void {
    this.#at += recordBytes(length)
    this.#leftInFrame -= 1
    this.#lsn += 1
  }
}
