import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { checksum } from '../src/format/checksum.js'
import { firstLsnOfName } from '../src/format/file-names.js'
import { FRAME_HEADER_BYTES, frameBodyIsValid, readFrameHeader } from '../src/format/frame.js'
import { readSegmentHeader, SEGMENT_HEADER_BYTES } from '../src/format/segment-header.js'

/** Grows where a frame is larger. */
const WINDOW_BYTES = 1024 * 1024

export interface ScanFigures {
  readonly records: number
  readonly bytes: number
  readonly segments: number
}

/**
 * The limit for reading and for recovery: each segment, or only the last one, read in order, its frame headers walked,
 * their checksums and those of the bodies computed. No record is taken out.
 */
export function scanBare(directory: string, which: 'all' | 'last' = 'all'): ScanFigures {
  let [records, bytes] = [0, 0]
  let window = Buffer.allocUnsafe(WINDOW_BYTES)
  const segments = readdirSync(directory)
    .filter((name) => firstLsnOfName(name) !== undefined)
    .sort()
    .slice(which === 'last' ? -1 : 0)
  for (const name of segments) {
    const fd = openSync(join(directory, name), 'r')
    try {
      const read = readSync(fd, window, 0, SEGMENT_HEADER_BYTES, 0)
      const head = readSegmentHeader(window.subarray(0, read))
      if (head.kind !== 'valid') throw new Error(`${name} has no valid header`)
      const nonceChecksum = checksum(head.header.nonce)
      let offset = SEGMENT_HEADER_BYTES
      let [at, end] = [0, 0]
      /** Makes so many bytes from `at` on available; false where the file ends before. */
      const fill = (bytes: number): boolean => {
        if (end - at >= bytes) return true
        const next = bytes > window.length ? Buffer.allocUnsafe(bytes * 2) : window
        window.copy(next, 0, at, end)
        window = next
        end -= at
        at = 0
        while (end < bytes) {
          const count = readSync(fd, window, end, window.length - end, offset + end)
          if (count === 0) return false
          end += count
        }
        return true
      }
      while (fill(FRAME_HEADER_BYTES)) {
        const frame = readFrameHeader(window, at, nonceChecksum, offset, Number.MAX_SAFE_INTEGER)
        if (frame.kind !== 'valid') break
        const { header } = frame
        if (!fill(header.frameBytes)) break
        if (!frameBodyIsValid(window, at + FRAME_HEADER_BYTES, header, nonceChecksum, offset)) break
        records += header.recordCount
        at += header.frameBytes
        offset += header.frameBytes
      }
      bytes += offset
    } finally {
      closeSync(fd)
    }
  }
  return { records, bytes, segments: segments.length }
}
