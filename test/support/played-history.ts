import assert from 'node:assert/strict'
import type {
  AppendCondition,
  AppendedRange,
  EventReadOptions,
  EventStore,
  NewEvent,
  Query,
  StoredEvent,
} from '../../src/events/contract.js'
import { idsOf, type Place, type Step } from './event-histories.js'

/** What came of an append. */
export type AppendOutcome =
  | { readonly kind: 'appended'; readonly range: AppendedRange }
  /** By a decision: of a condition, or of the ids. */
  | { readonly kind: 'refused'; readonly code: string; readonly position?: number; readonly itemIndex?: number }
  /** The store failed, or was closed, before the append was made. */
  | { readonly kind: 'not-made'; readonly error: unknown }
  /** The store failed, or never answered: it may have been made, or not. */
  | { readonly kind: 'unknown'; readonly error: unknown }

export interface PlayedAppend {
  readonly events: readonly NewEvent[]
  readonly condition: AppendCondition | undefined
  outcome: AppendOutcome
}

/** Somebody who read, or subscribed. */
export interface PlayedReading {
  readonly query: Query
  /** Of a subscription, only `from`. */
  readonly options: EventReadOptions
  /** The head when it was called; `undefined` for a subscription. */
  readonly head: number | undefined
  readonly seen: StoredEvent[]
  /** Whether it came to its end, rather than to an error. */
  ended: boolean
}

/** A history, and what a store has answered. */
export interface PlayedHistory {
  /** In the order of the calls. */
  readonly appends: readonly PlayedAppend[]
  readonly readings: readonly PlayedReading[]
  /** No answer of the store has told of anything durable above this position. */
  readonly acknowledged: number
}

const NOT_MADE = ['SLUICE_CLOSED', 'SLUICE_FAILED', 'SLUICE_QUEUE_FULL', 'SLUICE_RECORD_TOO_LARGE']
const REFUSED = ['SLUICE_APPEND_CONDITION_FAILED', 'SLUICE_ID_CONFLICT']

/**
 * Plays a history on a store, and closes it at the end, whatever else comes of that. The store may fail in the middle;
 * what was under way then is noted as such. Rejects where the store contradicts itself.
 */
export async function playHistory(steps: readonly Step[], store: EventStore): Promise<PlayedHistory> {
  const play = new Play(store)
  for (const step of steps) await play.take(step)
  return await play.end()
}

class Play {
  readonly #store: EventStore
  readonly #appends: PlayedAppend[] = []
  readonly #readings: PlayedReading[] = []
  readonly #subscribers: { readonly controller: AbortController; readonly done: Promise<void> }[] = []
  readonly #underWay = new Set<Promise<void>>()
  #acknowledged = 0
  #lastSettled = 0

  constructor(store: EventStore) {
    this.#store = store
  }

  async take(step: Step): Promise<void> {
    this.#acknowledge(this.#store.head())
    if (step.kind === 'append') this.#append(step)
    else if (step.kind === 'read') this.#read(step)
    else if (step.kind === 'subscribe') this.#subscribe(step)
    else if (step.kind === 'unsubscribe') await this.#unsubscribe()
    else if (step.kind === 'turn') await new Promise((resolve) => setImmediate(resolve))
    else await this.#settle()
  }

  async end(): Promise<PlayedHistory> {
    // A store that failed may not be able to close; what it holds is looked at afterwards all the same.
    const closed = await this.#store.close().then(
      () => this.#store.head(),
      () => Number.POSITIVE_INFINITY,
    )
    await this.#settle()
    await Promise.all(this.#subscribers.map(({ done }) => done))
    assert.ok(this.#acknowledged <= closed, `closing made ${closed} durable, and ${this.#acknowledged} came of it`)
    return { appends: this.#appends, readings: this.#readings, acknowledged: this.#acknowledged }
  }

  #append({ events, ids: plan, condition }: Step & { kind: 'append' }): void {
    const ids = idsOf(plan, `fresh ${this.#appends.length}`)
    const list = ids.length === 0 ? events : ids.map((id, i) => ({ ...eventAt(events, i), id }))
    const guard = condition && {
      failIfEventsMatch: condition.query,
      ...(condition.after === undefined ? {} : { after: this.#place(condition.after) }),
    }
    const played: PlayedAppend = {
      events: list,
      condition: guard,
      outcome: { kind: 'unknown', error: new Error('it was never answered') },
    }
    this.#appends.push(played)
    const made = this.#store.append(list, guard).then(
      (range) => {
        played.outcome = { kind: 'appended', range }
        this.#answered(range.last)
        if (ids.length > 0) return // It may be a repeat: its positions are of long ago.
        assert.ok(range.first > this.#lastSettled, `${range.first} was acknowledged after ${this.#lastSettled}`)
        this.#lastSettled = range.last
      },
      (error: unknown) => {
        played.outcome = failedOutcome(error)
        if (played.outcome.kind === 'refused') this.#answered(played.outcome.position ?? 0)
      },
    )
    this.#wait(made)
  }

  #read({ query, options }: Step & { kind: 'read' }): void {
    this.#wait(this.#follow(query, options, this.#store.head(), this.#store.read(query, options)))
  }

  #subscribe({ query, from }: Step & { kind: 'subscribe' }): void {
    const controller = new AbortController()
    const options = from === undefined ? {} : { from: Math.max(1, this.#place(from)) }
    const events = this.#store.subscribe(query, { ...options, signal: controller.signal })
    const done = this.#follow(query, options, undefined, events)
    // Whoever ends the history waits for it: until then its failure is nobody's.
    done.catch(() => {})
    this.#subscribers.push({ controller, done })
  }

  async #unsubscribe(): Promise<void> {
    const subscriber = this.#subscribers.shift()
    subscriber?.controller.abort(new Error('unsubscribed'))
    await subscriber?.done
  }

  async #follow(
    query: Query,
    options: EventReadOptions,
    head: number | undefined,
    events: AsyncIterable<StoredEvent>,
  ): Promise<void> {
    const reading: PlayedReading = { query, options, head, seen: [], ended: false }
    this.#readings.push(reading)
    const iterator = events[Symbol.asyncIterator]()
    for (;;) {
      // Only what the store rejects with is an end; a contradiction is not.
      const result = await iterator.next().catch(() => undefined)
      if (result === undefined) return
      if (result.done === true) break
      reading.seen.push(result.value)
      this.#answered(result.value.position)
    }
    reading.ended = true
  }

  /** Waits for what is under way but for subscriptions. */
  async #settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  #wait(promise: Promise<void>): void {
    const settled: Promise<void> = promise.finally(() => this.#underWay.delete(settled))
    settled.catch(() => {}) // It is awaited in `settle`.
    this.#underWay.add(settled)
  }

  /** An answer has told of an event: it is durable. */
  #answered(position: number): void {
    assert.ok(this.#store.head() >= position, `${position} was told of, and the head is ${this.#store.head()}`)
    this.#acknowledge(position)
  }

  #acknowledge(position: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, position)
  }

  #place(place: Place): number {
    return place === 'head' ? this.#store.head() : place
  }
}

function eventAt(events: readonly NewEvent[], i: number): NewEvent {
  const event = events[i % events.length]
  assert.ok(event !== undefined, 'an append has an event')
  return event
}

function failedOutcome(error: unknown): AppendOutcome {
  const { code, outcome, position, itemIndex } = Object(error)
  if (REFUSED.includes(code)) return { kind: 'refused', code, position, itemIndex }
  return { kind: outcome === 'not-written' || NOT_MADE.includes(code) ? 'not-made' : 'unknown', error }
}
