import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { isDiskFull } from '../errors.js'
import { checksum } from '../format/checksum.js'
import { segmentFileName, TEMPORARY_SUFFIX } from '../format/file-names.js'
import { encodeSegmentFooter } from '../format/segment-footer.js'
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../format/segment-header.js'
import type { FileSystem } from '../fs/file-system.js'
import type { PreparedFile } from './preparation.js'
import { SegmentIndex } from './segment-index.js'
import { writeFully } from './transfer.js'

const zeros = Buffer.alloc(1024 * 1024)
const LEAST_ZERO_FILL_BYTES = 256 * 1024
const MOST_ZERO_FILL_BYTES = 4 * 1024 * 1024

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
  readonly #fd: number
  readonly #index: SegmentIndex
  readonly #footer: { firstTimestampMs: number; lastTimestampMs: number; frameCount: number }
  #offset: number
  #zeroedBytes: number
  #zeroFillBytes = LEAST_ZERO_FILL_BYTES

  private constructor(fileSystem: FileSystem, fd: number, position: SegmentPosition) {
    this.#fileSystem = fileSystem
    this.#fd = fd
    this.firstLsn = position.firstLsn
    this.nonceChecksum = checksum(position.nonce)
    this.#offset = position.endOffset
    this.#zeroedBytes = Math.max(position.fileBytes, position.endOffset)
    this.#index = position.index
    this.#footer = {
      firstTimestampMs: position.firstTimestampMs,
      lastTimestampMs: position.firstTimestampMs,
      frameCount: position.frameCount,
    }
  }

  /** Continues the last segment of a recovered log. */
  static resume(
    fileSystem: FileSystem,
    directory: string,
    position: SegmentPosition,
    lastTimestampMs: number,
  ): SegmentWriter {
    const fd = fileSystem.openSync(path.join(directory, segmentFileName(position.firstLsn)), 'write')
    const segment = new SegmentWriter(fileSystem, fd, position)
    segment.#footer.lastTimestampMs = lastTimestampMs
    return segment
  }

  /**
   * Begins a segment in a temporary file, the prepared one or a new one: its header is written. It gets its name by
   * {@link publish}, once its first frames are synced. On a full disk nothing is left of it, on any other error only what
   * recovery removes.
   */
  static begin(
    fileSystem: FileSystem,
    directory: string,
    beginning: SegmentBeginning,
    prepared: PreparedFile | undefined,
  ): { segment: SegmentWriter; temporaryPath: string } {
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
    const fd = prepared?.fd ?? fileSystem.openSync(temporaryPath, 'create')
    const segment = new SegmentWriter(fileSystem, fd, {
      firstLsn: beginning.firstLsn,
      nonce,
      endOffset: SEGMENT_HEADER_BYTES,
      fileBytes: prepared?.zeroedBytes ?? 0,
      frameCount: 0,
      firstTimestampMs: 0,
      index: new SegmentIndex(),
    })
    try {
      writeFully(fileSystem, fd, header, 0, header.length, 0)
    } catch (error) {
      if (isDiskFull(error)) segment.discard(temporaryPath)
      else segment.close()
      throw error
    }
    return { segment, temporaryPath }
  }

  /** Where the next frame goes, in bytes from the beginning of the file. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes ahead of {@link offset} that are zero-filled and synced. */
  get zeroedAheadBytes(): number {
    return Math.max(0, this.#zeroedBytes - this.#offset)
  }

  /** Notes a frame that the next {@link write} brings to `offset`. */
  noteFrame(firstLsn: number, offset: number, timestampMs: number): void {
    this.#index.add(firstLsn, offset)
    if (this.#footer.frameCount === 0) this.#footer.firstTimestampMs = timestampMs
    this.#footer.lastTimestampMs = timestampMs
    this.#footer.frameCount++
  }

  /** Writes whole frames behind those that are there. After an error, {@link cutBack} or give up. */
  write(bytes: Uint8Array, at: number, length: number): void {
    writeFully(this.#fileSystem, this.#fd, bytes, at, length, this.#offset)
    this.#offset += length
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
    return { offset: this.#offset, indexEntries: this.#index.lsns.length, frameCount, lastTimestampMs }
  }

  /**
   * Takes back all since the checkpoint, durably: were the cut not synced, a power cut could bring back frames whose
   * appends were told that they were not written.
   */
  cutBack(checkpoint: SegmentCheckpoint): void {
    this.#fileSystem.truncateSync(this.#fd, checkpoint.offset)
    this.sync()
    this.#offset = checkpoint.offset
    this.#zeroedBytes = checkpoint.offset
    this.#index.lsns.length = checkpoint.indexEntries
    this.#index.offsets.length = checkpoint.indexEntries
    this.#footer.frameCount = checkpoint.frameCount
    this.#footer.lastTimestampMs = checkpoint.lastTimestampMs
  }

  /**
   * Fills zeros in ahead of the frames and syncs them, so that the next commits need sync no metadata. At most up to
   * `segmentBytes`, and one slice a call: slices double, so that a small log stays small. Returns whether it did.
   */
  zeroFill(segmentBytes: number): boolean {
    const begin = Math.max(this.#zeroedBytes, this.#offset)
    const length = Math.min(this.#zeroFillBytes, segmentBytes - begin)
    if (length <= 0) return false
    for (let done = 0; done < length; done += zeros.length) {
      writeFully(this.#fileSystem, this.#fd, zeros, 0, Math.min(zeros.length, length - done), begin + done)
    }
    this.sync()
    this.#zeroedBytes = begin + length
    this.#zeroFillBytes = Math.min(MOST_ZERO_FILL_BYTES, this.#zeroFillBytes * 2)
    return true
  }

  /** Drops zeros written in vain, after a zero fill that didn't fit, and fills no more. */
  dropZeros(): void {
    this.#fileSystem.truncateSync(this.#fd, Math.max(this.#zeroedBytes, this.#offset))
    this.#zeroFillBytes = 0
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
      this.#offset,
    )
    writeFully(this.#fileSystem, this.#fd, footer, 0, footer.length, this.#offset)
    this.#fileSystem.truncateSync(this.#fd, this.#offset + footer.length)
    this.sync()
  }

  /** Gives a segment that was begun, and whose first frames are synced, its name. Durable once the directory is synced. */
  publish(directory: string, temporaryPath: string): void {
    this.#fileSystem.renameSync(temporaryPath, path.join(directory, segmentFileName(this.firstLsn)))
  }

  /** Cuts off the zeros ahead, for a segment that will not be written to for now. */
  trimZeros(): void {
    if (this.#zeroedBytes > this.#offset) this.#fileSystem.truncateSync(this.#fd, this.#offset)
    this.#zeroedBytes = this.#offset
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
