/**
 * What sluice asks of a file system. The writer calls the `…Sync` methods from its own thread, where blocking is the
 * point; readers, and the background preparation of segments, call the asynchronous ones.
 *
 * Rules for every implementation:
 * - Errors are system errors: `code`, `errno`, `syscall` and `path` as Node's `fs` sets them.
 * - A read or write may be short; callers loop. Only a read of 0 bytes says that the file has ended. With direct access a
 *   short transfer is one of whole sectors, unless the file ends.
 * - A read or write may fail with `EINTR`, having done nothing: callers repeat it (a hundred times in a row at most). Any
 *   other call that fails with it has failed. Above all a sync: what it found wrong before it was interrupted, the kernel
 *   tells only once, so a second one that succeeds proves nothing. (Node does not let a program see an interrupted sync:
 *   libuv repeats it. On Linux no local file system lets one be interrupted.)
 * - Files are created with mode 0600, folders with 0700.
 * - Paths are absolute.
 */
export interface FileSystem {
  /** Opens a file: see {@link OpenMode} and {@link FileAccess}. Returns a descriptor. */
  openSync(path: string, mode: OpenMode, access?: FileAccess): number
  closeSync(fd: number): void
  /** Reads up to `length` bytes at `position`; returns how many. */
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number
  /** Writes up to `length` bytes at `position`; returns how many: it may be fewer. */
  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number
  /** fdatasync(2): the file's data, and what of its metadata is needed to read it, survive a power cut. */
  datasyncSync(fd: number): void
  truncateSync(fd: number, bytes: number): void
  /** The size in bytes of an open file. */
  sizeSync(fd: number): number
  /** The names in a folder, in no particular order. Fails with `ENOENT` where there is no such folder. */
  listSync(directory: string): string[]
  /** Makes one folder below an existing one. One that is there already is not an error. */
  makeDirectorySync(directory: string): void
  /** Replaces `to` if it is there. */
  renameSync(from: string, to: string): void
  /** Removes a file. Fails with `ENOENT` where there is none. */
  removeSync(path: string): void
  /** The entries of this folder (creations, renames, removals) survive a power cut. */
  syncDirectorySync(directory: string): void

  /** Opens a file for reading. */
  open(path: string): Promise<ReadableFile>
  list(directory: string): Promise<string[]>
  /** Writes in the background to a descriptor of {@link openSync}. It may be short. */
  write(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
  /** fdatasync(2) in the background. */
  datasync(fd: number): Promise<void>
  /** {@link renameSync} in the background. */
  rename(from: string, to: string): Promise<void>
  /** {@link removeSync} in the background: of a large file it takes a while. */
  remove(path: string): Promise<void>
  /** {@link syncDirectorySync} in the background. */
  syncDirectory(directory: string): Promise<void>

  /**
   * Makes the folder (and those above it that are missing; the entry of each one made is synced), and takes its lock.
   *
   * Rejects with a `SluiceError`: `SLUICE_LOCKED` (the message says who holds it), `SLUICE_LOCK_UNAVAILABLE` (no lock
   * that dies with its holder can be had), `SLUICE_INVALID_ARGUMENT` (the path, or a part of it, is not a folder),
   * `SLUICE_DISK_FULL` (no room for a folder, or for the lock file), `SLUICE_IO` (a folder can't be made or synced).
   */
  claim(directory: string): Promise<DirectoryClaim>
}

/**
 * `read`: an existing file, for reading. `write`: an existing file, for reading and writing. `create`: a new file, for
 * reading and writing; fails with `EEXIST` where there is one.
 */
export type OpenMode = 'read' | 'write' | 'create'

/**
 * `cached`, the default: reads and writes of any length at any place. `direct`: the caller reads and writes whole sectors
 * of 512 bytes, as a rule whole pages of 4,096, at multiples of them, from memory that begins at such a multiple where
 * that can be had; so the implementation may bypass its cache. It need not, and what a write or a sync promises is the
 * same. What is truncated need not be a multiple.
 */
export type FileAccess = 'cached' | 'direct'

/** A file opened for asynchronous reading. */
export interface ReadableFile {
  /** Reads up to `length` bytes at `position`; resolves to how many, 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
  size(): Promise<number>
  close(): Promise<void>
}

/** A lock held on a directory. It ends with its holder's process, whatever ends that. */
export interface DirectoryClaim {
  /** Gives the lock back. Idempotent. */
  release(): Promise<void>
}
