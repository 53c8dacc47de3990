import { RECORD_HEADER_BYTES, recordBytes, recordLengthAt } from '../format/frame.js'
import { bufferView } from './buffer-view.js'
import type { FrameWindow, PlacedFrame } from './frame-window.js'

/** A record as a segment holds it. */
export interface StoredRecord {
  readonly lsn: number
  readonly data: Buffer
  /** Milliseconds since the epoch, of its frame. */
  readonly timestamp: number
}

/** No chunk is longer, unless one frame is. */
export const CHUNK_BYTES_MAX = 256 * 1024
/** What is asked for by who reads on and on: two chunks, of the second of which a part is kept free. */
export const TWO_CHUNKS_BYTES = 2 * CHUNK_BYTES_MAX

/** Frames of a segment, one behind the other, and the bytes that hold them. */
export interface FrameRun {
  readonly window: FrameWindow
  readonly frames: readonly PlacedFrame[]
}

/** Throws where the body of a frame is damaged. */
export type FrameProof = (window: FrameWindow, frame: PlacedFrame) => void

/**
 * The records of frames that lie in one chunk of a segment, taken one by one: a batch of a hundred thousand tiny records
 * costs no more memory than its chunk. The body of a frame is proved when the first of its records is taken: by then the
 * next chunk is being read, and what the checksum has just brought into the processor's cache is what is used next.
 *
 * The records are views of the chunk, which nobody writes to again. What one of them can keep alive is bounded: a chunk
 * has at most 256 KiB; where less than half of it is records they are moved to a smaller one; and the records of a
 * frame that is longer than that are copied out one by one, unless one record is most of the frame.
 */
export class RecordBatch {
  readonly #window: FrameWindow
  readonly #bytes: Buffer
  readonly #memory: ArrayBufferLike
  readonly #base: number
  readonly #frames: readonly PlacedFrame[]
  readonly #fromLsn: number
  /** The LSN of the last record. */
  readonly lastLsn: number
  readonly #copyBelow: number
  readonly #prove: FrameProof
  #nextFrame = 0
  #at = 0
  #leftInFrame = 0
  #timestamp = 0
  #lsn: number

  /** The first of the frames holds `fromLsn`, and `lastLsn` is not beyond the last. */
  constructor({ window, frames }: FrameRun, fromLsn: number, lastLsn: number, prove: FrameProof) {
    if (fromLsn > lastLsn) throw new RangeError(`a batch of the records from LSN ${fromLsn} to ${lastLsn}`)
    this.#window = window
    this.#bytes = window.bytes
    this.#memory = window.bytes.buffer
    this.#base = window.bytes.byteOffset
    this.#copyBelow = window.bytes.length > CHUNK_BYTES_MAX ? window.bytes.length / 2 : 0
    this.#frames = frames
    this.#fromLsn = fromLsn
    this.lastLsn = lastLsn
    this.#prove = prove
    this.#lsn = frames[0]?.header.firstLsn ?? fromLsn
  }

  /** The LSN of the record that is next. */
  get lsn(): number {
    return Math.max(this.#lsn, this.#fromLsn)
  }

  /** The next record; `undefined` once all were taken. Throws what the proof throws, for good. */
  next(): StoredRecord | undefined {
    if (this.#lsn > this.lastLsn) return undefined
    if (this.#leftInFrame === 0) this.#enterFrame()
    const bytes = this.#bytes
    const begin = this.#at + RECORD_HEADER_BYTES
    const length = recordLengthAt(bytes, this.#at)
    const view = bufferView(this.#memory, this.#base + begin, length)
    const record = {
      lsn: this.#lsn,
      data: length < this.#copyBelow ? Buffer.from(view) : view,
      timestamp: this.#timestamp,
    }
    this.#leaveRecord(length)
    return record
  }

  #enterFrame(): void {
    const frame = this.#frames[this.#nextFrame]
    if (frame === undefined) throw new RangeError(`a batch of records ends before LSN ${this.lastLsn}`)
    this.#prove(this.#window, frame)
    this.#nextFrame += 1
    this.#at = this.#window.bodyAt(frame)
    this.#leftInFrame = frame.header.recordCount
    this.#timestamp = frame.header.timestampMs
    while (this.#lsn < this.#fromLsn) this.#leaveRecord(recordLengthAt(this.#bytes, this.#at))
  }

  #leaveRecord(length: number): void {
    this.#at += recordBytes(length)
    this.#leftInFrame -= 1
    this.#lsn += 1
  }
}
