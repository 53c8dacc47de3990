import { join } from 'node:path'
import { SluiceError } from '../errors.js'
import { checksum } from '../format/checksum.js'
import { TEMPORARY_SUFFIX } from '../format/file-names.js'
import { encodeSegmentFooter, type SegmentFooter } from '../format/segment-footer.js'
import { SEGMENT_HEADER_BYTES } from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import { readFully, writeFully } from '../fs/transfer.js'
import { type FileWindow, WINDOW_BYTES } from './file-window.js'
import { FrameScan } from './frame-scan.js'
import { discard, removeIfThere } from './log-folder.js'
import type { ScannedSegment } from './log-judgement.js'

/**
 * Writes every frame above the mark once more, the same bytes in the same place, and syncs. What a crashed process wrote
 * may be in the page cache only, and a sync that failed there has marked it as clean: only bytes that are written anew
 * are known to be on disk after the next sync. Returns how many records that were.
 */
export function rewriteFramesAbove(
  fs: FileSystem,
  directory: string,
  segment: ScannedSegment,
  mark: number,
  window: FileWindow,
): number {
  const { head, scan } = segment
  if (mark >= scan.nextLsn - 1) return 0
  const offset = scan.index.offsetFor(mark + 1) ?? SEGMENT_HEADER_BYTES
  const lsn = scan.index.lsns[scan.index.offsets.indexOf(offset)] ?? head.firstLsn
  const fd = fs.openSync(join(directory, head.name), 'write')
  try {
    window.move(fd, scan.endOffset)
    const again = new FrameScan(window, checksum(head.header.nonce), { offset, lsn, timestampMs: 0 })
    const run = new FrameRun(fs, fd, Math.min(WINDOW_BYTES, scan.endOffset - offset))
    for (let frame = again.next(); frame !== undefined; frame = again.next()) {
      if (frame.header.lastLsn > mark) run.add(window.buffer, frame.at, frame.header.frameBytes, frame.offset)
    }
    run.flush()
    if (again.endOffset !== scan.endOffset) throw changedMeanwhile(head.name, again)
    fs.datasyncSync(fd)
    return scan.nextLsn - 1 - Math.max(mark, head.firstLsn - 1)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Puts a copy of a segment, up to the end of its frames, in its place. The segment was given its name shortly before a
 * crash, and a sync of the directory may have failed since: as with data, a sync that succeeds now proves nothing about
 * a name that was not written anew. The copy is durable before it takes the name; the name is once the directory is
 * synced. A segment that nobody was told of is short: as a rule one batch.
 */
export function publishAnew(fs: FileSystem, directory: string, { head, scan }: ScannedSegment): void {
  const path = join(directory, head.name)
  const temporary = path + TEMPORARY_SUFFIX
  removeIfThere(fs, temporary)
  const buffer = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, scan.endOffset))
  const from = fs.openSync(path, 'read')
  try {
    const to = fs.openSync(temporary, 'create')
    try {
      for (let done = 0; done < scan.endOffset; ) {
        const bytes = readFully(fs, from, buffer, 0, Math.min(buffer.length, scan.endOffset - done), done)
        if (bytes === 0) throw cutMeanwhile(head.name, done)
        writeFully(fs, to, buffer, 0, bytes, done)
        done += bytes
      }
      fs.datasyncSync(to)
    } catch (error) {
      // A disk that is full has no room for half a copy either.
      discard(fs, temporary)
      throw error
    } finally {
      fs.closeSync(to)
    }
  } finally {
    fs.closeSync(from)
  }
  fs.renameSync(temporary, path)
}

/**
 * Ends a segment behind its last valid frame: what lies there goes, and a footer takes its place. Durable when it
 * returns. Nothing is ever appended to a segment that had a tear, for the bytes behind it could become valid again.
 */
export function sealBehindFrames(fs: FileSystem, directory: string, segment: ScannedSegment, mark: number): void {
  const { head, scan } = segment
  const footer = encodeSegmentFooter(footerFor(segment, mark), checksum(head.header.nonce), scan.endOffset)
  const fd = fs.openSync(join(directory, head.name), 'write')
  try {
    fs.truncateSync(fd, scan.endOffset)
    writeFully(fs, fd, footer, 0, footer.length, scan.endOffset)
    fs.datasyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Completes what a crash may have cut short between writing a footer and syncing it: the same footer again, nothing
 * behind it, durable.
 */
export function finishSeal(fs: FileSystem, directory: string, segment: ScannedSegment, found: SegmentFooter): void {
  const { head, scan } = segment
  const footer = encodeSegmentFooter(found, checksum(head.header.nonce), scan.endOffset)
  const fd = fs.openSync(join(directory, head.name), 'write')
  try {
    writeFully(fs, fd, footer, 0, footer.length, scan.endOffset)
    fs.truncateSync(fd, scan.endOffset + footer.length)
    fs.datasyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** The footer that the frames of a segment call for. */
export function footerFor({ head, scan }: ScannedSegment, mark: number): SegmentFooter {
  return {
    firstLsn: head.firstLsn,
    lastLsn: scan.nextLsn - 1,
    mark,
    firstTimestampMs: scan.firstTimestampMs,
    lastTimestampMs: scan.lastTimestampMs,
    frameCount: scan.frameCount,
    entryLsns: scan.index.lsns,
    entryOffsets: scan.index.offsets,
  }
}

/** Whether a segment ends in the very footer that its frames call for; only its mark can't be told from them. */
export function hasDueFooter(segment: ScannedSegment): boolean {
  const { end } = segment.scan
  if (end.kind !== 'sealed') return false
  const due = footerFor(segment, end.footer.mark)
  return sameNumbers(due.entryLsns, end.footer.entryLsns) && sameNumbers(due.entryOffsets, end.footer.entryOffsets)
}

function sameNumbers(some: readonly number[], others: readonly number[]): boolean {
  return some.length === others.length && some.every((number, index) => number === others[index])
}

/** Gathers frames that lie behind one another, so that many small ones cost few writes. */
class FrameRun {
  readonly #fs: FileSystem
  readonly #fd: number
  readonly #staged: Buffer
  #bytes = 0
  #position = 0

  constructor(fs: FileSystem, fd: number, stageBytes: number) {
    this.#fs = fs
    this.#fd = fd
    this.#staged = Buffer.allocUnsafe(stageBytes)
  }

  add(source: Buffer, at: number, bytes: number, position: number): void {
    if (this.#bytes + bytes > this.#staged.length) this.flush()
    if (bytes > this.#staged.length) {
      writeFully(this.#fs, this.#fd, source, at, bytes, position)
      return
    }
    if (this.#bytes === 0) this.#position = position
    source.copy(this.#staged, this.#bytes, at, at + bytes)
    this.#bytes += bytes
  }

  flush(): void {
    writeFully(this.#fs, this.#fd, this.#staged, 0, this.#bytes, this.#position)
    this.#bytes = 0
  }
}

function changedMeanwhile(name: string, again: FrameScan): SluiceError {
  const offset = again.endOffset
  const message = `segment ${name}, offset ${offset}: a frame that was valid a moment ago reads differently now`
  return new SluiceError('SLUICE_CORRUPT', message, { segment: name, offset, firstLsn: again.nextLsn })
}

function cutMeanwhile(name: string, offset: number): SluiceError {
  const message = `segment ${name}, offset ${offset}: the file ends here, and had more a moment ago`
  return new SluiceError('SLUICE_CORRUPT', message, { segment: name, offset })
}
