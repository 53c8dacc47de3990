import { join } from 'node:path'
import { systemCode } from '../errors.js'
import { QUARANTINE_DIRECTORY, TEMPORARY_SUFFIX } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'
import { readFully, writeFully } from '../fs/transfer.js'
import { WINDOW_BYTES } from './file-window.js'
import { discard, removeIfThere } from './log-folder.js'

/**
 * What recovery and repair cut off is kept in a folder of its own, never read again by the log. A file there is named
 * by its segment and the offset of its first byte, `0000000000000001.seg.8192`; where other bytes were kept under that
 * name before, it is followed by `.2` and so on. Everything is durable, names too, when a method returns; doing the same
 * again keeps nothing twice.
 */
export class Quarantine {
  readonly #fs: FileSystem
  readonly #logDirectory: string
  readonly #directory: string

  constructor(fs: FileSystem, logDirectory: string) {
    this.#fs = fs
    this.#logDirectory = logDirectory
    this.#directory = join(logDirectory, QUARANTINE_DIRECTORY)
  }

  /** What was kept last of this segment from this offset on; `undefined` where nothing was. */
  find(segment: string, offset: number): { readonly path: string; readonly bytes: number } | undefined {
    let found: { path: string; bytes: number } | undefined
    for (let copy = 1; ; copy++) {
      const path = this.#path(segment, offset, copy)
      const bytes = this.#bytesOf(path)
      if (bytes === undefined) return found
      found = { path, bytes }
    }
  }

  /** Copies a segment's bytes from `from` to before `to`; returns the path of the copy. */
  keep(segment: string, from: number, to: number): string {
    this.#makeDirectory()
    const source = this.#fs.openSync(join(this.#logDirectory, segment), 'read')
    try {
      const path = this.#freeOrSame(segment, from, source, to)
      // The same bytes once more where they are there already: an earlier attempt may have failed to sync their name.
      this.#copy(source, from, to, path)
      this.#fs.syncDirectorySync(this.#directory)
      return path
    } finally {
      this.#fs.closeSync(source)
    }
  }

  /** Where {@link keep} would put these bytes. */
  pathToKeep(segment: string, from: number, to: number): string {
    const source = this.#fs.openSync(join(this.#logDirectory, segment), 'read')
    try {
      return this.#freeOrSame(segment, from, source, to)
    } finally {
      this.#fs.closeSync(source)
    }
  }

  /** Moves a whole file here; returns its new path. */
  move(name: string): string {
    this.#makeDirectory()
    const from = join(this.#logDirectory, name)
    const path = this.pathToMove(name)
    // A power cut can leave a file that was moved under both names: then only the old one is still to go.
    if (this.#bytesOf(path) === undefined) this.#fs.renameSync(from, path)
    else this.#fs.removeSync(from)
    try {
      // The new entry first: between the two syncs the file may have two names, but never none.
      this.#fs.syncDirectorySync(this.#directory)
      this.#fs.syncDirectorySync(this.#logDirectory)
    } catch (error) {
      this.#moveBack(path, from)
      throw error
    }
    return path
  }

  /**
   * After a sync that failed no later one makes the move durable, and a power cut could bring the file back into the log.
   * So it goes back now, and the next attempt moves it anew.
   */
  #moveBack(path: string, to: string): void {
    try {
      this.#fs.renameSync(path, to)
    } catch {
      // The sync's error is the one to be told; where the file stays, the next attempt has nothing left to move.
    }
  }

  /** Where {@link move} would put this file. */
  pathToMove(name: string): string {
    return this.pathToKeep(name, 0, this.#bytesOf(join(this.#logDirectory, name)) ?? 0)
  }

  #makeDirectory(): void {
    this.#fs.makeDirectorySync(this.#directory)
    // The folder may be there since an attempt that a crash cut short, and its entry not yet be durable.
    this.#fs.syncDirectorySync(this.#logDirectory)
  }

  #path(segment: string, offset: number, copy: number): string {
    return join(this.#directory, `${segment}.${offset}${copy === 1 ? '' : `.${copy}`}`)
  }

  /** The path that holds these very bytes already, or else the first that is free. */
  #freeOrSame(segment: string, from: number, source: number, to: number): string {
    for (let copy = 1; ; copy++) {
      const path = this.#path(segment, from, copy)
      const bytes = this.#bytesOf(path)
      if (bytes === undefined || (bytes === to - from && this.#same(path, source, from, bytes))) return path
    }
  }

  #same(path: string, source: number, from: number, bytes: number): boolean {
    const fs = this.#fs
    const fd = fs.openSync(path, 'read')
    try {
      const kept = Buffer.allocUnsafe(Math.min(bytes, WINDOW_BYTES))
      const wanted = Buffer.allocUnsafe(kept.length)
      for (let done = 0; done < bytes; done += kept.length) {
        const keptBytes = readFully(fs, fd, kept, 0, Math.min(kept.length, bytes - done), done)
        const wantedBytes = readFully(fs, source, wanted, 0, Math.min(kept.length, bytes - done), from + done)
        if (!kept.subarray(0, keptBytes).equals(wanted.subarray(0, wantedBytes))) return false
      }
      return true
    } finally {
      fs.closeSync(fd)
    }
  }

  #copy(source: number, from: number, to: number, path: string): void {
    const fs = this.#fs
    const temporary = path + TEMPORARY_SUFFIX
    removeIfThere(fs, temporary)
    const fd = fs.openSync(temporary, 'create')
    try {
      const buffer = Buffer.allocUnsafe(Math.min(to - from, WINDOW_BYTES))
      for (let done = 0; done < to - from; done += buffer.length) {
        const bytes = readFully(fs, source, buffer, 0, Math.min(buffer.length, to - from - done), from + done)
        writeFully(fs, fd, buffer, 0, bytes, done)
      }
      fs.datasyncSync(fd)
    } catch (error) {
      // A disk that is full has no room for half a copy either.
      discard(fs, temporary)
      throw error
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, path)
  }

  /** The size of a file; `undefined` where there is none. */
  #bytesOf(path: string): number | undefined {
    let fd: number
    try {
      fd = this.#fs.openSync(path, 'read')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      return this.#fs.sizeSync(fd)
    } finally {
      this.#fs.closeSync(fd)
    }
  }
}
