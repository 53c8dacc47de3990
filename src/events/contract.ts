/**
 * The public types of the event store. Its words are those of the specification of dynamic consistency boundaries
 * (https://dcb.events/specification): an event has a type and tags, a query selects events by both, and an append can
 * carry a condition.
 */

/** What a member of the user's own union of events has: `type` tells the members apart. */
export interface EventShape {
  readonly type: string
  /** JSON, or bytes. */
  readonly data?: unknown
}

/** An event to append. */
export type NewEvent<E extends EventShape = EventShape> = E extends EventShape
  ? Pick<E, Extract<keyof E, 'type' | 'data'>> & {
      /** What the event is about, such as `course:c1`: no duplicates. @default none */
      readonly tags?: readonly string[]
      /** JSON that stands beside the data: who, why, from where. */
      readonly metadata?: unknown
      /**
       * Makes the append safe to repeat: appended again, events whose ids are all remembered are not stored again. Of one
       * append all events have an id, or none.
       */
      readonly id?: string
    }
  : never

/** An event as it is stored. */
export type StoredEvent<E extends EventShape = EventShape> = E extends EventShape
  ? Pick<E, Extract<keyof E, 'type' | 'data'>> & {
      readonly tags: readonly string[]
      readonly metadata?: unknown
      readonly id?: string
      /** 1 for the first event, then dense, in the order of the calls of `append`. */
      readonly position: number
      /** Milliseconds since the epoch, when it was accepted: never lower than that of an event before it. */
      readonly timestamp: number
    }
  : never

/** Matches an event whose type is any of `types` and whose tags include all of `tags`. It has a type or a tag at least. */
export interface QueryItem<Type extends string = string> {
  /** @default any type */
  readonly types?: readonly Type[]
  /** @default any tags */
  readonly tags?: readonly string[]
}

/** All events; those that an item matches; or those that any item of a list matches. */
export type Query<Type extends string = string> = 'all' | QueryItem<Type> | readonly QueryItem<Type>[]

/** The members of a union of events that a query can match. */
export type Matching<E extends EventShape, Q> = Q extends readonly (infer Item)[]
  ? MatchingItem<E, Item>
  : MatchingItem<E, Q>

type MatchingItem<E extends EventShape, Item> = Item extends { readonly types: readonly (infer Type)[] }
  ? OfType<E, Type>
  : E

/** The members that can have any of the types: one of a type of several, too. An empty list of types restricts nothing. */
type OfType<E extends EventShape, Type> = [Type] extends [never]
  ? E
  : E extends EventShape
    ? [E['type'] & Type] extends [never]
      ? never
      : E
    : never

/** What must not have happened for an append to be made. */
export interface AppendCondition<Type extends string = string> {
  /** The append fails if an event that this matches is there. */
  readonly failIfEventsMatch: Query<Type>
  /**
   * Only events behind this position count, as a rule the last one that the decision has seen. It may lie beyond the
   * last event that matches, and beyond all. 0: any match fails. @default 0
   */
  readonly after?: number
}

/** Positions of an append: dense from `first` to `last`. */
export interface AppendedRange {
  readonly first: number
  readonly last: number
}

export interface EventAppendOptions {
  /** Ends the wait for room with the signal's reason. Accepted is final: from then on the outcome is the disk's. */
  readonly signal?: AbortSignal
}

export interface EventReadOptions {
  /** The lowest position to return, inclusive; with `backwards` the highest. @default the first, or the last */
  readonly from?: number
  /** The highest position to return, inclusive; with `backwards` the lowest. @default the last, or the first */
  readonly to?: number
  /** From higher positions to lower ones. @default false */
  readonly backwards?: boolean
  /** How many events to return at the most: a positive integer. */
  readonly limit?: number
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface SubscribeOptions {
  /** The lowest position to return, inclusive; it may lie ahead of what there is. @default 1 */
  readonly from?: number
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What every store with dynamic consistency boundaries can do: `eventStoreConformance` checks it. */
export interface EventStore<E extends EventShape = EventShape> {
  /**
   * Appends events, all of them or none, and resolves to their positions once they are durable. The condition sees every
   * event accepted before, durable or not.
   *
   * Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses, and `SLUICE_RECORD_TOO_LARGE`.
   *
   * Rejects with `SLUICE_APPEND_CONDITION_FAILED`: `position` is the last event that broke the condition, readable then,
   * and `itemIndex` says which item of the query it matched; with `SLUICE_ID_CONFLICT` where only some of the ids are
   * remembered, or their events do not follow on each other in this order; and as `Log.append` does.
   */
  append(
    events: NewEvent<E> | readonly NewEvent<E>[],
    condition?: AppendCondition<E['type']>,
    options?: EventAppendOptions,
  ): Promise<AppendedRange>
  /**
   * The durable events that match, as of the call. Throws as `Log.read` does. One that has begun when the store is closed
   * goes on to its end, as long as its files are there; else `SLUICE_CLOSED`.
   */
  read<const Q extends Query<E['type']>>(
    query: Q,
    options?: EventReadOptions,
  ): AsyncIterable<StoredEvent<Matching<E, Q>>>
  /**
   * The durable events that match, and each later one once it is durable: none missed, none twice, in order. A slow
   * subscriber holds back nobody. Ends when the store is closed, after the last durable event; throws `SLUICE_FAILED` after
   * the last durable event of a failed store. One that had not begun when the store was closed throws `SLUICE_CLOSED`.
   */
  subscribe<const Q extends Query<E['type']>>(
    query: Q,
    options?: SubscribeOptions,
  ): AsyncIterable<StoredEvent<Matching<E, Q>>>
  /** The position of the last durable event; 0 where there is none. */
  head(): number
  /** Makes durable what was accepted, and gives the directory back. Idempotent. */
  close(): Promise<void>
}
