import type { ErrorRecord } from '../errors.js'

/** What made the writer start a batch; the order is that of {@link BATCH_CAUSES}. */
export type ReportedCause = (typeof BATCH_CAUSES)[number]

/** Causes by the number that crosses the threads. */
export const BATCH_CAUSES = ['idle', 'records', 'bytes', 'delay', 'flush', 'immediate'] as const

/** What the writer tells the coordinator. */
export type WriterReport =
  | ProgressReport
  /** The disk was full: all above `lsn` was cut off again. The writer waits to be resumed. */
  | { readonly kind: 'rollback'; readonly lsn: number; readonly error: ErrorRecord }
  /** The writer has latched itself. */
  | { readonly kind: 'failed'; readonly writtenLsn: number; readonly durableLsn: number; readonly error: ErrorRecord }
  /** Records below `firstLsn` are given up, durably. */
  | { readonly kind: 'trimmed'; readonly firstLsn: number }
  /** A trim failed; the log goes on. */
  | { readonly kind: 'trim-failed'; readonly firstLsn: number; readonly error: ErrorRecord }
  /** So many bytes of segments are prepared; `settled`: no more will be for now. */
  | { readonly kind: 'prepared'; readonly bytes: number; readonly settled: boolean }
  /** Everything is durable, every descriptor closed. */
  | { readonly kind: 'closed'; readonly durableLsn: number }

/** Takes the writer's reports to the coordinator. */
export interface ReportSink {
  send(report: WriterReport): void
  /** Says that a report will come in a moment: a thread that sleeps takes so long to wake that it had better begin now. */
  foretell(): void
}

/** A batch was written, a sync was made, or both at once. */
export interface ProgressReport {
  readonly kind: 'progress'
  readonly writtenLsn: number
  readonly durableLsn: number
  /** 0 where this report is of a sync alone. */
  readonly batchRecords: number
  readonly batchBytes: number
  readonly cause: ReportedCause
  readonly waitMs: number
  readonly writeMs: number
  readonly syncMs: number
  /** 0 or 1; 2 where a segment that was begun had no room for its name, and was begun once more. */
  readonly syncs: number
  /** The sync of the segment that a rotation sealed. */
  readonly sealSyncMs: number
  /** 0 or 1. */
  readonly sealSyncs: number
  readonly directorySyncMs: number
  readonly directorySyncs: number
  /** The segment that the batch lies in. */
  readonly segmentFirstLsn: number
  /** Where its first frame begins there. */
  readonly batchOffset: number
}
