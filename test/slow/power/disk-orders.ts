import type { Acknowledged } from './ack-board.js'
import type { CutManner } from './volatile-disk.js'

/**
 * The moment of a cut: at once; when the disk is told to flush, and has not begun to; when it has flushed, and has not said
 * so; after so many more writes.
 */
export type CutMoment = 'now' | 'before-flush' | 'after-flush' | { readonly afterWrites: number }

/** How a power cut is made. */
export interface Cut {
  /** Where the disk is left as it is found afterwards. */
  readonly path: string
  readonly moment: CutMoment
  readonly manner: CutManner
  readonly seed: number
  readonly tornUnitBytes: number
  /** The `AckBoard` that is read at that moment. */
  readonly board: string
}

/** What a cut came to. */
export interface CutOutcome {
  /** How many writes that were not flushed are missing, at least in part. */
  readonly missing: number
  /** What had been acknowledged at that moment. */
  readonly acknowledged: Acknowledged
}

/** What is written to a disk's `control` file, as JSON. */
export type DiskOrder =
  /** Leaves at `path` what a power cut would leave. The disk goes on. Takes the place of an order that still waits for its moment. */
  | ({ readonly kind: 'cut' } & Cut)
  /** After so many more of them, every write or flush fails with EIO. */
  | { readonly kind: 'trouble'; readonly what: 'write' | 'flush'; readonly after: number }
  /** From now on a flush is acknowledged, and does nothing. */
  | { readonly kind: 'lie' }

/** What `control` reads as. */
export interface DiskAnswer {
  readonly writes: number
  readonly flushes: number
  /** The outcome of the last cut that was ordered; absent until its moment has come. */
  readonly cut?: CutOutcome
}
