import { Fifo } from './fifo.js'
import type { PendingFrame } from './pending-frame.js'

/** The frames that were handed over and have not come to their level yet, in LSN order. */
export class FrameQueue {
  readonly #written = new Fifo<PendingFrame>()
  /** Those that are not known to be written. */
  readonly #unwritten = new Fifo<PendingFrame>()

  get isEmpty(): boolean {
    return this.front === undefined
  }

  push(frame: PendingFrame): void {
    this.#unwritten.push(frame)
  }

  *[Symbol.iterator](): IterableIterator<PendingFrame> {
    yield* this.#written
    yield* this.#unwritten
  }

  /** The next frame that `writtenLsn` makes known to be written; each comes once. */
  nextWritten(writtenLsn: number): PendingFrame | undefined {
    const frame = this.#unwritten.first
    if (frame === undefined || frame.lastLsn > writtenLsn) return undefined
    this.#unwritten.shift()
    this.#written.push(frame)
    return frame
  }

  /** The oldest frame. */
  get front(): PendingFrame | undefined {
    return this.#written.first ?? this.#unwritten.first
  }

  /** Removes the oldest frame; it was written. */
  shift(): void {
    this.#written.shift()
  }

  /** Removes the frames above `lsn`, and returns those of them that have appends which are not settled, in LSN order. */
  removeAbove(lsn: number): PendingFrame[] {
    const removed: PendingFrame[] = []
    for (const frames of [this.#unwritten, this.#written]) {
      for (let { last } = frames; last !== undefined && last.lastLsn > lsn; last = frames.last) {
        frames.pop()
        if (last.appends > 0) removed.push(last)
      }
    }
    return removed.reverse()
  }
}
