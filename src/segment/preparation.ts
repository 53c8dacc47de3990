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
 * Prepares a segment in the background, while another one is written or nothing is: a temporary file filled with zeros and
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
  /** While calls on it are under way. */
  #fd: number | undefined
  #prepared: PreparedFile | undefined
  #failure: unknown
  /** Settles, and never rejects, once no call is under way any more. */
  readonly settled: Promise<void>

  constructor(fileSystem: FileSystem, path: string, bytes: number, access: FileAccess) {
    this.#fileSystem = fileSystem
    this.#path = path
    this.#bytes = bytes
    this.#access = access
    this.settled = this.#run()
  }

  /** Why preparing failed, where it did. */
  get failure(): unknown {
    return this.#failure
  }

  /** The prepared file, which is the caller's from now on. `undefined` where there is none (yet). */
  take(): PreparedFile | undefined {
    const prepared = this.#prepared
    this.#prepared = undefined
    return prepared
  }

  /**
   * Gives up the file, and its room on the disk at once: but for what a call that is under way writes, with whose end it is
   * closed and removed.
   */
  abandon(): void {
    this.#abandoned = true
    const prepared = this.take()
    if (prepared !== undefined) this.#discard(prepared.fd)
    else if (this.#fd !== undefined) this.#empty(this.#fd)
  }

  async #run(): Promise<void> {
    try {
      const fd = this.#fileSystem.openSync(this.#path, 'create', this.#access)
      this.#fd = fd
      await this.#fill(fd)
      if (!this.#abandoned) {
        this.#prepared = { fd, path: this.#path, zeroedBytes: this.#bytes }
        this.#fd = undefined
      }
    } catch (error) {
      this.#failure = error
    }
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) this.#discard(fd)
  }

  async #fill(fd: number): Promise<void> {
    let done = 0
    for (let slice = 1; done < this.#bytes && !this.#abandoned; slice++) {
      const length = Math.min(SLICE_BYTES, this.#bytes - done)
      done += await writeSomeLater(this.#fileSystem, fd, zeros, length, done)
      if (this.#abandoned) return
      if (slice % SLICES_PER_SYNC === 0 || done === this.#bytes) await this.#fileSystem.datasync(fd)
    }
  }

  #empty(fd: number): void {
    try {
      this.#fileSystem.truncateSync(fd, 0)
    } catch (error) {
      this.#failure ??= error // Its room comes back with its end.
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
