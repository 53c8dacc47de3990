import { join } from 'node:path'
import { checksum } from '../format/checksum.js'
import { QUARANTINE_DIRECTORY } from '../format/file-names.js'
import type { MarkResult } from '../format/mark.js'
import { SEGMENT_HEADER_BYTES } from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { FileWindow } from './file-window.js'
import { footerThatEnds, type PlacedFooter } from './later-evidence.js'
import { listLogFolder } from './log-folder.js'
import { logIdOfSegments } from './log-identity.js'
import { MarkFile } from './mark-file.js'
import { readSegmentHead, type SoundHead, soundHead } from './segment-head.js'
import { scanSegment } from './segment-scan.js'

/** One segment at a glance. Of a damaged one only name, size and `problem` are told. */
export interface SegmentSummary {
  readonly name: string
  readonly bytes: number
  /** Whether it ends in a footer. */
  readonly sealed: boolean
  readonly firstLsn: number
  /** `firstLsn - 1` where there is no record. */
  readonly lastLsn: number
  readonly records: number
  readonly frames: number
  /** Where the frames end. */
  readonly endOffset: number
  /** Milliseconds since the epoch, as all times here; 0 where it isn't known. */
  readonly createdMs: number
  readonly firstTimestampMs: number
  readonly lastTimestampMs: number
  /** Why it can't be read, or not to its end; `verify` says more. */
  readonly problem?: string
}

/** A log at a glance. */
export interface InspectReport {
  /** In hexadecimal; `undefined` where nothing tells it. */
  readonly logId: string | undefined
  /** Both slots of the mark file; `undefined` where there is none. */
  readonly markSlots: readonly MarkResult[] | undefined
  /** The slot that counts. */
  readonly mark: MarkResult
  readonly segments: readonly SegmentSummary[]
  /** What recovery and repair have cut off. */
  readonly quarantined: readonly { readonly name: string; readonly bytes: number }[]
  /** Files that recovery will remove. */
  readonly temporaries: readonly string[]
}

/**
 * Says what lies in a log's folder, without reading more than it must: of sealed segments header and footer, of the
 * others every frame. It finds no damage inside sealed segments: `verify` does.
 *
 * Throws `SLUICE_IO` where a system call fails.
 */
export function inspectLog(fs: FileSystem, directory: string): InspectReport {
  return withSystemErrors(`inspecting the log in ${directory}`, () => {
    const { segments, quarantined, temporaries } = listLogFolder(fs, directory)
    const { found, slots, newest } = MarkFile.read(fs, directory)
    const heads = segments.map((firstLsn) => readSegmentHead(fs, directory, firstLsn))
    const logId = newest.kind === 'valid' ? newest.mark.logId : logIdOfSegments(heads)
    const window = new FileWindow(fs)
    return {
      logId: logId?.toString('hex'),
      markSlots: found ? slots : undefined,
      mark: newest,
      segments: heads.map((head): SegmentSummary => {
        const sound = soundHead(head, logId)
        if (!('reason' in sound)) return summaryOf(fs, directory, sound, window)
        const { name, fileBytes: bytes, firstLsn } = head
        return { ...EMPTY, name, bytes, firstLsn, lastLsn: firstLsn - 1, problem: sound.reason }
      }),
      quarantined: quarantined.map((name) => ({
        name,
        bytes: sizeOf(fs, join(directory, QUARANTINE_DIRECTORY, name)),
      })),
      temporaries,
    }
  })
}

const EMPTY = {
  sealed: false,
  records: 0,
  frames: 0,
  endOffset: 0,
  createdMs: 0,
  firstTimestampMs: 0,
  lastTimestampMs: 0,
}

function summaryOf(fs: FileSystem, directory: string, head: SoundHead, window: FileWindow): SegmentSummary {
  const { name, fileBytes: bytes, firstLsn, header } = head
  const { createdMs } = header
  const ending = readFooter(fs, directory, head, window)
  if (ending !== undefined) {
    const { footer, offset: endOffset } = ending
    const { lastLsn, frameCount: frames, firstTimestampMs, lastTimestampMs } = footer
    const times = { createdMs, firstTimestampMs, lastTimestampMs }
    return {
      name,
      bytes,
      sealed: true,
      firstLsn,
      lastLsn,
      records: lastLsn - firstLsn + 1,
      frames,
      endOffset,
      ...times,
    }
  }
  const scan = scanSegment(fs, directory, head, window)
  return {
    name,
    bytes,
    sealed: scan.end.kind === 'sealed',
    firstLsn,
    lastLsn: scan.nextLsn - 1,
    records: scan.nextLsn - firstLsn,
    frames: scan.frameCount,
    endOffset: scan.endOffset,
    createdMs,
    firstTimestampMs: scan.firstTimestampMs,
    lastTimestampMs: scan.lastTimestampMs,
    ...(scan.end.kind === 'invalid' ? { problem: `offset ${scan.endOffset}: ${scan.end.reason}` } : {}),
  }
}

/** The footer that ends a segment's file, where there is one. */
function readFooter(
  fs: FileSystem,
  directory: string,
  { name, fileBytes, firstLsn, header }: SoundHead,
  window: FileWindow,
): PlacedFooter | undefined {
  const fd = fs.openSync(join(directory, name), 'read')
  try {
    window.move(fd, fileBytes)
    const found = footerThatEnds(window, checksum(header.nonce), SEGMENT_HEADER_BYTES, fileBytes)
    return found?.footer.firstLsn === firstLsn ? found : undefined
  } finally {
    fs.closeSync(fd)
  }
}

function sizeOf(fs: FileSystem, path: string): number {
  const fd = fs.openSync(path, 'read')
  try {
    return fs.sizeSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
