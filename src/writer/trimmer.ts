import path from 'node:path'
import { isDiskFull, SluiceError, type SluiceErrorCode, toErrorRecord } from '../errors.js'
import { segmentFileName } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'
import type { WriterReport } from '../ring/report.js'
import { removeIfThere } from '../segment/log-folder.js'

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
  /** The number of the newest request that was begun. */
  #request = 0
  #underWay = false

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
   * Does one step of the request with this number. `noteTrimMark` makes the trim mark durable. Returns `undefined` where
   * nothing is to be done, `'more'` to be called again, else the report, which ends the request. What `noteTrimMark`
   * throws passes through, but for a full disk: then the trim has failed, and may be asked for again.
   */
  step(request: number, target: number, noteTrimMark: (firstLsn: number) => void): WriterReport | 'more' | undefined {
    if (!this.#underWay && request === this.#request) return undefined
    try {
      if (!this.#underWay) {
        this.#request = request
        this.#noteMark(target, noteTrimMark)
        this.#underWay = true
        return 'more'
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error
      // The first of the two slots may have it: an opening finds it there then, unless a later note takes its place.
      const message = `the disk is full: no segment below LSN ${target} was removed; trim again once there is room`
      return this.#failed('SLUICE_DISK_FULL', `${message} (the next opening may find them given up)`, error)
    }
    try {
      if (this.#removeOne()) return 'more'
    } catch (error) {
      const message = `segments below LSN ${this.#firstLsn} could not be removed; the next opening removes them`
      return this.#failed('SLUICE_IO', message, error)
    }
    this.#underWay = false
    return { kind: 'trimmed', firstLsn: this.#firstLsn }
  }

  #noteMark(target: number, noteTrimMark: (firstLsn: number) => void): void {
    const firstLsn = this.#segments.findLast((lsn) => lsn <= target)
    if (firstLsn === undefined || firstLsn <= this.#firstLsn) return
    noteTrimMark(firstLsn)
    this.#firstLsn = firstLsn
  }

  #failed(code: SluiceErrorCode, message: string, cause: unknown): WriterReport {
    this.#underWay = false
    const error = toErrorRecord(new SluiceError(code, message, { cause }))
    return { kind: 'trim-failed', firstLsn: this.#firstLsn, error }
  }

  /** Removes the oldest segment, if it lies below the trim mark; with the last of them the directory is synced. */
  #removeOne(): boolean {
    const [oldest, next] = this.#segments
    if (oldest === undefined || next === undefined || next > this.#firstLsn) return false
    removeIfThere(this.#fileSystem, path.join(this.#directory, segmentFileName(oldest)))
    this.#segments.shift()
    const more = (this.#segments[1] ?? Number.POSITIVE_INFINITY) <= this.#firstLsn
    if (!more) this.#fileSystem.syncDirectorySync(this.#directory)
    return true
  }
}
