import { SluiceError } from '../errors.js'
import type {
  AppendCondition,
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  EventShape,
  EventStore,
  NewEvent,
  Query,
  StoredEvent,
  SubscribeOptions,
} from '../events/contract.js'
import {
  type CheckedCondition,
  type CheckedEvent,
  type CheckedItem,
  type CheckedQuery,
  type CheckedReading,
  type Content,
  checkedAppendSignal,
  checkedCondition,
  checkedEvents,
  checkedQuery,
  checkedReading,
  checkedSubscription,
} from './event-arguments.js'

/** An event as it lies in memory. */
interface KeptEvent extends CheckedEvent {
  readonly position: number
  readonly timestamp: number
}

/** An {@link EventStore} of any events at all: what is in it has no type of its own. */
class UntypedEventStore {
  /** All that were accepted: the one at index i has position i + 1. */
  readonly #events: KeptEvent[] = []
  readonly #settlements: (() => void)[] = []
  readonly #watchers = new Set<() => void>()
  #durable = 0
  #committing: Promise<void> | undefined
  #closed = false

  append(
    events: NewEvent | readonly NewEvent[],
    condition?: AppendCondition,
    options?: EventAppendOptions,
  ): Promise<AppendedRange> {
    const checked = checkedEvents(events)
    const guard = checkedCondition(condition)
    const signal = checkedAppendSignal(options)
    if (this.#closed) return Promise.reject(closedError())
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return this.#settleLater(this.#decide(checked, guard))
  }

  read(query: Query, options?: EventReadOptions): AsyncIterable<StoredEvent> {
    const checked = checkedQuery(query)
    const reading = checkedReading(options)
    return this.#range(checked, reading, this.#durable, this.#closed)
  }

  subscribe(query: Query, options?: SubscribeOptions): AsyncIterable<StoredEvent> {
    const checked = checkedQuery(query)
    const { from, signal } = checkedSubscription(options)
    return this.#follow(checked, from, signal, this.#closed)
  }

  head(): number {
    return this.#durable
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#committing
    this.#tellWatchers()
  }

  /** What an append comes to: decided at once, by all that was accepted before. */
  #decide(events: readonly CheckedEvent[], condition: CheckedCondition | undefined): AppendedRange | SluiceError {
    return this.#remembered(events) ?? this.#conflict(condition) ?? this.#accept(events)
  }

  /** Where events with these ids lie, if any of the ids is known. */
  #remembered(events: readonly CheckedEvent[]): AppendedRange | SluiceError | undefined {
    const found = events.map(({ id }) => this.#events.find((event) => id !== undefined && event.id === id))
    if (found.every((event) => event === undefined)) return undefined
    const first = found[0]
    const together = found.every((event, i) => event?.position === (first?.position ?? 0) + i)
    if (first !== undefined && together) return { first: first.position, last: first.position + events.length - 1 }
    const message = 'of these ids only some are known, or their events do not follow on each other'
    return new SluiceError('SLUICE_ID_CONFLICT', message)
  }

  #conflict(condition: CheckedCondition | undefined): SluiceError | undefined {
    if (condition === undefined) return undefined
    const { query, after } = condition
    const last = this.#events.findLast((event) => event.position > after && matchesQuery(query, event))
    if (last === undefined) return undefined
    const message = `the condition is broken by the ${last.type} at position ${last.position}`
    const matched = query === 'all' ? {} : { itemIndex: query.findIndex((item) => matchesItem(item, last)) }
    return new SluiceError('SLUICE_APPEND_CONDITION_FAILED', message, { position: last.position, ...matched })
  }

  #accept(events: readonly CheckedEvent[]): AppendedRange {
    const first = this.#events.length + 1
    const timestamp = Math.max(Date.now(), this.#events.at(-1)?.timestamp ?? 0)
    for (const event of events) {
      this.#events.push({ ...event, position: this.#events.length + 1, timestamp })
    }
    return { first, last: this.#events.length }
  }

  #settleLater(outcome: AppendedRange | SluiceError): Promise<AppendedRange> {
    return new Promise((resolve, reject) => {
      this.#settlements.push(() => (outcome instanceof SluiceError ? reject(outcome) : resolve(outcome)))
      this.#committing ??= new Promise((done) => setImmediate(() => done(this.#commit())))
    })
  }

  #commit(): void {
    this.#committing = undefined
    this.#durable = this.#events.length
    for (const settle of this.#settlements.splice(0)) settle()
    this.#tellWatchers()
  }

  async *#range(query: CheckedQuery, reading: CheckedReading, head: number, closed: boolean) {
    if (closed) throw closedError()
    const { from, to, backwards, limit, signal } = reading
    const [lowest = 1, highest = head] = backwards ? [to, from] : [from, to]
    const found = this.#events.filter(
      (event) => event.position >= lowest && event.position <= Math.min(highest, head) && matchesQuery(query, event),
    )
    if (backwards) found.reverse()
    for (const event of found.slice(0, limit)) {
      signal?.throwIfAborted()
      yield given(event)
    }
    signal?.throwIfAborted()
  }

  async *#follow(query: CheckedQuery, from: number, signal: AbortSignal | undefined, closed: boolean) {
    if (closed) throw closedError()
    for (let position = from; ; position++) {
      while (position > this.#durable) {
        signal?.throwIfAborted()
        if (this.#closed && this.#committing === undefined) return
        await this.#news(signal)
      }
      signal?.throwIfAborted()
      const event = this.#events[position - 1]
      if (event !== undefined && matchesQuery(query, event)) yield given(event)
    }
  }

  /** Resolves once there is something new to look at: events, the end, or an aborted signal. */
  #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#watchers.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }

  #tellWatchers(): void {
    for (const wake of this.#watchers) wake()
  }
}

/**
 * An event store in memory, for tests: the contract in its simplest form, by arrays and linear scans. It is what other
 * stores are compared with. Events are "durable" at the end of the turn of the event loop in which they were accepted;
 * until then no reader sees them, and no append settles. Promises settle in the order of the calls. It remembers every
 * id, has no limit of size, and nothing is left of it once it is closed.
 */
export type MemoryEventStore<E extends EventShape = EventShape> = EventStore<E>

/** See the type of this name. What is in the store was appended as `E`, and of that a reader gets what his query matches. */
export const MemoryEventStore = UntypedEventStore as new <E extends EventShape = EventShape>() => MemoryEventStore<E>

function matchesQuery(query: CheckedQuery, event: CheckedEvent): boolean {
  return query === 'all' || query.some((item) => matchesItem(item, event))
}

function matchesItem({ types, tags }: CheckedItem, event: CheckedEvent): boolean {
  return (types.length === 0 || types.includes(event.type)) && tags.every((tag) => event.tags.includes(tag))
}

/** An event for a reader, who may do with it what he likes. */
function given({ type, tags, data, metadata, id, position, timestamp }: KeptEvent): StoredEvent {
  return {
    type,
    tags: [...tags],
    ...(data === undefined ? {} : { data: contentOf(data) }),
    ...(metadata === undefined ? {} : { metadata: contentOf(metadata) }),
    ...(id === undefined ? {} : { id }),
    position,
    timestamp,
  }
}

function contentOf(content: Exclude<Content, undefined>): unknown {
  return typeof content === 'string' ? JSON.parse(content) : Uint8Array.from(content)
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the event store is closed')
}
