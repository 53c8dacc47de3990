import { CHUNK_BYTES_MAX, type RecordBatch, TWO_CHUNKS_BYTES } from '../segment/record-batch.js'
import type { FramePosition } from '../segment/segment-index.js'
import { CHUNK_BYTES_MIN, type ChunkOfRecords } from '../segment/segment-reader.js'
import type { DurableSegments } from './durable-segments.js'
import type { BatchSource } from './record-iterator.js'

/** Where reading goes on. */
interface Place {
  readonly segmentFirstLsn: number
  readonly position: FramePosition
}

/**
 * Reads records in LSN order, a chunk at a time, across segments: up to a last LSN, or for ever. Where there is much to
 * read, two at a time. While these are taken, the next are read, where they are durable already; never more than that,
 * however slowly records are taken. Between two reads it holds no file.
 */
export class RecordSource implements BatchSource {
  readonly #segments: DurableSegments
  /** `undefined` for one that follows. */
  readonly #lastLsn: number | undefined
  #lsn: number
  #begun = false
  #place: Place | undefined
  #bytes = CHUNK_BYTES_MIN
  #ahead: Promise<ChunkOfRecords | undefined> | undefined
  /** What was read with the batch that was given last. */
  #second: RecordBatch | undefined
  /** The segment in which the second of two chunks could not be used: as a rule its frames are too long, so one is read at a time. */
  #oneByOneIn: number | undefined

  constructor(segments: DurableSegments, fromLsn: number, lastLsn: number | undefined) {
    this.#segments = segments
    this.#lsn = fromLsn
    this.#lastLsn = lastLsn
  }

  async next(signal: AbortSignal): Promise<RecordBatch | undefined> {
    const second = this.#second
    this.#second = undefined
    if (second !== undefined) return second
    const chunk = await (this.#ahead ?? this.#read(signal))
    this.#ahead = undefined
    if (chunk !== undefined && !signal.aborted && this.#lsn <= this.#readableLsn) {
      this.#ahead = this.#read(signal)
      // What it fails with is told when it is its turn.
      this.#ahead.catch(() => {})
    }
    this.#second = chunk?.secondBatch
    return chunk?.batch
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

  async #read(signal: AbortSignal): Promise<ChunkOfRecords | undefined> {
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
    return this.#readChunk(this.#readableLsn)
  }

  async #readChunk(durableLsn: number): Promise<ChunkOfRecords> {
    const lsn = this.#lsn
    return this.#segments.use(lsn, durableLsn, async (reader, reach) => {
      const known = this.#place?.segmentFirstLsn === reader.firstLsn ? this.#place.position : undefined
      const position = known ?? (await this.#segments.locate(reader, lsn, reach))
      const bytes = this.#oneByOneIn === reader.firstLsn ? Math.min(this.#bytes, CHUNK_BYTES_MAX) : this.#bytes
      const chunk = await reader.records(position, lsn, reach.lastLsn, bytes)
      // Little is read until it shows that there is much to read: a follower at the end gets a frame or two each time.
      const more = chunk.lastLsn < reach.lastLsn
      if (more && bytes === TWO_CHUNKS_BYTES && chunk.secondBatch === undefined) this.#oneByOneIn = reader.firstLsn
      this.#bytes = more ? Math.min(this.#bytes * 2, TWO_CHUNKS_BYTES) : CHUNK_BYTES_MIN
      this.#place = { segmentFirstLsn: reader.firstLsn, position: chunk.next }
      this.#lsn = chunk.lastLsn + 1
      return chunk
    })
  }
}
