import { SluiceError, shown } from '../errors.js'
import type {
  AppendCondition,
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  EventShape,
  EventStore,
  Matching,
  NewEvent,
  Query,
  StoredEvent,
} from './contract.js'
import { type CheckedQuery, checkQuery, isPlain, refuse, refuseUnknown } from './query.js'
import { matchesQuery, plainQuery, unionOfQueries } from './query-match.js'

const RETRIES = 10

/** A small projection: what a decision needs to know about one thing, such as the capacity of a course. */
export interface DecisionProjection<E extends EventShape, Q extends Query<E['type']>, S> {
  /** Which events it is made of. An append that the model protects fails if another one of them was stored since. */
  readonly query: Q
  /** The state before the first event: a new one each time. */
  init(): S
  /** The state after an event, which is given only where `query` matches it. */
  apply(state: S, event: StoredEvent<Matching<E, Q>>): S
}

/** Any projection over the events of a store: `never` stands for what only the projection itself knows. */
export interface AnyDecisionProjection<Type extends string = string> {
  readonly query: Query<Type>
  init(): unknown
  apply(state: never, event: never): unknown
}

/** The projections of a decision model, by the names under which their states are found. */
export type DecisionProjections<Type extends string = string> = Readonly<Record<string, AnyDecisionProjection<Type>>>

/** The state of each projection. */
export type DecisionState<M extends DecisionProjections> = {
  readonly [Name in keyof M]: M[Name] extends { init(): infer S } ? S : never
}

/** What a decision is made from, and what protects it. */
export interface DecisionModel<E extends EventShape, M extends DecisionProjections> {
  readonly state: DecisionState<M>
  /** Fails if an event that any of the projections would have seen was stored behind `position`. */
  readonly appendCondition: AppendCondition<E['type']>
  /** The state includes everything up to this position: the last durable one when it was read. */
  readonly position: number
}

/**
 * What a decision model is read from: any event store. `E` are the events as it gives them, by which TypeScript finds
 * out which they are.
 */
export interface DecisionSource<E extends EventShape> {
  read(query: 'all', options?: EventReadOptions): AsyncIterable<E>
  head(): number
}

/** What a decision is made on: any event store. */
export interface DecisionStore<E extends EventShape> extends DecisionSource<E> {
  append(
    events: readonly NewEvent<E>[],
    condition?: AppendCondition<E['type']>,
    options?: EventAppendOptions,
  ): Promise<AppendedRange>
}

export interface DecisionOptions {
  /** Ends reading, and the wait for room, with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface DecideOptions extends DecisionOptions {
  /** How often the decision is made again after another event came in between: a whole number from 0 on. @default 10 */
  readonly retries?: number
}

/** What a decision comes to: events to append, or none. */
export type Decision<E extends EventShape> = NewEvent<E> | readonly NewEvent<E>[] | undefined

/**
 * Returns a function that takes a projection over the events `E`, and gives it back: it only lets TypeScript find out
 * the types of the state and of the events that `apply` is given.
 */
export function projectionsOf<E extends EventShape>(): <const Q extends Query<E['type']>, S>(
  projection: DecisionProjection<E, Q, S>,
) => DecisionProjection<E, Q, S> {
  return (projection) => projection
}

/**
 * Reads what several projections need in one pass, each of which is given only the events that its own query matches,
 * and says under which condition an append is protected: that nothing any of them would have seen was stored since.
 *
 * Throws `SLUICE_INVALID_ARGUMENT`. Rejects as reading does, with the signal's reason, or with what a projection throws.
 */
export function buildDecisionModel<E extends EventShape, const M extends DecisionProjections<E['type']>>(
  store: DecisionSource<E>,
  projections: M,
  options: DecisionOptions = {},
): Promise<DecisionModel<E, M>> {
  const plan = new DecisionPlan<E, M>(projections)
  return plan.read(store, checkedSignal('buildDecisionModel', options, ['signal']))
}

/**
 * Makes a decision and appends what it comes to, protected by the events it was made from. If another event came in
 * between, it is made again, from the state that includes that event.
 *
 * The handler is given the state and returns the events, or nothing where there is nothing to do: `decide` then resolves to
 * `undefined`. What the handler throws refuses: nothing is appended, and `decide` rejects with it.
 *
 * Throws `SLUICE_INVALID_ARGUMENT`. Rejects with `SLUICE_APPEND_CONDITION_FAILED` once it has tried `retries` times more;
 * else as `buildDecisionModel` and `append` do.
 */
export function decide<
  E extends EventShape,
  const M extends DecisionProjections<E['type']>,
  const D extends Decision<E>,
>(
  store: DecisionStore<E>,
  projections: M,
  handler: (state: DecisionState<M>) => D | Promise<D>,
  options: DecideOptions = {},
): Promise<AppendedRange | undefined> {
  const plan = new DecisionPlan<E, M>(projections)
  if (typeof handler !== 'function') refuse(`the handler must be a function, not ${shown(handler)}`)
  const signal = checkedSignal('decide', options, ['signal', 'retries'])
  const { retries = RETRIES } = options
  if (!Number.isSafeInteger(retries) || retries < 0) {
    refuse(`retries must be a whole number from 0 to 2^53-1, not ${shown(retries)}`)
  }
  return decideWith(store, plan, handler, retries, signal)
}

async function decideWith<E extends EventShape, M extends DecisionProjections<E['type']>>(
  store: DecisionStore<E>,
  plan: DecisionPlan<E, M>,
  handler: (state: DecisionState<M>) => Decision<E> | Promise<Decision<E>>,
  retries: number,
  signal: AbortSignal | undefined,
): Promise<AppendedRange | undefined> {
  const appendOptions: EventAppendOptions = signal === undefined ? {} : { signal }
  for (let left = retries; ; left--) {
    const { state, appendCondition } = await plan.read(store, signal)
    const decision = await handler(state)
    if (decision === undefined) return undefined
    const events = isList(decision) ? decision : [decision]
    if (events.length === 0) return undefined
    try {
      return await store.append(events, appendCondition, appendOptions)
    } catch (error) {
      // It is told only once the event in between is durable: the next reading finds it.
      const conflict = error instanceof SluiceError && error.code === 'SLUICE_APPEND_CONDITION_FAILED'
      if (!conflict || left === 0) throw error
    }
  }
}

/** `Array.isArray` doesn't know of arrays that are only to be read. */
function isList<E extends EventShape>(
  decision: NewEvent<E> | readonly NewEvent<E>[],
): decision is readonly NewEvent<E>[] {
  return Array.isArray(decision)
}

interface PlannedProjection {
  readonly name: string
  readonly query: CheckedQuery
  readonly init: () => unknown
  readonly apply: (state: unknown, event: unknown) => unknown
}

/** Projections that were checked, and the union of their queries. */
class DecisionPlan<E extends EventShape, M extends DecisionProjections<E['type']>> {
  readonly #projections: readonly PlannedProjection[]
  readonly #query: Query<E['type']>

  constructor(projections: M) {
    if (!isPlain(projections)) refuse(`the projections must be an object, not ${shown(projections)}`)
    this.#projections = Object.entries(projections).map(([name, projection]) => planned(name, projection))
    if (this.#projections.length === 0) refuse('a decision model has a projection at least')
    // Its types are those of the projections' queries.
    this.#query = plainQuery(unionOfQueries(this.#projections.map(({ query }) => query))) as Query<E['type']>
  }

  async read(store: DecisionSource<E>, signal: AbortSignal | undefined): Promise<DecisionModel<E, M>> {
    signal?.throwIfAborted()
    // Before anything is read: what is stored from now on lies behind it, and breaks the condition where it matches.
    const position = store.head()
    const readings = this.#projections.map((projection) => ({ ...projection, state: projection.init() }))
    if (position > 0) {
      // Every store takes every query: only what TypeScript has to know of it is said with 'all'.
      const source = store as unknown as Pick<EventStore<E>, 'read'>
      const events = source.read(this.#query, { to: position, ...(signal === undefined ? {} : { signal }) })
      for await (const event of events) {
        for (const reading of readings) {
          if (matchesQuery(reading.query, event)) reading.state = reading.apply(reading.state, event)
        }
      }
    }
    const state = Object.fromEntries(readings.map((reading) => [reading.name, reading.state]))
    return {
      // Under each name is what the projection of that name has made.
      state: state as DecisionState<M>,
      appendCondition: { failIfEventsMatch: this.#query, after: position },
      position,
    }
  }
}

function planned(name: string, projection: AnyDecisionProjection): PlannedProjection {
  const called = `projections.${name}`
  if (!isPlain(projection)) refuse(`${called} must be an object, not ${shown(projection)}`)
  refuseUnknown(called, projection, ['query', 'init', 'apply'])
  const { query, init, apply } = projection
  if (typeof init !== 'function') refuse(`${called}.init must be a function, not ${shown(init)}`)
  if (typeof apply !== 'function') refuse(`${called}.apply must be a function, not ${shown(apply)}`)
  return {
    name,
    query: checkQuery(`${called}.query`, query),
    init: () => projection.init(),
    // It is given its own state, and only events that its own query matches: what it was typed for.
    apply: (state, event) => projection.apply(state as never, event as never),
  }
}

function checkedSignal(method: string, options: DecideOptions, known: readonly string[]): AbortSignal | undefined {
  if (!isPlain(options)) refuse(`the options of ${method} must be an object, not ${shown(options)}`)
  refuseUnknown(`the options of ${method}`, options, known)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
  }
  return signal
}
