import { setImmediate as nextTurn } from 'node:timers/promises'
import { SluiceError } from '../errors.js'
import type { Log, LogRecord } from '../log/contract.js'
import type { BatchSource } from './batch-iterator.js'
import type { StoredEvent } from './contract.js'
import type { DurableNews } from './durable-news.js'
import type { EventIndex } from './event-index.js'
import { readEvent } from './event-record.js'
import { PAUSED } from './item-cursor.js'
import { MatchCursor } from './match-cursor.js'
import type { CheckedQuery } from './query.js'
import { fetchRecords } from './record-fetch.js'

/** Events of the first batch: little is read until it shows that much is wanted. */
const BATCH_EVENTS_MIN = 16
const BATCH_EVENTS_MAX = 512
/** Looks at the index in one turn of the event loop: some 100 µs. */
const STEPS_PER_TURN = 8192

/** What reading events stands on. */
export interface EventHistory {
  readonly log: Pick<Log, 'get' | 'read' | 'durableLsn'>
  readonly index: EventIndex
  readonly news: DurableNews
}

export interface FeedRange {
  /** Where to begin: the lowest position, or the highest where it goes backwards. */
  readonly start: number
  /** The last position; `undefined` for a feed that goes on with what becomes durable. */
  readonly end: number | undefined
  readonly backwards: boolean
  readonly limit: number
}

/** The durable events that a query matches, batch by batch: the index says which, and only those are read. */
export class EventFeed implements BatchSource<StoredEvent> {
  readonly #history: EventHistory
  readonly #query: CheckedQuery
  readonly #range: FeedRange
  #position: number
  #left: number
  #batchEvents = BATCH_EVENTS_MIN
  /** Goes on from batch to batch: what it has walked over is not walked over again. */
  #matches: { readonly cursor: MatchCursor; readonly end: number } | undefined
  #last: AsyncIterator<LogRecord> | undefined

  constructor(history: EventHistory, query: CheckedQuery, range: FeedRange) {
    this.#history = history
    this.#query = query
    this.#range = range
    this.#position = range.start
    this.#left = range.limit
    if (range.end === undefined) history.news.joined(this)
  }

  async next(signal: AbortSignal): Promise<readonly StoredEvent[] | undefined> {
    const { log, news } = this.#history
    for (;;) {
      if (this.#left === 0) return undefined
      this.#matches ??= this.#matchesTo(this.#range.end ?? log.durableLsn)
      const { end } = this.#matches
      const { positions, paused } = this.#positions(this.#matches.cursor)
      if (positions.length > 0) return this.#events(positions)
      if (paused) {
        await nextTurn()
        if (signal.aborted) return undefined
        continue
      }
      if (this.#range.end !== undefined) return undefined
      this.#matches = undefined
      this.#position = Math.max(this.#position, end + 1)
      const told = await news.above(this.#position - 1, signal)
      if (told !== 'more' && log.durableLsn < this.#position) {
        if (told === 'closed') return undefined
        throw told
      }
    }
  }

  /** The store is about to close: what is left of a feed without an end is read from files that are held open for it. */
  closing(): void {
    const { log } = this.#history
    if (this.#position <= log.durableLsn) this.#last = log.read({ from: this.#position })[Symbol.asyncIterator]()
  }

  ended(): void {
    this.#history.news.left(this)
  }

  #matchesTo(end: number): { readonly cursor: MatchCursor; readonly end: number } {
    const { index } = this.#history
    const plan = index.plan(this.#query)
    return { cursor: new MatchCursor(index, plan, this.#position, end, this.#range.backwards), end }
  }

  /** The next positions that match, as many as make a batch, or as are found in one turn of the event loop. */
  #positions(cursor: MatchCursor): { readonly positions: readonly number[]; readonly paused: boolean } {
    const most = Math.min(this.#batchEvents, this.#left)
    const { work } = this.#history.index
    const stepsEnd = work.steps + STEPS_PER_TURN
    const positions: number[] = []
    let position = 0
    while (positions.length < most) {
      position = cursor.next(stepsEnd - work.steps)
      if (position <= 0) break
      positions.push(position)
    }
    this.#batchEvents = Math.min(this.#batchEvents * 2, BATCH_EVENTS_MAX)
    return { positions, paused: position === PAUSED }
  }

  async #events(positions: readonly number[]): Promise<readonly StoredEvent[]> {
    const { backwards } = this.#range
    const records = await this.#records(backwards ? positions.toReversed() : positions)
    const events = records.map((record) => readEvent(record.lsn, record.data, record.timestamp))
    const last = positions.at(-1) ?? this.#position
    this.#position = backwards ? last - 1 : last + 1
    this.#left -= positions.length
    return backwards ? events.reverse() : events
  }

  async #records(positions: readonly number[]): Promise<LogRecord[]> {
    if (this.#last === undefined) {
      try {
        return present(positions, await fetchRecords(this.#history.log, positions))
      } catch (error) {
        if (this.#last === undefined) throw error // Closed in the meantime: the same is read once more, below.
      }
    }
    return this.#recordsOfLast(positions)
  }

  async #recordsOfLast(positions: readonly number[]): Promise<LogRecord[]> {
    const records: (LogRecord | undefined)[] = []
    for (const position of positions) {
      let result = await this.#last?.next()
      while (result?.done === false && result.value.lsn < position) result = await this.#last?.next()
      records.push(result?.done === false ? result.value : undefined)
    }
    return present(positions, records)
  }
}

function present(positions: readonly number[], records: readonly (LogRecord | undefined)[]): LogRecord[] {
  return records.map((record, index) => {
    if (record !== undefined) return record
    throw new SluiceError('SLUICE_CORRUPT', `the log has no record for the event at position ${positions[index]}`)
  })
}
