import type { EventEmitter } from 'eventemitter3'
import type { SluiceError } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import type { LogStats } from '../observe/stats.js'
import type { AckLevel, LogTuning } from '../options.js'
import type { RecoveryReport } from '../segment/recovery-report.js'

/** Options of `openLog`. */
export interface LogOptions extends LogTuning {
  /**
   * Where the files lie. By default Node's file system, in the writer's own thread; with another one (`sluice/testing`
   * has a simulated one) the writer runs in the calling thread.
   */
  readonly fileSystem?: FileSystem
}

export interface AppendOptions {
  /**
   * Ends the wait for room with the signal's reason. Accepted is final: from then on the outcome is the disk's, and
   * the signal is not listened to any more.
   */
  readonly signal?: AbortSignal
  /**
   * When this append resolves. `'written'`: the record survives the process, but may be gone after a power cut, and its
   * LSN used again.
   * @default the log's `ack`
   */
  readonly ack?: AckLevel
}

export interface ReadOptions {
  /** The first LSN to return. @default `firstLsn` */
  readonly from?: number
  /** The last LSN to return; past the `durableLsn` of the call, reading ends there. @default that `durableLsn` */
  readonly to?: number
  /** How many records to return at the most. */
  readonly limit?: number
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface FollowOptions {
  /** The first LSN to return; it may lie ahead of what there is. @default `firstLsn` */
  readonly from?: number
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface LogRecord {
  /** Its log sequence number: 1 for the first record of a log, and one more for each. */
  readonly lsn: number
  /** The record's bytes, the reader's own: never memory that the log will use again. */
  readonly data: Buffer
  /** Milliseconds since the epoch, of the record's frame: never lower than that of a record before it. */
  readonly timestamp: number
}

/** What the writer did for one batch. Times are in milliseconds. */
export interface CommitFigures {
  readonly firstLsn: number
  readonly lastLsn: number
  readonly records: number
  /** On disk: frame headers and padding included. */
  readonly bytes: number
  /** What made the writer start this batch. */
  readonly cause: BatchCause
  readonly waitMs: number
  readonly writeMs: number
  /** 0 where this batch was written, and its sync deferred. */
  readonly syncMs: number
  /** 0 where the directory was not synced. */
  readonly directorySyncMs: number
  /** The `durableLsn` after it. */
  readonly durableLsn: number
}

/** See `stats().batchesByCause`. */
export type BatchCause = 'idle' | 'records' | 'bytes' | 'delay' | 'flush' | 'immediate'

/**
 * A listener that throws never harms the commit path: what it throws is thrown again, outside of it. Listeners are told
 * of a batch before the code that awaits its promises goes on, which it does in one turn of the event loop or, where there
 * is much of it, in several.
 */
export interface LogEvents {
  /**
   * A batch was written, and synced unless its sync is deferred, or somebody waits for the write alone (`ack: 'written'`):
   * then it is told before the sync, with `syncMs` 0.
   */
  commit: (figures: CommitFigures) => void
  /** All up to `lsn` is durable now. */
  durable: (lsn: number) => void
  /** The disk was full: what was accepted above `lsn` is rejected, and its LSNs are free again. */
  rollback: (lsn: number) => void
  /** A segment was sealed, and the one that begins at `firstLsn` opened. */
  rotate: (segment: { readonly firstLsn: number; readonly sealedLastLsn: number }) => void
  /** A sync took longer than a second: the storage is in trouble, or overloaded. */
  slowSync: (sync: { readonly durationMs: number; readonly durableLsn: number }) => void
  /** There is room again, after an append found none. */
  drain: () => void
  /** The log latched itself; only a reopen recovers. */
  failed: (error: SluiceError) => void
  /** The log is closed, whether or not {@link Log.close} resolves: everything is released. Nothing is told after it. */
  close: () => void
}

/** Where a log stands. `failed` is for good: close it and open it again. */
export type LogStatus = 'open' | 'closing' | 'closed' | 'failed'

/** A durable, ordered log of records, in one directory. */
export interface Log extends EventEmitter<LogEvents> {
  /**
   * Appends a record, and resolves to its LSN once it is durable (or written: see `ack`). The bytes are copied before
   * `append` returns, also when it has to wait for room. Strings are stored as UTF-8. LSN order is call order.
   *
   * Throws `SLUICE_INVALID_ARGUMENT` (data of a wrong type, a string with lone surrogates, an unknown option) and
   * `SLUICE_RECORD_TOO_LARGE`.
   *
   * Rejects with `SLUICE_CLOSED`; `SLUICE_FAILED` (the log is latched), both with `outcome: 'not-written'` where it waited for
   * room until then; `SLUICE_QUEUE_FULL` (no room, and it may not wait: `outcome: 'not-written'`); `SLUICE_DISK_FULL` (`outcome: 'not-written'`); `SLUICE_COMMIT_FAILED` (`outcome: 'indeterminate'`: on its way
   * to the disk when a write or sync failed; `'not-written'`: queued behind); the signal's reason, while it waits for room.
   */
  append(data: Uint8Array | string, options?: AppendOptions): Promise<number>
  /**
   * Appends records as one frame: after any crash all of them are there, or none. Resolves to the first and last LSN.
   * Throws and rejects as `append` does; an empty array throws `SLUICE_INVALID_ARGUMENT`.
   */
  appendMany(
    data: readonly (Uint8Array | string)[],
    options?: AppendOptions,
  ): Promise<{ readonly first: number; readonly last: number }>
  /**
   * Makes everything accepted so far durable, under every flush policy, and resolves to the `durableLsn` then.
   * Rejects with `SLUICE_CLOSED`, `SLUICE_FAILED`, `SLUICE_DISK_FULL`, `SLUICE_COMMIT_FAILED`.
   */
  flush(): Promise<number>
  /**
   * Resolves when there is room again, where an append has found none since there was; else at once.
   * Rejects with `SLUICE_CLOSED` or `SLUICE_FAILED`.
   */
  ready(): Promise<void>
  /**
   * Resolves once as many segments are prepared as `preparedSegments` asks for, and the active one is filled with zeros, or no more can
   * be (the disk is or was full, or a call failed), to the bytes of those behind the active one; with `preparedSegments: 0` at once. Call it before a burst of appends: while appends
   * come one within a millisecond of the other, nothing is prepared for the option's sake, and this may not resolve. Waiting for it keeps the
   * process alive. Rejects with `SLUICE_CLOSED` or `SLUICE_FAILED`.
   */
  prepared(): Promise<number>
  /**
   * The durable records from `from` to `to`, in LSN order. Throws `SLUICE_TRIMMED` where `from` lies below `firstLsn`, or
   * a segment is trimmed away while it is read; `SLUICE_CORRUPT`, naming segment, offset and LSNs, instead of returning
   * damaged data; and `SLUICE_IO` where a system call fails. The call itself throws `SLUICE_INVALID_ARGUMENT` (options), and
   * rejects a first record with `SLUICE_CLOSED` on a closed log.
   */
  read(options?: ReadOptions): AsyncIterable<LogRecord>
  /**
   * The durable records from `from` on, and each later one once it is durable: none missed, none twice. A slow follower
   * holds back nobody. Ends when the log is closed, after the last durable record; throws `SLUICE_FAILED` after the last
   * durable record of a failed log; else throws as `read` does. Waiting for records doesn't keep the process alive: only
   * this process can append any.
   */
  follow(options?: FollowOptions): AsyncIterable<LogRecord>
  /**
   * The record with this LSN; `undefined` past `durableLsn`. Throws `SLUICE_INVALID_ARGUMENT`; rejects with `SLUICE_TRIMMED`
   * below `firstLsn`, else as `read` throws.
   */
  get(lsn: number): Promise<LogRecord | undefined>
  /**
   * Gives up the records below `beforeLsn`, in whole segments: never the active one. The new `firstLsn` is durable
   * before any file is removed. Throws `SLUICE_INVALID_ARGUMENT`.
   *
   * Rejects with `SLUICE_CLOSED`; `SLUICE_FAILED`; `SLUICE_DISK_FULL` (no file was removed yet; the log goes on, and the
   * next opening may find the records given up); `SLUICE_IO` (they are given up, and a file could not be removed).
   */
  trim(beforeLsn: number): Promise<void>
  /** The lowest LSN that can be read. */
  readonly firstLsn: number
  /** The LSN that the next append will be given. */
  readonly nextLsn: number
  /** All up to this LSN survive a power cut. 0 on a new log. */
  readonly durableLsn: number
  readonly status: LogStatus
  /** What opening found. */
  readonly recovery: RecoveryReport
  /** Counters and latency histograms since the log was opened. */
  stats(): LogStats
  /**
   * Refuses new calls, makes what was accepted durable, stops the writer and then gives the lock back. Appends that
   * still wait for room reject with `SLUICE_CLOSED`. Idempotent. On a failed log it releases everything and resolves.
   *
   * Rejects where what was accepted could not be made durable, with `SLUICE_FAILED` or `SLUICE_DISK_FULL`; everything is
   * released all the same. Where all of it is durable and only the end could not be noted, it resolves: the `failed` event
   * tells of that, and the next opening finds no clean shutdown.
   */
  close(): Promise<void>
  /** The same as {@link Log.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A log that another process may be writing to, for reading: it takes no lock and changes nothing. */
export interface LogReader {
  /** As `Log.read`, up to what the mark file says is durable; and `SLUICE_UNSUPPORTED_FORMAT` for files of a newer version. */
  read(options?: ReadOptions): AsyncIterable<LogRecord>
  /** As `Log.get`; and `SLUICE_UNSUPPORTED_FORMAT` for files of a newer version. */
  get(lsn: number): Promise<LogRecord | undefined>
  /**
   * As `Log.follow`; it ends when this reader is closed. It looks at the mark file every few milliseconds, and keeps the
   * process alive until it has ended: another process may append.
   */
  follow(options?: FollowOptions): AsyncIterable<LogRecord>
  /** As the mark file said when it was last looked at. */
  readonly firstLsn: number
  readonly durableLsn: number
  /**
   * Looks at the mark file again; resolves to the `durableLsn`. Rejects with `SLUICE_CLOSED`; `SLUICE_IO`; `SLUICE_CORRUPT`
   * (the mark file is damaged, or another log's); `SLUICE_UNSUPPORTED_FORMAT`.
   */
  refresh(): Promise<number>
  /** Ends what follows, and closes all files. Idempotent. */
  close(): Promise<void>
  /** The same as {@link LogReader.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
