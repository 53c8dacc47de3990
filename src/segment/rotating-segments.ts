import { isDiskFull } from '../errors.js'
import { readUint64 } from '../format/checksum.js'
import { sealFrame } from '../format/frame.js'
import { SEGMENT_HEADER_BYTES } from '../format/segment-header.js'
import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { PageWriter } from './page-writer.js'
import { type ReserveState, SegmentReserve } from './segment-reserve.js'
import { type SegmentMedium, type SegmentPosition, SegmentWriter } from './segment-writer.js'

/** The drafts of frames, in memory. */
export interface FrameDrafts {
  readonly bytes: Buffer
  /** Where each frame begins in `bytes`. */
  readonly places: readonly number[]
  /** The checksum of each frame's body without a seed, where it was made already. */
  readonly checksums: readonly (number | undefined)[]
  readonly firstLsn: number
}

/** Measures the system calls of a commit. */
export interface CommitClock {
  write(call: () => void): void
  sync(call: () => void): void
  sealSync(call: () => void): void
  directorySync(call: () => void): void
}

/** Where the frames of a batch came to lie. */
export interface Placement {
  readonly segmentFirstLsn: number
  /** Where the first of them begins. */
  readonly offset: number
}

/** What was to be written didn't fit on the disk, and has been cut off again, durably. `cause` is the system's error. */
export class WriteTakenBack extends Error {
  constructor(cause: unknown) {
    super('the disk is full; what did not fit was cut off again', { cause })
  }
}

/** What the segments of a log are, and where they stand. */
export interface RotationStart {
  readonly directory: string
  readonly segmentBytes: number
  readonly access: FileAccess
  /** So many segments are kept prepared while nothing else is to be done. */
  readonly preparedSegments: number
  /** Whether the active segment is zero-filled to its end while nothing else is to be done. */
  readonly fillsActive: boolean
  readonly logId: Uint8Array
  /** The segment to continue; without one the next batch begins a new one. */
  readonly active: SegmentPosition | undefined
  readonly lastTimestampMs: number
  /** Without an active segment: where the frames of the last one end. */
  readonly previousEndOffset: number
}

/**
 * The segments of a log as the writer sees them: the active one, and what rotation needs. It throws
 * {@link WriteTakenBack} where nothing has changed, and any other error where nothing is certain any more.
 */
export class RotatingSegments {
  readonly #fileSystem: FileSystem
  readonly #start: RotationStart
  readonly #medium: SegmentMedium
  readonly #clock: CommitClock
  #active: SegmentWriter | undefined
  /** The segment whose rotation failed halfway: only to be closed. */
  #begun: SegmentWriter | undefined
  #previousEndOffset: number
  readonly #reserve: SegmentReserve

  constructor(
    fileSystem: FileSystem,
    start: RotationStart,
    clock: CommitClock,
    reserveChanged: (state: ReserveState) => void,
  ) {
    this.#fileSystem = fileSystem
    this.#start = start
    this.#clock = clock
    this.#previousEndOffset = start.previousEndOffset
    const { directory, access } = start
    this.#medium = { fileSystem, directory, access, pages: new PageWriter(fileSystem, access) }
    this.#reserve = new SegmentReserve(fileSystem, start, ({ bytes, settled }) =>
      reserveChanged({ bytes, settled: settled && !this.#activeWantsZeros }),
    )
    if (start.active !== undefined) {
      this.#active = SegmentWriter.resume(this.#medium, start.active, start.lastTimestampMs)
    }
  }

  /** Whether the next rotation waits for calls in the background: this thread's event loop has to turn for them. */
  get backgroundIsUrgent(): boolean {
    return this.#reserve.isUrgent
  }

  /** Whether there is something to do in the background: this thread's event loop has to turn for it, when there is time. */
  get hasBackgroundWork(): boolean {
    return this.#reserve.hasWork || this.#activeWantsZeros
  }

  get hasActive(): boolean {
    return this.#active !== undefined
  }

  /** Where the frames of the newest segment end. */
  get endOffset(): number {
    return this.#active?.offset ?? this.#previousEndOffset
  }

  /** Bytes left for frames in the active segment; 0 or less where there is none, or it is full. */
  get roomBytes(): number {
    return this.#active === undefined ? 0 : this.#start.segmentBytes - this.#active.offset
  }

  /** Bytes for frames in a new segment. A frame that is larger makes a segment larger than others. */
  get roomAfterRotationBytes(): number {
    return this.#start.segmentBytes - SEGMENT_HEADER_BYTES
  }

  /** Writes frames to the active segment, without a sync. */
  append(drafts: FrameDrafts, mark: number): Placement {
    const segment = this.#active
    if (segment === undefined) throw new Error('no segment is active: begin one')
    const { offset, firstLsn: segmentFirstLsn } = segment
    this.#takingBack(segment, () => this.#clock.write(() => writeFrames(segment, drafts, mark)))
    return { segmentFirstLsn, offset }
  }

  /** Makes all that was written to the active segment durable. */
  sync(): void {
    this.#clock.sync(() => this.#active?.sync())
  }

  /** Makes the entries of the directory durable. */
  syncDirectory(): void {
    this.#clock.directorySync(() => this.#fileSystem.syncDirectorySync(this.#start.directory))
  }

  /**
   * The first half of a rotation, where a segment is active: it gets its footer, and all of it is synced. Afterwards
   * none is active.
   */
  seal(lastLsn: number, mark: number): void {
    const segment = this.#active
    if (segment === undefined) return
    const framesEnd = segment.offset
    this.#takingBack(segment, () => this.#clock.sealSync(() => segment.seal(lastLsn, mark)))
    this.#previousEndOffset = framesEnd
    this.#active = undefined
    segment.close()
  }

  /**
   * The second half: header and frames go into a file under a temporary name; it is synced, then renamed, then the
   * directory is synced. Once this returns, the frames are durable.
   */
  begin(drafts: FrameDrafts, mark: number): Placement {
    for (;;) {
      try {
        return this.#begin(drafts, mark)
      } catch (error) {
        // Those that are prepared go first, as in #takingBack.
        if (!(error instanceof WriteTakenBack && this.#reserve.giveUp())) throw error
      }
    }
  }

  /** Zero-fills the active segment a little further where fewer than `leastBytes` of zeros are left. Returns whether it did. */
  zeroFill(leastBytes: number): boolean {
    const segment = this.#active
    if (segment === undefined || segment.zeroedAheadBytes >= leastBytes) return false
    try {
      return segment.zeroFill(this.#start.segmentBytes)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      segment.dropZeros()
      return false
    }
  }

  /** Begins to prepare the next segment in the background, once this one is half full. */
  prepareNext(): void {
    if (this.#active !== undefined && this.#active.offset >= this.#start.segmentBytes / 2) this.#reserve.prepareNext()
  }

  /**
   * Nothing else is to be done: prepares segments in the background, as many as were asked for, and fills the active one with
   * zeros, a slice a call. Returns whether that is to be called again.
   */
  rest(): boolean {
    this.#reserve.rest()
    if (!this.#activeWantsZeros) return false
    this.zeroFill(Number.POSITIVE_INFINITY)
    if (this.#activeWantsZeros) return true
    this.#reserve.tell()
    return false
  }

  /** Gives up what is prepared, for its room on the disk. Returns whether there was anything. */
  giveUpPrepared(): boolean {
    return this.#reserve.giveUp()
  }

  /** Gives up what is prepared; resolves once no call is under way any more. */
  stopPreparing(): Promise<void> {
    return this.#reserve.stop()
  }

  /** Cuts off the zeros ahead: the log will not be written to for now. */
  trimZeros(): void {
    this.#active?.trimZeros()
  }

  close(): void {
    const open = [this.#active, this.#begun]
    this.#active = undefined
    this.#begun = undefined
    for (const segment of open) segment?.close()
  }

  get #activeWantsZeros(): boolean {
    return this.#start.fillsActive && this.#active?.wantsZeros(this.#start.segmentBytes) === true
  }

  #begin(drafts: FrameDrafts, mark: number): Placement {
    const { segment, temporaryPath } = this.#newSegment(drafts, mark)
    this.#begun = segment
    try {
      this.#clock.write(() => writeFrames(segment, drafts, mark))
      this.#clock.sync(() => segment.sync())
      segment.publish(this.#start.directory, temporaryPath)
    } catch (error) {
      // Told by a write, or by a rename that found no room for a name. One told by a sync comes as a FailedSync.
      if (!isDiskFull(error)) throw error
      this.#begun = undefined
      segment.discard(temporaryPath)
      throw new WriteTakenBack(error)
    }
    this.syncDirectory()
    this.#begun = undefined
    this.#reserve.noteRoom()
    this.#active = segment
    return { segmentFirstLsn: segment.firstLsn, offset: SEGMENT_HEADER_BYTES }
  }

  #newSegment(drafts: FrameDrafts, mark: number): ReturnType<typeof SegmentWriter.begin> {
    const prepared = this.#reserve.take()
    const { logId } = this.#start
    const { firstLsn } = drafts
    const createdMs = readUint64(drafts.bytes, (drafts.places[0] ?? 0) + 32)
    const beginning = { logId, firstLsn, previousEndOffset: this.#previousEndOffset, mark, createdMs }
    try {
      return SegmentWriter.begin(this.#medium, beginning, prepared)
    } catch (error) {
      throw isDiskFull(error) ? new WriteTakenBack(error) : error
    }
  }

  /**
   * Writes to a segment; what doesn't fit on the disk is cut off again. If it is the next segments' zeros that fill the
   * disk, they go first, and what was to be written is tried once more: a write, other than a sync, may be repeated.
   */
  #takingBack(segment: SegmentWriter, write: () => void): void {
    for (;;) {
      const checkpoint = segment.checkpoint
      try {
        write()
        return
      } catch (error) {
        if (!isDiskFull(error)) throw error
        segment.cutBack(checkpoint)
        if (!this.#reserve.giveUp()) throw new WriteTakenBack(error)
      }
    }
  }
}

/** Completes each frame for its place, and writes them all. */
function writeFrames(segment: SegmentWriter, { bytes, places, checksums }: FrameDrafts, mark: number): void {
  for (const [index, at] of places.entries()) {
    const { offset } = segment
    const frameBytes = bytes.readUInt32LE(at + 8)
    sealFrame(bytes, at, segment.nonceChecksum, offset, mark, checksums[index])
    segment.noteFrame(readUint64(bytes, at + 24), offset, readUint64(bytes, at + 32))
    segment.put(bytes, at, frameBytes)
  }
  segment.writeOut()
}
