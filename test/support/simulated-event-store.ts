import type { Query, StoredEvent } from '../../src/events/contract.js'
import { openEventStore } from '../../src/events/open-event-store.js'
import type { DirectoryEventStore, EventStoreOptions } from '../../src/events/store-contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { FRUGAL } from './simulated-log.js'

/** Where simulated event stores lie. */
export const EVENTS = '/data/events'

export interface SimulatedEventStore {
  readonly store: DirectoryEventStore
  readonly fileSystem: SimulatedFileSystem
}

/** Opens an event store over a simulated file system: its writer runs in this thread. */
export async function openSimulatedEvents(
  options: EventStoreOptions = {},
  fileSystem = new SimulatedFileSystem(),
): Promise<SimulatedEventStore> {
  return { store: await openEventStore(EVENTS, { ...FRUGAL, ...options, fileSystem }), fileSystem }
}

/** Room for events of megabytes, as the conformance kit has them. */
export const ROOM_FOR_MEGABYTES = { maxPendingBytes: 8 * 1024 * 1024 } as const satisfies EventStoreOptions

/** All events that a store gives for a query. */
export async function eventsOf(
  store: Pick<DirectoryEventStore, 'read'>,
  query: Query = 'all',
  options = {},
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for await (const event of store.read(query, options)) events.push(event)
  return events
}

/** The positions of all events that a store gives for a query. */
export async function positionsOf(
  store: Pick<DirectoryEventStore, 'read'>,
  query: Query = 'all',
  options = {},
): Promise<number[]> {
  return (await eventsOf(store, query, options)).map(({ position }) => position)
}
