import { FRAME_HEADER_BYTES, type FrameHeader } from '../format/frame.js'
import { FrameLocator, type SegmentReach } from './frame-locator.js'
import type { FrameWindow, ProvedFrame } from './frame-window.js'
import { CHUNK_BYTES_MAX, RecordBatch } from './record-batch.js'
import { SegmentFile, type SegmentPlace } from './segment-file.js'
import { type FramePosition, INDEX_SPACING_BYTES } from './segment-index.js'

/** What is read first, when nothing tells how much is wanted: the frame for an LSN begins within 16 KiB of its index entry. */
export const CHUNK_BYTES_MIN = 2 * INDEX_SPACING_BYTES

/** What one read of a chunk gave. */
export interface ChunkOfRecords {
  readonly batch: RecordBatch
  /** The LSN of the last record in it. */
  readonly lastLsn: number
  /** The frame of the LSN that follows. */
  readonly next: FramePosition
}

/** One proved frame, and the window that holds it. */
export interface FoundFrame extends ProvedFrame {
  readonly window: FrameWindow
  readonly offset: number
}

/**
 * Reads one segment, asynchronously. It looks only at frames up to an LSN that was durable *before* the call: what lies
 * behind them may be half written, or about to be cut off and written anew, and is neither believed nor kept. So
 * whatever is invalid among them is damage, reported as `SLUICE_CORRUPT` with segment, offset and LSNs, after all
 * good records before it were given.
 */
export class SegmentReader {
  readonly firstLsn: number
  readonly #file: SegmentFile
  readonly #locator: FrameLocator

  private constructor(file: SegmentFile) {
    this.firstLsn = file.firstLsn
    this.#file = file
    this.#locator = new FrameLocator(file)
  }

  /** Rejects as {@link SegmentFile.open} does. */
  static async open(place: SegmentPlace): Promise<SegmentReader> {
    return new SegmentReader(await SegmentFile.open(place))
  }

  /** Where to begin reading for `lsn`: see {@link FrameLocator.locate}. */
  async locate(lsn: number, reach: SegmentReach): Promise<FramePosition> {
    return this.#locator.locate(lsn, reach)
  }

  /**
   * The records from `fromLsn` on, as many as one chunk holds, and up to `lastLsn` at the most. `position` is a frame at
   * or before the one of `fromLsn`; `chunkBytes` is what to read, more where one frame needs it.
   */
  async records(
    position: FramePosition,
    fromLsn: number,
    lastLsn: number,
    chunkBytes: number,
  ): Promise<ChunkOfRecords> {
    const bytes = Math.min(chunkBytes, CHUNK_BYTES_MAX)
    for (let next = position; ; ) {
      let window = await this.#file.window(next.offset, bytes)
      const begin = next
      const frames: ProvedFrame[] = []
      while (next.firstLsn <= lastLsn) {
        const header = this.#headerIn(window, next, begin, lastLsn)
        if (header === undefined) break
        if (header.lastLsn >= fromLsn) {
          if (!window.holds(next.offset, header)) {
            if (next !== begin) break
            window = await this.#widened(window, next, header)
          }
          const frame = this.#provedIn(window, next, header, frames.length === 0)
          if (frame === undefined) break
          frames.push(frame)
        }
        // Where the end lies inside a frame, who reads on later begins with that frame again.
        if (header.lastLsn > lastLsn) break
        next = behind(next, header)
      }
      const lastFrame = frames.at(-1)
      if (lastFrame !== undefined) {
        const last = Math.min(lastLsn, lastFrame.header.lastLsn)
        return { batch: RecordBatch.cutDown(window.bytes, frames, fromLsn, last), lastLsn: last, next }
      }
    }
  }

  /** The frame of `lsn`. `position` is a frame at or before it. */
  async frame(position: FramePosition, lsn: number): Promise<FoundFrame> {
    for (let next = position; ; ) {
      const window = await this.#file.window(next.offset, CHUNK_BYTES_MIN)
      const begin = next
      for (;;) {
        const header = this.#headerIn(window, next, begin, lsn)
        if (header === undefined) break
        if (header.lastLsn >= lsn) return this.#frameOf(window, next, header)
        next = behind(next, header)
      }
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /**
   * The header at `position`; `undefined` where the window shows none there, and began before: a window that begins
   * there will tell whether that is damage, or only its end. Throws where this is that window.
   */
  #headerIn(
    window: FrameWindow,
    position: FramePosition,
    begin: FramePosition,
    lastLsn: number,
  ): FrameHeader | undefined {
    const found = window.header(position)
    if (found.kind === 'valid') {
      this.#locator.note(found.header, position.offset)
      return found.header
    }
    if (position !== begin) return undefined
    const reason = found.kind === 'cut' ? endsEarly(window) : found.reason
    throw this.#file.corrupt(reason, position.offset, position.firstLsn, lastLsn)
  }

  /** The frame at `position`; `undefined` where its body is damaged, and there are good frames to give before it. */
  #provedIn(
    window: FrameWindow,
    position: FramePosition,
    header: FrameHeader,
    mustBe: boolean,
  ): ProvedFrame | undefined {
    const frame = window.prove(position.offset, header)
    if (!('reason' in frame)) return frame
    if (!mustBe) return undefined
    throw this.#file.corrupt(frame.reason, position.offset, header.firstLsn, header.lastLsn)
  }

  async #frameOf(window: FrameWindow, position: FramePosition, header: FrameHeader): Promise<FoundFrame> {
    const whole = window.holds(position.offset, header) ? window : await this.#widened(window, position, header)
    const frame = whole.prove(position.offset, header)
    if ('reason' in frame) throw this.#file.corrupt(frame.reason, position.offset, header.firstLsn, header.lastLsn)
    return { ...frame, window: whole, offset: position.offset }
  }

  async #widened(window: FrameWindow, position: FramePosition, header: FrameHeader): Promise<FrameWindow> {
    const whole = await this.#file.widen(window, position.offset, header)
    if (whole !== undefined) return whole
    const reason = `the frame says ${header.frameBytes} bytes, but the file ends before`
    throw this.#file.corrupt(reason, position.offset, header.firstLsn, header.lastLsn)
  }
}

/**
 * The frame behind `found`, where the same window holds it, nothing is wrong with it, and it was durable when the window
 * was read: `durableLsn` is what was durable then.
 */
export function frameBehind(found: FoundFrame, durableLsn: number): FoundFrame | undefined {
  const { window } = found
  const next = behind({ firstLsn: found.header.firstLsn, offset: found.offset }, found.header)
  if (next.firstLsn > durableLsn) return undefined
  const result = window.header(next)
  if (result.kind !== 'valid' || !window.holds(next.offset, result.header)) return undefined
  const frame = window.prove(next.offset, result.header)
  return 'reason' in frame ? undefined : { ...frame, window, offset: next.offset }
}

function behind(position: FramePosition, header: FrameHeader): FramePosition {
  return { firstLsn: header.lastLsn + 1, offset: position.offset + header.frameBytes }
}

function endsEarly(window: FrameWindow): string {
  return `the file ends here: ${window.bytes.length} bytes are left, and a frame header has ${FRAME_HEADER_BYTES}`
}
