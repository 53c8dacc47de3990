import type { PendingFrame } from './pending-frame.js'

/** The frames that were handed over and are not settled yet, in LSN order. */
export class FrameQueue {
  readonly #frames: (PendingFrame | undefined)[] = []
  #front = 0
  /** The first frame that is not known to be written. */
  #unwritten = 0

  get isEmpty(): boolean {
    return this.#front === this.#frames.length
  }

  push(frame: PendingFrame): void {
    this.#frames.push(frame)
  }

  *[Symbol.iterator](): IterableIterator<PendingFrame> {
    for (const frame of this.#frames.slice(this.#front)) if (frame !== undefined) yield frame
  }

  /** The next frame that `writtenLsn` makes known to be written; each comes once. */
  nextWritten(writtenLsn: number): PendingFrame | undefined {
    const frame = this.#frames[this.#unwritten]
    if (frame === undefined || frame.lastLsn > writtenLsn) return undefined
    this.#unwritten++
    return frame
  }

  /** The oldest frame. */
  get front(): PendingFrame | undefined {
    return this.#frames[this.#front]
  }

  /** Removes the oldest frame; it was written. */
  shift(): void {
    this.#frames[this.#front] = undefined
    this.#front++
    // Removing from an array's beginning moves all the rest: done seldom, and then for many at once.
    if (this.#front < 1024 || this.#front * 2 < this.#frames.length) return
    this.#frames.splice(0, this.#front)
    this.#unwritten -= this.#front
    this.#front = 0
  }

  /** Removes the frames above `lsn`, and returns those of them that have appends which are not settled. */
  removeAbove(lsn: number): PendingFrame[] {
    let keep = this.#frames.length
    while (keep > this.#front && (this.#frames[keep - 1]?.lastLsn ?? 0) > lsn) keep--
    const removed = this.#frames.splice(keep)
    this.#unwritten = Math.min(this.#unwritten, keep)
    return removed.filter((frame) => frame !== undefined && frame.appends > 0) as PendingFrame[] // Those behind the front are frames.
  }
}
