import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameBodyIsValid,
  MIN_FRAME_BYTES,
  readFrameHeader,
  recordsAddUp,
} from '../format/frame.js'
import {
  beginsLikeFooter,
  footerBytesFor,
  MIN_FOOTER_BYTES,
  readSegmentFooter,
  type SegmentFooter,
} from '../format/segment-footer.js'
import type { FileWindow } from './file-window.js'

/** A frame whose checksums hold, and that continues the one before it. */
export interface ScannedFrame {
  readonly header: FrameHeader
  /** Where it begins in the segment. */
  readonly offset: number
  /** Where it begins in the window's buffer, which holds all of it until the scan goes on. */
  readonly at: number
}

/** Why there is no further frame. */
export type ScanEnd =
  /** The file ends where the frames end. */
  | { readonly kind: 'end' }
  /** From where the frames end the file has zeros only: filled ahead, and not yet written. */
  | { readonly kind: 'zeros' }
  /** A footer; after it nothing, or zeros only. Whether it agrees with the frames is not looked at here. */
  | {
      readonly kind: 'sealed'
      readonly footer: SegmentFooter
      readonly footerBytes: number
      readonly endsFile: boolean
    }
  | InvalidEnd

/** Bytes that are neither a valid frame that continues the one before, nor anything else that may be there. */
export interface InvalidEnd {
  readonly kind: 'invalid'
  readonly reason: string
  /**
   * The last LSN of a frame whose checksums hold, while the records in it don't add up. Only a scan that was asked to
   * look inside finds that; recovery isn't, and keeps such a frame.
   */
  readonly brokenRecordsTo?: number
}

/** Where a scan begins, and what the first frame there has to continue. */
export interface ScanStart {
  readonly offset: number
  /** The LSN that the first frame begins with. */
  readonly lsn: number
  /** The timestamp below which it may not go; 0 where there is none. */
  readonly timestampMs: number
  /** Whether the records inside a frame have to add up for it to be valid. @default false */
  readonly checkRecords?: boolean
}

/**
 * Reads the frames of one segment in order, as long as they are valid: both checksums hold, LSNs are dense, timestamps
 * never go back. What lies behind an invalid place is not its concern.
 */
export class FrameScan {
  /** Where the valid frames end so far. */
  endOffset: number
  /** The LSN after the last valid frame. */
  nextLsn: number
  frameCount = 0
  /** The first frame's; 0 before it. */
  firstTimestampMs = 0
  /** The last frame's; before the first one, what the scan was started with. */
  lastTimestampMs: number
  readonly #window: FileWindow
  readonly #nonceChecksum: number
  readonly #checkRecords: boolean
  #end: ScanEnd | undefined

  constructor(window: FileWindow, nonceChecksum: number, start: ScanStart) {
    this.#window = window
    this.#nonceChecksum = nonceChecksum
    this.#checkRecords = start.checkRecords ?? false
    this.endOffset = start.offset
    this.nextLsn = start.lsn
    this.lastTimestampMs = start.timestampMs
  }

  /** The next valid frame; `undefined` where there is none: `end` says why. */
  next(): ScannedFrame | undefined {
    if (this.#end !== undefined) return undefined
    const offset = this.endOffset
    const bytesLeft = this.#window.fileBytes - offset
    const headerAt = this.#window.reach(offset, FRAME_HEADER_BYTES)
    const filled = this.#window.filledFrom(headerAt)
    const buffer = this.#window.buffer
    // What an earlier read left behind the filled part is none of the file's: it is hidden near the end.
    const readable = filled >= FRAME_HEADER_BYTES ? buffer : buffer.subarray(0, headerAt + filled)
    const result = readFrameHeader(readable, headerAt, this.#nonceChecksum, offset, bytesLeft)
    if (result.kind === 'invalid') return this.#stop(this.#endAt(offset, bytesLeft, result.reason))
    const { header } = result
    const contradiction = this.#contradiction(header)
    if (contradiction !== undefined) return this.#stop({ kind: 'invalid', reason: contradiction })
    // Only now is the length believed: its checksum holds, and the file has that many bytes.
    const at = this.#window.reach(offset, header.frameBytes)
    const whole = this.#window.filledFrom(at) >= header.frameBytes
    const bodyAt = at + FRAME_HEADER_BYTES
    if (!whole || !frameBodyIsValid(this.#window.buffer, bodyAt, header, this.#nonceChecksum, offset)) {
      return this.#stop({ kind: 'invalid', reason: 'the frame body checksum does not match' })
    }
    if (
      this.#checkRecords &&
      !recordsAddUp(this.#window.buffer, bodyAt, bodyAt + header.bodyBytes, header.recordCount)
    ) {
      const reason = 'the record lengths in the frame do not add up'
      return this.#stop({ kind: 'invalid', reason, brokenRecordsTo: header.lastLsn })
    }
    this.endOffset = offset + header.frameBytes
    this.nextLsn = header.lastLsn + 1
    if (this.frameCount === 0) this.firstTimestampMs = header.timestampMs
    this.lastTimestampMs = header.timestampMs
    this.frameCount++
    return { header, offset, at }
  }

  /** Reads all that is left, and says why it ended. */
  finish(): ScanEnd {
    while (this.#end === undefined) this.next()
    return this.#end
  }

  #stop(end: ScanEnd): undefined {
    this.#end = end
    return undefined
  }

  #contradiction(header: FrameHeader): string | undefined {
    if (header.firstLsn !== this.nextLsn) {
      return `the frame begins with LSN ${header.firstLsn} where ${this.nextLsn} was due`
    }
    if (header.timestampMs < this.lastTimestampMs) {
      return `the frame's timestamp ${header.timestampMs} lies before ${this.lastTimestampMs}`
    }
    return undefined
  }

  /** What there is instead of a frame. */
  #endAt(offset: number, bytesLeft: number, reason: string): ScanEnd {
    if (bytesLeft <= 0) return { kind: 'end' }
    const window = this.#window
    const at = window.reach(offset, Math.min(MIN_FOOTER_BYTES, bytesLeft))
    if (window.buffer[at] === 0) {
      if (window.onlyZerosFrom(offset)) return { kind: 'zeros' }
      return { kind: 'invalid', reason: `${reason}: zeros, with other bytes behind them` }
    }
    if (!beginsLikeFooter(window.buffer.subarray(at, at + window.filledFrom(at)), 0)) {
      return { kind: 'invalid', reason }
    }
    return this.#footerAt(offset, bytesLeft)
  }

  #footerAt(offset: number, bytesLeft: number): ScanEnd {
    const invalid = (reason: string): ScanEnd => ({ kind: 'invalid', reason })
    const window = this.#window
    const fixedAt = window.reach(offset, MIN_FOOTER_BYTES)
    if (window.filledFrom(fixedAt) < MIN_FOOTER_BYTES) return invalid('fewer bytes than a footer')
    // No entry is of less than a frame: a greater length is not believed, nor memory taken for it.
    const claimedBytes = window.buffer.readUInt32LE(fixedAt + 8)
    const mostBytes = Math.min(bytesLeft, footerBytesFor(Math.floor(offset / MIN_FRAME_BYTES)))
    if (claimedBytes > mostBytes) return invalid(`the footer says ${claimedBytes} bytes, where ${mostBytes} can be`)
    const at = window.reach(offset, Math.max(claimedBytes, MIN_FOOTER_BYTES))
    const bytes = window.buffer.subarray(at, at + Math.min(bytesLeft, window.filledFrom(at)))
    const result = readSegmentFooter(bytes, this.#nonceChecksum, offset)
    if (result.kind === 'invalid') return result
    const { footer, footerBytes } = result
    if (!window.onlyZerosFrom(offset + footerBytes)) return invalid('there are other bytes behind the footer')
    return { kind: 'sealed', footer, footerBytes, endsFile: footerBytes === bytesLeft }
  }
}
