import type { FileSystem } from '../fs/file-system.js'

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
    const written = fs.writeSync(fd, buffer, offset + done, length - done, position + done)
    // A regular file never takes 0 bytes of more than 0: looping on it could last for ever.
    if (written <= 0) throw inputOutputError('write', `write took ${written} of ${length - done} bytes`)
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
    const read = fs.readSync(fd, buffer, offset + done, length - done, position + done)
    if (read <= 0) break
    done += read
  }
  return done
}

function inputOutputError(syscall: string, message: string): Error {
  return Object.assign(new Error(`EIO: ${message}`), { code: 'EIO', errno: -5, syscall })
}
