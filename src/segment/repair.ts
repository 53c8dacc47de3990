import { randomBytes } from 'node:crypto'
import { SluiceError } from '../errors.js'
import { MARK_FILE } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { type Finding, isDamage } from './finding.js'
import { isOfAnotherLog } from './log-identity.js'
import { type LogSurvey, type SurveyedSegment, surveyLog } from './log-survey.js'
import { MarkFile, type MarkNote } from './mark-file.js'
import { Quarantine } from './quarantine.js'
import { type SegmentHead, soundHead } from './segment-head.js'
import { hasDueFooter, sealBehindFrames } from './tail-mending.js'
import { findingsOf } from './verify.js'

/** LSNs from `firstLsn` to `lastLsn`, both included. */
export interface LsnRange {
  readonly firstLsn: number
  readonly lastLsn: number
}

/** One thing that repair did, or would do. */
export type RepairChange =
  /** A whole file was moved into the quarantine folder: a segment, or the mark file of another log. */
  | { readonly kind: 'moved'; readonly file: string; readonly bytes: number; readonly keptIn: string }
  /** A segment was cut at `offset` and sealed there; what was cut off (trailing zeros apart) is kept. */
  | {
      readonly kind: 'cut'
      readonly segment: string
      readonly offset: number
      readonly bytes: number
      /** Absent where nothing but zeros was cut off. */
      readonly keptIn?: string
    }
  /** The mark file says this now, in both slots. */
  | { readonly kind: 'marked'; readonly durableLsn: number; readonly firstLsn: number }

/** What `repair` found and did. */
export interface RepairReport {
  /** Whether there was damage. Without, nothing is changed. */
  readonly damaged: boolean
  readonly dryRun: boolean
  readonly findings: readonly Finding[]
  /**
   * The LSNs that the log had and has no more: all up to the highest one that was durable, or that anything valid names.
   * Appends will use those above `lastLsn` again.
   */
  readonly lost: readonly LsnRange[]
  readonly changes: readonly RepairChange[]
  /** The lowest LSN of the log now; `lastLsn + 1` where it has no record left. */
  readonly firstLsn: number
  readonly lastLsn: number
}

/*
 * What repair keeps is the longest dense run of whole records from the log's beginning on: what comes behind the first
 * damage goes, however whole it is, for a log has no holes (P2). There is one exception. Where the first segments are
 * missing, and nothing says that they were trimmed, the log begins behind them from then on: most likely somebody made
 * room by removing the oldest files, which is what trim does. Those LSNs are reported as lost; reading them fails with
 * SLUICE_TRIMMED, so nobody takes the rest for the whole.
 *
 * A file that only has a segment's name, amid segments that follow one another without it, is moved aside, and costs no
 * record.
 *
 * Whose log it is stands in log-identity.ts. A mark file or a segment of another log goes first: as the segments of this
 * log go, fewer and fewer files speak for it, and after a crash the rest must not speak for another one.
 *
 * The order makes a crash at any point harmless: the mark is lowered last, so until then whatever is left is damaged,
 * and repair begins again. LSNs above the mark that only the segments moved away could tell of are not in the report
 * of that second attempt.
 */

/**
 * Makes a damaged log one that opens again, and says exactly what that costs. What goes is kept aside in the quarantine
 * folder. A log without damage is left alone: a torn tail is recovery's affair. Call it under the lock.
 *
 * Throws `SLUICE_UNSUPPORTED_FORMAT` where a file is of a newer version, and `SLUICE_IO` or `SLUICE_DISK_FULL` where a
 * system call fails: calling it again is safe.
 */
export function repairLog(
  fs: FileSystem,
  directory: string,
  options: { readonly dryRun?: boolean } = {},
): RepairReport {
  return withSystemErrors(`repairing the log in ${directory}`, () => {
    const survey = surveyLog(fs, directory)
    const findings = findingsOf(fs, directory, survey)
    const dryRun = options.dryRun ?? false
    const { firstLsn, nextLsn } = survey.prefix
    const report = { dryRun, findings, firstLsn, lastLsn: nextLsn - 1 }
    if (!findings.some(isDamage)) return { ...report, damaged: false, lost: [], changes: [] }
    for (const finding of findings) {
      if (finding.kind === 'unsupported') {
        throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', `${finding.file}: ${finding.reason}`)
      }
    }
    const changes = new Repair(fs, directory, survey, dryRun).run()
    return { ...report, damaged: true, lost: lostFrom(survey), changes }
  })
}

class Repair {
  readonly #fs: FileSystem
  readonly #directory: string
  readonly #survey: LogSurvey
  readonly #dryRun: boolean
  readonly #quarantine: Quarantine

  constructor(fs: FileSystem, directory: string, survey: LogSurvey, dryRun: boolean) {
    this.#fs = fs
    this.#directory = directory
    this.#survey = survey
    this.#dryRun = dryRun
    this.#quarantine = new Quarantine(fs, directory)
  }

  run(): RepairChange[] {
    const { kept, prefix } = this.#survey
    const changes: RepairChange[] = []
    if (this.#survey.foreignMark) changes.push(this.#move(MARK_FILE, this.#survey.marks.fileBytes))
    this.#noteBeforehand()
    const strangers = this.#strangers()
    for (const { name, fileBytes } of strangers) changes.push(this.#move(name, fileBytes))
    // From the last one down: whatever a crash leaves then has no more holes than before.
    for (const { head } of kept.slice(prefix.segments).reverse()) {
      if (!strangers.includes(head)) changes.push(this.#move(head.name, head.fileBytes))
    }
    // A last segment that nothing was cut from is left as it is: to be written on, or for recovery to seal.
    for (const segment of kept.slice(0, prefix.whole ? prefix.segments - 1 : prefix.segments)) {
      const change = this.#seal(segment)
      if (change !== undefined) changes.push(change)
    }
    changes.push(this.#lowerMark())
    return changes
  }

  /**
   * What is none of this log's. Below the trim mark opening would remove it, and what is unreadable there as well; who
   * repairs a log may still want to see both.
   */
  #strangers(): readonly SegmentHead[] {
    const { heads, strays, trimmed, logId } = this.#survey
    return heads.filter((head) => {
      if (strays.includes(head) || isOfAnotherLog(head, logId)) return true
      return trimmed.includes(head) && 'reason' in soundHead(head, logId)
    })
  }

  /** Where there is no mark file of this log, makes one: it says whose log this is while segments go. */
  #noteBeforehand(): void {
    const { mark, firstLsn, highestMark } = this.#survey
    if (mark !== undefined || this.#dryRun) return
    const note = { durableLsn: highestMark, firstLsn, segmentFirstLsn: 0, endOffset: 0, closed: false }
    const logId = this.#survey.logId ?? randomBytes(16)
    MarkFile.create(this.#fs, this.#directory, { ...note, logId, sequence: 2 })
  }

  #move(file: string, bytes: number): RepairChange {
    const keptIn = this.#dryRun ? this.#quarantine.pathToMove(file) : this.#quarantine.move(file)
    return { kind: 'moved', file, bytes, keptIn }
  }

  /** Ends a segment behind its last whole frame, unless it is sealed there as it should be. */
  #seal(segment: SurveyedSegment): RepairChange | undefined {
    const { sound, scan } = segment
    if (sound === undefined || scan === undefined) return undefined
    const scanned = { head: sound, scan }
    if (hasDueFooter(scanned)) return undefined
    const { endOffset, end, later } = scan
    const contentEnd = end.kind === 'sealed' ? endOffset + end.footerBytes : (later?.contentEnd ?? endOffset)
    const cut = { kind: 'cut', segment: sound.name, offset: endOffset, bytes: contentEnd - endOffset } as const
    const keptIn = contentEnd > endOffset ? { keptIn: this.#keep(sound.name, endOffset, contentEnd) } : {}
    if (!this.#dryRun) {
      sealBehindFrames(this.#fs, this.#directory, scanned, Math.min(this.#survey.highestMark, scan.nextLsn - 1))
    }
    return { ...cut, ...keptIn }
  }

  #keep(segment: string, from: number, to: number): string {
    if (this.#dryRun) return this.#quarantine.pathToKeep(segment, from, to)
    return this.#quarantine.keep(segment, from, to)
  }

  #lowerMark(): RepairChange {
    const { firstLsn } = this.#survey.prefix
    const note = { ...this.#durableEnd(), firstLsn, closed: false }
    const change = { kind: 'marked', durableLsn: note.durableLsn, firstLsn } as const
    if (this.#dryRun) return change
    const file = MarkFile.open(this.#fs, this.#directory)
    try {
      file.rewriteBoth(note)
    } finally {
      file.close()
    }
    return change
  }

  /**
   * The highest LSN in what is left that was certainly durable, and where its frame ends. It may be too low: recovery
   * writes again what lies above it.
   */
  #durableEnd(): Pick<MarkNote, 'durableLsn' | 'segmentFirstLsn' | 'endOffset'> {
    const { mark, highestMark, kept, prefix } = this.#survey
    const left = kept.slice(0, prefix.segments)
    const last = left.at(-1)
    if (last?.scan !== undefined && highestMark >= prefix.nextLsn - 1) {
      const { endOffset } = last.scan
      return { durableLsn: prefix.nextLsn - 1, segmentFirstLsn: last.head.firstLsn, endOffset }
    }
    const marked = left.find((segment) => segment.markedOffset !== undefined)
    if (mark !== undefined && marked?.markedOffset !== undefined) {
      const { head, markedOffset } = marked
      return { durableLsn: mark.durableLsn, segmentFirstLsn: head.firstLsn, endOffset: markedOffset }
    }
    // A segment gets its name only once the one before it is sealed and synced.
    const before = left.at(-2)
    if (before?.scan !== undefined) {
      const { nextLsn, endOffset } = before.scan
      return { durableLsn: nextLsn - 1, segmentFirstLsn: before.head.firstLsn, endOffset }
    }
    return { durableLsn: prefix.firstLsn - 1, segmentFirstLsn: 0, endOffset: 0 }
  }
}

/** The LSNs that are not in the prefix, though something says that they were. */
function lostFrom({ firstLsn, prefix, highestLsn }: LogSurvey): LsnRange[] {
  const ranges = [
    { firstLsn, lastLsn: prefix.firstLsn - 1 },
    { firstLsn: prefix.nextLsn, lastLsn: prefix.whole ? 0 : highestLsn },
  ]
  return ranges.filter((range) => range.firstLsn <= range.lastLsn)
}
