import { FRAME_HEADER_BYTES, type FrameHeader } from '../format/frame.js'
import { FrameLocator, type SegmentReach } from './frame-locator.js'
import type { FrameWindow, PlacedFrame, ReadAhead } from './frame-window.js'
import { CHUNK_BYTES_MAX, type FrameProof, RecordBatch } from './record-batch.js'
import { SegmentFile, type SegmentPlace } from './segment-file.js'
import { type FramePosition, INDEX_SPACING_BYTES, type IndexedFrame } from './segment-index.js'

/** What is read first, when nothing tells how much is wanted: the frame for an LSN begins within 16 KiB of its index entry. */
export const CHUNK_BYTES_MIN = 2 * INDEX_SPACING_BYTES

/** What one call for records gave. */
export interface ChunkOfRecords {
  readonly batch: RecordBatch
  /** The records of the chunk behind, where two were asked for, and the second could be used. */
  readonly secondBatch: RecordBatch | undefined
  /** The LSN of the last record in them. */
  readonly lastLsn: number
  /** The frame of the LSN that follows. */
  readonly next: FramePosition
}

/** Frames of a window, and where who reads on begins. */
interface FramesOfWindow {
  readonly window: FrameWindow
  readonly frames: readonly PlacedFrame[]
  readonly next: FramePosition
}

/** One frame, its body proved too, and the window that holds it. */
export interface FoundFrame extends PlacedFrame {
  readonly window: FrameWindow
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
  readonly #prove: FrameProof = (window, frame) => this.#mustBeWhole(window, frame)

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
  async locate(lsn: number, reach: SegmentReach): Promise<IndexedFrame> {
    return this.#locator.locate(lsn, reach)
  }

  /**
   * The records from `fromLsn` on, as many as a chunk holds, and up to `lastLsn` at the most. `position` is a frame at or
   * before the one of `fromLsn`; `bytes` is what to read, more where one frame needs it. Where that is more than one chunk,
   * a second is read at the same time, so that who takes their records waits half as often. The bodies of the frames
   * are proved as their records are taken: damage there is thrown by `batch.next()`.
   */
  async records(position: FramePosition, fromLsn: number, lastLsn: number, bytes: number): Promise<ChunkOfRecords> {
    const chunkBytes = Math.min(bytes, CHUNK_BYTES_MAX)
    const reading = bytes > chunkBytes ? this.#file.readAhead(position.offset + chunkBytes) : undefined
    try {
      const first = await this.#chunk(position, fromLsn, lastLsn, chunkBytes)
      const batch = this.#batchOf(first, fromLsn, lastLsn)
      // Where the end lies inside the last frame of the first chunk, that is the one at its `next`, and was had already.
      const second = batch.lastLsn < lastLsn ? this.#behind(first, await reading, lastLsn) : undefined
      const secondBatch = second && this.#batchOf(second, batch.lastLsn + 1, lastLsn)
      return { batch, secondBatch, lastLsn: (secondBatch ?? batch).lastLsn, next: (second ?? first).next }
    } finally {
      await reading // Else the file could be closed under it.
    }
  }

  /**
   * The frame of `lsn`. `position` is a frame at or before it: one read as a rule, since the index says how far it can
   * reach. It is read into `memory`, where that is given and has room.
   */
  async frame(position: IndexedFrame, lsn: number, memory?: Buffer): Promise<FoundFrame> {
    const { offset, nextOffset = offset } = position
    const bytes = Math.min(Math.max(nextOffset - offset, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
    for (let next: FramePosition = position; ; ) {
      const window = await this.#file.window(next.offset, bytes, FRAME_HEADER_BYTES, memory)
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

  /** The frames from that of `fromLsn` on, as many as one window holds; the first one whole, however long it is. */
  async #chunk(position: FramePosition, fromLsn: number, lastLsn: number, bytes: number): Promise<FramesOfWindow> {
    for (let begin = position; ; ) {
      const window = await this.#file.window(begin.offset, bytes)
      const { cut, ...walked } = this.#walk(window, begin, fromLsn, lastLsn)
      if (walked.frames.length > 0) return walked
      if (cut !== undefined) return this.#walk(await this.#widened(window, cut), begin, fromLsn, lastLsn)
      begin = walked.next
    }
  }

  /** The frames behind `first` that a chunk which was read with it holds; `undefined` where it shows none, for whatever reason. */
  #behind(first: FramesOfWindow, ahead: ReadAhead | undefined, lastLsn: number): FramesOfWindow | undefined {
    const { next } = first
    const window = ahead?.windowBehind(first.window, next.offset)
    if (window?.header(next).kind !== 'valid') return undefined
    const walked = this.#walk(window, next, next.firstLsn, lastLsn)
    return walked.frames.length > 0 ? walked : undefined
  }

  /**
   * The frames from `begin` on that a window which begins there holds whole, without those below `fromLsn`. `cut` is the
   * first one, where it is wanted and isn't whole. Throws where there is none at `begin`.
   */
  #walk(
    window: FrameWindow,
    begin: FramePosition,
    fromLsn: number,
    lastLsn: number,
  ): FramesOfWindow & { readonly cut?: PlacedFrame } {
    const frames: PlacedFrame[] = []
    let next = begin
    while (next.firstLsn <= lastLsn) {
      const header = this.#headerIn(window, next, begin, lastLsn)
      if (header === undefined) break
      const frame = { header, offset: next.offset }
      if (header.lastLsn >= fromLsn) {
        if (!window.holds(next.offset, header)) {
          if (next === begin) return { window, frames, next, cut: frame }
          break
        }
        frames.push(frame)
      }
      // Where the end lies inside a frame, who reads on later begins with that frame again.
      if (header.lastLsn > lastLsn) break
      next = behind(next, header)
    }
    return { window, frames, next }
  }

  /** The records from `fromLsn` to `lastLsn` of frames, of which there is one at least. */
  #batchOf({ window, frames }: FramesOfWindow, fromLsn: number, lastLsn: number): RecordBatch {
    const [first, last] = [frames[0], frames.at(-1)]
    if (first === undefined || last === undefined) throw new RangeError('a chunk without a frame')
    const run = { window: window.cutDown(first.offset, endOf(last)), frames }
    return new RecordBatch(run, fromLsn, Math.min(lastLsn, last.header.lastLsn), this.#prove)
  }

  async #frameOf(window: FrameWindow, { offset }: FramePosition, header: FrameHeader): Promise<FoundFrame> {
    const frame = { header, offset }
    const whole = window.holds(offset, header) ? window : await this.#widened(window, frame)
    this.#mustBeWhole(whole, frame)
    return { ...frame, window: whole }
  }

  #mustBeWhole(window: FrameWindow, frame: PlacedFrame): void {
    const fault = window.fault(frame)
    if (fault !== undefined) throw this.#file.corrupt(fault, frame.offset, frame.header.firstLsn, frame.header.lastLsn)
  }

  async #widened(window: FrameWindow, { header, offset }: PlacedFrame): Promise<FrameWindow> {
    const whole = await this.#file.widen(window, offset, header)
    if (whole !== undefined) return whole
    const reason = `the frame says ${header.frameBytes} bytes, but the file ends before`
    throw this.#file.corrupt(reason, offset, header.firstLsn, header.lastLsn)
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
  const frame = { header: result.header, offset: next.offset, window }
  return window.fault(frame) === undefined ? frame : undefined
}

function endOf({ header, offset }: PlacedFrame): number {
  return offset + header.frameBytes
}

function behind(position: FramePosition, header: FrameHeader): FramePosition {
  return { firstLsn: header.lastLsn + 1, offset: position.offset + header.frameBytes }
}

function endsEarly(window: FrameWindow): string {
  return `the file ends here: ${window.bytes.length} bytes are left, and a frame header has ${FRAME_HEADER_BYTES}`
}
