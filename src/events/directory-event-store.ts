import { SluiceError, shown } from '../errors.js'
import type { Log, LogStatus } from '../log/contract.js'
import { GuardedEmitter } from '../observe/guarded-emitter.js'
import { BatchIterator } from './batch-iterator.js'
import type {
  AppendCondition,
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  EventShape,
  Matching,
  NewEvent,
  Query,
  StoredEvent,
  SubscribeOptions,
} from './contract.js'
import { DurableNews } from './durable-news.js'
import { EventAppender, type WaitingBounds } from './event-appender.js'
import { checkAppendOptions, checkEvents, checkReadOptions, checkSubscribeOptions } from './event-arguments.js'
import { EventFeed, type EventHistory, type FeedRange } from './event-feed.js'
import type { OpenedIndex } from './index-checkpoints.js'
import type { CheckpointFolder } from './projection-checkpoint.js'
import type { Projection, ProjectionDefinition } from './projection-contract.js'
import { Projections } from './projections.js'
import { type CheckedQuery, checkCondition, checkQuery, refuse } from './query.js'
import type {
  DirectoryEventStore as Contract,
  EventStoreEvents,
  EventStoreRecovery,
  EventStoreStats,
} from './store-contract.js'

/** What a store stands on, all of it its own. */
export interface EventStoreParts {
  readonly log: Log
  readonly opened: OpenedIndex
  readonly bounds: WaitingBounds
  readonly projections: CheckpointFolder
  readonly contexts: ReadonlyMap<string, DirectoryEventStore>
  /** See {@link EventHistory}. */
  readonly afterwards: EventHistory['afterwards']
}

/** The store of `openEventStore`: checks arguments, and puts the parts together. */
export class DirectoryEventStore<E extends EventShape = EventShape>
  extends GuardedEmitter<EventStoreEvents>
  implements Contract<E>
{
  readonly recovery: EventStoreRecovery
  readonly #parts: EventStoreParts
  readonly #appender: EventAppender
  readonly #news: DurableNews
  readonly #projections: Projections<E>
  #closed: Promise<void> | undefined

  constructor(parts: EventStoreParts) {
    super()
    this.#parts = parts
    const { log, opened, bounds } = parts
    this.recovery = { log: log.recovery, index: opened.recovery }
    this.#news = new DurableNews()
    // First of all listeners: the index is right before anybody else hears of it.
    this.#appender = new EventAppender(log, opened.index, opened.ids, bounds)
    this.#projections = new Projections<E>(this, parts.projections)
    log.on('durable', (lsn) => this.#durable(lsn))
    log.on('rollback', (lsn) => this.emit('rollback', lsn))
    log.on('failed', (error) => {
      this.#news.end(error)
      this.emit('failed', error)
    })
  }

  get status(): LogStatus {
    const { status } = this.#parts.log
    return status === 'open' && this.#closed !== undefined ? 'closing' : status
  }

  append(
    events: NewEvent<E> | readonly NewEvent<E>[],
    condition?: AppendCondition<E['type']>,
    options?: EventAppendOptions,
  ): Promise<AppendedRange> {
    const signal = checkAppendOptions(options)
    const checkedCondition = condition === undefined ? undefined : checkCondition(condition)
    // Asked before the events are encoded: no code of the caller's may come between that and the log, which copies them.
    const isAborted = signal?.aborted === true
    const checked = checkEvents(events)
    if (isAborted && this.#closed === undefined) return Promise.reject(signal.reason)
    return this.#appender.append(checked, checkedCondition, signal)
  }

  read<const Q extends Query<E['type']>>(
    query: Q,
    options: EventReadOptions = {},
  ): AsyncIterable<StoredEvent<Matching<E, Q>>> {
    const checked = checkQuery('query', query)
    checkReadOptions(options)
    const { backwards = false, limit = Number.POSITIVE_INFINITY } = options
    const head = this.head()
    const lowest = (backwards ? options.to : options.from) ?? 1
    const highest = Math.min((backwards ? options.from : options.to) ?? head, head)
    // Bounds that leave nothing between them are those of a feed that ends at once.
    const range = backwards ? { start: highest, end: lowest } : { start: lowest, end: highest }
    return this.#iterate(checked, { ...range, backwards, limit: lowest > highest ? 0 : limit }, options.signal)
  }

  subscribe<const Q extends Query<E['type']>>(
    query: Q,
    options: SubscribeOptions = {},
  ): AsyncIterable<StoredEvent<Matching<E, Q>>> {
    const checked = checkQuery('query', query)
    checkSubscribeOptions(options)
    const range = { start: options.from ?? 1, end: undefined, backwards: false, limit: Number.POSITIVE_INFINITY }
    return this.#iterate(checked, range, options.signal)
  }

  head(): number {
    return this.#parts.log.durableLsn
  }

  stats(): EventStoreStats {
    const { log, opened } = this.#parts
    const { index, ids } = opened
    this.#appender.bringUpIndex()
    return {
      log: log.stats(),
      index: {
        events: index.head,
        types: index.types.size,
        tags: index.tags.size,
        ids: ids.count,
        bytes: index.bytes,
      },
      waiting: this.#appender.waiting,
    }
  }

  context<Own extends EventShape = E>(name: string): DirectoryEventStore<Own> {
    const context = this.#parts.contexts.get(name)
    if (context === undefined) refuse(`there is no context ${shown(name)}: the option contexts names them`)
    // The types of the events are the caller's word: nothing on disk knows of them.
    return context as unknown as DirectoryEventStore<Own>
  }

  project<const Q extends Query<E['type']>, S>(definition: ProjectionDefinition<E, Q, S>): Projection<S> {
    if (this.#closed !== undefined) throw new SluiceError('SLUICE_CLOSED', 'the event store is closed')
    return this.#projections.create(definition)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #iterate<Q>(query: CheckedQuery, range: FeedRange, signal: AbortSignal | undefined) {
    const { log, opened, afterwards } = this.#parts
    const feed = new EventFeed({ log, index: opened.index, news: this.#news, afterwards }, query, range)
    // What a query finds has its types, as far as what was appended had them: nothing on disk knows of them.
    return new BatchIterator(feed, signal) as unknown as AsyncIterable<StoredEvent<Matching<E, Q>>>
  }

  #durable(position: number): void {
    this.#news.advance(position)
    this.emit('durable', position)
    const { checkpoints } = this.#parts.opened
    if (checkpoints.due && this.#closed === undefined) {
      checkpoints.write(true).catch((error: unknown) => this.emit('checkpointFailed', error))
    }
  }

  async #close(): Promise<void> {
    this.#appender.close()
    const contexts = [...this.#parts.contexts.values()].map((context) => context.close())
    const outcomes = await Promise.allSettled([this.#closeLog(), ...contexts])
    this.#news.end('closed')
    this.emit('close')
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  async #closeLog(): Promise<void> {
    const { log, opened } = this.#parts
    // Where this fails, closing the log says the same.
    if (log.status === 'open') await log.flush().catch(() => {})
    await this.#projections.stop()
    await opened.checkpoints.finish().catch((error: unknown) => this.emit('checkpointFailed', error))
    await log.close()
  }
}
