import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  type FrameHeaderResult,
  frameBodyIsValid,
  readFrameHeader,
  recordsAddUp,
} from '../format/frame.js'
import type { FramePosition } from './segment-index.js'

/** A frame whose header, body and place in the order of LSNs are proved, in the bytes that hold it. */
export interface ProvedFrame {
  readonly header: FrameHeader
  /** Where its body begins in the window's bytes. */
  readonly bodyAt: number
}

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

  /** Proves the body of a frame that the window holds; says what is wrong with it otherwise. */
  prove(offset: number, header: FrameHeader): ProvedFrame | { readonly reason: string } {
    const bodyAt = offset - this.offset + FRAME_HEADER_BYTES
    if (!frameBodyIsValid(this.bytes, bodyAt, header, this.#nonceChecksum, offset)) {
      return { reason: "the checksum of the frame's body does not match" }
    }
    if (!recordsAddUp(this.bytes, bodyAt, bodyAt + header.bodyBytes, header.recordCount))
      return { reason: "the record lengths in the frame don't add up" }
    return { header, bodyAt }
  }
}
