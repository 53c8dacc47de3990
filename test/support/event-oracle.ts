import assert from 'node:assert/strict'
import { types } from 'node:util'
import type { EventReadOptions, EventStore, Query, StoredEvent } from '../../src/events/contract.js'
import { MemoryEventStore } from '../../src/testing/index.js'
import type { AppendOutcome, PlayedAppend, PlayedHistory, PlayedReading } from './played-history.js'

/** What the store in memory makes of the same appends: all that another one may answer. */
export class EventOracle {
  readonly store = new MemoryEventStore()
  /** The appends that were made, and the positions in which they end. */
  readonly #made: { readonly append: PlayedAppend; readonly last: number }[] = []

  /** Compares every answer of a played history with what is right. Throws an `AssertionError` for the first that is wrong. */
  async compare(history: PlayedHistory): Promise<void> {
    for (const append of history.appends) await this.#compareAppend(append)
    const all = await this.#events('all')
    for (const reading of history.readings) await this.#compareReading(reading)
    checkTimestamps(history.readings.flatMap(({ seen }) => seen))
    assert.ok(history.acknowledged <= all.length, `no more than ${all.length} events can have been acknowledged`)
  }

  /**
   * Compares a store with what may be left after a crash: the events up to some position, in which an append ends, and all
   * that were acknowledged among them. Returns an oracle that knows only these.
   */
  async comparePrefix(store: Pick<EventStore, 'read' | 'head'>, acknowledged: number): Promise<EventOracle> {
    const left = await collect(store.read('all'))
    const all = await this.#events('all')
    assert.equal(store.head(), left.length, 'the head is the last event that is left')
    assert.ok(left.length >= acknowledged, `${left.length} events are left, and ${acknowledged} were acknowledged`)
    assert.ok(left.length <= all.length, `${left.length} events are left, and there were only ${all.length}`)
    assert.deepEqual(left.map(plain), all.slice(0, left.length).map(plain))
    checkTimestamps(left)
    const ends = [0, ...this.#made.map(({ last }) => last)]
    assert.ok(ends.includes(left.length), `the append that has position ${left.length} is left in part`)
    return this.#upTo(left.length)
  }

  async #upTo(position: number): Promise<EventOracle> {
    const oracle = new EventOracle()
    for (const { append, last } of this.#made) {
      if (last <= position) await oracle.#append({ ...append, condition: undefined })
    }
    return oracle
  }

  async #compareAppend(append: PlayedAppend): Promise<void> {
    const { outcome } = append
    if (outcome.kind === 'not-made') return
    const expected = await this.#append(append)
    if (outcome.kind === 'unknown') return
    if (expected.kind === 'refused' && outcome.kind === 'refused') {
      assert.equal(outcome.code, expected.code)
      if (outcome.code !== 'SLUICE_APPEND_CONDITION_FAILED') return
      assert.equal(outcome.position, expected.position, 'the last event that matches is named')
      await this.#checkItem(append, outcome)
    } else {
      assert.deepEqual(outcome, expected)
    }
  }

  async #append(append: PlayedAppend): Promise<AppendOutcome> {
    const before = this.store.head()
    try {
      const range = await this.store.append(append.events, append.condition)
      if (range.last > before) this.#made.push({ append, last: range.last })
      return { kind: 'appended', range }
    } catch (error) {
      const { code, position } = Object(error)
      return { kind: 'refused', code, position }
    }
  }

  /** An event may match several items: any of them may be named. */
  async #checkItem(
    { condition }: PlayedAppend,
    { position = 0, itemIndex }: { position?: number; itemIndex?: number },
  ) {
    const query = condition?.failIfEventsMatch ?? 'all'
    if (query === 'all') return
    const item = [query].flat()[itemIndex ?? -1]
    assert.ok(item !== undefined, `there is no item ${itemIndex}`)
    const matches = await this.#events(item, { from: position, to: position })
    assert.equal(matches.length, 1, `the event at ${position} matches item ${itemIndex}`)
  }

  async #compareReading({ query, options, head, seen, ended }: PlayedReading): Promise<void> {
    const { from, to, backwards } = options
    const bounded = { ...options }
    // What was not durable at the call is not to be seen, though it is there by now.
    if (backwards === true) Object.assign(bounded, { from: Math.min(from ?? Number.MAX_SAFE_INTEGER, head ?? 0) })
    else if (head !== undefined) Object.assign(bounded, { to: Math.min(to ?? Number.MAX_SAFE_INTEGER, head) })
    const expected = head === 0 ? [] : await this.#events(query, bounded)
    const compared = ended ? expected : expected.slice(0, seen.length)
    assert.deepEqual(seen.map(plain), compared.map(plain))
  }

  #events(query: Query, options?: EventReadOptions): Promise<StoredEvent[]> {
    return collect(this.store.read(query, options))
  }
}

async function collect(events: AsyncIterable<StoredEvent>): Promise<StoredEvent[]> {
  const collected: StoredEvent[] = []
  for await (const event of events) collected.push(event)
  return collected
}

/** What two stores must agree on: not on the time, nor on the class of bytes, nor on the order of tags. */
function plain({ timestamp: _, tags, data, ...event }: StoredEvent): unknown {
  return { ...event, tags: tags.toSorted(), data: types.isUint8Array(data) ? { bytes: [...data] } : data }
}

/** Whoever reads an event finds the same time in it, and none earlier than in an event before it. */
function checkTimestamps(events: readonly StoredEvent[]): void {
  let last: StoredEvent | undefined
  for (const event of events.toSorted((a, b) => a.position - b.position)) {
    const { timestamp } = last ?? event
    assert.ok(event.timestamp >= timestamp, `the time of ${event.position} lies before that of an earlier event`)
    if (last?.position === event.position) assert.equal(event.timestamp, timestamp, 'an event has one time')
    last = event
  }
}
