import path from 'node:path'
import { SluiceError, toErrorRecord } from '../errors.js'
import { segmentFileName } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'
import type { WriterReport } from '../ring/report.js'

/**
 * Gives up whole segments. In this order, so that a crash at any point leaves either all of a segment or a trim mark
 * that says that it may be missing: the trim mark, durably; then the files, one a step, between commits; then a sync
 * of the directory.
 */
export class Trimmer {
  readonly #fileSystem: FileSystem
  readonly #directory: string
  /** First LSNs of the segments that are there, ascending. */
  readonly #segments: number[]
  #firstLsn: number
  #doneTarget = 0
  /** The target of the trim that is under way. */
  #target: number | undefined

  constructor(fileSystem: FileSystem, directory: string, firstLsn: number, segments: readonly number[]) {
    this.#fileSystem = fileSystem
    this.#directory = directory
    this.#firstLsn = firstLsn
    this.#segments = [...segments]
  }

  /** The trim mark. */
  get firstLsn(): number {
    return this.#firstLsn
  }

  /** The first LSN of the newest segment; 0 while there is none. */
  get lastSegment(): number {
    return this.#segments.at(-1) ?? 0
  }

  /** A segment was begun. */
  addSegment(firstLsn: number): void {
    this.#segments.push(firstLsn)
  }

  /**
   * Does one step towards `target`. `noteTrimMark` makes the trim mark durable; what it throws is a failed sync, and
   * passes through. Returns `undefined` where nothing is to be done, `'more'` to be called again, else the report.
   */
  step(target: number, noteTrimMark: (firstLsn: number) => void): WriterReport | 'more' | undefined {
    if (this.#target === undefined) {
      if (target <= this.#doneTarget) return undefined
      this.#target = target
      const firstLsn = this.#segments.findLast((lsn) => lsn <= target)
      if (firstLsn !== undefined && firstLsn > this.#firstLsn) {
        noteTrimMark(firstLsn)
        this.#firstLsn = firstLsn
      }
      return 'more'
    }
    const aim = this.#target
    try {
      if (this.#removeOne()) return 'more'
      this.#doneTarget = aim
      this.#target = undefined
      return { kind: 'trimmed', firstLsn: this.#firstLsn }
    } catch (error) {
      this.#doneTarget = aim
      this.#target = undefined
      const message = `segments below LSN ${this.#firstLsn} could not be removed; the next opening removes them`
      const failure = new SluiceError('SLUICE_IO', message, { cause: error })
      return { kind: 'trim-failed', firstLsn: this.#firstLsn, error: toErrorRecord(failure) }
    }
  }

  /** Removes the oldest segment, if it lies below the trim mark; with the last of them the directory is synced. */
  #removeOne(): boolean {
    const [oldest, next] = this.#segments
    if (oldest === undefined || next === undefined || next > this.#firstLsn) return false
    this.#segments.shift()
    this.#fileSystem.removeSync(path.join(this.#directory, segmentFileName(oldest)))
    const more = (this.#segments[1] ?? Number.POSITIVE_INFINITY) <= this.#firstLsn
    if (!more) this.#fileSystem.syncDirectorySync(this.#directory)
    return true
  }
}
