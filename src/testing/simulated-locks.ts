import { join } from 'node:path'
import { isDiskFull, SluiceError, systemCode } from '../errors.js'
import { LOCK_FILE } from '../fs/directory-lock.js'
import type { DirectoryClaim, OpenMode } from '../fs/file-system.js'
import { makeFolderPath } from '../fs/folder-path.js'
import { systemError } from '../fs/system-error.js'
import type { GatedCall } from './call-gate.js'
import type { SimulatedDisk } from './simulated-disk.js'

/** What of a file system a claim needs: calls that are noted, and that faults meet. */
export interface ClaimCalls {
  openSync(path: string, mode: OpenMode): number
  closeSync(fd: number): void
  makeDirectorySync(directory: string): void
  syncDirectorySync(directory: string): void
  removeFolder(directory: string): void
}

/** The locks that the one process has which a simulated file system knows. */
export class SimulatedLocks {
  readonly #disk: SimulatedDisk
  readonly #calls: ClaimCalls
  readonly #held = new Set<string>()

  constructor(disk: SimulatedDisk, calls: ClaimCalls) {
    this.#disk = disk
    this.#calls = calls
  }

  /** The process has ended. */
  clear(): void {
    this.#held.clear()
  }

  /** The call that a claim begins with, which does nothing but meet faults. */
  claiming(path: string): GatedCall<void> {
    return {
      call: { call: 'claim', path },
      effect: (_, fault) => {
        if (fault?.error === undefined) return
        const cause = systemError(fault.error, 'open', path)
        throw new SluiceError('SLUICE_LOCK_UNAVAILABLE', `no lock can be had: ${cause.message}`, { cause })
      },
    }
  }

  async claim(path: string): Promise<DirectoryClaim> {
    await makeFolderPath(path, {
      isFolder: async (folder) => this.#disk.isFolder(folder),
      make: async (folder) => this.#calls.makeDirectorySync(folder),
      sync: async (folder) => this.#calls.syncDirectorySync(folder),
      remove: async (folder) => this.#calls.removeFolder(folder),
    })
    if (this.#held.has(path)) {
      throw new SluiceError('SLUICE_LOCKED', `${path} is locked by this process, over the same simulated file system`)
    }
    this.#held.add(path)
    try {
      this.#makeLockFile(join(path, LOCK_FILE))
    } catch (error) {
      this.#held.delete(path)
      throw error
    }
    let released = false
    return {
      release: async () => {
        if (!released) this.#held.delete(path)
        released = true
      },
    }
  }

  #makeLockFile(path: string): void {
    try {
      this.#calls.closeSync(this.#calls.openSync(path, 'create'))
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return
      const code = isDiskFull(cause) ? 'SLUICE_DISK_FULL' : 'SLUICE_LOCK_UNAVAILABLE'
      throw new SluiceError(code, `the lock file ${path} can't be made`, { cause })
    }
  }
}
