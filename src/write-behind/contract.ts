import type { EventEmitter } from 'eventemitter3'
import type { SluiceError } from '../errors.js'
import type { LogOptions } from '../log/contract.js'
import type { HistogramSummary } from '../observe/stats.js'

/** A key and the value to be saved under it. */
export interface Entry<V, K extends string = string> {
  readonly key: K
  readonly value: V
}

/** An entry of a batch that was not saved. */
export interface SaveFailure<K extends string = string> {
  readonly key: K
  readonly error: unknown
}

/** What a repository may answer where some of a batch was saved, and some not. Keys that it does not name were saved. */
export interface SaveReport<K extends string = string> {
  readonly failed: Iterable<SaveFailure<K>>
}

/** What saves entries: a table, a store, another service. */
export interface Repository<V, K extends string = string> {
  /**
   * Saves a batch: one value a key, the newest; a key is never in two batches at once. Resolving without a report says that
   * all of them are saved; rejecting says that nothing is known of any of them, and all are saved again. So saving must be
   * repeatable: an entry that is saved twice, the same or a later value, is as good as saved once.
   *
   * `signal` is aborted once `saveTimeoutMs` have passed. Until the promise settles, its keys are not saved again.
   */
  saveMany(
    entries: readonly Entry<V, K>[],
    options: { readonly signal: AbortSignal },
    // biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return is the usual repository
  ): Promise<SaveReport<K> | void>
  /** The value that was saved last; `undefined` where there is none. For reading through; writing behind never calls it. */
  load?(key: K): Promise<V | undefined>
}

/** Time, as everything here sees it. */
export interface Clock {
  /** Milliseconds since any moment; never goes back. */
  nowMs(): number
  /** Milliseconds since the epoch. */
  epochMs(): number
  /** Calls `run` once, after so many milliseconds; returns what calls it off. While it waits, the process stays alive. */
  setTimer(run: () => void, delayMs: number): () => void
}

/** A logger of pino's shape. */
export interface SummaryLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How values become bytes in the journal, and back. */
export interface Codec<V> {
  /** Called before `markDirty` returns. What it throws, `markDirty` throws as the cause of `SLUICE_INVALID_ARGUMENT`. */
  encode(value: V): Uint8Array | string
  /** What it throws after a crash is the cause of `SLUICE_CORRUPT`. */
  decode(bytes: Buffer): V
}

/** Where marks are kept until they are saved. */
export interface JournalOptions {
  /** The folder of its log; it is made where it is missing. One write-behind a folder. */
  readonly directory: string
  /** As for `openLog`: another file system, for simulated crashes. */
  readonly fileSystem?: LogOptions['fileSystem']
  /**
   * Bytes at which a segment of the log is sealed: 16 KiB to 1 GiB. The journal gives room back in whole segments.
   * @default 8 MiB
   */
  readonly segmentBytes?: number
  /**
   * Entries that stay dirty long would hold all later records. Once these bytes lie above the oldest of them, and four
   * times as many as all dirty entries need, they are appended anew, and the old ones trimmed. At least `segmentBytes`.
   * @default four segments
   */
  readonly compactBytes?: number
}

/** Options of `createWriteBehind`. Unknown names, and values out of range, are refused with `SLUICE_INVALID_OPTION`. */
export interface WriteBehindOptions<V, K extends string = string> {
  readonly repository: Repository<V, K>
  /**
   * The value of a key that was marked dirty without one, at the moment its save begins. `undefined` says that there is
   * nothing to save any more. What it throws counts as a failed save of that entry.
   */
  readonly read?: (key: K) => V | undefined
  /** Milliseconds from a first mark to the flush that saves it: 1 to 86,400,000. @default 1000 */
  readonly intervalMs?: number
  /** Entries in a batch at the most; that many dirty ones are flushed without waiting: 1 to 1,000,000. @default 500 */
  readonly maxBatch?: number
  /** Batches that are saved at the same time: 1 to 256. @default 4 */
  readonly concurrency?: number
  /** Dirty keys at the most; past it, marks of further keys wait, or are refused: 1 to 100,000,000. @default 100,000 */
  readonly maxDirty?: number
  /** What a mark does past `maxDirty`: wait, or reject with `SLUICE_QUEUE_FULL`. @default 'wait' */
  readonly onFull?: 'wait' | 'reject'
  /** Marks that may wait; past it even `'wait'` rejects: 0 to 1,048,576. @default 16,384 */
  readonly maxWaiting?: number
  /** Milliseconds after which the signal of a save is aborted: 1 to 86,400,000. @default 30,000 */
  readonly saveTimeoutMs?: number
  readonly retry?: {
    /** Milliseconds before an entry is saved again, after a first failure: 1 to 3,600,000. They double. @default 100 */
    readonly initialDelayMs?: number
    /** The longest wait, in milliseconds: `initialDelayMs` to 86,400,000. @default 30,000 */
    readonly maxDelayMs?: number
    /** How often an entry has to fail until `flush()` and `close()` say that it can't be saved: 1 to 1000. @default 3 */
    readonly flushAttempts?: number
  }
  readonly breaker?: {
    /** Saves that fail as a whole, one after the other, until the repository is left alone: 1 to 1000. @default 5 */
    readonly failures?: number
    /** Milliseconds until one batch tries it again: 1 to 3,600,000. @default 5000 */
    readonly halfOpenAfterMs?: number
  }
  /**
   * With a journal `markDirty` resolves once the mark would survive a power cut; marks that a crash left unsaved are dirty
   * again after the next creation.
   */
  readonly journal?: string | JournalOptions
  /** @default JSON */
  readonly codec?: Codec<V>
  /** One line for each flush that saved something or failed to: `info`, or `warn` where an entry failed. */
  readonly logger?: SummaryLogger
  /** @default the system's */
  readonly clock?: Clock
  /** Numbers from 0 to 1, for jitter. @default Math.random */
  readonly random?: () => number
}

/** What one flush did. */
export interface FlushSummary {
  readonly saved: number
  /** Saves of entries that failed; they stay dirty. */
  readonly failed: number
  readonly batches: number
  readonly durationMs: number
  /** Dirty entries left: those that failed, and those that were marked meanwhile. */
  readonly dirty: number
}

/** A listener that throws harms nothing: what it throws is thrown again from the event loop. */
export interface WriteBehindEvents<K extends string = string> {
  /** A flush ended that did something. */
  flush: (summary: FlushSummary) => void
  /** Entries of one batch were not saved, and stay dirty. `whole`: all of the batch. */
  saveFailed: (failure: { readonly keys: readonly K[]; readonly error: unknown; readonly whole: boolean }) => void
  /** `slow`: a flush took more than half of the interval, which was stretched. `full`: a mark found no room. */
  strained: (strain: { readonly reason: 'slow' | 'full'; readonly intervalMs: number; readonly dirty: number }) => void
  /** The interval is what was asked for, and there is room. */
  recovered: () => void
  /** The repository is left alone until one batch tries it again. */
  breakerOpen: (state: { readonly error: unknown; readonly retryAfterMs: number }) => void
  breakerClosed: () => void
  /**
   * The journal's log latched itself, or did not open: further marks reject. What is dirty is still saved. Also where
   * room could not be given back (`SLUICE_IO`, `SLUICE_DISK_FULL`): then it is tried again.
   */
  journalFailed: (error: SluiceError) => void
  close: () => void
}

export interface WriteBehindStats {
  /** Keys whose newest mark is not saved. */
  readonly dirty: number
  /** Of these, how many are in a save that is under way. */
  readonly saving: number
  /** Marks that wait for room. */
  readonly waiting: number
  /** Milliseconds: `intervalMs`, or what it was stretched to. */
  readonly intervalMs: number
  readonly strained: boolean
  readonly breaker: 'closed' | 'open' | 'half-open'
  /** Flushes that did something. */
  readonly flushes: number
  /** Duration of the last one. */
  readonly lastFlushMs: number | undefined
  readonly savedInLastFlush: number
  readonly totalSaved: number
  /** Every failed save of an entry. */
  readonly totalSaveErrors: number
  /** Batches that failed as a whole since one was saved, in whole or in part. */
  readonly consecutiveFailures: number
  /** When a flush last ended in which everything was saved. */
  readonly lastSuccessfulFlush: Date | undefined
  /** Milliseconds of flushes. */
  readonly flushMs: HistogramSummary
  /** Unsaved marks that the journal held when it was opened; `undefined` without a journal, or before it is open. */
  readonly replayed: number | undefined
}

/** Marks keys dirty, and saves their values in batches. */
export interface WriteBehind<V, K extends string = string> extends EventEmitter<WriteBehindEvents<K>> {
  /**
   * Marks a key dirty. Without a value, `read` is asked for it when its save begins; with one, the newest mark's is saved,
   * as it is then: values are not copied. However often it is marked, a key is saved once a flush.
   *
   * Resolves once the mark is taken, which without a journal is at once where there is room; with one, once it would
   * survive a power cut. (With a journal a mark without a value is one with what `read` returns at the call; where that is
   * `undefined`, the key's earlier marks are neither saved nor replayed.)
   *
   * Throws `SLUICE_INVALID_ARGUMENT`: a key that is no well-formed string, no value and no `read`, a value that the journal's
   * codec refuses. Rejects with `SLUICE_CLOSED`; `SLUICE_QUEUE_FULL`; `SLUICE_RECORD_TOO_LARGE` (over 16 MiB in the journal);
   * as `ready` does; and with what the journal's log rejects with: such a mark is void, unless its `outcome` is
   * `'indeterminate'`: then it may be replayed after a crash.
   */
  markDirty(key: K, value?: V): Promise<void>
  /**
   * Saves all that was marked before, without waiting for the interval, and resolves then. (A mark that still waits for room
   * is not taken yet.) An entry is tried `retry.flushAttempts` times.
   *
   * Rejects with `SLUICE_SAVE_FAILED`, whose `keys` could not be saved: they stay dirty, and are tried again later. While the
   * breaker is open it waits for the next try, and rejects where that fails. Rejects as `ready` does, and with `SLUICE_CLOSED`.
   */
  flush(): Promise<void>
  /**
   * Resolves once the journal is open, and what it held is dirty again; at once without one. Marks wait for it by themselves.
   * Rejects as `openLog` does; with `SLUICE_CORRUPT` and `SLUICE_UNSUPPORTED_FORMAT` where it holds something else than marks.
   */
  ready(): Promise<void>
  isDirty(key: K): boolean
  /** The newest value that is not saved yet; `undefined` where there is none: read through it before the repository. */
  dirtyValue(key: K): V | undefined
  stats(): WriteBehindStats
  /**
   * Refuses further marks, flushes, and ends. Idempotent. Rejects with `SLUICE_SAVE_FAILED` where something could not be
   * saved, having ended all the same: what is in a journal is replayed by the next creation, anything else is lost.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
