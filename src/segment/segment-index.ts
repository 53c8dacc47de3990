/** One frame in this many bytes is indexed: `get` reads about as much to find a record. */
export const INDEX_SPACING_BYTES = 16 * 1024

/** Where a frame begins, and the first LSN in it. */
export interface FramePosition {
  readonly firstLsn: number
  readonly offset: number
}

/** A frame that is in an index. */
export interface IndexedFrame extends FramePosition {
  /** Where the next frame in the index begins, which no frame before it reaches beyond; `undefined` for the last one. */
  readonly nextOffset: number | undefined
}

/**
 * A sparse index of one segment's frames: the first LSN and the offset of one frame in each 16 KiB or so. It grows while
 * the segment is written, goes into the footer when it is sealed, and can be rebuilt by reading frame headers.
 */
export class SegmentIndex {
  readonly lsns: number[]
  readonly offsets: number[]

  constructor(lsns: readonly number[] = [], offsets: readonly number[] = []) {
    this.lsns = [...lsns]
    this.offsets = [...offsets]
  }

  /** Notes a frame; frames come in order. Keeps it only where the last entry lies far enough behind. */
  add(firstLsn: number, offset: number): void {
    const last = this.offsets.at(-1)
    if (last !== undefined && offset - last < INDEX_SPACING_BYTES) return
    this.lsns.push(firstLsn)
    this.offsets.push(offset)
  }

  /** The offset of the last indexed frame that begins at or below `lsn`; `undefined` where there is none. */
  offsetFor(lsn: number): number | undefined {
    return this.positionFor(lsn)?.offset
  }

  /** The last indexed frame that begins at or below `lsn`; `undefined` where there is none. */
  positionFor(lsn: number): IndexedFrame | undefined {
    let low = 0
    let high = this.lsns.length
    while (low < high) {
      const middle = (low + high) >>> 1
      // `middle` lies inside the array, whatever the compiler can tell.
      if ((this.lsns[middle] ?? Number.POSITIVE_INFINITY) <= lsn) low = middle + 1
      else high = middle
    }
    const firstLsn = this.lsns[low - 1]
    const offset = this.offsets[low - 1]
    return firstLsn === undefined || offset === undefined
      ? undefined
      : { firstLsn, offset, nextOffset: this.offsets[low] }
  }
}
