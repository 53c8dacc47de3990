import { CHUNK_BYTES_MAX, type RecordBatch } from '../segment/record-batch.js'
import type { FramePosition } from '../segment/segment-index.js'
import { CHUNK_BYTES_MIN } from '../segment/segment-reader.js'
import type { DurableSegments } from './durable-segments.js'
import type { BatchSource } from './record-iterator.js'

/** Where reading goes on. */
interface Place {
  readonly segmentFirstLsn: number
  readonly position: FramePosition
}

/**
 * Reads records in LSN order, a chunk at a time, across segments: up to a last LSN, or for ever. While one chunk is
 * taken, the next one is read, where it is durable already; never more than that, however slowly records are taken.
 * Between two reads it holds no file.
 */
export class RecordSource implements BatchSource {
  readonly #segments: DurableSegments
  /** `undefined` for one that follows. */
  readonly #lastLsn: number | undefined
  #lsn: number
  #begun = false
  #place: Place | undefined
  #chunkBytes = CHUNK_BYTES_MIN
  #ahead: Promise<RecordBatch | undefined> | undefined

  constructor(segments: DurableSegments, fromLsn: number, lastLsn: number | undefined) {
    this.#segments = segments
    this.#lsn = fromLsn
    this.#lastLsn = lastLsn
  }

  async next(signal: AbortSignal): Promise<RecordBatch | undefined> {
    const batch = await (this.#ahead ?? this.#read(signal))
    this.#ahead = undefined
    if (batch !== undefined && !signal.aborted && this.#lsn <= this.#readableLsn) {
      this.#ahead = this.#read(signal)
      // What it fails with is told when it is its turn.
      this.#ahead.catch(() => {})
    }
    return batch
  }

  async idle(): Promise<void> {
    await this.#ahead?.catch(() => {})
  }

  refuseTrimmed(lsn: number): void {
    this.#segments.refuseTrimmed(lsn)
  }

  get #readableLsn(): number {
    return this.#lastLsn ?? this.#segments.view.durableLsn
  }

  async #read(signal: AbortSignal): Promise<RecordBatch | undefined> {
    const { view } = this.#segments
    // What begins below `firstLsn` is refused even where it ends at once; what has ended has nothing left to lose.
    if (!this.#begun || this.#lsn <= this.#readableLsn) this.#segments.refuseTrimmed(this.#lsn)
    this.#begun = true
    while (this.#lsn > this.#readableLsn) {
      if (this.#lastLsn !== undefined) return undefined
      const news = await view.more(this.#lsn - 1, signal)
      // Whatever ended the wait: the records that became durable before it are given first.
      if (news === 'more' || this.#lsn <= view.durableLsn) continue
      if (news === 'closed') return undefined
      throw news
    }
    return this.#readBatch(this.#readableLsn)
  }

  async #readBatch(durableLsn: number): Promise<RecordBatch> {
    const lsn = this.#lsn
    return this.#segments.use(lsn, durableLsn, async (reader, reach) => {
      const known = this.#place?.segmentFirstLsn === reader.firstLsn ? this.#place.position : undefined
      const position = known ?? (await this.#segments.locate(reader, lsn, reach))
      const chunk = await reader.records(position, lsn, reach.lastLsn, this.#chunkBytes)
      // Little is read until it shows that there is much to read: a follower at the end gets a frame or two each time.
      const more = chunk.lastLsn < reach.lastLsn
      this.#chunkBytes = more ? Math.min(this.#chunkBytes * 2, CHUNK_BYTES_MAX) : CHUNK_BYTES_MIN
      this.#place = { segmentFirstLsn: reader.firstLsn, position: chunk.next }
      this.#lsn = chunk.lastLsn + 1
      return chunk.batch
    })
  }
}
