import { SluiceError } from '../errors.js'
import { copyBytes } from '../fs/copy-bytes.js'
import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { allocatePages, PAGE_BYTES, pageCeil, pageFloor } from '../fs/pages.js'
import { readSome, writeFully } from '../fs/transfer.js'

/** What is put is written at the latest once there is so much of it. */
const STAGE_BYTES_MAX = 4 * 1024 * 1024
/** A stage begins with this, and grows with what is put: most logs never have a batch that is anywhere near the maximum. */
const STAGE_BYTES_MIN = 64 * 1024
const SECTOR_BYTES = 512

/**
 * Writes files one after the other, each from some offset on without gaps, in whole pages from page-aligned memory: so
 * that the writes can bypass the page cache, which costs more than the device does once a batch has some pages.
 *
 * The page in which the last bytes end is filled up with zeros, and written again, the same bytes first, with those that
 * come next. A write that is torn at sectors leaves in each of them old or new bytes: where a sector held bytes before,
 * both begin with them.
 */
export class PageWriter {
  readonly #fileSystem: FileSystem
  readonly #access: FileAccess
  #stage: Buffer = allocatePages(STAGE_BYTES_MIN).memory
  /** So far the stage may grow. */
  #stageBytesMax = STAGE_BYTES_MAX
  #fd = -1
  /** Where in the file the stage begins: at a page. */
  #begin = 0
  /** Bytes in the stage; those below {@link #written} have been written. */
  #staged = 0
  #written = 0

  /** @param access how the files are opened */
  constructor(fileSystem: FileSystem, access: FileAccess = 'direct') {
    this.#fileSystem = fileSystem
    this.#access = access
  }

  /** Where the next bytes go. */
  get offset(): number {
    return this.#begin + this.#staged
  }

  /** Goes over to another file, behind the bytes that it has below `offset`; forgets what was put and not written. */
  moveTo(fd: number, offset: number): void {
    this.#fd = fd
    this.#begin = pageFloor(offset)
    this.#staged = offset - this.#begin
    this.#written = this.#staged
    for (let done = 0; done < this.#staged; ) {
      // Whole sectors up to the page's end, as a direct read has to; the file may end within them.
      const read = readSome(this.#fileSystem, fd, this.#stage, done, PAGE_BYTES - done, this.#begin + done)
      if (done + read >= this.#staged) return
      const usable = this.#access === 'direct' ? read - (read % SECTOR_BYTES) : read
      if (usable === 0) {
        const message = `the file ends at ${this.#begin + done + read}, not behind ${offset}, and had more a moment ago`
        throw new SluiceError('SLUICE_CORRUPT', message, { offset: this.#begin + done + read })
      }
      done += usable
    }
  }

  /** Puts bytes behind those that are there. They are copied, and need not have been written before {@link writeOut}. */
  put(bytes: Buffer, at: number, length: number): void {
    if (this.#staged + length > this.#stage.length) this.#grow(this.#staged + length)
    for (let done = 0; done < length; ) {
      if (this.#staged === this.#stage.length) this.writeOut()
      const taken = Math.min(length - done, this.#stage.length - this.#staged)
      copyBytes(bytes, at + done, taken, this.#stage, this.#staged)
      this.#staged += taken
      done += taken
    }
  }

  /** Writes all that was put. After an error {@link moveTo} a place that is known, or give up. */
  writeOut(): void {
    if (this.#staged === this.#written) return
    const end = pageCeil(this.#staged)
    this.#stage.fill(0, this.#staged, end)
    const from = pageFloor(this.#written)
    writeFully(this.#fileSystem, this.#fd, this.#stage, from, end - from, this.#begin + from)
    const kept = pageFloor(this.#staged)
    if (kept > 0) this.#stage.copyWithin(0, kept, this.#staged)
    this.#begin += kept
    this.#staged -= kept
    this.#written = this.#staged
  }

  /** Makes room for `bytes`, or as much as a stage may have: doubling, so that little is copied again and again. */
  #grow(bytes: number): void {
    let room = this.#stage.length
    while (room < bytes && room < this.#stageBytesMax) room *= 2
    if (room === this.#stage.length) return
    const { memory, aligned } = allocatePages(room)
    if (!aligned) {
      // The file may be open for direct access, which fails from such memory: what there is has to do, in more writes.
      this.#stageBytesMax = this.#stage.length
      return
    }
    this.#stage.copy(memory, 0, 0, this.#staged)
    this.#stage = memory
  }
}
