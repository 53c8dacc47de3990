import { resolve } from 'node:path'
import { SluiceError, shown } from '../errors.js'
import type { DirectoryClaim, FileAccess, FileSystem, OpenMode, ReadableFile } from '../fs/file-system.js'
import { absoluteFolder } from '../fs/folder-path.js'
import { CallGate, type GatedCall, throwFault } from './call-gate.js'
import type { Fault, FileSystemCall } from './fault.js'
import { OpenFiles } from './open-files.js'
import { Random } from './random.js'
import { SimulatedDisk } from './simulated-disk.js'
import { SimulatedLocks } from './simulated-locks.js'
import { part } from './transfer-part.js'

/** Options of {@link SimulatedFileSystem}. */
export interface SimulatedFileSystemOptions {
  /** Decides everything that is left to chance: any whole number. @default 0 */
  readonly seed?: number
  /** See {@link SimulatedFileSystem.capacityBytes}. @default Infinity */
  readonly capacityBytes?: number
  /** See {@link SimulatedFileSystem.quotaBytes}. @default Infinity */
  readonly quotaBytes?: number
}

/** Options of {@link SimulatedFileSystem.crash}. */
export interface CrashOptions {
  /** Decides what survives, in place of the file system's own seed: so one moment can be crashed in many ways. */
  readonly seed?: number
  /** How much survives of what was not synced: nothing, all, or some of it, as the seed decides. @default 'some' */
  readonly keep?: 'none' | 'all' | 'some'
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
 *   not durable until it has been written again, and then synced. That goes for a sync that was interrupted (`EINTR`) too:
 *   a program that repeats it takes for durable what is not.
 *
 * Only `/` is there at first; `claim` makes the folders it is asked for. Asynchronous methods take effect when they are
 * called (`claim`, which is many calls in one, soon after) and settle without any waiting, unless a fault makes them slow.
 */
export class SimulatedFileSystem implements FileSystem {
  /**
   * The bytes that all files, open or named, may have together; it can be changed at any time. A write that grows a file
   * beyond it is short where a part of it fits, and fails with `ENOSPC` where nothing does. Overwriting, truncating and
   * removing need no room.
   */
  capacityBytes: number
  /** As {@link capacityBytes}, for what a user may take of a disk: a write beyond it fails with `EDQUOT`. */
  quotaBytes: number
  readonly #random: Random
  #disk: SimulatedDisk
  #gate: CallGate
  #files: OpenFiles
  #locks: SimulatedLocks

  constructor(options: SimulatedFileSystemOptions = {}) {
    const { seed = 0, capacityBytes = Number.POSITIVE_INFINITY, quotaBytes = Number.POSITIVE_INFINITY } = options
    this.#random = new Random(checkedSeed(seed))
    this.capacityBytes = capacityBytes
    this.quotaBytes = quotaBytes
    const disk = new SimulatedDisk()
    this.#disk = disk
    this.#gate = new CallGate()
    this.#files = this.#noFilesOf(disk)
    this.#locks = this.#noLocksOf(disk)
  }

  // Crashes, faults, and what happened.

  /**
   * A power cut: returns the file system that the machine finds afterwards, where all there is is durable. This one has
   * ended: its descriptors throw `EBADF`, its other calls a {@link SimulatedCrashError}, and so do those that were held.
   * It can be crashed again, with another seed, for another way in which the same moment could have ended. Faults end
   * with it; capacity and quota stay.
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

  /**
   * Lets calls fail, or be slow. Returns a function that takes the fault out again, if it still waits, and lets go on the
   * calls that it holds.
   */
  inject(fault: Fault): () => void {
    return this.#gate.faults.add(fault)
  }

  /** The calls so far, in their order; those that were refused because the world had stopped are not among them. */
  get calls(): readonly FileSystemCall[] {
    return this.#gate.calls
  }

  /** The paths of the files that are open, each as often as it is: for tests that look for descriptors left behind. */
  get openPaths(): readonly string[] {
    return this.#files.paths
  }

  /** Has each call shown to the listener before it takes effect. Returns what ends that. */
  onCall(listener: (call: FileSystemCall) => void): () => void {
    return this.#gate.listen(listener)
  }

  // FileSystem, in the caller's thread.

  openSync(path: string, mode: OpenMode, access: FileAccess = 'cached'): number {
    return this.#gate.pass(this.#files.opening('openSync', resolve(path), mode, access))
  }

  closeSync(fd: number): void {
    this.#gate.pass(this.#files.closing('closeSync', fd))
  }

  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#gate.pass(this.#files.reading('readSync', fd, part(buffer, offset, length, position), position))
  }

  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#gate.pass(this.#files.writing('writeSync', fd, part(buffer, offset, length, position), position))
  }

  datasyncSync(fd: number): void {
    this.#gate.pass(this.#files.syncing('datasyncSync', fd))
  }

  truncateSync(fd: number, bytes: number): void {
    this.#gate.pass(this.#files.truncating(fd, bytes))
  }

  sizeSync(fd: number): number {
    return this.#gate.pass(this.#files.measuring('sizeSync', fd))
  }

  listSync(directory: string): string[] {
    return this.#gate.pass(this.#listing('listSync', directory))
  }

  makeDirectorySync(directory: string): void {
    const path = resolve(directory)
    const effect: GatedCall<void>['effect'] = (number, fault) => {
      throwFault(fault, 'mkdir', path)
      this.#disk.makeFolder(number, path)
    }
    this.#gate.pass({ call: { call: 'makeDirectorySync', path }, effect })
  }

  renameSync(from: string, to: string): void {
    this.#gate.pass(this.#renaming('renameSync', from, to))
  }

  removeSync(path: string): void {
    this.#gate.pass(this.#removing('removeSync', path))
  }

  syncDirectorySync(directory: string): void {
    this.#gate.pass(this.#syncingDirectory('syncDirectorySync', directory))
  }

  // FileSystem, in the background.

  async open(path: string): Promise<ReadableFile> {
    const fd = await this.#gate.passLater(this.#files.opening('open', resolve(path), 'read', 'cached'))
    let closed: Promise<void> | undefined
    return {
      read: async (buffer, offset, length, position) =>
        await this.#gate.passLater(this.#files.reading('read', fd, part(buffer, offset, length, position), position)),
      size: async () => await this.#gate.passLater(this.#files.measuring('size', fd)),
      close: async () => {
        const first = closed === undefined
        closed ??= this.#gate.passLater(this.#files.closing('close', fd))
        // An error is told to the one who closed it.
        await (first ? closed : closed.catch(() => {}))
      },
    }
  }

  async list(directory: string): Promise<string[]> {
    return await this.#gate.passLater(this.#listing('list', directory))
  }

  async write(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return await this.#gate.passLater(
      this.#files.writing('write', fd, part(buffer, offset, length, position), position),
    )
  }

  async datasync(fd: number): Promise<void> {
    await this.#gate.passLater(this.#files.syncing('datasync', fd))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#gate.passLater(this.#renaming('rename', from, to))
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#gate.passLater(this.#syncingDirectory('syncDirectory', directory))
  }

  /** As on a real disk the folder has a file named `lock` afterwards. Folders are made and synced by traced calls. */
  async claim(directory: string): Promise<DirectoryClaim> {
    const path = absoluteFolder(directory)
    await this.#gate.passLater(this.#locks.claiming(path))
    return this.#locks.claim(path)
  }

  #listing(call: 'listSync' | 'list', directory: string): GatedCall<string[]> {
    const path = resolve(directory)
    const effect: GatedCall<string[]>['effect'] = (_, fault) => {
      throwFault(fault, 'scandir', path)
      return this.#disk.folder(path, 'scandir').names()
    }
    return { call: { call, path }, effect }
  }

  async remove(path: string): Promise<void> {
    await this.#gate.passLater(this.#removing('remove', path))
  }

  #removing(call: 'removeSync' | 'remove', file: string): GatedCall<void> {
    const path = resolve(file)
    const effect: GatedCall<void>['effect'] = (number, fault) => {
      throwFault(fault, 'unlink', path)
      this.#disk.removeFile(number, path)
    }
    return { call: { call, path }, effect }
  }

  #renaming(call: 'renameSync' | 'rename', from: string, to: string): GatedCall<void> {
    const path = resolve(from)
    const target = resolve(to)
    const effect: GatedCall<void>['effect'] = (number, fault) => {
      throwFault(fault, 'rename', path, target)
      this.#disk.rename(number, path, target)
      this.#files.renamed(path, target)
    }
    return { call: { call, path, to: target }, effect }
  }

  #syncingDirectory(call: 'syncDirectorySync' | 'syncDirectory', directory: string): GatedCall<void> {
    const path = resolve(directory)
    const effect: GatedCall<void>['effect'] = (_, fault) => {
      const folder = this.#disk.folder(path, 'open')
      if (fault?.error !== undefined) folder.failSync()
      throwFault(fault, 'fsync', path)
      folder.sync()
    }
    return { call: { call, path }, effect }
  }

  #removeFolder(directory: string): void {
    const path = resolve(directory)
    const effect: GatedCall<void>['effect'] = (number, fault) => {
      throwFault(fault, 'rmdir', path)
      this.#disk.removeFolder(number, path)
    }
    this.#gate.pass({ call: { call: 'removeSync', path }, effect })
  }

  #noFilesOf(disk: SimulatedDisk): OpenFiles {
    return new OpenFiles(disk, this, (bytes) => this.#random.below(bytes + 1))
  }

  #noLocksOf(disk: SimulatedDisk): SimulatedLocks {
    return new SimulatedLocks(disk, {
      openSync: (path, mode) => this.openSync(path, mode),
      closeSync: (fd) => this.closeSync(fd),
      makeDirectorySync: (folder) => this.makeDirectorySync(folder),
      syncDirectorySync: (folder) => this.syncDirectorySync(folder),
      removeFolder: (folder) => this.#removeFolder(folder),
    })
  }

  #successor(random: Random, disk: SimulatedDisk): SimulatedFileSystem {
    const { capacityBytes, quotaBytes } = this
    const after = new SimulatedFileSystem({ seed: random.next(), capacityBytes, quotaBytes })
    after.#disk = disk
    after.#gate = new CallGate(this.#gate.number)
    after.#files = after.#noFilesOf(disk)
    after.#locks = after.#noLocksOf(disk)
    return after
  }

  #end(): void {
    this.#files.clear()
    this.#locks.clear()
    this.#gate.end()
  }
}

function checkedSeed(seed: number): number {
  if (Number.isSafeInteger(seed)) return seed
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', `seed must be a whole number, not ${shown(seed)}`)
}
