import { FRAME_HEADER_BYTES, FRAME_MAGIC, type FrameHeader, readFrameHeader } from '../format/frame.js'
import {
  FOOTER_TRAILER_BYTES,
  footerBytesFromTrailer,
  glanceAtFooter,
  MIN_FOOTER_BYTES,
  readSegmentFooter,
  type SegmentFooter,
} from '../format/segment-footer.js'
import type { FileWindow } from './file-window.js'

/** What is still to be read behind an invalid place of a segment. */
export interface LaterEvidence {
  /** The highest mark in any valid frame header or footer there; 0 where there is none. */
  readonly mark: number
  /** The highest LSN that any of them names; 0 where there is none. */
  readonly lastLsn: number
  /** How many valid frame headers there are. */
  readonly frameHeaders: number
  /** Where the last byte that is no zero ends: what lies behind it is not worth keeping. */
  readonly contentEnd: number
}

/** A valid frame header behind an invalid place. Its body may be damaged. */
export interface LaterHeader {
  readonly offset: number
  readonly header: FrameHeader
}

const MAGIC = Buffer.alloc(4)
MAGIC.writeUInt32LE(FRAME_MAGIC)

/**
 * Looks for valid frame headers and a footer from `from` on, at every multiple of 8: each is bound to the segment's nonce
 * and to its own offset, so what is found was written there, whatever became of the bytes before it.
 */
export function findLaterEvidence(window: FileWindow, nonceChecksum: number, from: number): LaterEvidence {
  const contentEnd = window.contentEnd(from)
  let mark = 0
  let lastLsn = 0
  let frameHeaders = 0
  for (let at = from; ; ) {
    const found = findLaterHeader(window, nonceChecksum, at)
    if (found === undefined) break
    mark = Math.max(mark, found.header.mark)
    lastLsn = Math.max(lastLsn, found.header.lastLsn)
    frameHeaders++
    at = found.offset + 8
  }
  const footer = footerThatEnds(window, nonceChecksum, from, contentEnd)?.footer
  if (footer !== undefined) {
    mark = Math.max(mark, footer.mark)
    lastLsn = Math.max(lastLsn, footer.lastLsn)
  }
  return { mark, lastLsn, frameHeaders, contentEnd }
}

/** The first valid frame header that begins at a multiple of 8, at `from` or behind it. */
export function findLaterHeader(window: FileWindow, nonceChecksum: number, from: number): LaterHeader | undefined {
  // Every header begins at a multiple of 8, so a scan that begins at one misses none.
  let at = Math.ceil(from / 8) * 8
  while (at + FRAME_HEADER_BYTES <= window.fileBytes) {
    const index = window.reach(at, FRAME_HEADER_BYTES)
    const end = index + window.filledFrom(index)
    if (end - index < FRAME_HEADER_BYTES) return undefined
    const bytes = window.buffer.subarray(0, end)
    let candidate = index
    for (;;) {
      candidate = bytes.indexOf(MAGIC, candidate)
      if (candidate < 0 || candidate + FRAME_HEADER_BYTES > end) break
      const offset = at + candidate - index
      if (offset % 8 === 0) {
        // The frame itself may be cut short: its header is evidence all the same, so no length is refused.
        const result = readFrameHeader(bytes, candidate, nonceChecksum, offset, Number.POSITIVE_INFINITY)
        if (result.kind === 'valid') return { offset, header: result.header }
      }
      candidate++
    }
    // A header that the window holds only a part of begins behind this.
    at += (Math.floor((end - index - FRAME_HEADER_BYTES) / 8) + 1) * 8
  }
  return undefined
}

/** A proved footer, and where it begins. */
export interface PlacedFooter {
  readonly footer: SegmentFooter
  readonly offset: number
}

/**
 * The footer that ends the content, where there is one. A segment has no more than one footer, and nothing but zeros
 * behind it, so this is the only place where one can be.
 */
export function footerThatEnds(
  window: FileWindow,
  nonceChecksum: number,
  from: number,
  contentEnd: number,
): PlacedFooter | undefined {
  const trailerAt = contentEnd - FOOTER_TRAILER_BYTES
  if (trailerAt < from) return undefined
  const trailer = window.reach(trailerAt, FOOTER_TRAILER_BYTES)
  const bytes = window.buffer.subarray(trailer, trailer + FOOTER_TRAILER_BYTES)
  const footerBytes = footerBytesFromTrailer(bytes, contentEnd - from)
  if (footerBytes === undefined) return undefined
  const offset = contentEnd - footerBytes
  // Both ends have to name the same length before memory is taken for it.
  const begin = window.reach(offset, MIN_FOOTER_BYTES)
  const glance = glanceAtFooter(window.buffer.subarray(begin, begin + MIN_FOOTER_BYTES))
  if (glance?.footerBytes !== footerBytes) return undefined
  const at = window.reach(offset, footerBytes)
  const result = readSegmentFooter(window.buffer.subarray(at, at + footerBytes), nonceChecksum, offset)
  return result.kind === 'valid' ? { footer: result.footer, offset } : undefined
}
