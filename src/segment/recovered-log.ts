import type { RecoveryReport } from './recovery-report.js'
import type { SegmentIndex } from './segment-index.js'

/** A log as recovery leaves it: everything named here is durable. */
export interface RecoveredLog {
  readonly logId: Buffer
  /** The sequence of the newest slot of the mark file. */
  readonly markSequence: number
  /** The trim mark: the lowest LSN that is kept. */
  readonly firstLsn: number
  /** The highest LSN; everything up to it is durable. `firstLsn - 1` on an empty log. */
  readonly lastLsn: number
  /** The floor for new timestamps; 0 where there is none. */
  readonly lastTimestampMs: number
  /** The first LSNs of the segment files, ascending. */
  readonly segments: readonly number[]
  /** The last segment, where appends go on; `undefined` where the next append begins a new one. */
  readonly active: RecoveredActive | undefined
  /**
   * What the next segment's header names as its predecessor, if it were begun now. 0 and 0 on a new log; where there is
   * no predecessor's file, the end offset is 0.
   */
  readonly previous: { readonly lastLsn: number; readonly endOffset: number }
  readonly report: RecoveryReport
}

/** A segment that can be written on. It is not open. */
export interface RecoveredActive {
  readonly firstLsn: number
  readonly nonce: Buffer
  /** Where the frames end: the next one goes here. */
  readonly endOffset: number
  /** The file's size: from `endOffset` on it is filled with zeros. */
  readonly fileBytes: number
  readonly frameCount: number
  readonly firstTimestampMs: number
  readonly index: SegmentIndex
}
