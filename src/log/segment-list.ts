import { SegmentIndex } from '../segment/segment-index.js'
import type { PendingFrame } from './pending-frame.js'

/** Which segments the log has, and a sparse index of the one that is being written: what readers in this process need. */
export class SegmentList {
  readonly #segments: number[]
  #tailIndex: SegmentIndex

  /** `segments` are first LSNs, ascending; `tailIndex` is that of the last one, where it is still written to. */
  constructor(segments: readonly number[], tailIndex: SegmentIndex | undefined) {
    this.#segments = [...segments]
    this.#tailIndex = tailIndex ?? new SegmentIndex()
  }

  /** First LSNs, ascending. */
  get firstLsns(): readonly number[] {
    return this.#segments
  }

  /** The index of this segment, if it is the one being written. */
  tailIndex(segmentFirstLsn: number): SegmentIndex | undefined {
    return segmentFirstLsn === this.#segments.at(-1) && this.#tailIndex.lsns.length > 0 ? this.#tailIndex : undefined
  }

  /** Notes the frames of a batch, the first of which begins at `offset`. Returns whether the segment is a new one. */
  noteBatch(segmentFirstLsn: number, offset: number, frames: readonly PendingFrame[]): boolean {
    const isNew = this.#segments.at(-1) !== segmentFirstLsn
    if (isNew) {
      this.#segments.push(segmentFirstLsn)
      this.#tailIndex = new SegmentIndex()
    }
    let at = offset
    for (const frame of frames) {
      this.#tailIndex.add(frame.firstLsn, at)
      at += frame.frameBytes
    }
    return isNew
  }

  /** Forgets the segments below the trim mark. */
  trim(firstLsn: number): void {
    while ((this.#segments[1] ?? Number.POSITIVE_INFINITY) <= firstLsn) this.#segments.shift()
  }
}
