import { SluiceError } from '../errors.js'
import { CHUNK_BYTES_MAX, RecordBatch } from '../segment/record-batch.js'
import { type FoundFrame, frameBehind } from '../segment/segment-reader.js'
import type { FollowOptions, LogRecord, ReadOptions } from './contract.js'
import { DurableSegments } from './durable-segments.js'
import type { LogView } from './log-view.js'
import { checkFollowOptions, checkLsn, checkReadOptions } from './read-arguments.js'
import { type BatchSource, RecordIterator } from './record-iterator.js'
import { RecordSource } from './record-source.js'

/** The longest frame that is kept for the next `get`. */
const KEPT_BYTES_MAX = 1024 * 1024

/** For frames whose bodies are proved already. */
const PROVED = (): void => {}

/** The frame that the last `get` found. */
interface LastFrame {
  /** What was durable when its window was read: nothing above is believed. */
  readonly durableLsn: number
  readonly frame: FoundFrame
}

/**
 * All reading of a log, from its files, up to what is durable: `read`, `follow` and `get` as the contract has them. It
 * knows the log by a {@link LogView} only.
 */
export class RecordReader {
  readonly #view: LogView
  readonly #segments: DurableSegments
  #lastFrame: LastFrame | undefined
  /** What a frame lay in that was kept before the last one. A `get` reads into it: to make new memory for each costs more than to read it. */
  #spare: Buffer | undefined
  #closed = false

  constructor(view: LogView) {
    this.#view = view
    this.#segments = new DurableSegments(view)
  }

  /** See `Log.read`. Throws `SLUICE_INVALID_ARGUMENT`; all other errors reject the call of `next` that meets them. */
  read(options: ReadOptions = {}): RecordIterator {
    checkReadOptions(options)
    const from = options.from ?? this.#view.firstLsn
    const last = Math.min(
      options.to ?? Number.POSITIVE_INFINITY,
      this.#view.durableLsn,
      // LSNs are dense, so a number of records is a last LSN.
      from + (options.limit ?? Number.POSITIVE_INFINITY) - 1,
    )
    return new RecordIterator(this.#source(from, last), options.signal)
  }

  /** See `Log.follow`. Throws `SLUICE_INVALID_ARGUMENT`; all other errors reject the call of `next` that meets them. */
  follow(options: FollowOptions = {}): RecordIterator {
    checkFollowOptions(options)
    return new RecordIterator(this.#source(options.from ?? this.#view.firstLsn, undefined), options.signal)
  }

  /** See `Log.get`. Throws `SLUICE_INVALID_ARGUMENT`; all other errors reject. */
  get(lsn: number): Promise<LogRecord | undefined> {
    checkLsn('lsn', lsn)
    return this.#get(lsn)
  }

  /** Closes the files of trimmed segments, which would hold their room on the disk until then. */
  evictTrimmed(): void {
    this.#segments.evictTrimmed()
  }

  /**
   * Refuses new calls with `SLUICE_CLOSED`, and resolves once all files are closed. Iterators that are under way go on
   * to their end: a follower to the last durable record.
   */
  async close(): Promise<void> {
    this.#closed = true
    this.#lastFrame = undefined
    this.#spare = undefined
    await this.#segments.close()
  }

  #source(from: number, last: number | undefined): BatchSource {
    return this.#closed ? new ClosedSource() : new RecordSource(this.#segments, from, last)
  }

  async #get(lsn: number): Promise<LogRecord | undefined> {
    if (this.#closed) throw closedError()
    this.#segments.refuseTrimmed(lsn)
    const { durableLsn } = this.#view
    if (lsn > durableLsn) return undefined
    const near = this.#nearLastFrame(lsn)
    if (near !== undefined) return recordOf(near, lsn)
    return this.#segments.use(lsn, durableLsn, async (reader, reach) => {
      const position = await this.#segments.locate(reader, lsn, reach)
      const memory = this.#spare
      this.#spare = undefined
      const frame = await reader.frame(position, lsn, memory)
      // At once: as soon as another frame is kept, what this one lies in is read into again.
      const record = recordOf(frame, lsn)
      this.#remember({ durableLsn, frame })
      return record
    })
  }

  /** The frame of `lsn`, where the last `get` found that one or the one before it: who gets one by one reads seldom. */
  #nearLastFrame(lsn: number): FoundFrame | undefined {
    const last = this.#lastFrame
    if (last === undefined) return undefined
    const { firstLsn, lastLsn } = last.frame.header
    if (lsn >= firstLsn && lsn <= lastLsn) return last.frame
    const frame = lsn === lastLsn + 1 ? frameBehind(last.frame, last.durableLsn) : undefined
    if (frame !== undefined) this.#lastFrame = { ...last, frame }
    return frame
  }

  #remember(last: LastFrame): void {
    if (this.#closed || !isKept(last.frame)) return
    const memory = this.#lastFrame?.frame.window.bytes.buffer
    if (memory !== undefined && memory.byteLength <= CHUNK_BYTES_MAX) this.#spare = Buffer.from(memory)
    this.#lastFrame = last
  }
}

/** The source of an iterator that was made after the log was closed. */
class ClosedSource implements BatchSource {
  async next(): Promise<never> {
    throw closedError()
  }

  async idle(): Promise<void> {}

  refuseTrimmed(): void {}
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the log is closed')
}

/** The record of `lsn` in a frame that holds it. */
function recordOf(frame: FoundFrame, lsn: number): LogRecord | undefined {
  const run = { window: frame.window, frames: [frame] }
  const record = new RecordBatch(run, lsn, lsn, PROVED).next()
  // A frame that is kept for the next `get` is nobody's to write to.
  return record !== undefined && isKept(frame) ? { ...record, data: Buffer.from(record.data) } : record
}

/** Whether a frame is short enough to be kept. */
function isKept(frame: FoundFrame): boolean {
  return frame.window.bytes.length <= KEPT_BYTES_MAX
}
