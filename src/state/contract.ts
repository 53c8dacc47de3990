import type { EventEmitter } from 'eventemitter3'
import type { SluiceError } from '../errors.js'
import type { LogOptions, LogStatus } from '../log/contract.js'
import type { SnapshotFileSystem } from '../snapshot/snapshot-place.js'

/** The options of the log below that a state store passes on: see `openLog`. */
export type StateLogOptions = Pick<
  LogOptions,
  | 'batch'
  | 'flush'
  | 'directorySync'
  | 'segmentBytes'
  | 'preparedSegments'
  | 'maxRecordBytes'
  | 'maxPendingBytes'
  | 'maxWaiting'
  | 'workerUrl'
>

/**
 * Makes a value of one schema version into one of the next. It is called with each value of the version before, and must
 * do nothing but compute: after a crash it may be called again. `undefined` drops the key.
 */
export type Migration = (value: unknown, key: string) => unknown

/** When a checkpoint is made by itself. */
export interface CompactionOptions {
  /** Once so many bytes of records came after the last checkpoint: 1 KiB to 1 TiB. @default 1 MiB */
  readonly logBytes?: number
  /**
   * And once they are this many times the bytes of the last checkpoint: 0 to 1,000. With 1, writing checkpoints costs
   * no more than writing the log.
   * @default 1
   */
  readonly ratio?: number
  /**
   * Or once anything has changed and so many milliseconds have passed since the last checkpoint, also one before the opening; where there never was
   * one, since the first write: 1 to 2^31-1.
   * @default never
   */
  readonly everyMs?: number
}

/** What is kept of old checkpoints. */
export interface BackupOptions {
  /**
   * So many of the last checkpoints are kept, and the log from the oldest of them on: 2 (the newest, and the one to fall back on) to
   * 1,000. @default 3
   */
  readonly keep?: number
  /** Checkpoints older than this many milliseconds are kept compressed; `false`: none. @default 86,400,000: a day */
  readonly gzipAfterMs?: number | false
  /** The newest checkpoint of each of the last so many days (of UTC) that have one is kept as well: 0 to 1,000. @default 0 */
  readonly daily?: number
  /** The newest checkpoint of each of the last so many weeks (from Monday, of UTC) that have one as well. @default 0 */
  readonly weekly?: number
}

/** The plain file beside the store. */
export interface JsonFileOptions {
  /** Its name, in the folder in which the store's folder lies. */
  readonly name: string
  /** Milliseconds from a change to the file's next writing: 0 to 2^31-1. @default 1000 */
  readonly debounceMs?: number
}

/** Options of `openStateStore`. */
export interface StateOptions {
  /** @default every 1 MiB of the log, or as much as the last checkpoint has; `false`: only by {@link StateStore.checkpoint} */
  readonly compaction?: CompactionOptions | false
  readonly backups?: BackupOptions
  /**
   * A file that holds the whole state as `{ "key": value, … }`, for other tools to read: a name, or a name and more. It is
   * replaced as a whole after changes, and when the store is opened or closed. Losing it loses nothing, and what others write into it is overwritten; but
   * where it is there before the store is, the store begins with what it holds.
   */
  readonly json?: string | JsonFileOptions
  /** The version of the values' form, from 1 on. State of a higher version is refused. @default 1 */
  readonly schemaVersion?: number
  /** How values of the version before become values of this one, by version. Needed only for versions that are found. */
  readonly migrations?: Readonly<Record<number, Migration>>
  readonly log?: StateLogOptions
  /** Where the files lie. @default Node's file system */
  readonly fileSystem?: SnapshotFileSystem
  /** The time in milliseconds since the epoch, for the age of checkpoints. @default Date.now */
  readonly now?: () => number
}

/** Which state is read. */
export interface StateReadOptions {
  /**
   * `'durable'`: what survives a power cut. `'accepted'`: also what is on its way there, and may yet be taken back (a full disk,
   * a failed one). @default 'durable'
   */
  readonly read?: 'durable' | 'accepted'
}

export interface StateWriteOptions {
  /**
   * Writes only if the key has this version now, in the accepted state; 0: only if there is no such key. Else the write rejects
   * with `SLUICE_VERSION_CONFLICT`.
   */
  readonly ifVersion?: number
}

/** A value, and the write that set it. */
export interface VersionedValue<V> {
  readonly value: Readonly<V>
  /** The LSN of the record that set it. */
  readonly version: number
}

/** What can be read, of the living state and of one that was restored. Values are frozen, deeply: they are the store's own. */
export interface StateReader<V> {
  get(key: string, options?: StateReadOptions): Readonly<V> | undefined
  has(key: string, options?: StateReadOptions): boolean
  /** The value with its version; `undefined` where there is none. */
  entry(key: string, options?: StateReadOptions): VersionedValue<V> | undefined
  /** How many keys the durable state has. */
  readonly size: number
  /** The keys in no particular order. As with a `Map`, what changes during the iteration may or may not be seen. */
  keys(options?: StateReadOptions): IterableIterator<string>
  entries(options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]>
  /**
   * The keys that begin with `prefix`, and their values, in the order of their UTF-16 code units (that of `<`). The first
   * scan sorts all keys; from then on they are kept in order, and a scan costs what it returns.
   */
  scan(prefix: string, options?: StateReadOptions): IterableIterator<[key: string, value: Readonly<V>]>
  readonly [Symbol.iterator]: () => IterableIterator<[key: string, value: Readonly<V>]>
}

/** What a transaction does: it reads the accepted state, and its own writes. */
export interface StateTransaction<V> {
  get(key: string): Readonly<V> | undefined
  has(key: string): boolean
  /** 0 where there is no such key; of a key that this transaction has written, what it was before. */
  version(key: string): number
  set(key: string, value: Readonly<V>): void
  /** Returns whether there was such a key. */
  delete(key: string): boolean
}

/** One checkpoint. */
export interface CheckpointReport {
  /** The state after the record with this LSN. */
  readonly lsn: number
  /** Its file, in the folder `snapshots`. */
  readonly file: string
  readonly entries: number
  readonly bytes: number
  readonly durationMs: number
}

/** A snapshot that could not be used. */
export interface DamagedSnapshot {
  readonly file: string
  readonly error: SluiceError
}

/** What opening found. */
export interface StateRecovery {
  /** The snapshot that the state was read from; `undefined` where all of it came from the log. */
  readonly snapshot: string | undefined
  /** Newer snapshots that were damaged: the state is whole all the same, from an older one and the log. */
  readonly damaged: readonly DamagedSnapshot[]
  /** Snapshots that the log tells of and that are gone. */
  readonly missing: readonly string[]
  /** Records of the log that came after the snapshot. */
  readonly replayed: number
  /** Values that were migrated, by the version that they were brought to. */
  readonly migrated: Readonly<Record<number, number>>
  /** Keys that came from a plain JSON file. */
  readonly adopted: number
}

/** One change of a key. */
export interface StateChange<V> {
  readonly lsn: number
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** `undefined` where the key was deleted. In the form of its time: not migrated. */
  readonly value: V | undefined
}

/** A listener that throws never harms the store: what it throws is thrown again, outside of it. */
export interface StateEvents {
  /** A checkpoint was made. */
  checkpoint: (report: CheckpointReport) => void
  /** So many of the entries of a checkpoint are written. */
  checkpointProgress: (progress: { readonly lsn: number; readonly entries: number; readonly of: number }) => void
  /** A checkpoint that was due by itself could not be made; nothing is lost, and it is tried again once the log has grown, or `everyMs` later. */
  checkpointFailed: (error: Error) => void
  /** A checkpoint was made, and old ones could not be removed or compressed, or the log not trimmed: see {@link StateStore.tidyFailure}. */
  tidyFailed: (error: Error) => void
  /** The plain JSON file could not be written; it is tried again after the next change. */
  jsonFailed: (error: Error) => void
  /** The disk was full: what was accepted above this LSN is taken back. */
  rollback: (lsn: number) => void
  /** The log latched itself: memory is back at what is durable, and only a reopen recovers. */
  failed: (error: SluiceError) => void
  close: () => void
}

/** A state as it was, for reading. */
export interface RestoredState<V> extends StateReader<V> {
  /** The LSN of the last record that is in it. */
  readonly lsn: number
  /** The highest schema version that was found in it; 1 where it is empty. */
  readonly foundVersion: number
}

/** Options of `restoreState`. */
export interface RestoreOptions extends Pick<StateOptions, 'schemaVersion' | 'migrations' | 'fileSystem'> {
  /** The state right after the record with this LSN, or at this time. @default as it is */
  readonly at?: number | Date
}

/** Keyed state in memory, in the log to survive. */
export interface StateStore<V> extends StateReader<V>, EventEmitter<StateEvents> {
  /**
   * Sets a value, and resolves to its version once it is durable. What is stored is what `JSON.stringify` makes of the value
   * during this call. Any string is a key.
   *
   * Throws `SLUICE_INVALID_ARGUMENT` (a key that is no string; a value that JSON doesn't have: `undefined`, a function, a symbol; a
   * circular one, a BigInt) and `SLUICE_RECORD_TOO_LARGE`.
   *
   * Rejects with `SLUICE_VERSION_CONFLICT`, `SLUICE_CLOSED`, `SLUICE_FAILED`, `SLUICE_DISK_FULL`, `SLUICE_COMMIT_FAILED`,
   * `SLUICE_QUEUE_FULL`, as an append to the log does.
   */
  set(key: string, value: Readonly<V>, options?: StateWriteOptions): Promise<number>
  /** Deletes a key, and resolves once that is durable, to whether there was one. Throws and rejects as {@link set} does. */
  delete(key: string, options?: StateWriteOptions): Promise<boolean>
  /**
   * Sets what `change` makes of the value that the key has in the accepted state, and resolves to it once it is durable; `undefined` deletes the key.
   * Updates of one key run one after the other. While an asynchronous `change` is under way, another write may set the key: it is
   * called again then, with that value; the tenth time this rejects with `SLUICE_VERSION_CONFLICT`. Rejects with what `change` throws.
   */
  update(
    key: string,
    change: (value: Readonly<V> | undefined, key: string) => Readonly<V> | undefined | Promise<Readonly<V> | undefined>,
  ): Promise<Readonly<V> | undefined>
  /**
   * Runs `work`, and makes all that it wrote durable as one record: after any crash all of it is there, or none. Resolves to
   * what `work` returned, once that, and all that it had read, is durable. Nothing is written where it throws. One that is synchronous can't be disturbed;
   * while an asynchronous one is under way, other writes may change what it has read: it is run again then, as with {@link update}.
   */
  transact<Result>(work: (tx: StateTransaction<V>) => Result | Promise<Result>): Promise<Result>
  /** Resolves once all that was accepted is durable. */
  flush(): Promise<void>
  /**
   * Writes the state as it is into a snapshot, in the background, and gives up the part of the log that no kept snapshot needs. Where one is
   * under way, it resolves with that one's successor, for what is asked for now; `undefined` where nothing changed since the last one. Once the
   * snapshot is durable it has succeeded: where giving up what is not needed any more fails, that is told by `tidyFailed`.
   * Rejects with `SLUICE_CLOSED`, `SLUICE_FAILED`, `SLUICE_DISK_FULL`, `SLUICE_IO`.
   */
  checkpoint(): Promise<CheckpointReport | undefined>
  /**
   * The state as it was right after a record, or at a time, as far back as backups and log reach. A time is exact: all records of that
   * millisecond are in it, and none that came later. Of backups that are older than the log, each tells its own LSN, and the times from that of its
   * last record to that of the next write.
   *
   * Rejects with `SLUICE_TRIMMED` for what lies beyond, or between two of those: `firstLsn` and `lastLsn` are the nearest backups before and behind
   * it, where there are any, and can be restored; the message names their times too. Rejects with `SLUICE_INVALID_ARGUMENT` (an LSN ahead of the
   * log), `SLUICE_CORRUPT`, `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_MIGRATION_FAILED`, `SLUICE_IO`, `SLUICE_CLOSED`.
   */
  restore(options: { readonly at: number | Date }): Promise<RestoredState<V>>
  /** All changes of a key that the log still has, oldest first. */
  history(key: string): AsyncIterable<StateChange<V>>
  /**
   * Why old checkpoints could not be removed or compressed, or the log not trimmed, behind the last checkpoint; `undefined` where nothing failed. It costs
   * room on the disk alone, and is made up for by the next checkpoint, or the next call of {@link checkpoint}.
   */
  readonly tidyFailure: Error | undefined
  readonly recovery: StateRecovery
  readonly status: LogStatus
  /** All up to this LSN is durable. */
  readonly durableLsn: number
  /** Makes what was accepted durable, and the JSON file current; then gives the directory back. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
