import { join } from 'node:path'
import { checksum } from '../format/checksum.js'
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import type { FileWindow } from './file-window.js'
import { FrameScan, type ScanEnd, type ScannedFrame } from './frame-scan.js'
import { findLaterEvidence, type LaterEvidence } from './later-evidence.js'
import { SegmentIndex } from './segment-index.js'

/** All that the frames of one segment say. */
export interface SegmentScan {
  readonly frameCount: number
  readonly index: SegmentIndex
  /** 0 where there is no frame. */
  readonly firstTimestampMs: number
  /** 0 where there is no frame. */
  readonly lastTimestampMs: number
  /** Where the valid frames end. */
  readonly endOffset: number
  /** The LSN after the last valid frame. */
  readonly nextLsn: number
  /** What is there instead of a further frame. */
  readonly end: ScanEnd
  /** Where that is invalid: what lies behind it. */
  readonly later: LaterEvidence | undefined
  /** The highest mark of the valid frames, of the footer, and of what lies behind; 0 where there is none. */
  readonly mark: number
  /** The highest LSN that anything valid in the segment names. */
  readonly highestLsn: number
}

export interface ScanOptions {
  /** See `ScanStart`. */
  readonly checkRecords?: boolean
  /** Called for each valid frame. */
  readonly onFrame?: (frame: ScannedFrame) => void
}

/** Reads one segment from its first frame on, and looks behind the place where it ends to be valid. */
export function scanSegment(
  fs: FileSystem,
  directory: string,
  segment: { readonly name: string; readonly header: SegmentHeader },
  window: FileWindow,
  options: ScanOptions = {},
): SegmentScan {
  const fd = fs.openSync(join(directory, segment.name), 'read')
  try {
    window.move(fd, fs.sizeSync(fd))
    return scanWindow(window, segment.header, options)
  } finally {
    fs.closeSync(fd)
  }
}

function scanWindow(window: FileWindow, header: SegmentHeader, options: ScanOptions): SegmentScan {
  const nonceChecksum = checksum(header.nonce)
  const start = {
    offset: SEGMENT_HEADER_BYTES,
    lsn: header.firstLsn,
    timestampMs: 0,
    checkRecords: options.checkRecords ?? false,
  }
  const scan = new FrameScan(window, nonceChecksum, start)
  const index = new SegmentIndex()
  let mark = 0
  for (let frame = scan.next(); frame !== undefined; frame = scan.next()) {
    index.add(frame.header.firstLsn, frame.offset)
    mark = Math.max(mark, frame.header.mark)
    options.onFrame?.(frame)
  }
  const end = agreed(scan, header, scan.finish())
  const later = end.kind === 'invalid' ? findLaterEvidence(window, nonceChecksum, scan.endOffset) : undefined
  const footerMark = end.kind === 'sealed' ? end.footer.mark : 0
  return {
    frameCount: scan.frameCount,
    index,
    firstTimestampMs: scan.firstTimestampMs,
    lastTimestampMs: scan.lastTimestampMs,
    endOffset: scan.endOffset,
    nextLsn: scan.nextLsn,
    end,
    later,
    mark: Math.max(mark, footerMark, later?.mark ?? 0),
    highestLsn: Math.max(scan.nextLsn - 1, later?.lastLsn ?? 0),
  }
}

/** A footer that says something else than the frames before it is none. */
function agreed(scan: FrameScan, header: SegmentHeader, end: ScanEnd): ScanEnd {
  if (end.kind !== 'sealed') return end
  const { footer } = end
  const agrees =
    footer.firstLsn === header.firstLsn &&
    footer.lastLsn === scan.nextLsn - 1 &&
    footer.frameCount === scan.frameCount &&
    footer.firstTimestampMs === scan.firstTimestampMs &&
    footer.lastTimestampMs === scan.lastTimestampMs
  return agrees ? end : { kind: 'invalid', reason: 'the footer contradicts the frames before it' }
}
