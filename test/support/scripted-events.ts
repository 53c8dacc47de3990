import { SluiceError } from '../../src/errors.js'
import type { EventReadOptions, Query, StoredEvent, SubscribeOptions } from '../../src/events/contract.js'
import { type CheckedQuery, checkQuery } from '../../src/events/query.js'
import { matchesQuery } from '../../src/events/query-match.js'

/** Stock that comes and goes: tags say in which warehouse. */
export type StockEvent =
  | { readonly type: 'Arrived'; readonly data: { readonly item: string; readonly count: number } }
  | { readonly type: 'Left'; readonly data: { readonly item: string; readonly count: number } }
  | { readonly type: 'Audited'; readonly data: { readonly by: string } }

export type StoredStockEvent = StoredEvent<StockEvent>

/** A source of events that a test has in its hands: what was appended is durable at once, and can be taken away again. */
export class ScriptedEvents {
  readonly #wakers = new Set<() => void>()
  events: StoredStockEvent[] = []
  /** How many events were handed out by `read`. */
  given = 0
  /** How many reads there were. */
  reads = 0
  /** What subscriptions wait for before they hand out an event. */
  gate: Promise<void> | undefined
  /** What a read does before it ends, also where nobody wants more of it. */
  afterRead: (() => Promise<void>) | undefined
  /** What reading throws from now on. */
  readError: unknown
  #timestamp = 0
  #end: 'closed' | SluiceError | undefined

  append(...events: readonly (StockEvent & { readonly tags?: readonly string[] })[]): number {
    for (const { tags = [], ...event } of events) {
      this.#timestamp++
      this.events.push({ ...event, tags, position: this.events.length + 1, timestamp: this.#timestamp })
    }
    this.#wake()
    return this.events.length
  }

  /** The history ends at this position now, as after a repair. */
  cut(position: number): void {
    this.events.length = position
  }

  close(): void {
    this.#end ??= 'closed'
    this.#wake()
  }

  fail(): SluiceError {
    const error = new SluiceError('SLUICE_FAILED', 'a sync failed')
    this.#end ??= error
    this.#wake()
    return error
  }

  head(): number {
    return this.events.length
  }

  // The events are those of the one union that there is: what a query makes of it, TypeScript can't be told here.
  read<const Q extends Query<StockEvent['type']>>(query: Q, options: EventReadOptions = {}) {
    return this.#read(checkQuery('query', query), options) as AsyncIterable<never>
  }

  subscribe<const Q extends Query<StockEvent['type']>>(query: Q, options: SubscribeOptions = {}) {
    return this.#subscribe(checkQuery('query', query), options) as AsyncIterable<never>
  }

  async *#read(query: CheckedQuery, { from = 1, to, limit, signal }: EventReadOptions) {
    this.reads++
    if (this.#end === 'closed') throw new SluiceError('SLUICE_CLOSED', 'the store is closed')
    if (this.readError !== undefined) throw this.readError
    const range = this.events.slice(from - 1, Math.min(to ?? this.head(), this.head()))
    try {
      for (const event of range.filter((each) => matchesQuery(query, each)).slice(0, limit)) {
        signal?.throwIfAborted()
        if (this.readError !== undefined) throw this.readError
        this.given++
        yield structuredClone(event)
      }
      signal?.throwIfAborted()
    } finally {
      await this.afterRead?.()
    }
  }

  async *#subscribe(query: CheckedQuery, { from = 1, signal }: SubscribeOptions) {
    for (let position = from; ; position++) {
      while (position > this.head()) {
        signal?.throwIfAborted()
        if (this.#end === 'closed') return
        if (this.#end !== undefined) throw this.#end
        await this.#news(signal)
      }
      signal?.throwIfAborted()
      const event = this.events[position - 1]
      await this.gate
      if (event !== undefined && matchesQuery(query, event)) yield structuredClone(event)
    }
  }

  #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#wakers.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }
}
