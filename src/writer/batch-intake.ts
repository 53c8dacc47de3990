import { monotonicMs } from '../ring/clock.js'
import type { RingConsumer } from '../ring/consumer.js'
import type { ReportedCause } from '../ring/report.js'
import { Batch } from './batch.js'
import { BatchDelay } from './batch-delay.js'
import type { WriterOptions } from './writer-options.js'

/** What {@link BatchIntake} has to know of the segments. */
interface Room {
  /** Bytes left in the active segment, and for frames in a new one. */
  readonly roomBytes: number
  readonly roomAfterRotationBytes: number
}

/** What comes from the ring next: which frames make a batch, for how long it is held back, and what started it. */
export class BatchIntake {
  readonly #options: WriterOptions
  readonly #ring: RingConsumer
  readonly #room: Room
  readonly #durable: { readonly lsn: number }
  readonly #delay: BatchDelay

  constructor(options: WriterOptions, ring: RingConsumer, room: Room, durable: { readonly lsn: number }) {
    this.#options = options
    this.#ring = ring
    this.#room = room
    this.#durable = durable
    this.#delay = new BatchDelay(options.batch.maxDelayMs)
  }

  /** Whether what was written has to be synced now, whatever the policy says. */
  get wantsFlush(): boolean {
    return this.#ring.closeRequested || this.#ring.flushTarget > this.#durable.lsn
  }

  /** Whether a batch is held for a part of a sync at most: there is no time to do something else meanwhile. */
  get holdsShortly(): boolean {
    return this.#delay.isAdaptive
  }

  /** The next batch, without taking it. There is at least one frame. */
  look(): Batch {
    const { flush, batch } = this.#options
    return Batch.collect(this.#ring, {
      maxFrames: flush.kind === 'immediate' ? 1 : Number.POSITIVE_INFINITY,
      maxRecords: batch.maxRecords,
      maxBytes: batch.maxBytes,
      roomBytes: this.#room.roomBytes,
      roomAfterRotationBytes: this.#room.roomAfterRotationBytes,
    })
  }

  /** Until when the batch should be held back; in the past for not at all. */
  holdUntilMs(batch: Batch): number {
    if (this.#options.flush.kind === 'immediate' || this.wantsFlush) return 0
    return this.#delay.holdUntilMs(batch)
  }

  /** Takes the batch. Returns what started it. */
  take(batch: Batch, nowMs: number): ReportedCause {
    const cause = this.#causeOf(batch, nowMs)
    this.#ring.take(batch.places.length)
    return cause
  }

  /** The batch is durable. */
  noteCommit({ records }: Batch, beganMs: number, syncMs: number): void {
    if (!this.#delay.isAdaptive) return
    const waiting = this.#ring.available > 0 ? this.look().records : 0
    this.#delay.noteCommit({ records, beganMs, endedMs: monotonicMs(), syncMs, waiting })
  }

  #causeOf(batch: Batch, nowMs: number): ReportedCause {
    if (this.#options.flush.kind === 'immediate') return 'immediate'
    if (batch.endedBy !== undefined) return batch.endedBy
    if (this.wantsFlush) return 'flush'
    const heldUntilMs = this.#delay.holdUntilMs(batch)
    return heldUntilMs > batch.handedOverMs && heldUntilMs <= nowMs ? 'delay' : 'idle'
  }
}
