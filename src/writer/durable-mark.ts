import { isDiskFull } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { MarkFile } from '../segment/mark-file.js'
import { FailedSync } from '../segment/segment-writer.js'

/** Where the durable frames end. */
export interface DurableEnd {
  readonly segmentFirstLsn: number
  readonly endOffset: number
}

/**
 * The durable LSN of the writer, and its notes in the mark file: for recovery, and for readers in other processes. A
 * note never says more than what {@link advance} was told after a sync.
 */
export class DurableMark {
  readonly #file: MarkFile
  #lsn: number
  #end: DurableEnd = { segmentFirstLsn: 0, endOffset: 0 }

  private constructor(file: MarkFile, lsn: number) {
    this.#file = file
    this.#lsn = lsn
  }

  /** Opens the mark file of a log that was recovered up to `lsn`. */
  static open(fileSystem: FileSystem, directory: string, lsn: number): DurableMark {
    return new DurableMark(MarkFile.open(fileSystem, directory), lsn)
  }

  get lsn(): number {
    return this.#lsn
  }

  /** All up to `lsn` was synced. */
  advance(lsn: number, end: DurableEnd): void {
    this.#lsn = lsn
    this.#end = end
  }

  /** Notes the mark. Where the disk is full, which even overwriting can be told, the mark before it stays, and is true. */
  note(firstLsn: number, closed = false): void {
    try {
      this.#note(firstLsn, closed)
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
  }

  /** Notes a trim mark, durably. On a full disk `makeRoom` is asked first: whether it made some. */
  noteTrim(firstLsn: number, makeRoom: () => boolean): void {
    try {
      this.#noteTrim(firstLsn)
    } catch (error) {
      if (!isDiskFull(error) || !makeRoom()) throw error
      this.#noteTrim(firstLsn)
    }
  }

  /** Notes that the log was closed, durably. Where the disk is full, the mark before it stays, as for any note. */
  noteClosed(firstLsn: number): void {
    this.note(firstLsn, true)
    this.#file.sync()
  }

  close(): void {
    this.#file.close()
  }

  /** In both slots: an older mark is as true as a newer one, but an older trim mark would miss the files that are gone. */
  #noteTrim(firstLsn: number): void {
    for (let slot = 0; slot < 2; slot++) {
      this.#note(firstLsn, false)
      try {
        this.#file.sync()
      } catch (error) {
        throw new FailedSync(error)
      }
    }
  }

  #note(firstLsn: number, closed: boolean): void {
    this.#file.note({ durableLsn: this.#lsn, firstLsn, ...this.#end, closed })
  }
}
