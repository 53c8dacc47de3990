import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstat,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  read,
  readdir,
  readdirSync,
  readSync,
  rename,
  renameSync,
  rmSync,
  statSync,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { systemCode } from '../errors.js'
import { openedDirectly } from './direct-file.js'
import { claimDirectory } from './directory-lock.js'
import type { FileSystem, OpenMode, ReadableFile } from './file-system.js'
import { systemError } from './system-error.js'

/** Nobody but the owner may read a log: a loose umask can't widen these, as a mode is all that it takes away from. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

/**
 * The machine's own file system, over `node:fs`.
 *
 * Descriptors are raw numbers: a `FileHandle` would be closed when it is collected, and its calls take longer. All of
 * them are close-on-exec, and those that a worker thread opened are closed by Node when the thread ends. libuv repeats
 * a write or a sync that a signal interrupted; a read is repeated by its caller. On macOS libuv makes fdatasync an
 * `F_FULLFSYNC`, so that it reaches the medium there too.
 *
 * Windows can't sync a folder: `syncDirectorySync` does nothing there, so a file's entry is as durable as NTFS makes
 * it by itself.
 */
export const nodeFileSystem: FileSystem = {
  openSync(path, mode, access) {
    const fd = openSync(path, OPEN_FLAGS[mode], FILE_MODE)
    if (access !== 'direct') return fd
    try {
      return openedDirectly(fd, path)
    } catch (error) {
      // A full disk, as a rule. A file left behind would be in the way of the attempt that is made once there is room.
      if (mode === 'create') rmSync(path, { force: true })
      throw error
    }
  },
  closeSync,
  readSync: (fd, buffer, offset, length, position) => readSync(fd, buffer, offset, length, position),
  writeSync: (fd, buffer, offset, length, position) => writeSync(fd, buffer, offset, length, position),
  datasyncSync: fdatasyncSync,
  truncateSync: ftruncateSync,
  sizeSync: (fd) => fstatSync(fd).size,
  listSync: (directory) => readdirSync(directory),
  makeDirectorySync(directory) {
    try {
      mkdirSync(directory, FOLDER_MODE)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || !statSync(directory).isDirectory()) throw error
    }
  },
  renameSync,
  removeSync: unlinkSync,
  syncDirectorySync(directory) {
    if (process.platform === 'win32') return
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  },

  open: (path) =>
    new Promise((resolve, reject) => {
      open(path, constants.O_RDONLY, (error, fd) => (error ? reject(error) : resolve(new NodeReadableFile(fd))))
    }),
  list: (directory) =>
    new Promise((resolve, reject) => {
      readdir(directory, (error, names) => (error ? reject(error) : resolve(names)))
    }),
  write: (fd, buffer, offset, length, position) =>
    new Promise((resolve, reject) => {
      write(fd, buffer, offset, length, position, (error, bytes) => (error ? reject(error) : resolve(bytes)))
    }),
  datasync: (fd) =>
    new Promise((resolve, reject) => {
      fdatasync(fd, (error) => (error ? reject(error) : resolve()))
    }),
  rename: (from, to) =>
    new Promise((resolve, reject) => {
      rename(from, to, (error) => (error ? reject(error) : resolve()))
    }),
  remove: (path) =>
    new Promise((resolve, reject) => {
      unlink(path, (error) => (error ? reject(error) : resolve()))
    }),
  syncDirectory,

  claim: claimDirectory,
}

function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return Promise.resolve()
  return new Promise((resolve, reject) => {
    open(directory, constants.O_RDONLY | constants.O_DIRECTORY, (notOpened, fd) => {
      if (notOpened) return reject(notOpened)
      fsync(fd, (notSynced) => {
        close(fd, (notClosed) => {
          const error = notSynced ?? notClosed
          if (error) reject(error)
          else resolve()
        })
      })
    })
  })
}

/** Closing waits for the calls under way: until then their descriptor's number must not be given to another file. */
class NodeReadableFile implements ReadableFile {
  readonly #fd: number
  #underWay = 0
  #closed: Promise<void> | undefined
  #whenIdle: (() => void) | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    this.#begin('read')
    try {
      return await new Promise((resolve, reject) => {
        read(this.#fd, buffer, offset, length, position, (error, bytes) => (error ? reject(error) : resolve(bytes)))
      })
    } finally {
      this.#end()
    }
  }

  async size(): Promise<number> {
    this.#begin('fstat')
    try {
      return await new Promise((resolve, reject) => {
        fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats.size)))
      })
    } finally {
      this.#end()
    }
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve, reject) => {
      const closeIt = (): void => close(this.#fd, (error) => (error ? reject(error) : resolve()))
      if (this.#underWay === 0) closeIt()
      else this.#whenIdle = closeIt
    })
    return this.#closed
  }

  #begin(syscall: string): void {
    if (this.#closed !== undefined) throw systemError('EBADF', syscall)
    this.#underWay++
  }

  #end(): void {
    this.#underWay--
    if (this.#underWay === 0) this.#whenIdle?.()
  }
}
