import type { EventEmitter } from 'eventemitter3'
import type { SluiceError } from '../errors.js'
import type { Log, LogOptions, LogStatus } from '../log/contract.js'
import type { LogStats } from '../observe/stats.js'
import type { EventShape, EventStore, Query } from './contract.js'
import type { Projection, ProjectionDefinition } from './projection-contract.js'

/** Options of `openEventStore`, and of each of its contexts. */
export interface EventContextOptions
  extends Pick<
    LogOptions,
    | 'batch'
    | 'directorySync'
    | 'segmentBytes'
    | 'preparedSegments'
    | 'maxRecordBytes'
    | 'maxPendingBytes'
    | 'onFull'
    | 'maxWaiting'
    | 'workerUrl'
    | 'fileSystem'
  > {
  /**
   * When events are synced: see `LogOptions`. An append always resolves as durable, so there is no `'never'`, and
   * `everyRecords` needs an `everyMs`.
   * @default 'batch'
   */
  readonly flush?: 'batch' | 'immediate' | { readonly everyMs: number; readonly everyRecords?: number }
  /**
   * How many ids of the last events that had one are remembered, so that a retry is known: 0 to 5,000,000. An id takes
   * about 150 bytes of memory. A retry that comes later than so many ids is stored as new.
   * @default 100000
   */
  readonly rememberedIds?: number
}

export interface EventStoreOptions extends EventContextOptions {
  /**
   * Stores of their own below this one, each with its own positions, lock, writer thread, and options: those left out are
   * this store's. A name has 1 to 100 characters of `A` to `Z`, `a` to `z`, `0` to `9`, `_`, `-` and, but for the first, `.`.
   * @default none
   */
  readonly contexts?: Readonly<Record<string, EventContextOptions>>
}

/** What opening a store found. */
export interface EventStoreRecovery {
  /** Of the log: see `Log.recovery`. */
  readonly log: Log['recovery']
  /** Of the index over it, which is derived from the log. */
  readonly index: {
    /** Events that the index's files told of. */
    readonly loaded: number
    /** Events that had to be read from the log: those behind the files, or all. */
    readonly rebuilt: number
    /**
     * Why files were given up (damaged, not to be read, or of another history), or could not be removed or written, one
     * line each. Nothing is lost by it but time.
     */
    readonly discarded: readonly string[]
  }
}

/** Figures of a store. */
export interface EventStoreStats {
  /** Of the log: counters and latency histograms. */
  readonly log: LogStats
  readonly index: {
    /** Events, accepted ones included. */
    readonly events: number
    /** Different types. */
    readonly types: number
    /** Different tags. */
    readonly tags: number
    /** Ids that are remembered. */
    readonly ids: number
    /** Bytes of memory that the index holds, without the ids. */
    readonly bytes: number
  }
  /** Appends that wait for room now. */
  readonly waiting: number
}

/** A listener that throws harms nobody: what it throws is thrown again, outside of the store's work. */
export interface EventStoreEvents {
  /** All events up to `position` are durable now. */
  durable: (position: number) => void
  /** The disk was full: the events that were accepted above `position` are rejected, and their positions free again. */
  rollback: (position: number) => void
  /** The index could not be written down. Nothing is lost: it is tried again later, and rebuilt on opening if need be. */
  checkpointFailed: (error: unknown) => void
  /** The store latched itself; only a reopen recovers. */
  failed: (error: SluiceError) => void
  close: () => void
}

/** An event store in a directory. */
export interface DirectoryEventStore<E extends EventShape = EventShape>
  extends EventStore<E>,
    EventEmitter<EventStoreEvents> {
  readonly status: LogStatus
  /** What opening found. */
  readonly recovery: EventStoreRecovery
  stats(): EventStoreStats
  /** A store of the `contexts` option. Throws `SLUICE_INVALID_ARGUMENT` where it has none of this name. */
  context<Own extends EventShape = E>(name: string): DirectoryEventStore<Own>
  /**
   * A live read model: its state follows the store, and is resumed from a checkpoint after a restart.
   *
   * Throws `SLUICE_INVALID_ARGUMENT`, also where one of this name is live already; `SLUICE_CLOSED`; and what `init` throws.
   */
  project<const Q extends Query<E['type']>, S>(definition: ProjectionDefinition<E, Q, S>): Projection<S>
  /** As {@link EventStore.close}; also of the contexts and the projections. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
