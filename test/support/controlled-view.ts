import type { LogView, News } from '../../src/log/log-view.js'
import type { SegmentIndex } from '../../src/segment/segment-index.js'
import { type ComposedSegment, filesOf } from './compose-segments.js'
import { ReadingFileSystem } from './reading-file-system.js'

export const DIRECTORY = '/log'

interface Waiter {
  readonly lsn: number
  readonly resolve: (news: News) => void
}

/** A log that a test moves by hand: what is durable, trimmed, closed or failed. */
export class ControlledView implements LogView {
  readonly fileSystem: ReadingFileSystem
  readonly directory = DIRECTORY
  firstLsn: number
  durableLsn: number
  readonly indexes = new Map<number, SegmentIndex>()
  /** Run when a reader finds a segment missing. */
  onRefresh: () => void = () => {}
  #segments: number[]
  #end: News | undefined
  readonly #waiting = new Set<Waiter>()

  constructor(segments: readonly ComposedSegment[], durableLsn = segments.at(-1)?.lastLsn ?? 0) {
    this.fileSystem = new ReadingFileSystem(filesOf(DIRECTORY, segments))
    this.firstLsn = segments[0]?.firstLsn ?? 1
    this.durableLsn = durableLsn
    this.#segments = segments.map((segment) => segment.firstLsn)
  }

  /** How many wait for records now. */
  get waiting(): number {
    return this.#waiting.size
  }

  segments(): readonly number[] {
    return this.#segments
  }

  tailIndex(segmentFirstLsn: number): SegmentIndex | undefined {
    return this.indexes.get(segmentFirstLsn)
  }

  more(lsn: number, signal?: AbortSignal): Promise<News> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.durableLsn > lsn) return resolve('more')
      if (this.#end !== undefined) return resolve(this.#end)
      const onAbort = () => {
        this.#waiting.delete(waiter)
        reject(signal?.reason)
      }
      const told = (news: News) => {
        signal?.removeEventListener('abort', onAbort)
        resolve(news)
      }
      const waiter = { lsn, resolve: told }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', onAbort)
    })
  }

  async refresh(): Promise<void> {
    this.onRefresh()
  }

  /** More is durable now. */
  advance(durableLsn: number): void {
    this.durableLsn = durableLsn
    for (const waiter of this.#waiting) {
      if (durableLsn > waiter.lsn) this.#tell(waiter, 'more')
    }
  }

  /** A segment was begun, or grew: its file is there. */
  put(segment: ComposedSegment): void {
    for (const [path, bytes] of filesOf(DIRECTORY, [segment])) this.fileSystem.put(path, bytes)
    if (!this.#segments.includes(segment.firstLsn)) this.#segments = [...this.#segments, segment.firstLsn]
  }

  /** Gives up the segments below the one that begins at `firstLsn`; their files go unless `keepFiles`. */
  trim(firstLsn: number, keepFiles = false): void {
    this.firstLsn = firstLsn
    const gone = this.#segments.filter((begin) => begin < firstLsn)
    this.#segments = this.#segments.filter((begin) => begin >= firstLsn)
    if (!keepFiles) for (const begin of gone) this.removeFile(begin)
  }

  removeFile(segmentFirstLsn: number): void {
    this.fileSystem.remove(`${DIRECTORY}/${String(segmentFirstLsn).padStart(16, '0')}.seg`)
  }

  /** Nothing more comes: the log was closed, or has failed. */
  end(news: News): void {
    this.#end = news
    for (const waiter of this.#waiting) this.#tell(waiter, news)
  }

  #tell(waiter: Waiter, news: News): void {
    this.#waiting.delete(waiter)
    waiter.resolve(news)
  }
}
