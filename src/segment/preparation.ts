import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { allocatePages } from '../fs/pages.js'
import { writeSomeLater } from '../fs/transfer.js'

/** Zeros are written in slices of this size, so that a commit never waits behind more of them than this. */
const SLICE_BYTES = 256 * 1024
/** Slices between two syncs: a commit whose sync meets one of these waits for it. */
const SLICES_PER_SYNC = 4

const zeros = allocatePages(SLICE_BYTES).memory

/** A zero-filled file that can become the next segment. */
export interface PreparedFile {
  readonly fd: number
  readonly path: string
  /** Up to here the file is zero-filled and synced. */
  readonly zeroedBytes: number
}

/**
 * Prepares the next segment in the background, while the present one is written: a temporary file filled with zeros and
 * synced, so that later no commit has to sync metadata. Its calls run on the thread pool; the writer's thread only has
 * to let its event loop turn now and then.
 *
 * It is an optimisation alone: where it fails, or isn't done in time, the next segment begins as an empty file. So an
 * error here is no error of the log: were the disk full or broken, the commits themselves would say so.
 */
export class Preparation {
  readonly #fileSystem: FileSystem
  readonly #path: string
  readonly #bytes: number
  readonly #access: FileAccess
  #abandoned = false
  #prepared: PreparedFile | undefined
  #failure: unknown
  /** Settles, and never rejects, once no call is under way any more. */
  readonly settled: Promise<void>
  #busy = true

  constructor(fileSystem: FileSystem, path: string, bytes: number, access: FileAccess) {
    this.#fileSystem = fileSystem
    this.#path = path
    this.#bytes = bytes
    this.#access = access
    this.settled = this.#run().finally(() => {
      this.#busy = false
    })
  }

  /** Whether calls are under way, so that this thread's event loop has to turn. */
  get busy(): boolean {
    return this.#busy
  }

  /** Why preparing failed, where it did. */
  get failure(): unknown {
    return this.#failure
  }

  /** The prepared file, which is the caller's from now on. `undefined` where there is none (yet): it is then abandoned. */
  take(): PreparedFile | undefined {
    const prepared = this.#prepared
    this.#prepared = undefined
    this.#abandoned = true
    return prepared
  }

  /** Gives up the file: it is closed and removed, as soon as no call on it is under way. */
  abandon(): void {
    const prepared = this.take()
    if (prepared !== undefined) this.#discard(prepared.fd)
  }

  async #run(): Promise<void> {
    let fd: number | undefined
    try {
      fd = this.#fileSystem.openSync(this.#path, 'create', this.#access)
      await this.#fill(fd)
      if (this.#abandoned) this.#discard(fd)
      else this.#prepared = { fd, path: this.#path, zeroedBytes: this.#bytes }
    } catch (error) {
      this.#failure = error
      if (fd !== undefined) this.#discard(fd)
    }
  }

  async #fill(fd: number): Promise<void> {
    let done = 0
    for (let slice = 1; done < this.#bytes && !this.#abandoned; slice++) {
      const length = Math.min(SLICE_BYTES, this.#bytes - done)
      done += await writeSomeLater(this.#fileSystem, fd, zeros, length, done)
      if (slice % SLICES_PER_SYNC === 0 || done === this.#bytes) await this.#fileSystem.datasync(fd)
    }
  }

  #discard(fd: number): void {
    try {
      this.#fileSystem.closeSync(fd)
      this.#fileSystem.removeSync(this.#path)
    } catch (error) {
      // A temporary file that stays behind is removed by the next recovery.
      this.#failure ??= error
    }
  }
}
