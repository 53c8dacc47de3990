import { systemCode } from '../errors.js'
import type { FileSystem, ReadableFile } from './file-system.js'
import { systemError } from './system-error.js'

/**
 * So often in a row a transfer that a signal interrupted (`EINTR`) is repeated: it did nothing, so nothing is done twice.
 * Past this it is an error like any other, for a file system that says so for ever must not hang the writer.
 * Syncs are never repeated, interrupted ones neither: what they had already reported as failed they don't report again.
 */
const REPETITIONS_MAX = 100

/** Writes all of `length` bytes, however short the single writes are. Throws the system's error as it is. */
export function writeFully(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): void {
  let done = 0
  while (done < length) {
    const written = uninterrupted(() => fs.writeSync(fd, buffer, offset + done, length - done, position + done))
    // A regular file never takes 0 bytes of more than 0: looping on it could last for ever.
    if (written <= 0) throw nothingWritten(written, length - done)
    done += written
  }
}

/** Reads `length` bytes, or as many as there are before the file's end; returns how many. */
export function readFully(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  let done = 0
  while (done < length) {
    const read = readSome(fs, fd, buffer, offset + done, length - done, position + done)
    if (read <= 0) break
    done += read
  }
  return done
}

/** Reads up to `length` bytes, however few; 0 at the file's end. */
export function readSome(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  return uninterrupted(() => fs.readSync(fd, buffer, offset, length, position))
}

/** Writes all of `bytes` in the background, however short the single writes are. */
export async function writeFullyLater(fs: FileSystem, fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done)
    done += await writeSomeLater(fs, fd, rest, rest.length, position + done)
  }
}

/** Writes some of `length` bytes in the background, one at least; resolves to how many. */
export async function writeSomeLater(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  const written = await uninterruptedLater(() => fs.write(fd, buffer, 0, length, position))
  if (written <= 0) throw nothingWritten(written, length)
  return written
}

/** Reads into `buffer`, from `at` on, what the file has from `offset` on: at least `least` bytes, unless it ends before. */
export async function readAtLeast(
  file: ReadableFile,
  buffer: Buffer,
  at: number,
  offset: number,
  least: number,
): Promise<number> {
  let done = 0
  while (done < least) {
    const read = await uninterruptedLater(() => file.read(buffer, at + done, buffer.length - at - done, offset + done))
    if (read <= 0) break
    done += read
  }
  return done
}

function uninterrupted(transfer: () => number): number {
  for (let repetitions = 0; ; repetitions++) {
    try {
      return transfer()
    } catch (error) {
      if (systemCode(error) !== 'EINTR' || repetitions === REPETITIONS_MAX) throw error
    }
  }
}

async function uninterruptedLater(transfer: () => Promise<number>): Promise<number> {
  for (let repetitions = 0; ; repetitions++) {
    try {
      return await transfer()
    } catch (error) {
      if (systemCode(error) !== 'EINTR' || repetitions === REPETITIONS_MAX) throw error
    }
  }
}

/** No system call said this, so the message does. */
function nothingWritten(written: number, length: number): Error {
  const error = systemError('EIO', 'write')
  error.message = `EIO: a write took ${written} of ${length} bytes`
  return error
}
