import { monotonicMs } from '../ring/clock.js'
import type { RingProducer } from '../ring/producer.js'
import type { Committer } from './committer.js'
import type { FrameEncoder } from './frame-encoder.js'
import type { PendingFrame } from './pending-frame.js'

/**
 * Frames are shown to the writer once they have this many bytes together, or the turn of the event loop ends: so that it
 * works while others still come, and yet a commit has what a turn brings, where that costs less than a commit more.
 */
const ANNOUNCE_BYTES = 80 * 1024
/**
 * While the writer is at work, the checksums of what comes meanwhile are made here, up to so many bytes in a turn of the
 * event loop: that takes some 50 µs.
 */
const CHECKSUM_BYTES_A_TURN = 256 * 1024
/** What came in a turn waits for others who are being told of their appends until the turn in which the first of it is so old. */
const COMPANY_MS = 1

/** What a {@link Handover} tells, and asks. */
export interface HandoverListener {
  /** A frame was closed, and put into the ring. */
  closed(frame: PendingFrame): void
  /** Whether others are told of their appends in the turns that follow, who may append again: then a commit waits for them a little. */
  isAcknowledging(): boolean
}

/** Hands frames over to the writer: closes the open one, and shows those that are in the ring when that is worth it. */
export class Handover {
  readonly #committer: Committer
  readonly #ring: RingProducer
  readonly #encoder: FrameEncoder
  readonly #listener: HandoverListener
  /** How far the writer is known to have come. */
  writtenLsn = 0
  #unannouncedBytes = 0
  /** The last LSN of the frames that the writer has been shown by {@link announce}. */
  #shownLsn = 0
  /** Of the frames that were handed over with their checksums in this turn of the event loop. */
  #checksummedBytes = 0
  #turnEnds: NodeJS.Immediate | undefined
  /** Since when the end of a turn waits for others; `undefined` while it doesn't. */
  #waitsFromMs: number | undefined
  readonly #endTurn = (): void => {
    this.#checksummedBytes = 0
    if (this.#waitsForOthers()) {
      this.#turnEnds = setImmediate(this.#endTurn)
      return
    }
    this.#waitsFromMs = undefined
    this.#turnEnds = undefined
    this.closeFrame()
    if (this.#unannouncedBytes > 0) this.announce()
  }

  constructor(committer: Committer, encoder: FrameEncoder, listener: HandoverListener) {
    this.#committer = committer
    this.#ring = committer.ring
    this.#encoder = encoder
    this.#listener = listener
  }

  /** Something was put into the open frame: at the end of the turn it is handed over. */
  noteAppend(): void {
    this.#turnEnds ??= setImmediate(this.#endTurn)
  }

  /** Closes the open frame, if there is one, and shows it with those before it, where that is worth it. */
  closeFrame(): void {
    const frame = this.#encoder.handOver(this.#sparesChecksum())
    if (frame === undefined) return
    this.#unannouncedBytes += frame.frameBytes
    this.#listener.closed(frame)
    if (this.#unannouncedBytes >= ANNOUNCE_BYTES) this.announce()
  }

  /** Shows all frames, and whatever else there is in the ring. */
  announce(): void {
    this.#unannouncedBytes = 0
    this.#shownLsn = (this.#encoder.open?.firstLsn ?? this.#encoder.nextLsn) - 1
    this.#ring.show()
    this.#committer.wake()
  }

  /** All above `lsn` was given up. */
  rollBack(lsn: number): void {
    this.#unannouncedBytes = 0
    this.#shownLsn = lsn
  }

  /** Nothing will be handed over any more. */
  stop(): void {
    clearImmediate(this.#turnEnds)
  }

  #waitsForOthers(): boolean {
    if (!this.#listener.isAcknowledging()) return false
    const nowMs = monotonicMs()
    this.#waitsFromMs ??= this.#encoder.open?.acceptedMs ?? nowMs
    return nowMs - this.#waitsFromMs < COMPANY_MS
  }

  /** Whether the writer, which is at work, is spared the checksum of the open frame. */
  #sparesChecksum(): boolean {
    const bodyBytes = this.#encoder.open?.bodyBytes ?? 0
    const spares = this.#shownLsn > this.writtenLsn && this.#checksummedBytes + bodyBytes <= CHECKSUM_BYTES_A_TURN
    if (spares) this.#checksummedBytes += bodyBytes
    return spares
  }
}
