import type { FileSystem } from '../fs/file-system.js'
import { readFully } from '../fs/transfer.js'

/** What is read at one go: large enough that the calls cost nothing beside the bytes. */
export const WINDOW_BYTES = 1024 * 1024

/** What is compared with zeros is compared with these. */
const ZEROS = Buffer.alloc(64 * 1024)

/**
 * A sliding view of a file, for reading it once from front to back with few large reads into one reused buffer. The same
 * window can be moved on to the next file.
 */
export class FileWindow {
  /** The bytes read last. Views of it are good until the next call of {@link reach} or {@link move}. */
  buffer: Buffer = Buffer.alloc(0)
  /** How many bytes were read since the window was made. */
  bytesRead = 0
  readonly #fs: FileSystem
  readonly #windowBytes: number
  #fd = -1
  #fileBytes = 0
  /** The file's position of `buffer[0]`. */
  #begin = 0
  /** How many bytes of `buffer` are the file's. */
  #filled = 0

  constructor(fs: FileSystem, windowBytes = WINDOW_BYTES) {
    this.#fs = fs
    this.#windowBytes = windowBytes
  }

  /** How many bytes the file had when the window was moved to it: nothing after them is looked at. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  /** Moves the window to a file, of which only the first `fileBytes` are looked at. */
  move(fd: number, fileBytes: number): void {
    this.#fd = fd
    this.#fileBytes = fileBytes
    this.#begin = 0
    this.#filled = 0
    // A small file needs no large window; and a giant frame of the last file is no reason to hold its memory on.
    const { length } = this.buffer
    const needed = Math.min(this.#windowBytes, fileBytes)
    if (length < needed || length > this.#windowBytes) this.buffer = Buffer.allocUnsafeSlow(needed)
  }

  /**
   * Makes `length` bytes from `position` on available, or as many as the file has: returns their index in `buffer`; how
   * many there are from there on, {@link filledFrom} tells. The buffer grows where `length` asks for it, so ask only for
   * what the file was proved to hold.
   */
  reach(position: number, length: number): number {
    const index = position - this.#begin
    if (index >= 0 && index + length <= this.#filled) return index
    const wanted = Math.min(length, Math.max(0, this.#fileBytes - position))
    if (index >= 0 && index + wanted <= this.#filled) return index
    this.#refill(position, wanted)
    return position - this.#begin
  }

  /** How many bytes of the file `buffer` holds from this index on. */
  filledFrom(index: number): number {
    return Math.max(0, this.#filled - index)
  }

  /** Whether the file has nothing but zeros from `position` on. */
  onlyZerosFrom(position: number): boolean {
    let at = position
    while (at < this.#fileBytes) {
      const index = this.reach(at, 1)
      const there = this.filledFrom(index)
      if (there === 0) break
      if (!this.#allZeros(index, index + there)) return false
      at += there
    }
    return true
  }

  /** Where the file's last byte that is no zero ends, and `from` where there is none after that. */
  contentEnd(from: number): number {
    const step = this.#windowBytes
    for (let end = this.#fileBytes; end > from; ) {
      const begin = Math.max(from, end - step)
      const index = this.reach(begin, end - begin)
      const there = Math.min(end - begin, this.filledFrom(index))
      if (!this.#allZeros(index, index + there)) {
        let last = index + there
        while (this.buffer[last - 1] === 0) last--
        return begin + (last - index)
      }
      end = begin
    }
    return from
  }

  #allZeros(from: number, to: number): boolean {
    for (let at = from; at < to; at += ZEROS.length) {
      const end = Math.min(at + ZEROS.length, to)
      if (this.buffer.compare(ZEROS, 0, end - at, at, end) !== 0) return false
    }
    return true
  }

  /** Reads on from `position`, keeping what of it is there already. */
  #refill(position: number, wanted: number): void {
    const index = position - this.#begin
    const kept = index >= 0 && index < this.#filled ? this.#filled - index : 0
    const source = this.buffer
    if (wanted > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(wanted)
    if (kept > 0) source.copy(this.buffer, 0, index, index + kept)
    this.#begin = position
    this.#filled = kept
    const room = Math.min(this.buffer.length, Math.max(0, this.#fileBytes - position)) - kept
    if (room <= 0) return
    const read = readFully(this.#fs, this.#fd, this.buffer, kept, room, position + kept)
    this.#filled += read
    this.bytesRead += read
  }
}
