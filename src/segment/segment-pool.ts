import type { SegmentPlace } from './segment-file.js'
import { SegmentReader } from './segment-reader.js'

/** How many segments are kept open when nobody reads them. */
const CAPACITY = 8

/** One open segment file, and how many read from it now. */
interface PooledSegment {
  readonly reader: Promise<SegmentReader>
  users: number
  /** Whether it stays open when nobody uses it. */
  kept: boolean
  readonly closed: Promise<void>
  readonly close: () => void
}

/**
 * The segments that are open for reading, shared by all readers of a log: the one used least recently is closed when
 * there are too many. A segment in use is never closed; nobody holds one between two reads, so that an iterator that is
 * forgotten half-way keeps nothing open.
 */
export class SegmentPool {
  readonly #place: Omit<SegmentPlace, 'firstLsn'>
  readonly #capacity: number
  /** The kept ones, by first LSN, the one used least recently first. */
  readonly #kept = new Map<number, PooledSegment>()
  readonly #open = new Set<PooledSegment>()
  #closed = false

  constructor(place: Omit<SegmentPlace, 'firstLsn'>, capacity = CAPACITY) {
    this.#place = place
    this.#capacity = capacity
  }

  /** Runs `task` with the segment that begins at `firstLsn`. Rejects as `task` and {@link SegmentReader.open} do. */
  async use<T>(firstLsn: number, task: (reader: SegmentReader) => Promise<T>): Promise<T> {
    const segment = this.#take(firstLsn)
    segment.users += 1
    this.#closeSurplus()
    try {
      return await task(await segment.reader)
    } finally {
      segment.users -= 1
      if (segment.kept) this.#closeSurplus()
      else if (segment.users === 0) segment.close()
    }
  }

  /** Gives up the segments that begin below `firstLsn`: they were trimmed. */
  evictBelow(firstLsn: number): void {
    for (const [begin, segment] of this.#kept) {
      if (begin < firstLsn) this.#evict(begin, segment)
    }
  }

  /**
   * Closes all segments, and resolves once they are closed. Who still reads then may go on: each read opens a segment
   * for itself, and closes it again.
   */
  async close(): Promise<void> {
    this.#closed = true
    for (const [begin, segment] of this.#kept) this.#evict(begin, segment)
    await Promise.all([...this.#open].map((segment) => segment.closed))
  }

  #take(firstLsn: number): PooledSegment {
    const found = this.#kept.get(firstLsn)
    if (found !== undefined) {
      this.#kept.delete(firstLsn)
      this.#kept.set(firstLsn, found)
      return found
    }
    const opened = this.#openSegment(firstLsn)
    if (opened.kept) this.#kept.set(firstLsn, opened)
    return opened
  }

  #openSegment(firstLsn: number): PooledSegment {
    const { fileSystem, directory, logId } = this.#place
    const reader = SegmentReader.open({ fileSystem, directory, logId, firstLsn })
    let resolveClosed = () => {}
    const closed = new Promise<void>((resolve) => {
      resolveClosed = resolve
    })
    const finish = () => {
      this.#open.delete(segment)
      resolveClosed()
    }
    // Nothing was written through this descriptor, so a close that fails loses nothing.
    const close = () => void reader.then((opened) => opened.close()).then(finish, finish)
    const segment: PooledSegment = { reader, users: 0, kept: !this.#closed, closed, close }
    this.#open.add(segment)
    // A segment that could not be opened is forgotten at once: the next call tries again.
    reader.catch(() => this.#forget(firstLsn, segment))
    return segment
  }

  #forget(firstLsn: number, segment: PooledSegment): void {
    segment.kept = false
    if (this.#kept.get(firstLsn) === segment) this.#kept.delete(firstLsn)
  }

  #evict(firstLsn: number, segment: PooledSegment): void {
    this.#forget(firstLsn, segment)
    if (segment.users === 0) segment.close()
  }

  #closeSurplus(): void {
    for (const [begin, segment] of this.#kept) {
      if (this.#kept.size <= this.#capacity) return
      if (segment.users === 0) this.#evict(begin, segment)
    }
  }
}
