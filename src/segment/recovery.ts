import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MARK_FILE_BYTES } from '../format/mark.js'
import { MIN_FOOTER_BYTES } from '../format/segment-footer.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { FileWindow } from './file-window.js'
import { type LogFolder, listLogFolder, removeIfThere } from './log-folder.js'
import { judgeLog, type LogJudgement, type ScannedSegment } from './log-judgement.js'
import { MarkFile, type MarkFileContent } from './mark-file.js'
import { Quarantine } from './quarantine.js'
import type { RecoveredActive, RecoveredLog } from './recovered-log.js'
import type { RecoveryReport, TornTail } from './recovery-report.js'
import { SEGMENT_HEAD_BYTES } from './segment-head.js'
import { finishSeal, publishAnew, rewriteFramesAbove, sealBehindFrames } from './tail-mending.js'

/*
 * Let E be the LSN after the last valid one, and M the highest mark in any valid evidence: the mark file; the headers of
 * all segments (a segment is named only after its predecessor is durable, so its first LSN less one counts as a mark);
 * the last segment's frames, also those behind an invalid place, and its footer; the trim mark less one.
 *
 *    what is found                                    verdict, and why
 *    ────────────────────────────────────────────     ──────────────────────────────────────────────────────────
 *    a header or mark slot of a newer version         unsupported
 *    a named segment with a bad header                corrupt: headers are synced before the name exists
 *    M ≥ E, whatever is at E, zeros too               corrupt: E was durable
 *    M < E, only zeros from E on, or nothing          clean: appends go on there
 *    M < E, a footer at E                             clean, and sealed: appends go on in a new segment
 *    M < E, something invalid at E                    torn: everything from E on goes, later valid frames too (nobody
 *                                                     was told that they were durable); kept aside, reported
 *    M < E, no valid frame in the last segment        torn from its first frame on: kept aside, the file removed
 *    a gap, an overlap, a foreign log id, a name      corrupt, unless wholly below the durable trim mark: then removed
 *    that contradicts its header, a missing successor
 *    no valid mark file, but segments                 the marks in the segments are the evidence; made anew
 *    no mark file, or an untouched one; no segment    a new log
 *    a mark file without a valid slot, no segment     corrupt
 *    temporary files                                  removed
 *
 * Then, in this order, and each step harmless when done again after a crash:
 *
 *    1. keep aside what is cut;
 *    2. write the frames above M again, the same bytes, and sync: only now may anyone read them; where that is all that
 *       the last segment has, nothing says that its name is durable: a copy takes it first;
 *    3. where anything was cut: truncate to E, write the footer, sync; finish a seal that was begun;
 *    4. sync the directory;
 *    5. note the mark E - 1, and sync it;
 *    6. remove temporary files and trimmed segments, and sync the directory.
 *
 * A crash between truncating and the footer leaves a segment that looks clean, though it had a tear. What was kept aside
 * of it tells: it is named by the segment and by E, so the seal is completed then.
 */

/**
 * Brings a log's folder into a state in which everything found is durable, and says what was found. Call it under the
 * lock, before anybody reads. An empty folder becomes a new log.
 *
 * Throws `SLUICE_CORRUPT` (naming segment, offset and LSNs) and `SLUICE_UNSUPPORTED_FORMAT` before anything is changed;
 * `SLUICE_IO` and `SLUICE_DISK_FULL` where a system call fails: calling it again is safe.
 */
export function recover(fs: FileSystem, directory: string): RecoveredLog {
  return withSystemErrors(`recovering the log in ${directory}`, () => new Recovery(fs, directory).run())
}

/**
 * The sequence of a mark file that was made for a log with segments. One that still has it is made once more: the sync of
 * the directory may have failed then, and its name is not durable until it is given anew.
 */
const MADE_SEQUENCE = 2

class Recovery {
  readonly #fs: FileSystem
  readonly #directory: string
  readonly #window: FileWindow
  readonly #startedMs = performance.now()

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#directory = directory
    this.#window = new FileWindow(fs)
  }

  run(): RecoveredLog {
    const folder = listLogFolder(this.#fs, this.#directory)
    const marks = MarkFile.read(this.#fs, this.#directory)
    if (folder.segments.length === 0 && isNew(marks)) return this.#begin(folder, marks)
    const judgement = judgeLog(this.#fs, this.#directory, { folder, marks }, this.#window)
    const links = Math.max(0, judgement.kept.length - 1)
    const heads = folder.segments.length * SEGMENT_HEAD_BYTES
    const bytesRead = bytesOf(marks) + heads + links * MIN_FOOTER_BYTES + this.#window.bytesRead
    const torn = this.#keepAside(judgement)
    const rewrittenRecords = this.#rewrite(judgement)
    const sealed = this.#cutAndSeal(judgement, torn !== undefined)
    this.#fs.syncDirectorySync(this.#directory)
    const markSequence = this.#noteMark(judgement)
    const removedFiles = this.#cleanUp(folder, judgement)
    return this.#recovered(judgement, sealed, markSequence, {
      rewrittenRecords,
      torn,
      removedFiles,
      bytesRead,
      cleanShutdown: judgement.mark?.closed === true && torn === undefined && rewrittenRecords === 0,
    })
  }

  /** A new log: its mark file makes it one. */
  #begin(folder: LogFolder, marks: MarkFileContent): RecoveredLog {
    const { newest } = marks
    const logId = newest.kind === 'valid' ? newest.mark.logId : randomBytes(16)
    const mark = { logId, sequence: 1, durableLsn: 0, firstLsn: 1, segmentFirstLsn: 0, endOffset: 0, closed: false }
    MarkFile.create(this.#fs, this.#directory, mark)
    const nothing = { firstLsn: 1, nextLsn: 1, highestMark: 0, trimmed: [], kept: [], tail: undefined }
    const judgement = { ...nothing, logId, mark, frameless: undefined }
    const removedFiles = this.#cleanUp(folder, judgement)
    const found = { rewrittenRecords: 0, torn: undefined, removedFiles, bytesRead: bytesOf(marks), cleanShutdown: true }
    return this.#recovered(judgement, false, mark.sequence, found)
  }

  /** Step 1. Returns what is torn; where two segments are, the later one, from which all that was written last is cut. */
  #keepAside({ tail, frameless }: LogJudgement): TornTail | undefined {
    const quarantine = new Quarantine(this.#fs, this.#directory)
    const tornTail = tail && keepTail(quarantine, tail)
    return frameless ? keepWhole(quarantine, frameless) : tornTail
  }

  /** Step 2. Returns how many records were written again. */
  #rewrite({ tail, highestMark }: LogJudgement): number {
    if (tail === undefined) return 0
    if (isUnmarked(tail, highestMark)) publishAnew(this.#fs, this.#directory, tail)
    return rewriteFramesAbove(this.#fs, this.#directory, tail, highestMark, this.#window)
  }

  /** Step 3. Returns whether the tail is sealed now. */
  #cutAndSeal({ tail, frameless, highestMark }: LogJudgement, torn: boolean): boolean {
    if (frameless !== undefined) this.#fs.removeSync(join(this.#directory, frameless.head.name))
    if (tail === undefined) return false
    const { end } = tail.scan
    if (end.kind === 'sealed') {
      finishSeal(this.#fs, this.#directory, tail, end.footer)
      return true
    }
    // Where a frameless segment went, its predecessor is the tail now: it was sealed before, and is to stay so.
    if (!torn) return false
    sealBehindFrames(this.#fs, this.#directory, tail, highestMark)
    return true
  }

  /** Step 5. Returns the new sequence. */
  #noteMark(judgement: LogJudgement): number {
    const { logId, mark, firstLsn, nextLsn, tail } = judgement
    const note = {
      durableLsn: nextLsn - 1,
      firstLsn,
      segmentFirstLsn: tail?.head.firstLsn ?? 0,
      endOffset: tail?.scan.endOffset ?? 0,
      closed: false,
    }
    if (mark === undefined || mark.sequence <= MADE_SEQUENCE) {
      const made = { ...note, logId, sequence: MADE_SEQUENCE }
      MarkFile.create(this.#fs, this.#directory, made)
      return made.sequence
    }
    const file = MarkFile.open(this.#fs, this.#directory)
    try {
      file.note(note)
      file.sync()
      return file.newest.sequence
    } finally {
      file.close()
    }
  }

  /** Step 6. Returns the names of what was removed. */
  #cleanUp(folder: LogFolder, { trimmed }: LogJudgement): readonly string[] {
    const names = [...folder.temporaries, ...trimmed]
    for (const name of names) removeIfThere(this.#fs, join(this.#directory, name))
    if (names.length > 0) this.#fs.syncDirectorySync(this.#directory)
    return names
  }

  #recovered(
    judgement: LogJudgement,
    sealed: boolean,
    markSequence: number,
    found: Pick<RecoveryReport, 'rewrittenRecords' | 'torn' | 'removedFiles' | 'bytesRead' | 'cleanShutdown'>,
  ): RecoveredLog {
    const { logId, firstLsn, nextLsn, kept, tail, highestMark } = judgement
    const lastLsn = nextLsn - 1
    return {
      logId,
      markSequence,
      firstLsn,
      lastLsn,
      lastTimestampMs: tail?.scan.lastTimestampMs ?? 0,
      segments: kept.map((head) => head.firstLsn),
      active: tail === undefined || sealed ? undefined : activeFrom(tail, highestMark),
      previous: { lastLsn, endOffset: tail?.scan.endOffset ?? 0 },
      report: {
        ...found,
        firstLsn,
        lastLsn,
        records: lastLsn - firstLsn + 1,
        segments: kept.length,
        durationMs: performance.now() - this.#startedMs,
      },
    }
  }
}

function keepTail(quarantine: Quarantine, { head, scan }: ScannedSegment): TornTail | undefined {
  const { endOffset, end, later } = scan
  if (end.kind === 'sealed') return undefined
  const where = { segment: head.name, offset: endOffset }
  if (end.kind === 'invalid') {
    const contentEnd = later?.contentEnd ?? head.fileBytes
    const keptIn = quarantine.keep(head.name, endOffset, contentEnd)
    return { ...where, bytes: contentEnd - endOffset, keptIn, reason: end.reason }
  }
  const kept = quarantine.find(head.name, endOffset)
  const reason = 'cut off by an earlier recovery that was itself cut short'
  return kept && { ...where, bytes: kept.bytes, keptIn: kept.path, reason }
}

/** Of a segment without a valid frame the header is kept, too: it holds the nonce that its bytes are bound to. */
function keepWhole(quarantine: Quarantine, { head, scan }: ScannedSegment): TornTail {
  const bytes = scan.later?.contentEnd ?? scan.endOffset
  const keptIn = quarantine.keep(head.name, 0, bytes)
  const why = scan.end.kind === 'invalid' ? scan.end.reason : 'the file has nothing but a header'
  return { segment: head.name, offset: 0, bytes, keptIn, reason: `no valid frame at ${scan.endOffset}: ${why}` }
}

/**
 * Whether there is no log yet. A mark file that nothing was noted in since it was made is made once more: the sync of the
 * directory may have failed then, and its name is not durable until it is given anew.
 */
function isNew({ found, newest }: MarkFileContent): boolean {
  return !found || (newest.kind === 'valid' && newest.mark.sequence === 1)
}

/** How much of a mark file was read. */
function bytesOf({ fileBytes }: MarkFileContent): number {
  return Math.min(fileBytes, MARK_FILE_BYTES)
}

/** Whether no mark says that anything in this segment was ever durable. */
function isUnmarked({ head }: ScannedSegment, highestMark: number): boolean {
  return highestMark < head.firstLsn
}

function activeFrom(tail: ScannedSegment, highestMark: number): RecoveredActive {
  const { head, scan } = tail
  return {
    firstLsn: head.firstLsn,
    nonce: head.header.nonce,
    endOffset: scan.endOffset,
    // A copy has no zeros behind its frames.
    fileBytes: isUnmarked(tail, highestMark) ? scan.endOffset : head.fileBytes,
    frameCount: scan.frameCount,
    firstTimestampMs: scan.firstTimestampMs,
    index: scan.index,
  }
}
