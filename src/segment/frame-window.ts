import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  type FrameHeaderResult,
  frameBodyIsValid,
  readFrameHeader,
  recordsAddUp,
} from '../format/frame.js'
import type { FramePosition } from './segment-index.js'

/** A frame whose header and place in the order of LSNs are proved; whether its body is, depends on who has it. */
export interface PlacedFrame {
  readonly header: FrameHeader
  /** Where it begins in the segment. */
  readonly offset: number
}

/** What is kept free before bytes that are read ahead: for the beginning of a frame that reaches into them. Most frames have at most so much. */
export const AHEAD_ROOM_BYTES = 32 * 1024

/** What a window says of a frame's header. `cut`: the window ends before the header does. */
export type WindowHeader = FrameHeaderResult | { readonly kind: 'cut' }

/**
 * Consecutive bytes of a segment, read at one go into memory of their own. Offsets are those of the segment. Bytes that
 * were not yet durable when they were read may since have been replaced: who looks at a frame here must know that it was.
 */
export class FrameWindow {
  readonly bytes: Buffer
  /** Where the bytes begin in the segment. */
  readonly offset: number
  readonly #nonceChecksum: number

  constructor(bytes: Buffer, offset: number, nonceChecksum: number) {
    this.bytes = bytes
    this.offset = offset
    this.#nonceChecksum = nonceChecksum
  }

  /** The header of the frame that must begin at `position`, and with that LSN. */
  header(position: FramePosition): WindowHeader {
    const at = position.offset - this.offset
    if (this.bytes.length - at < FRAME_HEADER_BYTES) return { kind: 'cut' }
    // Whether the file holds the whole frame is found out when its body is wanted: most often it lies in the window.
    const result = readFrameHeader(this.bytes, at, this.#nonceChecksum, position.offset, Number.POSITIVE_INFINITY)
    if (result.kind === 'valid' && result.header.firstLsn !== position.firstLsn) {
      const reason = `the frame begins with LSN ${result.header.firstLsn} where ${position.firstLsn} was expected`
      return { kind: 'invalid', reason }
    }
    return result
  }

  /** Whether all of the frame at `offset` lies in the window. */
  holds(offset: number, header: FrameHeader): boolean {
    return offset - this.offset + header.frameBytes <= this.bytes.length
  }

  /** What is wrong with the body of a frame that the window holds; `undefined` proves it. */
  fault(frame: PlacedFrame): string | undefined {
    const { header, offset } = frame
    const bodyAt = this.bodyAt(frame)
    if (!frameBodyIsValid(this.bytes, bodyAt, header, this.#nonceChecksum, offset)) {
      return "the checksum of the frame's body does not match"
    }
    if (!recordsAddUp(this.bytes, bodyAt, bodyAt + header.bodyBytes, header.recordCount)) {
      return "the record lengths in the frame don't add up"
    }
    return undefined
  }

  /** Where the body of a frame begins in the bytes. */
  bodyAt(frame: PlacedFrame): number {
    return frame.offset - this.offset + FRAME_HEADER_BYTES
  }

  /** This window, or a smaller one with a copy of the bytes from `begin` to before `end`, where that saves half of its memory. */
  cutDown(begin: number, end: number): FrameWindow {
    // Bytes that met the end of the file are a part of the memory that was taken for them.
    if ((end - begin) * 2 >= this.bytes.buffer.byteLength) return this
    const part = this.bytes.subarray(begin - this.offset, end - this.offset)
    return new FrameWindow(Buffer.from(part), begin, this.#nonceChecksum)
  }
}

/**
 * Bytes of a segment that were read together with those before them, before anybody knew where a frame begins among them.
 */
export class ReadAhead {
  readonly #memory: Buffer
  readonly #bytes: number
  readonly #offset: number
  readonly #nonceChecksum: number

  /** `memory` has {@link AHEAD_ROOM_BYTES} bytes of room, and then the `bytes` bytes that the segment has from `offset` on. */
  constructor(memory: Buffer, bytes: number, offset: number, nonceChecksum: number) {
    this.#memory = memory
    this.#bytes = bytes
    this.#offset = offset
    this.#nonceChecksum = nonceChecksum
  }

  /**
   * A window that begins at `begin`, where `before`, the one that was read with this, ends where this begins, and has no
   * more than the room from `begin` on. Once only. `undefined` where it doesn't.
   */
  windowBehind(before: FrameWindow, begin: number): FrameWindow | undefined {
    const missing = this.#offset - begin
    const at = begin - before.offset
    if (missing < 0 || missing > AHEAD_ROOM_BYTES || at < 0 || at + missing !== before.bytes.length) return undefined
    const from = AHEAD_ROOM_BYTES - missing
    before.bytes.copy(this.#memory, from, at)
    return new FrameWindow(this.#memory.subarray(from, AHEAD_ROOM_BYTES + this.#bytes), begin, this.#nonceChecksum)
  }
}
