import type { EventEmitter } from 'eventemitter3'
import type { EventShape, Matching, Query, StoredEvent } from './contract.js'

/** A live read model: which events it is made of, and how. */
export interface ProjectionDefinition<E extends EventShape, Q extends Query<E['type']>, S> {
  /**
   * Its checkpoint's name: 1 to 100 letters of ASCII, digits, dots, hyphens and underscores, with no dot in front. Two
   * projections of a store can't have one name at once, nor two that differ only in upper and lower case.
   */
  readonly name: string
  /**
   * Counted up when `init` or `apply` come to mean something else: a checkpoint of another version, or of another query,
   * is not used. A whole number from 1 on.
   * @default 1
   */
  readonly version?: number
  readonly query: Q
  /** The state before the first event: a new one each time. */
  init(): S
  /**
   * Returns the state after an event, or a promise of it. It may change the state it is given, and return that; but a
   * state that an asynchronous one changes is seen before `position` says so: let it return a new one.
   *
   * Events behind the last checkpoint are given once more after a restart, after a failure, and when the projection is
   * rebuilt: what it does elsewhere has to bear that.
   */
  apply(state: S, event: StoredEvent<Matching<E, Q>>): S | Promise<S>
  /**
   * How many events are applied between two checkpoints: a whole number from 1 on. Of a large state there are fewer: at
   * least as many events lie between as the last checkpoint had KiB.
   * @default 1000
   */
  readonly checkpointEvery?: number
  /**
   * What a checkpoint holds of the state. It is called between two events, and blocks the event loop while it runs.
   * @default JSON, which is refused for a state that it can't hold: `Map`, `Date`, `NaN` and others
   */
  serialize?(state: S): string | Uint8Array
  /** The state again. Given beside `serialize`. */
  deserialize?(bytes: Buffer): S
}

/**
 * `catching-up`: reads what there was when it began, or was started again. `live`: applies each event once it is
 * durable. `failed`: its state is that of the events up to its position, and stays so. `stopped`: for good.
 */
export type ProjectionStatus = 'catching-up' | 'live' | 'failed' | 'stopped'

export interface ProjectionProgress {
  /** How far it has come. */
  readonly position: number
  /** The last durable position when this pass over the history began. */
  readonly head: number
  /** The events that were applied since it started. */
  readonly applied: number
}

/** A checkpoint that was not used: everything is read again. */
export interface IgnoredCheckpoint {
  /**
   * `damaged`: it can't be read, or its state not be made out. `other-definition`: of another version, query or name.
   * `other-history`: the store does not have, or no longer, the event up to which it was made.
   */
  readonly reason: 'damaged' | 'other-definition' | 'other-history'
  readonly message: string
  readonly error?: unknown
}

export interface ProjectionEvents {
  /** It has caught up: see `ProjectionStatus`. */
  live: (position: number) => void
  /** Every 1,000 events while it catches up, and at the end of each pass. */
  progress: (progress: ProjectionProgress) => void
  /** A checkpoint was made. `bytes` is the size of its file. */
  checkpoint: (checkpoint: { readonly position: number; readonly bytes: number }) => void
  /** A checkpoint could not be made: the one before stays, and another one is made in its turn. */
  checkpointFailed: (error: unknown) => void
  checkpointIgnored: (checkpoint: IgnoredCheckpoint) => void
  /** It stopped at an event (`SLUICE_PROJECTION_FAILED`), or because events can't be read any more. */
  failed: (error: unknown) => void
  stopped: () => void
}

export interface UntilOptions {
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface RebuildOptions {
  /** Ends the rebuilding with the signal's reason: what was there goes on. */
  readonly signal?: AbortSignal
  /** Told every 1,000 events, and at the end of each pass. What it throws ends the rebuilding. */
  readonly onProgress?: (progress: ProjectionProgress) => void
}

/**
 * A read model that follows the store. Its listeners can't harm it: what they throw becomes an uncaught exception. It
 * doesn't keep the process alive while it waits for events.
 */
export interface Projection<S> extends EventEmitter<ProjectionEvents> {
  readonly name: string
  readonly status: ProjectionStatus
  /**
   * The state after the events up to `position`, exactly; it may be changed in place by the next one. Look, don't touch.
   */
  readonly state: Readonly<S>
  /**
   * The state includes everything up to this position. It lies at the last event that was applied, or behind it where
   * it is known that nothing more matches: `until`, `checkpoint` and `stop` find that out.
   */
  readonly position: number
  /** Why it failed. */
  readonly error: unknown
  /**
   * Resolves once the state includes everything up to a position, such as that of one's own append; the position may lie
   * ahead of what is stored.
   *
   * Throws `SLUICE_INVALID_ARGUMENT`. Rejects with `error` where the projection failed before that; `SLUICE_CLOSED` where
   * it was stopped; the signal's reason; else as reading does.
   */
  until(position: number, options?: UntilOptions): Promise<void>
  /**
   * Reads everything again, from nothing. Meanwhile the state is that of before, and goes on; at the end both are
   * exchanged at once, and a checkpoint is made. A failed projection is live again then.
   *
   * Throws `SLUICE_INVALID_ARGUMENT`, also while another one is under way. Rejects with `SLUICE_PROJECTION_FAILED` (what was
   * there goes on), `SLUICE_CLOSED`, the signal's reason, as reading does; or, the exchange being made, as `checkpoint`.
   */
  rebuild(options?: RebuildOptions): Promise<void>
  /**
   * Makes a checkpoint now, unless nothing came since the last one. Rejects with `SLUICE_CLOSED`; with `error` where the
   * projection failed; `SLUICE_DISK_FULL`; `SLUICE_IO`; `SLUICE_INVALID_ARGUMENT` (JSON can't hold the state); or with what
   * `serialize` throws.
   */
  checkpoint(): Promise<void>
  /**
   * Ends it, after an `apply` that is under way, and makes a checkpoint. Idempotent. Resolves also where that can't be
   * made: see `checkpointFailed`.
   */
  stop(): Promise<void>
}
