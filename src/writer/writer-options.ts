import type { SegmentPosition } from '../segment/segment-writer.js'

/** What the writer is told: plain data, so that it can cross to its thread. */
export interface WriterOptions {
  readonly directory: string
  readonly batch: { readonly maxRecords: number; readonly maxBytes: number; readonly maxDelayMs: number | 'adaptive' }
  readonly flush: FlushPolicy
  readonly directorySync: 'changed' | 'always'
  readonly segmentBytes: number
  /** So many segments are kept prepared while nothing else is to be done. */
  readonly preparedSegments: number
}

/** As `FlushPolicy` of the options, which the writer may not import. */
export type FlushPolicy =
  | { readonly kind: 'batch' }
  | { readonly kind: 'immediate' }
  | { readonly kind: 'interval'; readonly everyMs: number }
  | { readonly kind: 'count'; readonly everyRecords: number; readonly everyMs: number | undefined }
  | { readonly kind: 'never' }

/** Where the writer begins: what recovery found. */
export interface WriterStart {
  readonly logId: Uint8Array
  readonly firstLsn: number
  readonly lastLsn: number
  readonly lastTimestampMs: number
  readonly segments: readonly number[]
  readonly active: SegmentPosition | undefined
  readonly previous: { readonly lastLsn: number; readonly endOffset: number }
}
