import { setImmediate as nextTurn } from 'node:timers/promises'
import { SluiceError, systemCode } from '../errors.js'
import type { Log, LogReader, LogRecord } from '../log/contract.js'
import type { BatchSource, IterationEnd } from './batch-iterator.js'
import type { StoredEvent } from './contract.js'
import type { DurableNews, Subscriber } from './durable-news.js'
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
/** What the records of a batch have together, unless a single one has more: a slow reader holds no more than that. */
const BATCH_BYTES_MAX = 1024 * 1024

/** What reading events stands on. */
export interface EventHistory {
  readonly log: Pick<Log, 'get' | 'read' | 'durableLsn' | 'status'>
  readonly index: EventIndex
  readonly news: DurableNews
  /** Reads what a closed log has left: whoever began before goes on to the end. Rejects with `SLUICE_CLOSED` where it can't. */
  readonly afterwards: <T>(task: (reader: LogReader) => Promise<T>) => Promise<T>
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
export class EventFeed implements BatchSource<StoredEvent>, Subscriber {
  readonly #history: EventHistory
  readonly #query: CheckedQuery
  readonly #range: FeedRange
  #begun = false
  #position: number
  #left: number
  #batchEvents = BATCH_EVENTS_MIN
  /** Goes on from batch to batch: what it has walked over is not walked over again. */
  #matches: { readonly cursor: MatchCursor; readonly end: number } | undefined
  /** Positions that were found, and had no room in the batch before. */
  #found: readonly number[] = []

  constructor(history: EventHistory, query: CheckedQuery, range: FeedRange) {
    this.#history = history
    this.#query = query
    this.#range = range
    this.#position = range.start
    this.#left = range.limit
  }

  async next(iteration: IterationEnd): Promise<readonly StoredEvent[] | undefined> {
    const { log, news } = this.#history
    if (!this.#begun && log.status === 'closed') throw closedError()
    this.#begun = true
    for (;;) {
      if (this.#left === 0) return undefined
      const end = this.#matches?.end ?? this.#range.end ?? log.durableLsn
      this.#matches ??= { cursor: this.#cursor(end), end }
      const { positions, paused } = this.#positions(this.#matches.cursor)
      if (positions.length > 0) return this.#events(positions)
      if (paused) {
        await nextTurn()
        if (iteration.aborted) return undefined
        continue
      }
      if (this.#range.end !== undefined) return undefined
      this.#matches = undefined
      this.#position = Math.max(this.#position, end + 1)
      // What became durable since that end was chosen: nobody will tell of it any more.
      if (log.durableLsn >= this.#position) continue
      await news.change(this, iteration.signal)
      if (iteration.aborted) return undefined
      if (news.over === undefined || log.durableLsn >= this.#position) continue
      if (news.over === 'closed') return undefined
      throw news.over
    }
  }

  concerns(durable: number): boolean {
    if (durable < this.#position) return false
    // As a rule nothing that matches was even accepted, which takes a look at the last positions of a few terms.
    const match = this.#history.index.lastMatch(this.#query, this.#position - 1)
    if (match !== undefined && this.#cursor(durable).next() !== 0) return true
    this.#position = durable + 1
    return false
  }

  #cursor(end: number): MatchCursor {
    const { index } = this.#history
    return new MatchCursor(index, index.plan(this.#query), this.#position, end, this.#range.backwards)
  }

  /** The next positions that match, as many as make a batch, or as are found in one turn of the event loop. */
  #positions(cursor: MatchCursor): { readonly positions: readonly number[]; readonly paused: boolean } {
    const most = Math.min(this.#batchEvents, this.#left)
    if (this.#found.length > 0) return { positions: this.#found.slice(0, most), paused: false }
    const { work } = this.#history.index
    const stepsEnd = work.steps + STEPS_PER_TURN
    const positions: number[] = []
    let position = 0
    while (positions.length < most) {
      position = cursor.next(stepsEnd - work.steps)
      if (position <= 0) break
      positions.push(position)
    }
    this.#found = positions
    return { positions, paused: position === PAUSED }
  }

  async #events(positions: readonly number[]): Promise<readonly StoredEvent[]> {
    const records = await this.#records(positions)
    const events = records.map(({ lsn, data, timestamp }) => readEvent(lsn, data, timestamp))
    const last = records.at(-1)?.lsn ?? this.#position
    this.#position = this.#range.backwards ? last - 1 : last + 1
    this.#left -= records.length
    this.#found = this.#found.slice(records.length)
    this.#adapt(positions.length, records)
    return events
  }

  /** The next batch is larger where this one was full and twice as much has room; as small as this one where not all had. */
  #adapt(asked: number, records: readonly LogRecord[]): void {
    if (records.length < asked) this.#batchEvents = records.length
    else {
      const bytes = records.reduce((sum, { data }) => sum + data.length, 0)
      if (2 * bytes <= BATCH_BYTES_MAX) this.#batchEvents = Math.min(this.#batchEvents * 2, BATCH_EVENTS_MAX)
    }
  }

  async #records(positions: readonly number[]): Promise<LogRecord[]> {
    const { log, afterwards } = this.#history
    let records: (LogRecord | undefined)[]
    try {
      records = await fetchRecords(log, positions, BATCH_BYTES_MAX)
    } catch (error) {
      if (systemCode(error) !== 'SLUICE_CLOSED') throw error
      records = await afterwards((reader) => {
        // Closing notes what is durable, but for a disk that was full: nothing is damaged, and the next opening knows it again.
        if (reader.durableLsn < Math.max(positions[0] ?? 0, positions.at(-1) ?? 0)) throw closedError()
        return fetchRecords(reader, positions, BATCH_BYTES_MAX)
      })
    }
    return records.map((record, index) => {
      if (record !== undefined) return record
      throw new SluiceError('SLUICE_CORRUPT', `the log has no record for the event at position ${positions[index]}`)
    })
  }
}

function closedError(): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the event store is closed')
}
