import { join } from 'node:path'
import { checksum } from '../format/checksum.js'
import type { Mark } from '../format/mark.js'
import type { FileSystem } from '../fs/file-system.js'
import { type DamagedRun, findDamagedRuns } from './damaged-run.js'
import { FileWindow } from './file-window.js'
import { type LogFolder, listLogFolder } from './log-folder.js'
import { isForeignMark, logIdOfSegments } from './log-identity.js'
import { splitAtTrimMark } from './log-judgement.js'
import { MarkFile, type MarkFileContent } from './mark-file.js'
import { readSegmentHead, type SegmentHead, type SoundHead, soundHead } from './segment-head.js'
import { type SegmentScan, scanSegment } from './segment-scan.js'

/** One segment, read to its end; what can't be read says why. */
export interface SurveyedSegment {
  readonly head: SegmentHead
  /** The head, where it is sound. */
  readonly sound: SoundHead | undefined
  /** Why it is not. */
  readonly unsound: string | undefined
  /** Its frames, looked at from inside; `undefined` where the head is not sound. */
  readonly scan: SegmentScan | undefined
  /** Where the mark file's durable LSN ends in this segment; `undefined` where no frame ends with it. */
  readonly markedOffset: number | undefined
  /** The highest LSN that it proves the log to have had; 0 where it proves none. */
  readonly highestLsn: number
}

/** The dense run of records that begins the log and has no damage: what repair keeps. */
export interface SoundPrefix {
  /** The trim mark; higher where the first segments are missing, and the log begins behind them. */
  readonly firstLsn: number
  /** The LSN after the last one that can be kept. */
  readonly nextLsn: number
  /** How many segments it reaches into: the last of them may be damaged behind it. */
  readonly segments: number
  /**
   * Whether it reaches to the log's end: what lies behind it, if anything, is a torn tail, and so recovery's affair.
   */
  readonly whole: boolean
}

/** Everything that is on disk, read without changing or refusing anything. */
export interface LogSurvey {
  readonly folder: LogFolder
  readonly marks: MarkFileContent
  /** The newest mark; `undefined` where there is none, or where it is another log's. */
  readonly mark: Mark | undefined
  /** Whether the mark file is the one that is out of place: see log-identity.ts. */
  readonly foreignMark: boolean
  /** The mark file's, or else the segments'. */
  readonly logId: Buffer | undefined
  /** The trim mark; without a mark file the first LSN that a name tells. */
  readonly firstLsn: number
  /** M: the highest mark in any valid evidence. */
  readonly highestMark: number
  /** The highest LSN that any valid evidence names. */
  readonly highestLsn: number
  /** All headers, also of segments below the trim mark. */
  readonly heads: readonly SegmentHead[]
  readonly trimmed: readonly SegmentHead[]
  /**
   * Files with a segment's name that are none of this log's, amid segments that follow one another without them: nothing
   * is lost with them.
   */
  readonly strays: readonly SegmentHead[]
  readonly kept: readonly SurveyedSegment[]
  readonly prefix: SoundPrefix
}

/** Reads a whole log, every record of it. Throws the system's errors as they are, and nothing else. */
export function surveyLog(fs: FileSystem, directory: string): LogSurvey {
  const window = new FileWindow(fs)
  const folder = listLogFolder(fs, directory)
  const marks = MarkFile.read(fs, directory)
  const heads = folder.segments.map((firstLsn) => readSegmentHead(fs, directory, firstLsn))
  const newest = marks.newest.kind === 'valid' ? marks.newest.mark : undefined
  const foreignMark = newest !== undefined && isForeignMark(newest, heads)
  const mark = foreignMark ? undefined : newest
  const logId = mark?.logId ?? logIdOfSegments(heads)
  const strays = straysAmong(fs, directory, { heads, logId, window, trimLsn: mark?.firstLsn ?? 0 })
  // A stray's name says nothing, neither about where its neighbours end nor about what was trimmed.
  const chain = heads.filter((head) => !strays.includes(head))
  const firstLsn = mark?.firstLsn ?? chain[0]?.firstLsn ?? 1
  const marked = Math.max(mark?.durableLsn ?? 0, firstLsn - 1)
  const split = splitAtTrimMark(fs, directory, { heads: chain, firstLsn, marked, logId, window })
  const kept = split.kept.map((head) => surveySegment(fs, directory, { head, logId, mark, window }))
  const highestMark = Math.max(marked, ...kept.map(markOf))
  const highestLsn = Math.max(highestMark, ...kept.map((segment) => segment.highestLsn))
  const { trimmed } = split
  const prefix = soundPrefix(kept, firstLsn, highestMark)
  const found = { folder, marks, mark, foreignMark, logId, firstLsn, highestMark, highestLsn }
  return { ...found, heads, trimmed, strays, kept, prefix }
}

/** What of a segment can't be read, where `wantedLsn` is the LSN that has to follow it. */
export function damagedRunsOf(
  fs: FileSystem,
  directory: string,
  segment: { readonly sound: SoundHead; readonly scan: SegmentScan },
  wantedLsn: number,
): readonly DamagedRun[] {
  const { sound, scan } = segment
  const fd = fs.openSync(join(directory, sound.name), 'read')
  try {
    const window = new FileWindow(fs)
    window.move(fd, fs.sizeSync(fd))
    return findDamagedRuns(window, checksum(sound.header.nonce), scan, wantedLsn)
  } finally {
    fs.closeSync(fd)
  }
}

/** Why a segment does not continue the one before it; `undefined` where it does. */
export function brokenLink(segment: SurveyedSegment, before: SurveyedSegment): string | undefined {
  const { sound, scan } = segment
  if (sound === undefined || scan === undefined || before.scan === undefined) return 'one of the two is damaged'
  if (before.scan.nextLsn !== sound.firstLsn) return `the one before it ends with LSN ${before.scan.nextLsn - 1}`
  const { previousEndOffset } = sound.header
  if (previousEndOffset !== before.scan.endOffset) {
    return `it says that the frames before it end at ${previousEndOffset}, but they end at ${before.scan.endOffset}`
  }
  if (scan.frameCount > 0 && scan.firstTimestampMs < before.scan.lastTimestampMs) {
    return `its first timestamp ${scan.firstTimestampMs} lies before ${before.scan.lastTimestampMs}, the last one before it`
  }
  return undefined
}

interface ToSurvey {
  readonly head: SegmentHead
  readonly logId: Buffer | undefined
  readonly window: FileWindow
}

function surveySegment(
  fs: FileSystem,
  directory: string,
  from: ToSurvey & { readonly mark: Mark | undefined },
): SurveyedSegment {
  const { head, logId, mark, window } = from
  const sound = soundHead(head, logId)
  if ('reason' in sound) {
    const highestLsn = provedByUnsound(fs, directory, { head, logId, window })
    return { head, sound: undefined, unsound: sound.reason, scan: undefined, markedOffset: undefined, highestLsn }
  }
  let markedOffset: number | undefined
  const scan = scanSegment(fs, directory, sound, window, {
    checkRecords: true,
    onFrame: ({ header, offset }) => {
      if (header.lastLsn === mark?.durableLsn) markedOffset = offset + header.frameBytes
    },
  })
  const highestLsn = Math.max(head.firstLsn, scan.highestLsn)
  return { head, sound, unsound: undefined, scan, markedOffset, highestLsn }
}

/**
 * The highest LSN that a segment proves to have been there whose head is not sound. Whatever became of a header, a named
 * segment held a record at least. One under another segment's name still says what it held; one of another log says
 * nothing about this one.
 */
function provedByUnsound(fs: FileSystem, directory: string, { head, logId, window }: ToSurvey): number {
  const { name, firstLsn, result } = head
  if (result.kind !== 'valid') return firstLsn
  const { header } = result
  if (logId === undefined || !header.logId.equals(logId)) return 0
  return scanSegment(fs, directory, { name, header }, window).highestLsn
}

interface StrayEvidence {
  readonly heads: readonly SegmentHead[]
  readonly logId: Buffer | undefined
  readonly window: FileWindow
  /** 0 where nothing tells it. */
  readonly trimLsn: number
}

/**
 * The files that are no sound segment, between two that are and that follow one another. Those below the trim mark go
 * with all else there.
 */
function straysAmong(fs: FileSystem, directory: string, evidence: StrayEvidence): readonly SegmentHead[] {
  const { heads, logId, window, trimLsn } = evidence
  const strays: SegmentHead[] = []
  let before: SoundHead | undefined
  let between: SegmentHead[] = []
  for (const head of heads) {
    const sound = soundHead(head, logId)
    if ('reason' in sound) {
      // A newer version's segment may well be one: it is refused, and never moved.
      if (head.result.kind !== 'unsupported') between.push(head)
      continue
    }
    if (before !== undefined && between.length > 0 && sound.firstLsn > trimLsn) {
      const { nextLsn, endOffset } = scanSegment(fs, directory, before, window)
      const follows = nextLsn === sound.firstLsn && endOffset === sound.header.previousEndOffset
      if (follows) strays.push(...between)
    }
    before = sound
    between = []
  }
  return strays
}

function markOf({ sound, scan }: SurveyedSegment): number {
  if (sound === undefined) return 0
  return Math.max(sound.header.mark, sound.firstLsn - 1, scan?.mark ?? 0)
}

function soundPrefix(kept: readonly SurveyedSegment[], firstLsn: number, highestMark: number): SoundPrefix {
  let prefix: SoundPrefix = {
    firstLsn,
    nextLsn: firstLsn,
    segments: 0,
    whole: kept.length === 0 && highestMark < firstLsn,
  }
  for (const [index, segment] of kept.entries()) {
    const before = kept[index - 1]
    const { scan, head } = segment
    // Frames below the trim mark are worth nothing by themselves.
    if (scan === undefined || scan.frameCount === 0 || scan.nextLsn <= firstLsn) break
    if (before !== undefined && brokenLink(segment, before) !== undefined) break
    const begin = index === 0 ? Math.max(firstLsn, head.firstLsn) : prefix.firstLsn
    const brokenRecords = scan.end.kind === 'invalid' && scan.end.brokenRecordsTo !== undefined
    const whole = index === kept.length - 1 && highestMark < scan.nextLsn && !brokenRecords
    prefix = { firstLsn: begin, nextLsn: scan.nextLsn, segments: index + 1, whole }
  }
  return prefix
}
