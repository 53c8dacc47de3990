/** What opening a log found, and what it did about it. Nothing here is an alarm but `torn`. */
export interface RecoveryReport {
  /** The lowest LSN that the log still has; `nextLsn` on an empty one. */
  readonly firstLsn: number
  /** The highest LSN found: all up to it are durable now. 0 on a new log. */
  readonly lastLsn: number
  /** The records found, `lastLsn - firstLsn + 1`. */
  readonly records: number
  /** The segment files that are there after recovery. */
  readonly segments: number
  /** The records above the highest mark: written before a crash, perhaps never synced; written again and synced now. */
  readonly rewrittenRecords: number
  /** The torn tail, where there was one: never acknowledged as durable. */
  readonly torn: TornTail | undefined
  /** Names of files that were removed: temporary ones, and segments below the trim mark. */
  readonly removedFiles: readonly string[]
  /** Bytes that were read to find all this. */
  readonly bytesRead: number
  /** Whether the log had been closed, rather than cut off by a crash. True for a new log. */
  readonly cleanShutdown: boolean
  /** Milliseconds that recovery took. */
  readonly durationMs: number
}

/** What was cut off the end of the last segment. */
export interface TornTail {
  /** The segment file's name. */
  readonly segment: string
  /** Where the cut was made: bytes from the beginning of that file. */
  readonly offset: number
  /** Bytes cut off, trailing zeros not counted. */
  readonly bytes: number
  /** The path of the file that keeps them. */
  readonly keptIn: string
  /** Why the bytes at `offset` are no frame. */
  readonly reason: string
}
