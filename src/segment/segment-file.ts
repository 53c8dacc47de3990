import { join } from 'node:path'
import { SluiceError } from '../errors.js'
import { checksum } from '../format/checksum.js'
import { segmentFileName } from '../format/file-names.js'
import { FRAME_HEADER_BYTES, type FrameHeader } from '../format/frame.js'
import { readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from '../format/segment-header.js'
import type { FileSystem, ReadableFile } from '../fs/file-system.js'
import { readAtLeast } from '../fs/transfer.js'
import { AHEAD_ROOM_BYTES, FrameWindow, ReadAhead } from './frame-window.js'
import { CHUNK_BYTES_MAX } from './record-batch.js'

/** Which segment of which log to open. */
export interface SegmentPlace {
  readonly fileSystem: Pick<FileSystem, 'open'>
  /** The log's folder: an absolute path. */
  readonly directory: string
  /** The segment's first LSN, from its name. */
  readonly firstLsn: number
  /** The log that it must belong to, where that is known. */
  readonly logId?: Buffer | undefined
}

/** A segment open for reading, its header proved. Every failure to read it is a `SluiceError` that names it. */
export class SegmentFile {
  readonly name: string
  readonly firstLsn: number
  readonly header: SegmentHeader
  /** The checksum of the header's nonce: what frames and footer are bound to. */
  readonly nonceChecksum: number
  readonly #file: ReadableFile

  private constructor(name: string, header: SegmentHeader, file: ReadableFile) {
    this.name = name
    this.firstLsn = header.firstLsn
    this.header = header
    this.nonceChecksum = checksum(header.nonce)
    this.#file = file
  }

  /**
   * Opens a segment, and reads its header. Rejects with `SLUICE_CORRUPT`: the header is damaged, or contradicts the
   * file's name or `logId` (it was synced before the file had its name); `SLUICE_UNSUPPORTED_FORMAT`; `SLUICE_IO`.
   */
  static async open(place: SegmentPlace): Promise<SegmentFile> {
    const name = segmentFileName(place.firstLsn)
    const file = await place.fileSystem
      .open(join(place.directory, name))
      .catch((error) => failed(name, 'opened', error))
    try {
      const block = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES)
      const read = await readAtLeast(file, block, 0, 0, block.length).catch((error) => failed(name, 'read', error))
      return new SegmentFile(name, provedHeader(block.subarray(0, read), name, place), file)
    } catch (error) {
      // Nothing was written, so a close that fails loses nothing: what went wrong before is what the caller must hear.
      await file.close().catch(() => {})
      throw error
    }
  }

  /**
   * Up to `bytes` bytes from `offset` on, in memory of their own: fewer than `least` only where the file ends. Asking for
   * no more than is needed saves the read that finds out whether a short one had come to the end. They are read into
   * `memory`, which then is the window's, where that has room for them.
   */
  async window(
    offset: number,
    bytes: number,
    least = FRAME_HEADER_BYTES,
    memory: Buffer | undefined = undefined,
  ): Promise<FrameWindow> {
    const buffer =
      memory !== undefined && memory.length >= bytes ? memory.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes)
    const read = await this.#read(buffer, 0, offset, least)
    return new FrameWindow(buffer.subarray(0, read), offset, this.nonceChecksum)
  }

  /**
   * What lies from `offset` on, as much as one chunk has together with the room before it. `undefined` where it can't be read: who
   * wants it then asks for it by itself, and is told why. Never rejects.
   */
  async readAhead(offset: number): Promise<ReadAhead | undefined> {
    try {
      const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX)
      const read = await readAtLeast(this.#file, memory, AHEAD_ROOM_BYTES, offset, 1)
      return read > 0 ? new ReadAhead(memory, read, offset, this.nonceChecksum) : undefined
    } catch {
      return undefined
    }
  }

  /**
   * A window with the whole frame at `offset`, whose header is proved and begins in `window`, where the window holds
   * only a part of it. `undefined` where the file ends before the frame does: no memory is taken on its word then.
   */
  async widen(window: FrameWindow, offset: number, header: FrameHeader): Promise<FrameWindow | undefined> {
    if (offset + header.frameBytes > (await this.size())) return undefined
    const buffer = Buffer.allocUnsafeSlow(header.frameBytes)
    const known = window.bytes.copy(buffer, 0, offset - window.offset)
    const read = await this.#read(buffer, known, offset + known, buffer.length - known)
    return known + read < buffer.length ? undefined : new FrameWindow(buffer, offset, this.nonceChecksum)
  }

  /** The bytes of the file now: that of a segment still written to grows. */
  async size(): Promise<number> {
    return this.#file.size().catch((error) => failed(this.name, 'measured', error))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** The error for damage at `offset`. `lastLsn` is the last LSN that it may concern. */
  corrupt(reason: string, offset: number, firstLsn: number, lastLsn: number): SluiceError {
    const lsns = firstLsn === lastLsn ? `LSN ${firstLsn}` : `LSNs ${firstLsn} to ${lastLsn}`
    const message = `segment ${this.name} is damaged at byte ${offset} (${lsns}): ${reason}`
    return new SluiceError('SLUICE_CORRUPT', message, { segment: this.name, offset, firstLsn, lastLsn })
  }

  async #read(buffer: Buffer, at: number, offset: number, least: number): Promise<number> {
    return readAtLeast(this.#file, buffer, at, offset, least).catch((error) => failed(this.name, 'read', error))
  }
}

function provedHeader(block: Buffer, name: string, place: SegmentPlace): SegmentHeader {
  const result = readSegmentHeader(block)
  if (result.kind === 'unsupported') {
    const message = `segment ${name} has format version ${result.version}: a newer sluice wrote it`
    throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message, { segment: name })
  }
  const reason = result.kind === 'invalid' ? result.reason : contradiction(result.header, place)
  if (result.kind === 'invalid' || reason !== undefined) {
    const message = `the header of segment ${name} is damaged: ${reason}`
    throw new SluiceError('SLUICE_CORRUPT', message, { segment: name, offset: 0, firstLsn: place.firstLsn })
  }
  return result.header
}

function contradiction(header: SegmentHeader, place: SegmentPlace): string | undefined {
  if (header.firstLsn !== place.firstLsn) return `it names ${header.firstLsn} as its first LSN, not ${place.firstLsn}`
  if (place.logId !== undefined && !header.logId.equals(place.logId)) return 'it belongs to another log'
  return undefined
}

function failed(name: string, what: string, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new SluiceError('SLUICE_IO', `segment ${name} could not be ${what}: ${reason}`, { segment: name, cause })
}
