/** One histogram, in numbers. */
export interface HistogramSummary {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly mean: number
  readonly count: number
}

export type HistogramName =
  /** Milliseconds from accepted to acknowledged as durable, for each record. Those that wait for the write alone don't count. */
  | 'appendMs'
  /** Milliseconds from the handover of a batch's first frame until the writer began to write it. */
  | 'waitMs'
  /** Milliseconds of a batch's write(2). */
  | 'writeMs'
  /** Milliseconds of an fdatasync(2). */
  | 'syncMs'
  /** Milliseconds of a sync of the directory. */
  | 'directorySyncMs'
  /** Records of a batch. */
  | 'recordsPerBatch'
  /** Bytes of a batch, frame headers and padding included. */
  | 'bytesPerBatch'

export interface LogCounters {
  /** Records that were written. */
  readonly records: number
  /** Bytes that were written, frame headers and padding included. */
  readonly bytes: number
  /** Writes that had frames in them, each of one or more. */
  readonly batches: number
  /** Calls of fdatasync(2) on segments. */
  readonly syncs: number
  /** Syncs of the log's directory. */
  readonly directorySyncs: number
  /** Commits that failed: with a full disk (each `rollback`), or for good. */
  readonly failures: number
  /** Segments that were sealed because they were full. */
  readonly rotations: number
  readonly batchesByCause: {
    /** The writer was free and took what was there. */
    readonly idle: number
    /** `batch.maxRecords` was reached. */
    readonly records: number
    /** `batch.maxBytes` was reached, or the segment was full. */
    readonly bytes: number
    /** `batch.maxDelayMs` had passed. */
    readonly delay: number
    /** `flush()` or `close()` asked for it. */
    readonly flush: number
    /** `flush: 'immediate'`. */
    readonly immediate: number
  }
}

export interface LogStats extends LogCounters {
  readonly histograms: Readonly<Record<HistogramName, HistogramSummary>>
  /** A histogram's percentile distribution in the `.hgrm` text form that HdrHistogram's plotters read. */
  hgrm(name: HistogramName): string
  /** Bytes of shared memory that accepted records take up now. */
  readonly pendingBytes: number
  /** Appends that wait for room now. */
  readonly waiting: number
  /** Bytes of their copies: together with `pendingBytes` never more than `maxPendingBytes`. */
  readonly waitingBytes: number
  /** Bytes of segments that are zero-filled ahead and ready, behind the active one, for `preparedSegments`; 0 without it. */
  readonly preparedBytes: number
}
