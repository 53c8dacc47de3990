import type {
  AppendCondition,
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  EventStore,
  NewEvent,
  Query,
  StoredEvent,
} from '../../src/events/contract.js'
import type { DirectoryEventStore } from '../../src/events/store-contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { openSimulatedEvents, ROOM_FOR_MEGABYTES } from './simulated-event-store.js'

/**
 * An event store that loses its power whenever nothing is under way: the next append is made, and each reading answered, by
 * what was opened after the cut, of which nothing survived that was not synced.
 */
export class ReopenedEventStore {
  #fileSystem = new SimulatedFileSystem()
  #current: Promise<DirectoryEventStore> = openSimulatedEvents(ROOM_FOR_MEGABYTES, this.#fileSystem).then(
    ({ store }) => store,
  )
  #head = 0
  #underWay = 0
  #used = false
  #closed = false
  /** This store, as the kit takes one. */
  asEventStore(): EventStore {
    // Of events of any type it gives any: what the compiler can't tell of a query that it doesn't know.
    return this as unknown as EventStore
  }

  /** How often the power went. */
  cuts = 0

  append(
    events: NewEvent | readonly NewEvent[],
    condition?: AppendCondition,
    options?: EventAppendOptions,
  ): Promise<AppendedRange> {
    if (this.#underWay === 0 && this.#used && !this.#closed) this.#cutPower()
    this.#used = true
    this.#underWay++
    // Calls of one turn reach the store in their order, and what they were given, as it was.
    const given = copied(events)
    const guard = copied(condition)
    const appended = this.#current.then((store) => store.append(given, guard, options))
    return appended.finally(async () => {
      this.#underWay--
      this.#head = (await this.#current).head()
    })
  }

  read(query: Query, options?: EventReadOptions): AsyncIterable<StoredEvent> {
    if (this.#closed) return readClosed(this.#current, query, options)
    const left = this.#fileSystem.stateAfterCrash({ keep: 'none' })
    this.cuts++
    return readOnce(left, copied(query), options)
  }

  subscribe(): never {
    throw new Error('a subscription does not outlive a power cut')
  }

  head(): number {
    return this.#head
  }

  async close(): Promise<void> {
    this.#closed = true
    await (await this.#current).close()
  }

  #cutPower(): void {
    // The process that was cut off has no say any more: its store is forgotten as it is.
    this.#fileSystem = this.#fileSystem.stateAfterCrash({ keep: 'none' })
    this.#current = openSimulatedEvents(ROOM_FOR_MEGABYTES, this.#fileSystem).then(({ store }) => store)
    this.cuts++
  }
}

function copied<Value>(value: Value): Value {
  try {
    return structuredClone(value)
  } catch {
    return value // Functions, which JSON leaves out, can't be copied; nobody changes what has them.
  }
}

async function* readClosed(
  store: Promise<DirectoryEventStore>,
  query: Query,
  options: EventReadOptions | undefined,
): AsyncGenerator<StoredEvent> {
  yield* (await store).read(query, options)
}

async function* readOnce(
  fileSystem: SimulatedFileSystem,
  query: Query,
  options: EventReadOptions | undefined,
): AsyncGenerator<StoredEvent> {
  const { store } = await openSimulatedEvents(ROOM_FOR_MEGABYTES, fileSystem)
  try {
    yield* store.read(query, options)
  } finally {
    await store.close()
  }
}
