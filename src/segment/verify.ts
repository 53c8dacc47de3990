import { MARK_FILE } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { type Finding, isDamage } from './finding.js'
import { brokenLink, damagedRunsOf, type LogSurvey, type SurveyedSegment, surveyLog } from './log-survey.js'
import { type SegmentHead, soundHead } from './segment-head.js'
import { hasDueFooter } from './tail-mending.js'

/** What `verify` found. */
export interface VerifyReport {
  /** Whether there is no damage. What a crash leaves behind, a torn tail too, is none: recovery deals with it. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  /** The lowest LSN of the log; `lastLsn + 1` where it has no record. */
  readonly firstLsn: number
  /** The last LSN up to which every record is there and whole: what recovery finds, or what repair can keep. */
  readonly lastLsn: number
  /** `lastLsn - firstLsn + 1`. */
  readonly records: number
  /** The segment files, also those that recovery will remove. */
  readonly segments: number
  /** The size of those files. */
  readonly bytes: number
  /** The highest LSN that is known to have been durable. */
  readonly durableLsn: number
}

/**
 * Reads every byte of a log, sealed segments too, and says what recovery would say by its decision table, and what only
 * reading would find: damage inside sealed segments, footers that contradict the frames, records that don't add up.
 * Changes nothing. A log that is being written to meanwhile seems torn, or worse: take the lock, or a copy.
 *
 * Throws `SLUICE_IO` where a system call fails.
 */
export function verifyLog(fs: FileSystem, directory: string): VerifyReport {
  return withSystemErrors(`verifying the log in ${directory}`, () => {
    const survey = surveyLog(fs, directory)
    return reportOf(survey, findingsOf(fs, directory, survey))
  })
}

/** All that is to be said about a survey. */
export function findingsOf(fs: FileSystem, directory: string, survey: LogSurvey): readonly Finding[] {
  const { folder, trimmed, strays } = survey
  return [
    ...unsupportedIn(survey),
    ...markSlots(survey),
    ...beginning(survey),
    ...survey.kept.flatMap((segment, index) => findingsIn(fs, directory, survey, segment, index)),
    ...strays.map((head) => corruptAt(head.name, 0, {}, strayReason(head, survey.logId))),
    ...trimmed.map((head) => leftover(head.name, 'it lies wholly below the trim mark')),
    ...folder.temporaries.map((name) => leftover(name, 'it was never part of the log')),
  ]
}

function reportOf(survey: LogSurvey, findings: readonly Finding[]): VerifyReport {
  const { prefix, heads, highestMark } = survey
  return {
    ok: !findings.some(isDamage),
    findings,
    firstLsn: prefix.firstLsn,
    lastLsn: prefix.nextLsn - 1,
    records: prefix.nextLsn - prefix.firstLsn,
    segments: heads.length,
    bytes: heads.reduce((sum, head) => sum + head.fileBytes, 0),
    durableLsn: highestMark,
  }
}

function strayReason(head: SegmentHead, logId: Buffer | undefined): string {
  const sound = soundHead(head, logId)
  const reason = 'reason' in sound ? `: ${sound.reason}` : ''
  return `it is no part of the log, and the segments around it follow one another without it${reason}`
}

function leftover(file: string, reason: string): Finding {
  return { kind: 'leftover', file, reason }
}

function unsupportedIn({ marks, heads }: LogSurvey): readonly Finding[] {
  const findings: Finding[] = []
  const add = (file: string, version: number): void => {
    findings.push({ kind: 'unsupported', file, version, reason: `format version ${version} is newer than this sluice` })
  }
  if (marks.newest.kind === 'unsupported') add(MARK_FILE, marks.newest.version)
  for (const { name, result } of heads) if (result.kind === 'unsupported') add(name, result.version)
  return findings
}

function markSlots({ marks, heads, foreignMark }: LogSurvey): readonly Finding[] {
  if (foreignMark) return [{ kind: 'corrupt', reason: 'the mark file is of another log than every segment' }]
  if (!marks.found) return heads.length === 0 ? [] : [{ kind: 'mark-slot', reason: 'there is no mark file' }]
  if (marks.newest.kind === 'none' && heads.length === 0) {
    return [{ kind: 'corrupt', reason: 'no slot of the mark file is valid, and there is no segment' }]
  }
  return marks.slots.flatMap((slot, index): Finding[] => {
    if (slot.kind !== 'none' || marks.empty[index] === true) return []
    return [{ kind: 'mark-slot', slot: index, reason: 'its checksum does not match' }]
  })
}

/** Whether the log begins where the trim mark says that it does. */
function beginning({ kept, firstLsn, highestMark }: LogSurvey): readonly Finding[] {
  const first = kept[0]
  if (first !== undefined && first.head.firstLsn > firstLsn) {
    const lastLsn = first.head.firstLsn - 1
    return [{ kind: 'corrupt', firstLsn, lastLsn, reason: `the first segment, ${first.head.name}, begins behind them` }]
  }
  if (first !== undefined || highestMark < firstLsn) return []
  return [{ kind: 'corrupt', firstLsn, lastLsn: highestMark, reason: 'they were durable, but there is no segment' }]
}

function findingsIn(
  fs: FileSystem,
  directory: string,
  survey: LogSurvey,
  segment: SurveyedSegment,
  index: number,
): readonly Finding[] {
  const { head, sound, scan, unsound } = segment
  const before = survey.kept[index - 1]
  const successor = survey.kept[index + 1]
  if (sound === undefined || scan === undefined) {
    if (head.result.kind === 'unsupported') return []
    const lastLsn = successor === undefined ? survey.highestMark : successor.head.firstLsn - 1
    const reason = unsound ?? 'its header can’t be read'
    return [corruptAt(head.name, 0, { firstLsn: head.firstLsn, lastLsn: Math.max(lastLsn, head.firstLsn) }, reason)]
  }
  const findings: Finding[] = []
  // A predecessor that is damaged, or that ends too early, has a finding of its own.
  const link = before?.scan?.nextLsn === sound.firstLsn ? brokenLink(segment, before) : undefined
  if (link !== undefined) findings.push(corruptAt(head.name, 0, {}, link))
  const contradiction = markContradiction(survey, segment)
  if (contradiction !== undefined) findings.push(contradiction)
  const read = { sound, scan }
  if (successor !== undefined) findings.push(...beforeSuccessor(fs, directory, read, successor.head.firstLsn))
  else findings.push(...atTheEnd(fs, directory, read, survey.highestMark))
  return findings
}

type ReadSegment = Parameters<typeof damagedRunsOf>[2]

/** What a segment that is not the last one says: it has to be whole, and to end where the next one begins. */
function beforeSuccessor(fs: FileSystem, directory: string, segment: ReadSegment, wantedLsn: number): Finding[] {
  const { sound, scan } = segment
  if (scan.nextLsn > wantedLsn) {
    const lsns = { firstLsn: wantedLsn, lastLsn: scan.nextLsn - 1 }
    return [corruptAt(sound.name, scan.endOffset, lsns, 'the next segment begins with LSNs that are in this one')]
  }
  if (scan.nextLsn < wantedLsn) return damaged(fs, directory, segment, wantedLsn)
  return footerFindings(segment)
}

/** What the last segment says, by the decision table. */
function atTheEnd(fs: FileSystem, directory: string, segment: ReadSegment, highestMark: number): Finding[] {
  const { sound, scan } = segment
  const { end, later, nextLsn, endOffset } = scan
  const brokenTo = end.kind === 'invalid' ? (end.brokenRecordsTo ?? 0) : 0
  if (Math.max(highestMark, brokenTo) >= nextLsn) {
    return damaged(fs, directory, segment, Math.max(highestMark, brokenTo) + 1)
  }
  if (end.kind === 'sealed') return footerFindings(segment)
  const torn = { kind: 'torn', segment: sound.name, firstLsn: nextLsn } as const
  if (scan.frameCount === 0) {
    const bytes = later?.contentEnd ?? endOffset
    return [{ ...torn, offset: 0, bytes, reason: 'there is not one valid frame in it' }]
  }
  if (end.kind !== 'invalid') return []
  return [{ ...torn, offset: endOffset, bytes: (later?.contentEnd ?? endOffset) - endOffset, reason: end.reason }]
}

function damaged(fs: FileSystem, directory: string, segment: ReadSegment, wantedLsn: number): Finding[] {
  const runs = damagedRunsOf(fs, directory, segment, wantedLsn)
  return runs.map(({ offset, reason, ...lsns }) => corruptAt(segment.sound.name, offset, lsns, reason))
}

function footerFindings({ sound, scan }: ReadSegment): Finding[] {
  const { end, endOffset } = scan
  if (end.kind === 'invalid') return [corruptAt(sound.name, endOffset, {}, end.reason)]
  if (end.kind !== 'sealed') return [corruptAt(sound.name, endOffset, {}, 'there is no footer')]
  if (hasDueFooter({ head: sound, scan })) return []
  return [corruptAt(sound.name, endOffset, {}, 'the footer’s index is not that of the frames')]
}

/** Readers in other processes go by the mark's end offset: it has to be where the durable frames end. */
function markContradiction({ mark }: LogSurvey, { head, scan, markedOffset }: SurveyedSegment): Finding | undefined {
  if (mark === undefined || scan === undefined || mark.segmentFirstLsn !== head.firstLsn) return undefined
  const inside = mark.durableLsn >= head.firstLsn && mark.durableLsn < scan.nextLsn
  if (!inside || markedOffset === mark.endOffset) return undefined
  const reason = `the mark file says that LSN ${mark.durableLsn} ends at ${mark.endOffset}, where no frame with it does`
  return { kind: 'corrupt', segment: head.name, offset: mark.endOffset, reason }
}

function corruptAt(
  segment: string,
  offset: number,
  lsns: { readonly firstLsn?: number; readonly lastLsn?: number },
  reason: string,
): Finding {
  return { kind: 'corrupt', segment, offset, ...lsns, reason }
}
