import type { FileAccess, OpenMode } from '../../../src/fs/file-system.js'
import { WINDOW_BYTES } from '../../../src/segment/file-window.js'
import { MemoryFileSystem } from '../memory-file-system.js'
import { DIRECTORY } from '../memory-log.js'

/** What an operation may ask for at the most, whatever the files say. */
const CALLS_SPARE = 600
const BYTES_PER_CALL = 512
/** What a reader asks for to begin with, before it knows how long a file is. */
const READ_BYTES_SPARE = 256 * 1024

/**
 * A file system in memory that refuses what only a program would ask for that believes damaged bytes: a read longer
 * than any file, a write far behind the end of what is there, or calls without end.
 */
export class BoundedFileSystem extends MemoryFileSystem {
  /** Its files altogether, when it was filled. */
  readonly totalBytes: number
  #callsLeft = 0

  constructor(files: ReadonlyMap<string, Buffer>) {
    super('/', DIRECTORY)
    for (const [name, bytes] of files) this.put(`${DIRECTORY}/${name}`, bytes)
    this.totalBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0)
    this.renew()
  }

  /** Begins to count anew: one operation has ended, and another one begins. */
  renew(): void {
    this.#callsLeft = CALLS_SPARE + Math.ceil(this.totalBytes / BYTES_PER_CALL)
  }

  /** The log's own files by name: not what was kept aside. */
  logFiles(): Map<string, Buffer> {
    const prefix = `${DIRECTORY}/`
    const own = [...this.files()].filter(
      ([path]) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
    )
    return new Map(own.map(([path, bytes]) => [path.slice(prefix.length), bytes]))
  }

  /** Brings the folder into another state under those who have it open: files change in place. */
  become(files: ReadonlyMap<string, Buffer>): void {
    for (const name of this.logFiles().keys()) if (!files.has(name)) super.removeSync(`${DIRECTORY}/${name}`)
    const there = this.logFiles()
    for (const [name, bytes] of files) {
      if (there.get(name)?.equals(bytes)) continue
      const fd = super.openSync(`${DIRECTORY}/${name}`, there.has(name) ? 'write' : 'create')
      super.truncateSync(fd, bytes.length)
      super.writeSync(fd, bytes, 0, bytes.length, 0)
      super.closeSync(fd)
    }
  }

  override openSync(path: string, mode: OpenMode, _access?: FileAccess): number {
    this.#count('open')
    return super.openSync(path, mode)
  }

  override readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#count('read')
    const most = Math.max(this.totalBytes, READ_BYTES_SPARE)
    if (length > most) throw new BoundExceeded(`a read of ${length} bytes, of a log of ${this.totalBytes}`)
    return super.readSync(fd, buffer, offset, length, position)
  }

  override writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#count('write')
    const most = this.totalBytes + WINDOW_BYTES
    if (position + length > most) throw new BoundExceeded(`a write up to ${position + length} of at most ${most}`)
    return super.writeSync(fd, buffer, offset, length, position)
  }

  override sizeSync(fd: number): number {
    this.#count('size')
    return super.sizeSync(fd)
  }

  override listSync(directory: string): string[] {
    this.#count('list')
    return super.listSync(directory)
  }

  #count(call: string): void {
    if (this.#callsLeft-- > 0) return
    throw new BoundExceeded(
      `more calls than ${CALLS_SPARE} and one for ${BYTES_PER_CALL} bytes: the last one is ${call}`,
    )
  }
}

/** More was asked for than a log of that size can need. */
export class BoundExceeded extends Error {
  override readonly name = 'BoundExceeded'
}
