import { SluiceError, systemCode } from '../errors.js'
import type { SegmentReach } from '../segment/frame-locator.js'
import type { IndexedFrame } from '../segment/segment-index.js'
import { SegmentPool } from '../segment/segment-pool.js'
import type { SegmentReader } from '../segment/segment-reader.js'
import { type LogView, segmentOf } from './log-view.js'

/**
 * The segments of a log, as far as they are durable: finds the one that holds an LSN, lends it from the pool, and tells
 * records that were trimmed from records that were lost.
 */
export class DurableSegments {
  readonly view: LogView
  readonly #pool: SegmentPool
  #firstLsn = 0

  constructor(view: LogView) {
    this.view = view
    this.#pool = new SegmentPool(view)
  }

  /**
   * Runs `task` with the segment that holds `lsn`, and how far that may be read: to `durableLsn`, which was durable
   * before this call. Rejects with `SLUICE_TRIMMED` where the record was trimmed meanwhile, whatever `task` found.
   */
  async use<T>(
    lsn: number,
    durableLsn: number,
    task: (reader: SegmentReader, reach: SegmentReach) => Promise<T>,
  ): Promise<T> {
    this.evictTrimmed()
    const span = segmentOf(this.view.segments(), lsn)
    if (span === undefined) return this.#lost(lsn, undefined)
    const reach = { lastLsn: Math.min(durableLsn, span.lastLsn), sealed: span.sealed }
    try {
      const result = await this.#pool.use(span.firstLsn, (reader) => task(reader, reach))
      this.refuseTrimmed(lsn)
      return result
    } catch (error) {
      this.refuseTrimmed(lsn)
      if (isMissing(error)) return this.#lost(lsn, error)
      throw error
    }
  }

  /** Where to begin reading for `lsn` in the segment `reader`. */
  async locate(reader: SegmentReader, lsn: number, reach: SegmentReach): Promise<IndexedFrame> {
    const known = reach.sealed ? undefined : this.view.tailIndex(reader.firstLsn)?.positionFor(lsn)
    return known ?? reader.locate(lsn, reach)
  }

  /** Throws `SLUICE_TRIMMED` where `lsn` lies below `firstLsn`. */
  refuseTrimmed(lsn: number): void {
    const { firstLsn } = this.view
    if (lsn >= firstLsn) return
    const message = `LSN ${lsn} was trimmed: the log begins at ${firstLsn}`
    throw new SluiceError('SLUICE_TRIMMED', message, { firstLsn: lsn, lastLsn: firstLsn - 1 })
  }

  /** Closes segments that were trimmed. */
  evictTrimmed(): void {
    const { firstLsn } = this.view
    if (firstLsn === this.#firstLsn) return
    this.#firstLsn = firstLsn
    this.#pool.evictBelow(segmentOf(this.view.segments(), firstLsn)?.firstLsn ?? firstLsn)
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  /** A file is not there: either `lsn` was trimmed, or it is lost. */
  async #lost(lsn: number, cause: unknown): Promise<never> {
    await this.view.refresh()
    this.refuseTrimmed(lsn)
    const message = `the segment that holds LSN ${lsn} is missing in ${this.view.directory}`
    throw new SluiceError('SLUICE_CORRUPT', message, { cause, firstLsn: lsn })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'SLUICE_IO' && systemCode(error.cause) === 'ENOENT'
}
