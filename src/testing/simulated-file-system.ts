import { join, resolve } from 'node:path'
import { isDiskFull, SluiceError, shown, systemCode } from '../errors.js'
import { LOCK_FILE } from '../fs/directory-lock.js'
import type { DirectoryClaim, FileAccess, FileSystem, OpenMode, ReadableFile } from '../fs/file-system.js'
import { absoluteFolder, makeFolderPath } from '../fs/folder-path.js'
import { systemError } from '../fs/system-error.js'
import { CallGate, throwFault } from './call-gate.js'
import type { Fault, FileSystemCall } from './fault.js'
import { Random } from './random.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SECTOR_BYTES, type SimulatedFile } from './simulated-file.js'

/** Options of {@link SimulatedFileSystem}. */
export interface SimulatedFileSystemOptions {
  /** Decides everything that is left to chance: any whole number. @default 0 */
  readonly seed?: number
  /** See {@link SimulatedFileSystem.capacityBytes}. @default Infinity */
  readonly capacityBytes?: number
}

/** Options of {@link SimulatedFileSystem.crash}. */
export interface CrashOptions {
  /** Decides what survives, in place of the file system's own seed: so one moment can be crashed in many ways. */
  readonly seed?: number
  /** How much survives of what was not synced: nothing, all, or some of it, as the seed decides. @default 'some' */
  readonly keep?: 'none' | 'all' | 'some'
}

interface OpenFile {
  path: string
  readonly file: SimulatedFile
  readonly writable: boolean
  readonly access: FileAccess
}

/**
 * A file system in memory, for crashing a program without crashing a machine. The same calls with the same seed have the
 * same results. Give it to `openLog` as `fileSystem`, let the program run, stop it at some call ({@link crashAfter}, or a
 * fault), take what is left ({@link crash}, {@link killProcess}), and let the program recover from that.
 *
 * It keeps apart what is seen and what is durable, by rules that any file system may follow, however it is made:
 * - A data sync makes a file's data and size durable, but not its name. A sync of a folder makes the names in it durable
 *   (creations, renames, removals), but not what they stand for, nor the names in other folders.
 * - What was not synced may survive a power cut or not, each part on its own. Of each sector of 512 bytes: the synced
 *   version, or any written since. Of a file's size: any that it had since. Of a name: whatever it stood for since. So
 *   a file can be longer than its data, which reads as zeros there; after a rename either name, both, or neither may
 *   be there; a removed file may come back. What a truncation cut off comes back only where the truncation is lost too.
 *   (Of very many versions the latest 64 count.)
 * - After a sync that failed, what it should have written is still seen, but later syncs pass it over, and succeed: it is
 *   not durable until it has been written again, and then synced.
 *
 * Only `/` is there at first; `claim` makes the folders it is asked for. Asynchronous methods take effect when they are
 * called (`claim`, which is many calls in one, soon after) and settle without any waiting.
 */
export class SimulatedFileSystem implements FileSystem {
  /**
   * The bytes that all files, open or named, may have together; it can be changed at any time. A write that grows a file
   * beyond it is short where a part of it fits, and fails with `ENOSPC` where nothing does. Overwriting, truncating and
   * removing need no room.
   */
  capacityBytes: number
  readonly #random: Random
  readonly #openFiles = new Map<number, OpenFile>()
  readonly #claimed = new Set<string>()
  #disk = new SimulatedDisk()
  #gate = new CallGate()
  /** stdin, stdout and stderr have the numbers below. */
  #nextFd = 3

  constructor({ seed = 0, capacityBytes = Number.POSITIVE_INFINITY }: SimulatedFileSystemOptions = {}) {
    this.#random = new Random(checkedSeed(seed))
    this.capacityBytes = capacityBytes
  }

  // Crashes, faults, and what happened.

  /**
   * A power cut: returns the file system that the machine finds afterwards, where all there is is durable. This one has
   * ended: its descriptors throw `EBADF`, its other calls a {@link SimulatedCrashError}. It can be crashed again, with
   * another seed, for another way in which the same moment could have ended. Faults end with it; the capacity stays.
   */
  crash(options: CrashOptions = {}): SimulatedFileSystem {
    const after = this.stateAfterCrash(options)
    this.#end()
    return after
  }

  /** What {@link crash} would return now. This file system goes on. */
  stateAfterCrash({ seed, keep = 'some' }: CrashOptions = {}): SimulatedFileSystem {
    const random = new Random(seed === undefined ? this.#random.next() : checkedSeed(seed))
    const disk = this.#disk.afterCrash(random, keep === 'some' ? undefined : { kind: keep })
    return this.#successor(random, disk)
  }

  /**
   * The end of the process, such as SIGKILL: returns the file system that the next process finds. Everything written is
   * still seen, nothing more is durable (nor does a failed sync become a good one), and no lock is left. This one has
   * ended, as after {@link crash}.
   */
  killProcess(): SimulatedFileSystem {
    const after = this.#successor(this.#random, this.#disk.afterKill())
    this.#end()
    return after
  }

  /**
   * Stops the world at the nth call from now on (1: the next one): it and all later ones throw a
   * {@link SimulatedCrashError}. The nth call has no effect, unless it is a write, of which any part may be done.
   */
  crashAfter(n: number): void {
    this.#gate.stopAt(n)
  }

  /** The call at which {@link crashAfter} stopped the world; `undefined` while it goes on. */
  get stoppedAt(): FileSystemCall | undefined {
    return this.#gate.stoppedAt
  }

  /** Lets calls fail. Returns a function that takes the fault out again, if it still waits. */
  inject(fault: Fault): () => void {
    return this.#gate.faults.add(fault)
  }

  /** The calls so far, in their order; those that were refused because the world had stopped are not among them. */
  get calls(): readonly FileSystemCall[] {
    return this.#gate.calls
  }

  /** Has each call shown to the listener before it takes effect. Returns what ends that. */
  onCall(listener: (call: FileSystemCall) => void): () => void {
    return this.#gate.listen(listener)
  }

  // FileSystem, in the caller's thread.

  openSync(path: string, mode: OpenMode, access: FileAccess = 'cached'): number {
    return this.#open('openSync', path, mode, access)
  }

  closeSync(fd: number): void {
    this.#close('closeSync', fd)
  }

  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#read('readSync', fd, part(buffer, offset, length, position), position)
  }

  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#write('writeSync', fd, part(buffer, offset, length, position), position)
  }

  datasyncSync(fd: number): void {
    this.#datasync('datasyncSync', fd)
  }

  truncateSync(fd: number, bytes: number): void {
    const { file, path, writable } = this.#opened(fd, 'ftruncate')
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw outOfRange('bytes', bytes)
    this.#gate.pass({ call: 'truncateSync', path, fd, bytes }, (number, fault) => {
      throwFault(fault, 'ftruncate')
      if (!writable) throw systemError('EINVAL', 'ftruncate')
      file.truncate(number, bytes)
    })
  }

  sizeSync(fd: number): number {
    return this.#size('sizeSync', fd)
  }

  listSync(directory: string): string[] {
    return this.#list('listSync', directory)
  }

  makeDirectorySync(directory: string): void {
    const path = resolve(directory)
    this.#gate.pass({ call: 'makeDirectorySync', path }, (number, fault) => {
      throwFault(fault, 'mkdir', path)
      this.#disk.makeFolder(number, path)
    })
  }

  #removeFolder(directory: string): void {
    const path = resolve(directory)
    this.#gate.pass({ call: 'removeSync', path }, (number, fault) => {
      throwFault(fault, 'rmdir', path)
      this.#disk.removeFolder(number, path)
    })
  }

  renameSync(from: string, to: string): void {
    const path = resolve(from)
    const target = resolve(to)
    this.#gate.pass({ call: 'renameSync', path, to: target }, (number, fault) => {
      throwFault(fault, 'rename', path, target)
      this.#disk.rename(number, path, target)
      for (const open of this.#openFiles.values()) if (open.path === path) open.path = target
    })
  }

  removeSync(file: string): void {
    const path = resolve(file)
    this.#gate.pass({ call: 'removeSync', path }, (number, fault) => {
      throwFault(fault, 'unlink', path)
      this.#disk.removeFile(number, path)
    })
  }

  syncDirectorySync(directory: string): void {
    const path = resolve(directory)
    this.#gate.pass({ call: 'syncDirectorySync', path }, (_, fault) => {
      const folder = this.#disk.folder(path, 'open')
      if (fault?.error !== undefined && fault.error !== 'EINTR') folder.failSync()
      throwFault(fault, 'fsync', path)
      folder.sync()
    })
  }

  // FileSystem, in the background.

  async open(path: string): Promise<ReadableFile> {
    const fd = this.#open('open', path, 'read', 'cached')
    let closed = false
    return {
      read: async (buffer, offset, length, position) =>
        this.#read('read', fd, part(buffer, offset, length, position), position),
      size: async () => this.#size('size', fd),
      close: async () => {
        if (closed) return
        closed = true
        this.#close('close', fd)
      },
    }
  }

  async list(directory: string): Promise<string[]> {
    return this.#list('list', directory)
  }

  async write(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.#write('write', fd, part(buffer, offset, length, position), position)
  }

  async datasync(fd: number): Promise<void> {
    this.#datasync('datasync', fd)
  }

  /** As on a real disk the folder has a file named `lock` afterwards. Folders are made and synced by traced calls. */
  async claim(directory: string): Promise<DirectoryClaim> {
    const path = absoluteFolder(directory)
    this.#gate.pass({ call: 'claim', path }, (_, fault) => {
      if (fault?.error === undefined) return
      const cause = systemError(fault.error, 'open', path)
      throw new SluiceError('SLUICE_LOCK_UNAVAILABLE', `no lock can be had: ${cause.message}`, { cause })
    })
    await makeFolderPath(path, {
      isFolder: async (folder) => this.#disk.isFolder(folder),
      make: async (folder) => this.makeDirectorySync(folder),
      sync: async (folder) => this.syncDirectorySync(folder),
      remove: async (folder) => this.#removeFolder(folder),
    })
    if (this.#claimed.has(path)) {
      throw new SluiceError('SLUICE_LOCKED', `${path} is locked by this process, over the same simulated file system`)
    }
    this.#claimed.add(path)
    try {
      this.#makeLockFile(join(path, LOCK_FILE))
    } catch (error) {
      this.#claimed.delete(path)
      throw error
    }
    let released = false
    return {
      release: async () => {
        if (!released) this.#claimed.delete(path)
        released = true
      },
    }
  }

  #makeLockFile(path: string): void {
    try {
      this.closeSync(this.openSync(path, 'create'))
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return
      const code = isDiskFull(cause) ? 'SLUICE_DISK_FULL' : 'SLUICE_LOCK_UNAVAILABLE'
      throw new SluiceError(code, `the lock file ${path} can't be made`, { cause })
    }
  }

  #open(call: 'openSync' | 'open', file: string, mode: OpenMode, access: FileAccess): number {
    const path = resolve(file)
    return this.#gate.pass({ call, path }, (number, fault) => {
      throwFault(fault, 'open', path)
      const opened = mode === 'create' ? this.#disk.createFile(number, path) : this.#disk.file(path, 'open')
      const fd = this.#nextFd++
      this.#openFiles.set(fd, { path, file: opened, writable: mode !== 'read', access })
      return fd
    })
  }

  #close(call: 'closeSync' | 'close', fd: number): void {
    const { path } = this.#opened(fd, 'close')
    this.#gate.pass({ call, path, fd }, (_, fault) => {
      this.#openFiles.delete(fd) // Also where closing reports an error, as on Linux.
      throwFault(fault, 'close')
    })
  }

  #read(call: 'readSync' | 'read', fd: number, target: Uint8Array, position: number): number {
    const { path, file, access } = this.#opened(fd, 'read')
    return this.#gate.pass({ call, path, fd, position, bytes: target.length }, (_, fault) => {
      throwFault(fault, 'read')
      if (access === 'direct') checkSectors(target, position, 'read')
      return file.read(target.subarray(0, granted(target.length, fault?.short, access)), position)
    })
  }

  #write(call: 'writeSync' | 'write', fd: number, data: Uint8Array, position: number): number {
    const { path, file, writable, access } = this.#opened(fd, 'write')
    const effect = (number: number, fault: Fault | undefined): number => {
      if (!writable) throw systemError('EBADF', 'write')
      if (access === 'direct') checkSectors(data, position, 'write')
      const asked = fault?.error === undefined ? data.length : 0
      const bytes = fault?.short === undefined ? asked : granted(data.length, fault.short, access)
      const room = this.#roomFor(file, position, bytes)
      const fitting = data.subarray(0, access === 'direct' ? room - (room % SECTOR_BYTES) : room)
      file.write(number, fitting, position)
      throwFault(fault, 'write')
      if (fitting.length === 0 && bytes > 0) throw systemError('ENOSPC', 'write')
      return fitting.length
    }
    return this.#gate.pass({ call, path, fd, position, bytes: data.length }, effect, (number) => {
      if (writable) file.write(number, data.subarray(0, this.#random.below(data.length + 1)), position)
    })
  }

  #datasync(call: 'datasyncSync' | 'datasync', fd: number): void {
    const { path, file } = this.#opened(fd, 'fdatasync')
    this.#gate.pass({ call, path, fd }, (_, fault) => {
      if (fault?.error !== undefined && fault.error !== 'EINTR') file.failSync()
      throwFault(fault, 'fdatasync')
      file.sync()
    })
  }

  #size(call: 'sizeSync' | 'size', fd: number): number {
    const { path, file } = this.#opened(fd, 'fstat')
    return this.#gate.pass({ call, path, fd }, (_, fault) => {
      throwFault(fault, 'fstat')
      return file.size
    })
  }

  #list(call: 'listSync' | 'list', directory: string): string[] {
    const path = resolve(directory)
    return this.#gate.pass({ call, path }, (_, fault) => {
      throwFault(fault, 'scandir', path)
      return this.#disk.folder(path, 'scandir').names()
    })
  }

  #opened(fd: number, syscall: string): OpenFile {
    const open = this.#openFiles.get(fd)
    if (open === undefined) throw systemError('EBADF', syscall)
    return open
  }

  /** How many of the bytes may be written there. */
  #roomFor(file: SimulatedFile, position: number, bytes: number): number {
    const growth = position + bytes - file.size
    if (this.capacityBytes === Number.POSITIVE_INFINITY || growth <= 0) return bytes
    const files = this.#disk.files()
    for (const open of this.#openFiles.values()) files.add(open.file)
    let free = this.capacityBytes
    for (const { size } of files) free -= size
    return Math.max(0, bytes - Math.max(0, growth - Math.max(0, free)))
  }

  #successor(random: Random, disk: SimulatedDisk): SimulatedFileSystem {
    const after = new SimulatedFileSystem({ seed: random.next(), capacityBytes: this.capacityBytes })
    after.#disk = disk
    after.#gate = new CallGate(this.#gate.number)
    return after
  }

  #end(): void {
    this.#openFiles.clear()
    this.#claimed.clear()
    this.#gate.end()
  }
}

/** The part of a buffer that a call is about. Throws as Node's `fs` does where there is no such part. */
function part(buffer: Uint8Array, offset: number, length: number, position: number): Uint8Array {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > buffer.length) throw outOfRange('offset', offset)
  if (!Number.isSafeInteger(length) || length < 0 || length > buffer.length - offset) throw outOfRange('length', length)
  if (!Number.isSafeInteger(position) || position < 0) throw outOfRange('position', position)
  return buffer.subarray(offset, offset + length)
}

/** How many of the bytes a short transfer does: with direct access whole sectors, and one at least. */
function granted(bytes: number, short: number | undefined, access: FileAccess): number {
  if (short === undefined || short >= bytes) return bytes
  return access === 'direct' && short > 0 ? Math.max(SECTOR_BYTES, short - (short % SECTOR_BYTES)) : short
}

/** Direct access is refused where it isn't in whole sectors, as a disk would. */
function checkSectors(data: Uint8Array, position: number, syscall: string): void {
  if ((data.length | position | data.byteOffset) % SECTOR_BYTES !== 0) throw systemError('EINVAL', syscall)
}

function outOfRange(name: string, value: number): Error {
  const error = new RangeError(`The value of "${name}" is out of range. Received ${shown(value)}`)
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}

function checkedSeed(seed: number): number {
  if (Number.isSafeInteger(seed)) return seed
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', `seed must be a whole number, not ${shown(seed)}`)
}
