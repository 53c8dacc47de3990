import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { checksum } from '../format/checksum.js'
import { segmentFileName, TEMPORARY_SUFFIX } from '../format/file-names.js'
import { encodeSegmentFooter } from '../format/segment-footer.js'
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../format/segment-header.js'
import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { allocatePages, pageCeil, pageFloor } from '../fs/pages.js'
import { writeFully } from '../fs/transfer.js'
import type { PageWriter } from './page-writer.js'
import type { PreparedFile } from './preparation.js'
import { SegmentIndex } from './segment-index.js'

/** Zeros are filled in and synced in slices of this size: a batch that comes meanwhile waits for one. */
const ZERO_SLICE_BYTES = 256 * 1024
const zeros = allocatePages(ZERO_SLICE_BYTES).memory

/** Where a segment that is continued stands. */
export interface SegmentPosition {
  readonly firstLsn: number
  readonly nonce: Uint8Array
  /** Where the next frame goes. */
  readonly endOffset: number
  /** The size of the file: zero-filled from `endOffset` on. */
  readonly fileBytes: number
  readonly frameCount: number
  readonly firstTimestampMs: number
  readonly index: SegmentIndex
}

/**
 * A sync failed. It wraps the system's error, so that a full disk told by a sync can't be taken for one told by a write:
 * a write can be cut back, a failed sync can't be made good.
 */
export class FailedSync extends Error {
  constructor(cause: unknown) {
    super('a sync failed', { cause })
  }
}

/** See {@link SegmentWriter.checkpoint}. */
export interface SegmentCheckpoint {
  readonly offset: number
  readonly indexEntries: number
  readonly frameCount: number
  readonly lastTimestampMs: number
}

/** What segments are written through. */
export interface SegmentMedium {
  readonly fileSystem: FileSystem
  readonly directory: string
  /** Of the one segment that is written to: the next one goes on with it. */
  readonly pages: PageWriter
  readonly access: FileAccess
}

/** What a new segment's header says. */
export interface SegmentBeginning {
  readonly logId: Uint8Array
  readonly firstLsn: number
  readonly previousEndOffset: number
  readonly mark: number
  readonly createdMs: number
}

/**
 * Writes one segment file: its header, frames, zeros ahead of them, and at last its footer. It decides nothing: when to
 * sync, rotate or give up is the writer's. It blocks, and throws the system's errors as they are.
 */
export class SegmentWriter {
  readonly firstLsn: number
  readonly nonceChecksum: number
  readonly #fileSystem: FileSystem
  readonly #pages: PageWriter
  readonly #fd: number
  readonly #index: SegmentIndex
  readonly #footer: { firstTimestampMs: number; lastTimestampMs: number; frameCount: number }
  /** Up to here the file is made, its end with zeros. */
  #fileBytes: number
  #fillsZeros = true

  private constructor(medium: SegmentMedium, fd: number, position: SegmentPosition) {
    this.#fileSystem = medium.fileSystem
    this.#pages = medium.pages
    this.#fd = fd
    this.firstLsn = position.firstLsn
    this.nonceChecksum = checksum(position.nonce)
    this.#fileBytes = Math.max(position.fileBytes, position.endOffset)
    this.#index = position.index
    this.#footer = {
      firstTimestampMs: position.firstTimestampMs,
      lastTimestampMs: position.firstTimestampMs,
      frameCount: position.frameCount,
    }
  }

  /** Continues the last segment of a recovered log. */
  static resume(medium: SegmentMedium, position: SegmentPosition, lastTimestampMs: number): SegmentWriter {
    const { fileSystem, directory, access, pages } = medium
    const fd = fileSystem.openSync(path.join(directory, segmentFileName(position.firstLsn)), 'write', access)
    try {
      pages.moveTo(fd, position.endOffset)
    } catch (error) {
      fileSystem.closeSync(fd)
      throw error
    }
    const segment = new SegmentWriter(medium, fd, position)
    segment.#footer.lastTimestampMs = lastTimestampMs
    return segment
  }

  /**
   * Begins a segment in a temporary file, the prepared one or a new one, with its header, which is written together with
   * the first frames. It gets its name by {@link publish}, once those are synced.
   */
  static begin(
    medium: SegmentMedium,
    beginning: SegmentBeginning,
    prepared: PreparedFile | undefined,
  ): { segment: SegmentWriter; temporaryPath: string } {
    const { fileSystem, directory, access, pages } = medium
    const nonce = randomBytes(16)
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
    writeSegmentHeader(header, {
      ...beginning,
      logId: Buffer.from(beginning.logId),
      nonce,
      previousLastLsn: beginning.firstLsn - 1,
    })
    const temporaryPath =
      prepared?.path ?? path.join(directory, `${segmentFileName(beginning.firstLsn)}${TEMPORARY_SUFFIX}`)
    const fd = prepared?.fd ?? fileSystem.openSync(temporaryPath, 'create', access)
    const segment = new SegmentWriter(medium, fd, {
      firstLsn: beginning.firstLsn,
      nonce,
      endOffset: SEGMENT_HEADER_BYTES,
      fileBytes: prepared?.zeroedBytes ?? 0,
      frameCount: 0,
      firstTimestampMs: 0,
      index: new SegmentIndex(),
    })
    pages.moveTo(fd, 0)
    pages.put(header, 0, header.length)
    return { segment, temporaryPath }
  }

  /** Where the next frame goes, in bytes from the beginning of the file. */
  get offset(): number {
    return this.#pages.offset
  }

  /** Bytes ahead of {@link offset} that are zero-filled and synced, but for those that fill a page up. */
  get zeroedAheadBytes(): number {
    return Math.max(0, this.#fileBytes - this.offset)
  }

  /** Whether {@link zeroFill} would fill in more. */
  wantsZeros(segmentBytes: number): boolean {
    return this.#fillsZeros && this.#zerosFrom < pageFloor(segmentBytes)
  }

  get #zerosFrom(): number {
    return Math.max(pageFloor(this.#fileBytes), pageCeil(this.offset))
  }

  /** Notes a frame that the next {@link put} brings to `offset`. */
  noteFrame(firstLsn: number, offset: number, timestampMs: number): void {
    this.#index.add(firstLsn, offset)
    if (this.#footer.frameCount === 0) this.#footer.firstTimestampMs = timestampMs
    this.#footer.lastTimestampMs = timestampMs
    this.#footer.frameCount++
  }

  /** Puts whole frames behind those that are there, to be written by the next {@link writeOut} at the latest. */
  put(bytes: Buffer, at: number, length: number): void {
    this.#pages.put(bytes, at, length)
  }

  /** Writes all that was put. After an error of this, or of {@link put}, {@link cutBack} or give up. */
  writeOut(): void {
    this.#pages.writeOut()
    this.#fileBytes = Math.max(this.#fileBytes, pageCeil(this.offset))
  }

  /**
   * Everything written so far, and the file's size, survive a power cut once this returns. Throws {@link FailedSync},
   * and must not be called again then.
   */
  sync(): void {
    try {
      this.#fileSystem.datasyncSync(this.#fd)
    } catch (error) {
      throw new FailedSync(error)
    }
  }

  /** Where the segment stands, for {@link cutBack}. Take it before the frames of a batch are noted. */
  get checkpoint(): SegmentCheckpoint {
    const { frameCount, lastTimestampMs } = this.#footer
    return { offset: this.offset, indexEntries: this.#index.lsns.length, frameCount, lastTimestampMs }
  }

  /**
   * Takes back all since the checkpoint, durably: were the cut not synced, a power cut could bring back frames whose
   * appends were told that they were not written.
   */
  cutBack(checkpoint: SegmentCheckpoint): void {
    this.#fileSystem.truncateSync(this.#fd, checkpoint.offset)
    this.sync()
    this.#fileBytes = checkpoint.offset
    this.#pages.moveTo(this.#fd, checkpoint.offset)
    this.#index.lsns.length = checkpoint.indexEntries
    this.#index.offsets.length = checkpoint.indexEntries
    this.#footer.frameCount = checkpoint.frameCount
    this.#footer.lastTimestampMs = checkpoint.lastTimestampMs
  }

  /**
   * Fills zeros in ahead of the frames and syncs them, so that the next commits need sync no metadata. At most up to
   * `segmentBytes`, and one slice a call. Returns whether it did.
   */
  zeroFill(segmentBytes: number): boolean {
    if (!this.wantsZeros(segmentBytes)) return false
    const begin = this.#zerosFrom
    const length = Math.min(ZERO_SLICE_BYTES, pageFloor(segmentBytes) - begin)
    writeFully(this.#fileSystem, this.#fd, zeros, 0, length, begin)
    this.sync()
    this.#fileBytes = begin + length
    return true
  }

  /** Drops zeros written in vain, after a zero fill that didn't fit, and fills no more. */
  dropZeros(): void {
    this.#fileSystem.truncateSync(this.#fd, Math.max(this.#fileBytes, this.offset))
    this.#fillsZeros = false
  }

  /**
   * Writes the footer behind the last frame, cuts the zeros off and syncs it all, what was written before included.
   * The segment takes no more frames.
   */
  seal(lastLsn: number, mark: number): void {
    const footer = encodeSegmentFooter(
      {
        firstLsn: this.firstLsn,
        lastLsn,
        mark,
        ...this.#footer,
        entryLsns: this.#index.lsns,
        entryOffsets: this.#index.offsets,
      },
      this.nonceChecksum,
      this.offset,
    )
    this.put(footer, 0, footer.length)
    this.writeOut()
    this.#fileSystem.truncateSync(this.#fd, this.offset)
    this.sync()
  }

  /** Gives a segment that was begun, and whose first frames are synced, its name. Durable once the directory is synced. */
  publish(directory: string, temporaryPath: string): void {
    this.#fileSystem.renameSync(temporaryPath, path.join(directory, segmentFileName(this.firstLsn)))
  }

  /** Cuts off the zeros ahead, for a segment that will not be written to for now. */
  trimZeros(): void {
    if (this.#fileBytes > this.offset) this.#fileSystem.truncateSync(this.#fd, this.offset)
    this.#fileBytes = this.offset
  }

  close(): void {
    this.#fileSystem.closeSync(this.#fd)
  }

  /** Closes and removes a segment that was begun and has no name yet. */
  discard(temporaryPath: string): void {
    this.#fileSystem.closeSync(this.#fd)
    this.#fileSystem.removeSync(temporaryPath)
  }
}
