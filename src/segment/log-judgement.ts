import { join } from 'node:path'
import { SluiceError } from '../errors.js'
import { MARK_FILE } from '../format/file-names.js'
import type { Mark } from '../format/mark.js'
import type { FileSystem } from '../fs/file-system.js'
import type { FileWindow } from './file-window.js'
import type { LogFolder } from './log-folder.js'
import { logIdOfSegments } from './log-identity.js'
import { type MarkFileContent, unsupportedMark } from './mark-file.js'
import { checkLink } from './segment-chain.js'
import { readSegmentHead, type SegmentHead, type SoundHead, soundHead, unsupportedSegment } from './segment-head.js'
import { type SegmentScan, scanSegment } from './segment-scan.js'

/** A segment whose frames were read. */
export interface ScannedSegment {
  readonly head: SoundHead
  readonly scan: SegmentScan
}

/** What opening finds before it changes anything: the evidence, and the two numbers that the verdict hangs on. */
export interface LogJudgement {
  readonly logId: Buffer
  /** The newest mark of the mark file; `undefined` where no slot is valid, or where there is no file. */
  readonly mark: Mark | undefined
  /** The trim mark: the lowest LSN that is kept. */
  readonly firstLsn: number
  /** E: the LSN after the last one found. */
  readonly nextLsn: number
  /** M: the highest mark found; below E. */
  readonly highestMark: number
  /** Segments wholly below the trim mark. */
  readonly trimmed: readonly string[]
  /** The segments that are kept, ascending. */
  readonly kept: readonly SoundHead[]
  /** The last one of them. */
  readonly tail: ScannedSegment | undefined
  /** A last segment without a single valid frame, which nobody was told of: it goes. */
  readonly frameless: ScannedSegment | undefined
}

/**
 * Judges a log that has a mark file or a segment, by the decision table that stands in recovery.ts. Throws
 * `SLUICE_CORRUPT` and `SLUICE_UNSUPPORTED_FORMAT`; changes nothing.
 */
export function judgeLog(
  fs: FileSystem,
  directory: string,
  found: { readonly folder: LogFolder; readonly marks: MarkFileContent },
  window: FileWindow,
): LogJudgement {
  const { folder, marks } = found
  const heads = folder.segments.map((firstLsn) => readSegmentHead(fs, directory, firstLsn))
  for (const { name, result } of heads) {
    if (result.kind === 'unsupported') throw unsupportedSegment(name, result.version)
  }
  const mark = newestMark(marks, directory)
  const logId = mark?.logId ?? logIdOfSegments(heads)
  const first = heads[0]
  if (logId === undefined) throw noEvidence(directory, first)
  // Without a mark file nothing says what was trimmed: the first segment that there is begins the log.
  const firstLsn = mark?.firstLsn ?? first?.firstLsn ?? 1
  // What was trimmed was durable before.
  const marked = Math.max(mark?.durableLsn ?? 0, firstLsn - 1)
  const split = splitAtTrimMark(fs, directory, { heads, firstLsn, marked, logId, window })
  const kept = split.kept.map((head) => soundOrThrow(head, logId, heads, marked))
  if (kept[0] !== undefined && kept[0].firstLsn > firstLsn) throw missingBeginning(kept[0], firstLsn)
  for (const [index, successor] of kept.entries()) {
    const segment = kept[index - 1]
    if (segment !== undefined) checkLink(fs, directory, segment, successor, window)
  }
  const trimmed = split.trimmed.map((head) => head.name)
  const ends = judgeTail(fs, directory, { kept, firstLsn, marked, window })
  return { logId, mark, firstLsn, trimmed, ...ends }
}

function newestMark({ newest }: MarkFileContent, directory: string): Mark | undefined {
  if (newest.kind === 'unsupported') throw unsupportedMark(join(directory, MARK_FILE), newest.version)
  return newest.kind === 'valid' ? newest.mark : undefined
}

interface TrimEvidence {
  readonly heads: readonly SegmentHead[]
  readonly firstLsn: number
  readonly marked: number
  readonly logId: Buffer | undefined
  readonly window: FileWindow
}

/** Parts the segments wholly below the trim mark, in whatever state they are, from those that are kept. */
export function splitAtTrimMark(
  fs: FileSystem,
  directory: string,
  evidence: TrimEvidence,
): { trimmed: readonly SegmentHead[]; kept: readonly SegmentHead[] } {
  const from = firstKept(fs, directory, evidence)
  return { trimmed: evidence.heads.slice(0, from), kept: evidence.heads.slice(from) }
}

/** The index of the first segment that is kept; the number of segments where none is. */
function firstKept(fs: FileSystem, directory: string, evidence: TrimEvidence): number {
  const { heads, firstLsn, marked, logId } = evidence
  const last = heads.at(-1)
  if (last === undefined) return 0
  // A segment whose successor begins at or below the trim mark has nothing above it.
  const reaching = heads.findIndex((_, index) => (heads[index + 1]?.firstLsn ?? Number.POSITIVE_INFINITY) > firstLsn)
  const allBelow = last.firstLsn < firstLsn && marked < firstLsn
  // That goes for a successor that is sound. The name of another one says nothing: the frames before it are asked.
  for (let index = reaching; index >= 0; index--) {
    const named = heads[index]
    const head = named && soundHead(named, logId)
    if (head === undefined || 'reason' in head) continue
    if ((index === reaching && !allBelow) || reachesAbove(fs, directory, head, evidence)) return index
    break
  }
  return allBelow ? heads.length : reaching
}

/** Whether a segment holds, or tells of, anything that the trim mark does not give up. */
function reachesAbove(fs: FileSystem, directory: string, head: SoundHead, evidence: TrimEvidence): boolean {
  const { highestLsn, mark } = scanSegment(fs, directory, head, evidence.window)
  return Math.max(highestLsn, mark) >= evidence.firstLsn
}

function soundOrThrow(head: SegmentHead, logId: Buffer, heads: readonly SegmentHead[], marked: number): SoundHead {
  const sound = soundHead(head, logId)
  if (!('reason' in sound)) return sound
  const successor = heads[heads.indexOf(head) + 1]
  const lastLsn = Math.max(head.firstLsn, successor === undefined ? marked : successor.firstLsn - 1)
  throw new SluiceError('SLUICE_CORRUPT', `segment ${head.name}, offset 0: ${sound.reason}`, {
    segment: head.name,
    offset: 0,
    firstLsn: head.firstLsn,
    lastLsn,
  })
}

interface TailEvidence {
  readonly kept: readonly SoundHead[]
  readonly firstLsn: number
  readonly marked: number
  readonly window: FileWindow
}

type TailJudgement = Pick<LogJudgement, 'nextLsn' | 'highestMark' | 'kept' | 'tail' | 'frameless'>

/** Finds E and M, and holds them against each other. */
function judgeTail(fs: FileSystem, directory: string, evidence: TailEvidence): TailJudgement {
  const { kept, firstLsn, marked, window } = evidence
  // A segment is named only after the one before it is durable to its end.
  const highestOfHeads = kept.reduce((most, { header }) => Math.max(most, header.mark, header.firstLsn - 1), marked)
  const last = kept.at(-1)
  if (last === undefined) {
    if (highestOfHeads >= firstLsn) throw lostAll(firstLsn, highestOfHeads)
    return { nextLsn: firstLsn, highestMark: highestOfHeads, kept, tail: undefined, frameless: undefined }
  }
  const scan = scanSegment(fs, directory, last, window)
  const highestMark = Math.max(highestOfHeads, scan.mark)
  if (highestMark >= scan.nextLsn) throw lostDurable({ head: last, scan }, highestMark)
  if (scan.frameCount > 0) {
    return { nextLsn: scan.nextLsn, highestMark, kept, tail: { head: last, scan }, frameless: undefined }
  }
  const rest = kept.slice(0, -1)
  const before = rest.at(-1)
  const tail = before && { head: before, scan: scanSegment(fs, directory, before, window) }
  if (tail !== undefined && highestMark >= tail.scan.nextLsn) throw lostDurable(tail, highestMark)
  return { nextLsn: last.firstLsn, highestMark, kept: rest, tail, frameless: { head: last, scan } }
}

function lostDurable({ head, scan }: ScannedSegment, highestMark: number): SluiceError {
  const { nextLsn, endOffset, end } = scan
  const what = {
    end: 'the file ends here',
    zeros: 'there are only zeros from here on',
    sealed: 'the segment is sealed here, and the one after it is missing',
    invalid: end.kind === 'invalid' ? end.reason : '',
  }[end.kind]
  const message =
    `segment ${head.name}, offset ${endOffset}: LSNs ${nextLsn} to ${highestMark} were durable, ` +
    `but there is no valid frame: ${what}`
  const details = { segment: head.name, offset: endOffset, firstLsn: nextLsn, lastLsn: highestMark }
  return new SluiceError('SLUICE_CORRUPT', message, details)
}

function lostAll(firstLsn: number, highestMark: number): SluiceError {
  const message = `LSNs ${firstLsn} to ${highestMark} were durable, but there is no segment`
  return new SluiceError('SLUICE_CORRUPT', message, { firstLsn, lastLsn: highestMark })
}

function missingBeginning(first: SoundHead, firstLsn: number): SluiceError {
  const lastLsn = first.firstLsn - 1
  const message = `LSNs ${firstLsn} to ${lastLsn} were never trimmed, but the first segment is ${first.name}`
  return new SluiceError('SLUICE_CORRUPT', message, { segment: first.name, offset: 0, firstLsn, lastLsn })
}

function noEvidence(directory: string, first: SegmentHead | undefined): SluiceError {
  const path = join(directory, MARK_FILE)
  if (first === undefined)
    return new SluiceError('SLUICE_CORRUPT', `no slot of ${path} is valid, and there is no segment`)
  const message = `segment ${first.name}, offset 0: no header of a segment is valid, nor is a mark file at ${path}`
  return new SluiceError('SLUICE_CORRUPT', message, { segment: first.name, offset: 0, firstLsn: first.firstLsn })
}
