import type { SluiceError } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import type { SegmentIndex } from '../segment/segment-index.js'

/** What ends a wait for more records: they are there; none will come; or the log has failed, and this is its error. */
export type News = 'more' | 'closed' | SluiceError

/**
 * What reading needs to know of a log: the log itself knows it in the process that writes, the mark file elsewhere.
 *
 * What it says belongs together at any moment: `segments()` names the file of every LSN from `firstLsn` to
 * `durableLsn`, and `durableLsn` never goes down.
 */
export interface LogView {
  readonly fileSystem: Pick<FileSystem, 'open' | 'list'>
  /** The log's folder: an absolute path. */
  readonly directory: string
  /** The log that all segments must belong to, where that is known. */
  readonly logId?: Buffer | undefined
  /** The lowest LSN that can be read. */
  readonly firstLsn: number
  /** Nothing above it is ever read. 0 while there is nothing. */
  readonly durableLsn: number
  /** The first LSNs of the segment files, ascending; the last one may still be written to. */
  segments(): readonly number[]
  /**
   * The sparse index of a segment that is still written to, where it is known: of frames in order, and of none that was
   * cut off again. Without one, the reader makes its own.
   */
  tailIndex(segmentFirstLsn: number): SegmentIndex | undefined
  /**
   * Resolves once `durableLsn` is above `lsn`, or once nothing more will come. Rejects with the signal's reason.
   */
  more(lsn: number, signal?: AbortSignal): Promise<News>
  /**
   * Called when a segment's file turns out to be missing. Resolves once `firstLsn` accounts for every file that was
   * trimmed away before the call: so a trim is told from a loss.
   */
  refresh(): Promise<void>
}

/** A segment, as the list of segments tells of it. */
export interface SegmentSpan {
  readonly firstLsn: number
  /** The last LSN that it can hold: boundless for the last segment. */
  readonly lastLsn: number
  readonly sealed: boolean
}

/** The segment that holds `lsn`; `undefined` where the list begins above it. */
export function segmentOf(segments: readonly number[], lsn: number): SegmentSpan | undefined {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    // `middle` lies inside the array, whatever the compiler can tell.
    if ((segments[middle] ?? Number.POSITIVE_INFINITY) <= lsn) low = middle + 1
    else high = middle
  }
  const firstLsn = segments[low - 1]
  const following = segments[low]
  if (firstLsn === undefined) return undefined
  return { firstLsn, lastLsn: (following ?? Number.POSITIVE_INFINITY) - 1, sealed: following !== undefined }
}
