import assert from 'node:assert/strict'
import { shown } from '../../errors.js'
import type { EventReadOptions, EventStore, Query, StoredEvent, SubscribeOptions } from '../../events/contract.js'

/** What a store may lack and still have dynamic consistency boundaries. */
export interface EventStoreAbilities {
  /** Events with ids, and appends that can be repeated. */
  readonly ids: boolean
  /** `subscribe`. */
  readonly subscribe: boolean
  /** Data as bytes. */
  readonly bytes: boolean
  /** JSON that stands beside the data. */
  readonly metadata: boolean
  /** A timestamp in each event, never lower than that of an event before it. */
  readonly timestamps: boolean
  /** Positions begin at 1 and have no gaps. */
  readonly densePositions: boolean
  /** Positions and decisions follow the order of the calls of `append`, also of those that nobody awaited. */
  readonly callOrder: boolean
  /** The option `to` of `read`. */
  readonly to: boolean
  /** The option `backwards` of `read`. */
  readonly backwards: boolean
  /** The option `limit` of `read`. */
  readonly limit: boolean
  /** `AbortSignal`s in the options. */
  readonly signals: boolean
  /** A failed condition names the `position` of the event that broke it, and the `itemIndex` that it matched. */
  readonly conflictDetails: boolean
  /** Arguments that make no sense throw at once, with the code `SLUICE_INVALID_ARGUMENT`. */
  readonly checkedArguments: boolean
}

export type Ability = keyof EventStoreAbilities

/** One thing that a store must do. */
export interface EventStoreCase {
  /** What holds, as a sentence. */
  readonly name: string
  /** The case is left out for a store that lacks one of these. */
  readonly needs?: readonly Ability[]
  run(trial: Trial): Promise<void>
}

/** What is known of an error that is no more than thrown. */
interface Failure {
  readonly code?: unknown
  readonly position?: unknown
  readonly itemIndex?: unknown
}

/** A fresh store, and what cases do with it again and again. */
export class Trial {
  readonly store: EventStore

  constructor(store: EventStore) {
    this.store = {
      append: (events, condition, options) => handled(store.append(events, condition, options)),
      read: store.read.bind(store),
      subscribe: store.subscribe.bind(store),
      head: () => store.head(),
      close: () => handled(store.close()),
    }
  }

  /** Appends one event, and resolves to its position. */
  async add(type: string, ...tags: string[]): Promise<number> {
    const { first, last } = await this.store.append({ type, tags, data: null })
    assert.equal(first, last, 'one event takes one position')
    return first
  }

  /** What `read` gives. */
  events(query: Query, options?: EventReadOptions): Promise<StoredEvent[]> {
    return collected(this.store.read(query, options))
  }

  async positions(query: Query, options?: EventReadOptions): Promise<number[]> {
    return (await this.events(query, options)).map(({ position }) => position)
  }

  async types(query: Query, options?: EventReadOptions): Promise<string[]> {
    return (await this.events(query, options)).map(({ type }) => type)
  }

  /** A subscription that is read step by step. */
  subscription(query: Query, options?: SubscribeOptions): Subscription {
    return new Subscription(this.store.subscribe(query, options))
  }

  /** The error with which a condition made an append fail. Throws where it did anything else. */
  conflict(append: Promise<unknown>): Promise<Failure> {
    return rejection(append, 'SLUICE_APPEND_CONDITION_FAILED')
  }

  /** An append that a condition must let through, and what it resolves to. */
  append(type: string, failIfEventsMatch: Query, after?: number): Promise<{ first: number; last: number }> {
    return this.store.append({ type, data: null }, { failIfEventsMatch, ...(after === undefined ? {} : { after }) })
  }

  /** Throws unless the call throws at once, and for its arguments; and unless nothing has come of it. */
  async refuses(what: string, call: () => unknown): Promise<void> {
    const head = this.store.head()
    let outcome: unknown
    try {
      outcome = call()
    } catch (error) {
      assert.equal((error as Failure).code, 'SLUICE_INVALID_ARGUMENT', `${what} is refused with ${String(error)}`)
      assert.equal(this.store.head(), head, `${what} leaves nothing behind`)
      return
    }
    const later = outcome instanceof Promise ? await outcome.then(shown, String) : shown(outcome)
    assert.fail(`${what} must throw SLUICE_INVALID_ARGUMENT at once; instead it came to ${later}`)
  }
}

/** Live events, as they come. */
export class Subscription {
  readonly #iterator: AsyncIterator<StoredEvent>

  constructor(events: AsyncIterable<StoredEvent>) {
    this.#iterator = events[Symbol.asyncIterator]()
  }

  next(): Promise<StoredEvent> {
    return handled(this.#next())
  }

  take(count: number): Promise<StoredEvent[]> {
    return handled(this.#upTo(count, true))
  }

  /** The positions of the next `count` events. */
  positions(count: number): Promise<number[]> {
    return handled(this.take(count).then((events) => events.map(({ position }) => position)))
  }

  /** All that comes until it ends. */
  rest(): Promise<StoredEvent[]> {
    return handled(this.#upTo(Number.POSITIVE_INFINITY, false))
  }

  async #next(): Promise<StoredEvent> {
    const [event] = await this.take(1)
    assert.ok(event !== undefined, 'there is an event')
    return event
  }

  async #upTo(count: number, goesOn: boolean): Promise<StoredEvent[]> {
    const events: StoredEvent[] = []
    while (events.length < count) {
      const result = await this.#iterator.next()
      if (result.done === true) {
        assert.ok(!goesOn, 'the subscription goes on')
        return events
      }
      events.push(result.value)
    }
    return events
  }

  /** Ends it: not while an event is waited for. */
  async end(): Promise<void> {
    await this.#iterator.return?.()
  }
}

/** A case that fails awaits nothing more: what it has left behind must not end the process when it rejects. */
function handled<T>(promise: Promise<T>): Promise<T> {
  Promise.resolve(promise).catch(() => {})
  return promise
}

/** Everything that an iteration gives. */
export async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = []
  for await (const value of source) values.push(value)
  return values
}

/** The error with which a promise rejects, which must have this code. */
export async function rejection(promise: Promise<unknown>, code: string): Promise<Failure> {
  const error = await promise.then(
    (value) => assert.fail(`this had to reject with ${code}, and came to ${JSON.stringify(value)}`),
    (reason: unknown) => reason as Failure, // Whatever it is, only its code is looked at.
  )
  if (error.code !== code) throw error
  return error
}

/** Lets one turn of the event loop pass. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** From `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
