import { SluiceError, type SluiceErrorCode } from '../errors.js'
import type { Log } from '../log/contract.js'
import type { AppendedRange } from './contract.js'
import type { EventIndex, Match } from './event-index.js'
import { POSITION_MAX, tooMany } from './event-index.js'
import type { CheckedEvent } from './event-record.js'
import type { IdWindow } from './id-window.js'
import { InFlight } from './in-flight.js'
import { PendingEvents } from './pending-events.js'
import type { CheckedCondition } from './query.js'

/** What waits for room is held to these bounds, as the log holds what waits for its own. */
export interface WaitingBounds {
  readonly onFull: 'wait' | 'reject'
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
}

interface Append {
  readonly events: readonly CheckedEvent[]
  readonly condition: CheckedCondition | undefined
}

interface WaitingAppend extends Append {
  readonly bytes: number
  readonly signal: AbortSignal | undefined
  readonly settle: (outcome: Promise<AppendedRange>) => void
  /** Listens to the signal. */
  readonly giveUp: () => void
}

/**
 * Decides appends, in the order of their calls. Every event that was accepted is known, to the index or beside it, so a
 * condition is decided at once, without reading; an append that is let through is accepted by the log in the same turn, and so nothing comes in
 * between. The log must have no other writer.
 *
 * The log itself is asked to reject where it has no room: what waits for it waits here, undecided, and is decided when it
 * is its turn.
 */
export class EventAppender {
  readonly #log: Log
  readonly #index: EventIndex
  readonly #ids: IdWindow
  readonly #bounds: WaitingBounds
  readonly #inFlight: InFlight
  readonly #pending: PendingEvents
  #turnEnds: NodeJS.Immediate | undefined
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    this.bringUpIndex()
  }
  readonly #line = new Set<WaitingAppend>()
  #lineBytes = 0
  #closed = false

  constructor(log: Log, index: EventIndex, ids: IdWindow, bounds: WaitingBounds) {
    this.#log = log
    this.#index = index
    this.#pending = new PendingEvents(index)
    this.#ids = ids
    this.#bounds = bounds
    this.#inFlight = new InFlight(log.durableLsn)
    log.on('durable', (lsn) => this.#settle(lsn))
    log.on('rollback', (lsn) => this.#rollBack(lsn))
    log.on('failed', (error) => this.#failed(error))
    log.on('drain', () => this.#admit())
  }

  get waiting(): number {
    return this.#line.size
  }

  /** Appends that are held as accepted and perhaps not told to be durable. */
  get inFlight(): number {
    return this.#inFlight.held
  }

  /** Appends events whose arguments were checked. Throws `SLUICE_RECORD_TOO_LARGE`. */
  append(
    events: readonly CheckedEvent[],
    condition: CheckedCondition | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AppendedRange> {
    if (this.#closed) return Promise.reject(closedError())
    const decided = this.#line.size > 0 ? undefined : this.#decide(events, condition)
    return decided ?? this.#wait({ events, condition }, signal)
  }

  /** Brings the index up to all accepted events. It has those that are durable by itself. */
  bringUpIndex(): void {
    this.#pending.bringUp()
  }

  /** Refuses new appends, and those that wait for room. */
  close(): void {
    this.#closed = true
    this.#rejectLine(() => closedError({ outcome: 'not-written' }))
  }

  /** The outcome of an append; `undefined` where it is let through, and the log has no room for it. */
  #decide(
    events: readonly CheckedEvent[],
    condition: CheckedCondition | undefined,
  ): Promise<AppendedRange> | undefined {
    if (this.#log.status === 'open') {
      const known = this.#known(events)
      if (known !== undefined) return known
      if (condition !== undefined && this.#pending.mayMatch(condition.query)) {
        this.bringUpIndex()
        const match = this.#index.lastMatch(condition.query, condition.after)
        if (match !== undefined) return this.#whenDurable(match.position, () => Promise.reject(conditionError(match)))
      }
    }
    return this.#accept(events)
  }

  #accept(events: readonly CheckedEvent[]): Promise<AppendedRange> | undefined {
    const first = this.#log.nextLsn
    if (first + events.length - 1 > POSITION_MAX) throw tooMany()
    this.#index.checkRoom()
    const only = events.length === 1 ? events[0] : undefined
    // Both go through one promise more, so that they resolve in the order of their positions.
    const appended =
      only === undefined
        ? this.#log.appendMany(events.map(({ record }) => record)).then(sameRange)
        : this.#log.append(only.record).then(rangeOfOne)
    if (this.#log.nextLsn === first) {
      if (this.#log.status !== 'open') return appended
      appended.catch(() => {}) // It says that there is no room, which is seen by the LSN already.
      return undefined
    }
    for (let at = 0; at < events.length; at++) {
      const event = events[at]
      if (event === undefined) break // There are as many as the length says.
      this.#pending.add(event)
      if (event.id !== undefined) this.#ids.add(event.id, first + at)
    }
    // Behind the log's own end of the turn, which was asked for before: unless it waits for others, the writer is at work then.
    this.#turnEnds ??= setImmediate(this.#endTurn)
    this.#inFlight.add(first + events.length - 1, appended)
    return appended
  }

  /** The outcome of events of which an id is remembered; `undefined` where none is. */
  #known(events: readonly CheckedEvent[]): Promise<AppendedRange> | undefined {
    if (events[0]?.id === undefined) return undefined
    const positions = events.map(({ id }) => (id === undefined ? undefined : this.#ids.positionOf(id)))
    const last = Math.max(...positions.map((position) => position ?? 0))
    if (last === 0) return undefined
    const [first = 0] = positions
    const together = positions.every((position, at) => position === first + at)
    if (together) return this.#whenDurable(last, () => Promise.resolve({ first, last }))
    return this.#whenDurable(last, () => Promise.reject(idConflict(positions, last)))
  }

  /** What depends on an event is told once that is told to be durable. If its commit fails, the decision falls with it. */
  #whenDurable(position: number, outcome: () => Promise<AppendedRange>): Promise<AppendedRange> {
    const append = this.#inFlight.holding(position)
    if (append === undefined && position <= this.#log.durableLsn) return outcome()
    const commit = append ?? Promise.reject(new Error(`nothing holds position ${position}`))
    return commit.then(outcome, (cause: unknown) => {
      throw groundlessError(position, cause)
    })
  }

  #wait({ events: given, condition }: Append, signal: AbortSignal | undefined): Promise<AppendedRange> {
    const { onFull, maxWaiting, maxWaitingBytes } = this.#bounds
    let bytes = 0
    for (const { record } of given) bytes += record.length
    if (onFull === 'reject' || this.#line.size >= maxWaiting || this.#lineBytes + bytes > maxWaitingBytes) {
      const message = `no room: ${this.#line.size} appends with ${this.#lineBytes} bytes wait already`
      return Promise.reject(new SluiceError('SLUICE_QUEUE_FULL', message, { outcome: 'not-written' }))
    }
    // Copies: the memory that the records lie in is used again.
    const events = given.map((event) => ({ ...event, record: new Uint8Array(event.record) }))
    if (signal?.aborted === true) return Promise.reject(signal.reason) // By what the caller's data called when it was encoded.
    return new Promise((settle) => {
      const giveUp = (): void => {
        this.#giveUp(waiting)
        this.#admit() // There may be room for those behind it.
      }
      const waiting: WaitingAppend = { events, condition, bytes, signal, settle, giveUp }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#line.add(waiting)
      this.#lineBytes += bytes
    })
  }

  /** Decides those that wait, in order, as far as there is room. */
  #admit(): void {
    for (const waiting of this.#line) {
      if (waiting.signal?.aborted === true) {
        this.#giveUp(waiting) // Its listener comes next: it shares the signal with one that has just given up.
        continue
      }
      let outcome: Promise<AppendedRange> | undefined
      try {
        outcome = this.#decide(waiting.events, waiting.condition)
      } catch (error) {
        outcome = Promise.reject(error) // Too large for the log: found only now, since it was not asked before.
      }
      if (outcome === undefined) return
      this.#leave(waiting)
      waiting.settle(outcome)
    }
  }

  #leave(waiting: WaitingAppend): void {
    this.#line.delete(waiting)
    this.#lineBytes -= waiting.bytes
    waiting.signal?.removeEventListener('abort', waiting.giveUp)
  }

  #giveUp(waiting: WaitingAppend): void {
    this.#leave(waiting)
    waiting.settle(Promise.reject(waiting.signal?.reason))
  }

  #rejectLine(error: () => SluiceError): void {
    for (const waiting of this.#line) {
      this.#leave(waiting)
      waiting.settle(Promise.reject(error()))
    }
  }

  #settle(position: number): void {
    this.bringUpIndex()
    this.#inFlight.settle(position)
    this.#ids.settle(position)
  }

  #rollBack(position: number): void {
    this.bringUpIndex()
    this.#index.rollBack(position)
    this.#ids.rollBack(position)
    this.#inFlight.rollBack(position)
  }

  #failed(failure: SluiceError): void {
    this.#rollBack(this.#log.durableLsn)
    this.#rejectLine(
      () => new SluiceError('SLUICE_FAILED', failure.message, { cause: failure.cause, outcome: 'not-written' }),
    )
  }
}

function rangeOfOne(position: number): AppendedRange {
  return { first: position, last: position }
}

function sameRange(range: AppendedRange): AppendedRange {
  return range
}

/** An append that waited until then has an outcome. */
function closedError(outcome: { readonly outcome?: 'not-written' } = {}): SluiceError {
  return new SluiceError('SLUICE_CLOSED', 'the event store is closed', outcome)
}

function conditionError({ position, itemIndex }: Match): SluiceError {
  const item = itemIndex === undefined ? "the query 'all'" : `item ${itemIndex} of the query`
  const message = `the append condition does not hold: the event at position ${position} matches ${item}`
  return new SluiceError('SLUICE_APPEND_CONDITION_FAILED', message, {
    position,
    ...(itemIndex === undefined ? {} : { itemIndex }),
  })
}

function idConflict(positions: readonly (number | undefined)[], last: number): SluiceError {
  const known = positions.filter((position) => position !== undefined).length
  const message =
    known < positions.length
      ? `${known} of ${positions.length} ids were appended before, the last one at position ${last}`
      : `all ids were appended before, but do not follow on each other in this order; the last one at position ${last}`
  return new SluiceError('SLUICE_ID_CONFLICT', message, { position: last })
}

/** An append whose outcome hung on an event that did not become durable: it was not made itself. */
function groundlessError(position: number, cause: unknown): SluiceError {
  const code: SluiceErrorCode = cause instanceof SluiceError ? cause.code : 'SLUICE_COMMIT_FAILED'
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `undecided: the event at position ${position}, on which it depends, is not durable: ${reason}`
  return new SluiceError(code, message, { cause, outcome: 'not-written', position })
}
