import { join } from 'node:path'
import { checksum } from '../format/checksum.js'
import type { Mark } from '../format/mark.js'
import type { FileSystem } from '../fs/file-system.js'
import { type DamagedRun, findDamagedRuns } from './damaged-run.js'
import { FileWindow } from './file-window.js'
import { type LogFolder, listLogFolder } from './log-folder.js'
import { splitAtTrimMark } from './log-judgement.js'
import { MarkFile, type MarkFileContent } from './mark-file.js'
import { firstLogId, readSegmentHead, type SegmentHead, type SoundHead, soundHead } from './segment-head.js'
import { type SegmentScan, scanSegment } from './segment-scan.js'

/** One segment, read to its end; what can't be read says why. */
export interface SurveyedSegment {
  readonly head: SegmentHead
  /** The head, where it is sound. */
  readonly sound: SoundHead | undefined
  /** Why it is not. */
  readonly unsound: string | undefined
  /** Whether it is another log's, or under another segment's name. */
  readonly foreign: boolean
  /** Its frames, looked at from inside; `undefined` where the head is not sound. */
  readonly scan: SegmentScan | undefined
  /** Where the mark file's durable LSN ends in this segment; `undefined` where no frame ends with it. */
  readonly markedOffset: number | undefined
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
  /** Whether the mark file is of another log than every segment. */
  readonly foreignMark: boolean
  /** The mark file's, or else the first valid header's. */
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
  const foreignMark = newest !== undefined && isForeign(newest, heads)
  const mark = foreignMark ? undefined : newest
  const logId = mark?.logId ?? firstLogId(heads)
  const firstLsn = mark?.firstLsn ?? heads[0]?.firstLsn ?? 1
  const marked = Math.max(mark?.durableLsn ?? 0, firstLsn - 1)
  const split = splitAtTrimMark(fs, directory, { heads, firstLsn, marked, logId, window })
  const kept = split.kept.map((head) => surveySegment(fs, directory, { head, logId, mark, window }))
  const highestMark = Math.max(marked, ...kept.map(markOf))
  const highestLsn = Math.max(highestMark, ...kept.map(highestLsnOf))
  const { trimmed } = split
  const prefix = soundPrefix(kept, firstLsn, highestMark)
  return { folder, marks, mark, foreignMark, logId, firstLsn, highestMark, highestLsn, heads, trimmed, kept, prefix }
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

/** One file that disagrees with all the others is the one that is out of place. */
function isForeign(mark: Mark, heads: readonly SegmentHead[]): boolean {
  const ids = heads.flatMap(({ result }) => (result.kind === 'valid' ? [result.header.logId] : []))
  return ids.length > 0 && !ids.some((id) => id.equals(mark.logId))
}

function surveySegment(
  fs: FileSystem,
  directory: string,
  from: { head: SegmentHead; logId: Buffer | undefined; mark: Mark | undefined; window: FileWindow },
): SurveyedSegment {
  const { head, logId, mark, window } = from
  const sound = soundHead(head, logId)
  if ('reason' in sound) {
    const foreign = head.result.kind === 'valid'
    return { head, sound: undefined, unsound: sound.reason, foreign, scan: undefined, markedOffset: undefined }
  }
  let markedOffset: number | undefined
  const scan = scanSegment(fs, directory, sound, window, {
    checkRecords: true,
    onFrame: ({ header, offset }) => {
      if (header.lastLsn === mark?.durableLsn) markedOffset = offset + header.frameBytes
    },
  })
  return { head, sound, unsound: undefined, foreign: false, scan, markedOffset }
}

function markOf({ sound, scan }: SurveyedSegment): number {
  if (sound === undefined) return 0
  return Math.max(sound.header.mark, sound.firstLsn - 1, scan?.mark ?? 0)
}

/** A named segment held a record at least, whatever became of it; but a segment of another log tells nothing. */
function highestLsnOf({ head, sound, scan, foreign }: SurveyedSegment): number {
  if (foreign) return 0
  return sound === undefined ? head.firstLsn : Math.max(head.firstLsn, scan?.highestLsn ?? 0)
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
