import test from 'ava'
import type {
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  SubscribeOptions,
} from '../../src/events/contract.js'
import { EventAppender } from '../../src/events/event-appender.js'
import { EventIndex } from '../../src/events/event-index.js'
import { IdWindow } from '../../src/events/id-window.js'
import { openEventStore } from '../../src/events/open-event-store.js'
import type { DirectoryEventStore, EventStoreOptions } from '../../src/events/store-contract.js'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import {
  EVENTS,
  eventsOf,
  openSimulatedEvents,
  positionsOf,
  ROOM_FOR_MEGABYTES,
} from '../support/simulated-event-store.js'
import { openSimulated, quiet, rejection, rejects, SEGMENT, throws, watch } from '../support/simulated-log.js'

const NAME = { failIfEventsMatch: { tags: ['name:ada'] } }
const CLAIM = { type: 'Claimed', tags: ['name:ada'] }

/** One event, and all that the writer does behind it: what fails next is the commit of what comes next. */
async function begin(store: DirectoryEventStore): Promise<void> {
  await store.append({ type: 'Begun' })
  await quiet()
}

test('a condition sees what was accepted in the same turn, and is rejected once that is durable', async (t) => {
  const { store } = await openSimulatedEvents()
  const order: string[] = []
  const winner = store.append(CLAIM, NAME).then(() => order.push('winner'))
  const loser = rejection(store.append(CLAIM, NAME)).then((error) => {
    order.push(`loser at head ${store.head()}`)
    return error
  })
  const other = store.append({ type: 'Claimed', tags: ['name:bob'] }, { failIfEventsMatch: { tags: ['name:bob'] } })
  await winner
  t.like(await loser, { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 1, itemIndex: 0 })
  t.deepEqual(await other, { first: 2, last: 2 })
  t.deepEqual(order, ['winner', 'loser at head 2'])
  await store.close()
})

test('a rejection waits for the sync that makes its event durable', async (t) => {
  const { store } = await openSimulatedEvents({ flush: { everyMs: 3_600_000 } })
  // The first batch of a segment is synced under every policy.
  await store.append({ type: 'Begun' })
  const winner = watch(store.append(CLAIM, NAME))
  const loser = watch(store.append(CLAIM, NAME))
  const retried = watch(store.append({ type: 'Paid', id: 'p1' }))
  const retry = watch(store.append({ type: 'Paid', id: 'p1' }))
  await quiet()
  t.deepEqual(
    [winner.settled, loser.settled, retried.settled, retry.settled],
    [undefined, undefined, undefined, undefined],
  )
  t.is(store.head(), 1)
  await store.close()
  await quiet()
  t.deepEqual(winner.settled, { kind: 'resolved', value: { first: 2, last: 2 } })
  t.like(loser.settled, { kind: 'rejected', error: { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 2 } })
  t.deepEqual(retry.settled, { kind: 'resolved', value: { first: 3, last: 3 } })
})

test('a full disk takes decisions back with the events that they hung on', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await begin(store)
  const rolledBack: number[] = []
  store.on('rollback', (position) => rolledBack.push(position))
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  const winner = rejection(store.append({ ...CLAIM, id: 'c1' }, NAME))
  const loser = rejection(store.append(CLAIM, NAME))
  const retry = rejection(store.append({ ...CLAIM, id: 'c1' }))
  t.like(await winner, { code: 'SLUICE_DISK_FULL', outcome: 'not-written' })
  t.like(await loser, { code: 'SLUICE_DISK_FULL', outcome: 'not-written', position: 2 })
  t.like(await retry, { code: 'SLUICE_DISK_FULL', outcome: 'not-written', position: 2 })
  t.deepEqual(rolledBack, [1])
  t.is(store.stats().index.events, 1, 'the index is back at what is durable')
  t.deepEqual(
    await store.append({ ...CLAIM, id: 'c1' }, NAME),
    { first: 2, last: 2 },
    'the name and the id are free again',
  )
  t.deepEqual(await positionsOf(store, { tags: ['name:ada'] }), [2])
  await store.close()
})

test('events that a full disk takes back, again and again, leave nothing behind in memory', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await begin(store)
  const { tags, types } = store.stats().index
  let bytes = 0
  for (let round = 0; round < 30; round++) {
    const mend = fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC', once: false })
    const appends = Array.from({ length: 100 }, (_, n) => {
      const event = {
        type: `Type ${round} ${n}`,
        tags: [`tag ${round} ${n}`, `other ${round} ${n}`],
        id: `${round} ${n}`,
      }
      return rejection(store.append(event, { failIfEventsMatch: { tags: event.tags } }))
    })
    for (const error of await Promise.all(appends)) t.like(error, { code: 'SLUICE_DISK_FULL' })
    mend()
    t.like(store.stats().index, { events: 1, tags, types, ids: 0 })
    if (round === 0) ({ bytes } = store.stats().index)
    t.true(store.stats().index.bytes <= bytes * 1.1)
  }
  await store.append({ type: 'Type 0 0', tags: ['tag 1 1'] })
  t.deepEqual(await positionsOf(store, { types: ['Type 0 0'], tags: ['tag 1 1'] }), [2])
  t.deepEqual(await positionsOf(store, { tags: ['tag 0 0'] }), [])
  await store.close()
})

test('an append for whose tags there is no room is refused before the log has it', async (t) => {
  const { log } = await openSimulated()
  const index = new EventIndex({ termPages: 4 })
  const bounds = { onFull: 'wait', maxWaiting: 10, maxWaitingBytes: 1e6 } as const
  const appender = new EventAppender(log, index, new IdWindow(10), bounds)
  const append = (tag: string) =>
    appender.append(
      [{ type: 'T', tags: [tag], id: undefined, record: Buffer.from('{"type":"T"}') }],
      undefined,
      undefined,
    )
  for (let n = 1; n <= 3; n++) t.deepEqual(await append(`${n}`.padEnd(200_000, 'x')), { first: n, last: n })
  throws(t, () => append('one more'), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'types or tags' })
  t.is(log.nextLsn, 4)
  t.is(index.head, 3)
  await log.close()
})

test('a failed store decides by what is durable, and appends nothing', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await begin(store)
  let told: unknown
  store.on('failed', (error) => {
    told = error
  })
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  const subscribed = store.subscribe('all', { from: 2 })[Symbol.asyncIterator]().next()
  const winner = rejection(store.append(CLAIM, NAME))
  const loser = rejection(store.append(CLAIM, NAME))
  t.like(await winner, { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate' })
  t.like(await loser, { code: 'SLUICE_COMMIT_FAILED', outcome: 'not-written', position: 2 })
  t.like(await rejection(subscribed), { code: 'SLUICE_FAILED' })
  t.like(told, { code: 'SLUICE_FAILED' })
  t.is(store.status, 'failed')
  await rejects(t, store.append({ type: 'More' }), { code: 'SLUICE_FAILED' })
  await rejects(t, store.append({ type: 'More' }, { failIfEventsMatch: 'all' }), { code: 'SLUICE_FAILED' })
  t.is(store.stats().index.events, 1)
  t.deepEqual(await positionsOf(store), [1], 'what is durable can be read')
  await store.close()
})

/** Two records of this size fill the shared memory of the least `maxPendingBytes`. */
const HALF = 'h'.repeat(3800)
const LITTLE_ROOM: EventStoreOptions = { maxPendingBytes: 16 * 1024 }

test('appends that wait for room are decided in order, when it is their turn', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  const fill = [1, 2].map(() => store.append({ type: 'Filled', data: HALF }))
  const inLine = store.append({ type: 'Waited', data: HALF }, { failIfEventsMatch: { types: ['Waited'] } })
  const behind = rejection(store.append({ type: 'Waited' }, { failIfEventsMatch: { types: ['Waited'] } }))
  const stop = new AbortController()
  const aborted = rejection(store.append({ type: 'Never' }, undefined, { signal: stop.signal }))
  const last = store.append({ type: 'Last' })
  t.is(store.stats().waiting, 4)
  stop.abort(new Error('enough'))
  t.like(await aborted, { message: 'enough' })
  t.deepEqual(await Promise.all(fill), [
    { first: 1, last: 1 },
    { first: 2, last: 2 },
  ])
  t.deepEqual(await inLine, { first: 3, last: 3 })
  t.like(await behind, { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 3 })
  t.deepEqual(await last, { first: 4, last: 4 })
  t.is(store.stats().waiting, 0)
  t.deepEqual(
    (await eventsOf(store)).map(({ type }) => type),
    ['Filled', 'Filled', 'Waited', 'Last'],
  )
  await rejects(
    t,
    store.append({ type: 'Never' }, undefined, { signal: AbortSignal.abort() }).catch((error) => {
      t.is(error.name, 'AbortError')
      return store.append([{ type: 'Never' }], { failIfEventsMatch: 'all' })
    }),
    { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 4 },
  )
  await store.close()
})

test('there is a bound to those who wait, and none may where onFull says so', async (t) => {
  const bounded = await openSimulatedEvents({ ...LITTLE_ROOM, maxWaiting: 1 })
  const accepted = [1, 2, 3].map(() => bounded.store.append({ type: 'Filled', data: HALF }))
  await rejects(t, bounded.store.append({ type: 'More' }), { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' })
  await Promise.all(accepted)
  await bounded.store.close()

  const bytes = await openSimulatedEvents(LITTLE_ROOM)
  const fitting = [1, 2, 3, 4].map(() => bytes.store.append({ type: 'Filled', data: HALF }))
  await rejects(t, bytes.store.append({ type: 'Filled', data: HALF }), { code: 'SLUICE_QUEUE_FULL' })
  await Promise.all(fitting)
  await bytes.store.close()

  const rejecting = await openSimulatedEvents({ ...LITTLE_ROOM, onFull: 'reject' })
  const both = [1, 2].map(() => rejecting.store.append({ type: 'Filled', data: HALF }))
  await rejects(t, rejecting.store.append({ type: 'Filled', data: HALF }), { code: 'SLUICE_QUEUE_FULL' })
  await Promise.all(both)
  t.is(rejecting.store.head(), 2)
  await rejecting.store.close()
})

test('closing rejects those who wait, and ends subscriptions behind the last durable event', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  await store.append([{ type: 'A' }, { type: 'B' }, { type: 'A' }])
  const slow = store.subscribe({ types: ['A'] })[Symbol.asyncIterator]()
  const caughtUp = store.subscribe('all', { from: 4 })[Symbol.asyncIterator]()
  const never = store.subscribe({ types: ['Z'] })[Symbol.asyncIterator]()
  t.like(await slow.next(), { value: { position: 1 } })
  const waited = [caughtUp.next(), never.next()]
  const accepted = [1, 2].map(() => store.append({ type: 'A', data: HALF }))
  const waiting = rejection(store.append({ type: 'A', data: HALF }))
  const closed = store.close()
  t.is(store.close(), closed)
  t.like(await waiting, { code: 'SLUICE_CLOSED' })
  t.deepEqual(await Promise.all(accepted), [
    { first: 4, last: 4 },
    { first: 5, last: 5 },
  ])
  await closed
  t.is(store.status, 'closed')
  t.like(await waited[0], { value: { position: 4 } })
  t.like(await waited[1], { done: true })
  const rest: number[] = []
  for (let next = await slow.next(); next.done !== true; next = await slow.next()) rest.push(next.value.position)
  t.deepEqual(rest, [3, 4, 5], 'a slow one still gets all that became durable')
  t.like(await caughtUp.next(), { value: { position: 5 } })
  t.like(await caughtUp.next(), { done: true })
  await rejects(t, store.append({ type: 'A' }), { code: 'SLUICE_CLOSED' })
  await rejects(t, eventsOf(store), { code: 'SLUICE_CLOSED' })
})

test('an iteration can be ended while it waits, by return and by a signal', async (t) => {
  const { store } = await openSimulatedEvents()
  const returned = store.subscribe('all')[Symbol.asyncIterator]()
  const waits = returned.next()
  await returned.return?.()
  t.like(await waits, { done: true })
  const stop = new AbortController()
  const aborted = store.subscribe('all', { signal: stop.signal })[Symbol.asyncIterator]()
  const rejected = rejection(aborted.next())
  stop.abort(new Error('enough'))
  t.like(await rejected, { message: 'enough' })
  t.like(await aborted.next(), { done: true })
  const late = store.read('all', { signal: stop.signal })[Symbol.asyncIterator]()
  t.like(await rejection(late.next()), { message: 'enough' })
  const calls = store.subscribe('all')[Symbol.asyncIterator]()
  const both = Promise.all([calls.next(), calls.next()])
  await store.append([{ type: 'A' }, { type: 'B' }])
  t.like(await both, [{ value: { type: 'A' } }, { value: { type: 'B' } }])
  await store.close()
})

test('an append is one frame: a part of it is never seen', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await store.append({ type: 'Begun' })
  await store.append(Array.from({ length: 10_000 }, (_, at) => ({ type: 'Many', tags: [`n:${at}`], data: at })))
  for (let seed = 0; seed < 5; seed++) {
    const { store: after } = await openSimulatedEvents({}, fileSystem.stateAfterCrash({ seed }))
    t.is(after.head(), 10_001)
    t.deepEqual(await eventsOf(after, { tags: ['n:9999'] }).then(([event]) => event?.data), 9999)
    await after.close()
  }
  await store.close()
})

test('large events, and many tags', async (t) => {
  const { store } = await openSimulatedEvents(ROOM_FOR_MEGABYTES)
  const text = 'ü'.repeat(1024 * 1024)
  const bytes = Buffer.alloc(1024 * 1024, 7)
  const tags = Array.from({ length: 10_000 }, (_, at) => `tag:${at}`)
  await Promise.all([
    store.append({ type: 'Text', data: { text } }),
    store.append({ type: 'Bytes', data: bytes, metadata: { a: 1 }, id: 'b' }),
    store.append({ type: 'Tags', tags }),
  ])
  const [first, second, third] = await eventsOf(store)
  t.deepEqual(first?.data, { text })
  // An assertion compares the properties of a buffer one by one, of which it has a million.
  t.true(Buffer.isBuffer(second?.data) && second.data.equals(bytes))
  t.deepEqual([second?.metadata, second?.id], [{ a: 1 }, 'b'])
  t.deepEqual(third?.tags, tags)
  t.deepEqual(await positionsOf(store, { tags: ['tag:9999', 'tag:0', 'tag:5000'] }), [3])
  throws(t, () => store.append({ type: 'Huge', data: Buffer.alloc(17 * 1024 * 1024) }), {
    code: 'SLUICE_RECORD_TOO_LARGE',
  })
  t.is(store.stats().index.events, 3)
  await store.close()
})

test('contexts are stores of their own below one root', async (t) => {
  const contexts = { billing: { flush: 'immediate' }, clicks: { flush: { everyMs: 50 } } } as const
  const { store, fileSystem } = await openSimulatedEvents({ contexts, rememberedIds: 5 })
  const billing = store.context<{ type: 'Paid'; data: number }>('billing')
  t.deepEqual(await billing.append({ type: 'Paid', data: 7 }), { first: 1, last: 1 })
  t.deepEqual(await store.context('clicks').append([{ type: 'Clicked' }, { type: 'Clicked' }]), { first: 1, last: 2 })
  t.is(store.head(), 0)
  t.deepEqual(await positionsOf(store.context('clicks'), { types: ['Paid'] }), [])
  throws(t, () => store.context('sales'), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'sales' })
  await rejects(t, openSimulatedEvents({ contexts }, fileSystem), { code: 'SLUICE_LOCKED' })
  await store.close()
  t.is(billing.status, 'closed')
  t.true(fileSystem.listSync(EVENTS).includes('contexts'))
  const again = await openSimulatedEvents({ contexts: { billing: {} } }, fileSystem)
  t.is(again.store.context('billing').head(), 1)
  await again.store.close()
})

test('a store that can’t be opened leaves nothing open', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents({ contexts: { a: {}, b: {} } })
  await store.close()
  fileSystem.inject({ call: 'claim', path: /events\/log$/, error: 'EIO' })
  await rejects(t, openSimulatedEvents({ contexts: { a: {}, b: {} } }, fileSystem), { code: 'SLUICE_LOCK_UNAVAILABLE' })
  const again = await openSimulatedEvents({ contexts: { a: {}, b: {} } }, fileSystem)
  await again.store.close()
  t.pass('the contexts’ locks had been given back')
})

test('a log that is no event store, or lacks its beginning, is refused', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog(`${EVENTS}/log`, { fileSystem, segmentBytes: 16 * 1024 })
  await log.append(JSON.stringify({ type: 'Right', tags: ['x'] }))
  await log.append('something else')
  await log.close()
  await rejects(t, openSimulatedEvents({}, fileSystem), { code: 'SLUICE_CORRUPT', position: 2 })
  for (const wrong of [
    '{',
    '7',
    '[]',
    '{"type":7}',
    '{"type":"A","tags":"x"}',
    '{"type":"A","tags":[1]}',
    '\u0001',
    '',
  ]) {
    const other = new SimulatedFileSystem()
    const one = await openLog(`${EVENTS}/log`, { fileSystem: other })
    await one.append(wrong)
    await one.close()
    await rejects(t, openSimulatedEvents({}, other), { code: 'SLUICE_CORRUPT', position: 1 })
  }
  const trimmed = new SimulatedFileSystem()
  const cut = await openLog(`${EVENTS}/log`, { fileSystem: trimmed, segmentBytes: 16 * 1024 })
  for (let at = 0; at < 4; at++) await cut.append(JSON.stringify({ type: 'A', data: 'x'.repeat(9000) }))
  await cut.trim(cut.nextLsn)
  t.true(cut.firstLsn > 1)
  await cut.close()
  await rejects(t, openSimulatedEvents({}, trimmed), { code: 'SLUICE_TRIMMED', firstLsn: 4 })
})

test('impossible options are refused by name, at once', (t) => {
  const refused = (options: unknown, mentions: string) => {
    // What no compiler lets through, a program in JavaScript can still pass.
    throws(t, () => openEventStore(EVENTS, options as EventStoreOptions), { code: 'SLUICE_INVALID_OPTION', mentions })
  }
  refused({ flush: 'never' }, "'never'")
  refused({ ack: 'written' }, 'ack')
  refused({ flush: { everyRecords: 5 } }, 'everyMs')
  refused({ rememberedIds: -1 }, '-1')
  refused({ rememberedIds: 1.5 }, '1.5')
  refused({ onFull: 'drop' }, 'drop')
  refused({ maxWaiting: -1 }, '-1')
  refused({ colour: 'red' }, 'colour')
  refused('all', '"all"')
  refused({ contexts: [] }, 'an array')
  refused({ contexts: { '../a': {} } }, '../a')
  refused({ contexts: { '..': {} } }, '..')
  refused({ contexts: { '': {} } }, '""')
  refused({ contexts: { 'a/b': {} } }, 'a/b')
  refused({ contexts: { a: {}, A: {} } }, 'case')
  refused({ contexts: { a: 7 } }, '7')
  refused({ contexts: { a: { flush: 'never' } } }, 'the context a')
  refused({ contexts: { a: { contexts: {} } } }, 'contexts')
  throws(t, () => openEventStore(''), { code: 'SLUICE_INVALID_ARGUMENT' })
})

test('bad events, conditions and read options are refused by name, at once', async (t) => {
  const { store } = await openSimulatedEvents()
  const circular: { self?: unknown } = {}
  circular.self = circular
  const refused = (call: () => unknown, mentions: string) =>
    throws(t, call, { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  const append = (events: unknown, condition?: unknown, options?: unknown): (() => Promise<AppendedRange>) => {
    return () => store.append(events as [], condition as { failIfEventsMatch: 'all' }, options as EventAppendOptions)
  }
  refused(append([]), 'empty')
  refused(append('A'), '"A"')
  refused(append({}), 'event.type')
  refused(append([{ type: 'A' }, { type: '' }]), 'events[1].type')
  refused(append({ type: 'A', tags: 'x' }), 'event.tags')
  refused(append({ type: 'A', tags: ['x', 'x'] }), '"x" twice')
  refused(append({ type: 'A', tags: [...Array(20).keys()].map(String).concat('7') }), '"7" twice')
  refused(append({ type: 'A', tags: ['\ud800'] }), 'surrogate')
  // Three long, and nothing but the ends.
  const holes = Object.assign(new Array<string>(3), { 0: 'a', 2: 'b' })
  refused(append({ type: 'A', tags: holes }), 'event.tags[1]')
  refused(append({ type: 'A' }, { failIfEventsMatch: { tags: holes } }), 'tags[1]')
  refused(append(Object.assign(new Array(2), { 1: { type: 'A' } })), 'events[0]')
  refused(append({ type: 'A', tag: ['x'] }), '"tag"')
  refused(append({ type: 'A', data: circular }), 'circular')
  refused(append({ type: 'A', data: 7n }), 'BigInt')
  refused(append({ type: 'A', metadata: () => 7 }), 'a function')
  refused(append({ type: 'A', id: '' }), 'event.id')
  refused(
    append([
      { type: 'A', id: 'x' },
      { type: 'A', id: 'x' },
    ]),
    '"x"',
  )
  refused(append([{ type: 'A', id: 'x' }, { type: 'A' }]), 'all events have an id, or none')
  refused(append({ type: 'A' }, {}), 'failIfEventsMatch')
  refused(append({ type: 'A' }, 'all'), '"all"')
  refused(append({ type: 'A' }, { failIfEventsMatch: 'all', after: -1 }), '-1')
  refused(append({ type: 'A' }, { failIfEventsMatch: 'all', after: 1.5 }), '1.5')
  refused(append({ type: 'A' }, { failIfEventsMatch: 'all', since: 1 }), 'since')
  refused(append({ type: 'A' }, { failIfEventsMatch: [] }), 'item')
  refused(append({ type: 'A' }, { failIfEventsMatch: [{}] }), 'failIfEventsMatch[0]')
  refused(append({ type: 'A' }, { failIfEventsMatch: { types: [], tags: [] } }), 'at least')
  refused(append({ type: 'A' }, { failIfEventsMatch: { type: 'A' } }), '"type"')
  refused(append({ type: 'A' }, undefined, { signal: 7 }), '7')
  refused(append({ type: 'A' }, undefined, { ack: 'written' }), 'ack')
  const read = (query: unknown, options?: unknown) => () => store.read(query as 'all', options as EventReadOptions)
  refused(read('some'), '"some"')
  refused(read(undefined), 'undefined')
  refused(read('all', { from: 0 }), 'from')
  refused(read('all', { to: 1.5 }), 'to')
  refused(read('all', { limit: 0 }), 'limit')
  refused(read('all', { backwards: 1 }), 'backwards')
  refused(read('all', { order: 'asc' }), 'order')
  refused(() => store.subscribe('all', { from: -1 }), 'from')
  refused(() => store.subscribe('all', { to: 5 } as SubscribeOptions), 'to')
  t.is(store.stats().index.events, 0)
  t.deepEqual(await positionsOf(store), [])
  await store.close()
})
