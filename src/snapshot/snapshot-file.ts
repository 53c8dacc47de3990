import { randomBytes } from 'node:crypto'
import { SluiceError, systemCode } from '../errors.js'
import type { ReadableFile } from '../fs/file-system.js'
import { withSystemErrorsLater } from '../fs/io-error.js'
import { readAtLeast } from '../fs/transfer.js'
import { replaceFile } from './replaced-file.js'
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEAD_BYTES,
  bodyChecksumOf,
  decodeBlockHead,
  decodeSnapshotHeader,
  decodeTrailer,
  encodeBlockHead,
  encodeSnapshotHeader,
  encodeTrailer,
  nonceChecksumOf,
  SNAPSHOT_HEADER_BYTES,
  SNAPSHOT_NONCE_BYTES,
  type SnapshotTrailer,
  TRAILER_BYTES,
} from './snapshot-layout.js'
import { type SnapshotPlace, snapshotPath } from './snapshot-place.js'

/**
 * Writes blocks into a checksummed file: aside, under a temporary name, then synced, renamed into place, and the directory
 * synced. The blocks are taken one by one, and written in the background: the event loop is free in between. A block must not
 * be changed before the next one is asked for; blocks of 64 KiB and more are worth their checksum and their read.
 *
 * Resolves to the file's size in bytes. Throws `SLUICE_INVALID_ARGUMENT` for a name that leaves its folder. Rejects with
 * `SLUICE_DISK_FULL`, `SLUICE_IO`, the signal's reason, what the blocks throw, or `SLUICE_INVALID_ARGUMENT` for a block of 2 GiB:
 * the temporary file is removed then, and what had the name before is as it was. Only where the folder's sync fails, the last
 * step of all, the name stands for the new snapshot already, which is whole: a power cut may bring the old one back.
 */
export function writeSnapshot(
  place: SnapshotPlace,
  blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<number> {
  return replaceFile(place, encoded(blocks, randomBytes(SNAPSHOT_NONCE_BYTES)), signal)
}

/**
 * As {@link writeSnapshot}, but nothing is synced: for derived data. A power cut may leave a damaged file, which
 * {@link openSnapshot} refuses with `SLUICE_CORRUPT`.
 */
export function writeDerivedSnapshot(
  place: SnapshotPlace,
  blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<number> {
  return replaceFile(place, encoded(blocks, randomBytes(SNAPSHOT_NONCE_BYTES)), signal, false)
}

async function* encoded(
  blocks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  nonce: Buffer,
): AsyncGenerator<Uint8Array> {
  const nonceChecksum = nonceChecksumOf(nonce)
  yield encodeSnapshotHeader(nonce)
  let offset = SNAPSHOT_HEADER_BYTES
  let count = 0
  for await (const block of blocks) {
    if (block.length > BLOCK_BYTES_MAX) {
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', `a block of ${block.length} bytes exceeds ${BLOCK_BYTES_MAX}`)
    }
    const head = Buffer.alloc(BLOCK_HEAD_BYTES)
    encodeBlockHead(head, 0, block, nonceChecksum, offset)
    yield head
    yield block
    offset += BLOCK_HEAD_BYTES + block.length
    count++
  }
  const trailer = Buffer.alloc(TRAILER_BYTES)
  encodeTrailer(trailer, 0, count, nonceChecksum, offset)
  yield trailer
}

/**
 * The blocks of a snapshot, each of them checked before it is given, in the order in which they were written; `undefined`
 * where there is no such file. Header and trailer are checked first, so a file that was cut short is known before its first
 * block is. Each iteration opens the file anew, and closes it when it ends.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` for a name that leaves its folder. Rejects, and the iteration throws, with `SLUICE_CORRUPT` (naming `file`
 * and `offset`), `SLUICE_UNSUPPORTED_FORMAT` (a newer version wrote it), `SLUICE_IO`.
 */
export function openSnapshot(place: SnapshotPlace): Promise<AsyncIterable<Buffer> | undefined> {
  const path = snapshotPath(place)
  return withSystemErrorsLater(`opening ${path}`, async () => {
    let reader: SnapshotReader
    try {
      reader = await SnapshotReader.open(place)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    await reader.close()
    return { [Symbol.asyncIterator]: () => blocksOf(place) }
  })
}

async function* blocksOf(place: SnapshotPlace): AsyncGenerator<Buffer> {
  const doing = `reading ${snapshotPath(place)}`
  const reader = await withSystemErrorsLater(doing, () => SnapshotReader.open(place))
  const read = (): Promise<Buffer | undefined> => withSystemErrorsLater(doing, () => reader.next())
  let ahead: Promise<Buffer | undefined> | undefined
  try {
    // Who takes the first block alone, as of a head, has no more read for it.
    let block = await read()
    while (block !== undefined) {
      yield block
      block = await (ahead ?? read())
      // While this one is used, the next is read.
      ahead = block && read()
      // What it fails with is told when it is its turn.
      ahead?.catch(() => {})
    }
  } finally {
    await ahead?.catch(() => {})
    await reader.close()
  }
}

/** Reads an open snapshot from its beginning to its end. */
class SnapshotReader {
  readonly #file: ReadableFile
  readonly #path: string
  readonly #bytes: number
  #nonce = 0
  #trailer: SnapshotTrailer = { blocks: 0, bytes: 0 }
  #offset = SNAPSHOT_HEADER_BYTES
  #blocks = 0
  /** The head of the block at `#offset`, or what the trailer has in its place: read along with the block before. */
  #head: Buffer = Buffer.alloc(0)

  private constructor(file: ReadableFile, path: string, bytes: number) {
    this.#file = file
    this.#path = path
    this.#bytes = bytes
  }

  static async open(place: SnapshotPlace): Promise<SnapshotReader> {
    const path = snapshotPath(place)
    const file = await place.fileSystem.open(path)
    try {
      const reader = new SnapshotReader(file, path, await file.size())
      await reader.#begin()
      return reader
    } catch (error) {
      await file.close()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** The next block; `undefined` behind the last one. */
  async next(): Promise<Buffer | undefined> {
    const trailerOffset = this.#bytes - TRAILER_BYTES
    if (this.#offset === trailerOffset) {
      if (this.#blocks === this.#trailer.blocks) return undefined
      throw this.#corrupt(trailerOffset, `has ${this.#blocks} of ${this.#trailer.blocks} blocks`)
    }
    const offset = this.#offset
    const head = decodeBlockHead(this.#head, this.#nonce, offset)
    if (head === undefined) throw this.#corrupt(offset, 'has a damaged block head')
    const from = offset + BLOCK_HEAD_BYTES
    if (head.bodyBytes > trailerOffset - from) throw this.#corrupt(offset, 'has a block that leaves the file')
    // Behind the body lies another head, or the trailer, which is longer: one read fetches both.
    const bytes = await this.#read(from, head.bodyBytes + BLOCK_HEAD_BYTES)
    const body = bytes.subarray(0, head.bodyBytes)
    if (bodyChecksumOf(body, this.#nonce, offset) !== head.bodyChecksum) {
      throw this.#corrupt(offset, 'has a damaged block')
    }
    this.#offset = from + head.bodyBytes
    this.#head = bytes.subarray(head.bodyBytes)
    this.#blocks++
    return body
  }

  async #begin(): Promise<void> {
    if (this.#bytes < SNAPSHOT_HEADER_BYTES) throw this.#corrupt(0, 'is cut short')
    const start = await this.#read(0, Math.min(this.#bytes, SNAPSHOT_HEADER_BYTES + BLOCK_HEAD_BYTES))
    const header = decodeSnapshotHeader(start)
    if (header.kind === 'unsupported') {
      const message = `${this.#path} has format version ${header.version}, written by a newer sluice`
      throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message, { file: this.#path })
    }
    if (header.kind === 'damaged') throw this.#corrupt(0, 'has a damaged header')
    this.#nonce = header.nonceChecksum
    this.#head = start.subarray(SNAPSHOT_HEADER_BYTES)
    const trailerOffset = this.#bytes - TRAILER_BYTES
    if (trailerOffset < SNAPSHOT_HEADER_BYTES) throw this.#corrupt(this.#bytes, 'is cut short')
    const trailer = decodeTrailer(await this.#read(trailerOffset, TRAILER_BYTES), this.#nonce, trailerOffset)
    if (trailer?.bytes !== this.#bytes) throw this.#corrupt(trailerOffset, 'is cut short, or has a damaged end')
    this.#trailer = trailer
  }

  /** Reads bytes that the file has, by its size. */
  async #read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length)
    const read = await readAtLeast(this.#file, bytes, 0, offset, length)
    if (read < length) throw this.#corrupt(offset + read, 'was cut while it was read')
    return bytes
  }

  #corrupt(offset: number, what: string): SluiceError {
    const message = `${this.#path} ${what}: offset ${offset}`
    return new SluiceError('SLUICE_CORRUPT', message, { file: this.#path, offset })
  }
}
