import type { FileAccess, OpenMode } from '../fs/file-system.js'
import { systemError } from '../fs/system-error.js'
import { type GatedCall, throwFault } from './call-gate.js'
import type { SimulatedDisk } from './simulated-disk.js'
import { SECTOR_BYTES, type SimulatedFile } from './simulated-file.js'
import { checkSectors, granted, outOfRange } from './transfer-part.js'

interface OpenFile {
  path: string
  readonly file: SimulatedFile
  readonly writable: boolean
  readonly access: FileAccess
}

/** How many bytes all files may have together, and what a write is told that needs more. */
export interface DiskLimits {
  readonly capacityBytes: number
  readonly quotaBytes: number
}

/**
 * The descriptors of a simulated file system, and what calls on them do. Each method says what a call is about to do,
 * and throws `EBADF` where there is no such descriptor; whether it is made now, later or never is the gate's affair.
 */
export class OpenFiles {
  readonly #disk: SimulatedDisk
  readonly #limits: DiskLimits
  /** How much of a write is done when the world stops in it: a number from 0 to what is given. */
  readonly #upTo: (bytes: number) => number
  readonly #open = new Map<number, OpenFile>()
  /** stdin, stdout and stderr have the numbers below. */
  #nextFd = 3

  constructor(disk: SimulatedDisk, limits: DiskLimits, upTo: (bytes: number) => number) {
    this.#disk = disk
    this.#limits = limits
    this.#upTo = upTo
  }

  /** The paths of the files that are open, in the order in which they were opened. */
  get paths(): string[] {
    return [...this.#open.values()].map(({ path }) => path)
  }

  /** Closes everything: whoever had it open is gone. */
  clear(): void {
    this.#open.clear()
  }

  renamed(from: string, to: string): void {
    for (const open of this.#open.values()) if (open.path === from) open.path = to
  }

  opening(call: 'openSync' | 'open', path: string, mode: OpenMode, access: FileAccess): GatedCall<number> {
    const effect: GatedCall<number>['effect'] = (number, fault) => {
      throwFault(fault, 'open', path)
      const file = mode === 'create' ? this.#disk.createFile(number, path) : this.#disk.file(path, 'open')
      const fd = this.#nextFd++
      this.#open.set(fd, { path, file, writable: mode !== 'read', access })
      return fd
    }
    return { call: { call, path, ...(call === 'openSync' ? { mode } : {}) }, effect }
  }

  closing(call: 'closeSync' | 'close', fd: number): GatedCall<void> {
    const { path } = this.#opened(fd, 'close')
    return {
      call: { call, path, fd },
      effect: (_, fault) => {
        this.#open.delete(fd) // Also where closing reports an error, as on Linux.
        throwFault(fault, 'close')
      },
    }
  }

  reading(call: 'readSync' | 'read', fd: number, target: Uint8Array, position: number): GatedCall<number> {
    const { path } = this.#opened(fd, 'read')
    return {
      call: { call, path, fd, position, bytes: target.length },
      effect: (_, fault) => {
        const { file, access } = this.#opened(fd, 'read')
        throwFault(fault, 'read')
        if (access === 'direct') checkSectors(target, position, 'read')
        return file.read(target.subarray(0, granted(target.length, fault?.short, access)), position)
      },
    }
  }

  writing(call: 'writeSync' | 'write', fd: number, data: Uint8Array, position: number): GatedCall<number> {
    const { path, file, writable, access } = this.#opened(fd, 'write')
    return {
      call: { call, path, fd, position, bytes: data.length },
      effect: (number, fault) => {
        this.#opened(fd, 'write')
        if (!writable) throw systemError('EBADF', 'write')
        if (access === 'direct') checkSectors(data, position, 'write')
        const asked = fault?.error === undefined ? data.length : 0
        const bytes = fault?.short === undefined ? asked : granted(data.length, fault.short, access)
        const room = this.#roomFor(file, position, bytes)
        const fitting = data.subarray(0, access === 'direct' ? room - (room % SECTOR_BYTES) : room)
        file.write(number, fitting, position)
        throwFault(fault, 'write')
        if (fitting.length === 0 && bytes > 0) throw systemError(this.#limitError, 'write')
        return fitting.length
      },
      interrupted: (number) => {
        if (writable) file.write(number, data.subarray(0, this.#upTo(data.length)), position)
      },
    }
  }

  syncing(call: 'datasyncSync' | 'datasync', fd: number): GatedCall<void> {
    const { path } = this.#opened(fd, 'fdatasync')
    return {
      call: { call, path, fd },
      effect: (_, fault) => {
        const { file } = this.#opened(fd, 'fdatasync')
        if (fault?.error !== undefined) file.failSync()
        throwFault(fault, 'fdatasync')
        file.sync()
      },
    }
  }

  truncating(fd: number, bytes: number): GatedCall<void> {
    const { file, path, writable } = this.#opened(fd, 'ftruncate')
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw outOfRange('bytes', bytes)
    return {
      call: { call: 'truncateSync', path, fd, bytes },
      effect: (number, fault) => {
        throwFault(fault, 'ftruncate')
        if (!writable) throw systemError('EINVAL', 'ftruncate')
        file.truncate(number, bytes)
      },
    }
  }

  measuring(call: 'sizeSync' | 'size', fd: number): GatedCall<number> {
    const { path } = this.#opened(fd, 'fstat')
    return {
      call: { call, path, fd },
      effect: (_, fault) => {
        const { file } = this.#opened(fd, 'fstat')
        throwFault(fault, 'fstat')
        return file.size
      },
    }
  }

  #opened(fd: number, syscall: string): OpenFile {
    const open = this.#open.get(fd)
    if (open === undefined) throw systemError('EBADF', syscall)
    return open
  }

  /** How many of the bytes may be written there. */
  #roomFor(file: SimulatedFile, position: number, bytes: number): number {
    const { capacityBytes, quotaBytes } = this.#limits
    let free = Math.min(capacityBytes, quotaBytes)
    const growth = position + bytes - file.size
    if (free === Number.POSITIVE_INFINITY || growth <= 0) return bytes
    const files = this.#disk.files()
    for (const open of this.#open.values()) files.add(open.file)
    for (const { size } of files) free -= size
    return Math.max(0, bytes - Math.max(0, growth - Math.max(0, free)))
  }

  /** That of the limit that is met first. */
  get #limitError(): string {
    const { capacityBytes, quotaBytes } = this.#limits
    return quotaBytes < capacityBytes ? 'EDQUOT' : 'ENOSPC'
  }
}
