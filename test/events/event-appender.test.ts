import { getEventListeners } from 'node:events'
import test from 'ava'
import { collectGarbage } from '../../bench/collect-garbage.js'
import { EventAppender } from '../../src/events/event-appender.js'
import { EventIndex, POSITION_MAX } from '../../src/events/event-index.js'
import type { CheckedEvent } from '../../src/events/event-record.js'
import { IdWindow } from '../../src/events/id-window.js'
import type { EventStoreOptions } from '../../src/events/store-contract.js'
import type { Log } from '../../src/log/contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { eventsOf, openSimulatedEvents, positionsOf } from '../support/simulated-event-store.js'
import { openBegun, quiet, rejection, rejects, SEGMENT, throws, turn, watch } from '../support/simulated-log.js'

const BOUNDS = { onFull: 'wait', maxWaiting: 10, maxWaitingBytes: 1e6 } as const

test('what is durable, or was taken back, is not held as in flight', async (t) => {
  const { log, fileSystem } = await openBegun()
  const index = new EventIndex()
  index.add('Begun', [])
  const appender = new EventAppender(log, index, new IdWindow(10), BOUNDS)
  const append = () =>
    appender.append([{ type: 'T', tags: [], id: undefined, record: Buffer.from('{"type":"T"}') }], undefined, undefined)
  const accepted = Array.from({ length: 50 }, append)
  t.is(appender.inFlight, 50)
  await Promise.all(accepted)
  t.is(appender.inFlight, 0)
  await quiet()
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  const refused = Array.from({ length: 50 }, () => rejection(append()))
  t.is(appender.inFlight, 50)
  for (const error of await Promise.all(refused)) t.like(error, { code: 'SLUICE_DISK_FULL' })
  t.is(appender.inFlight, 0)
  await log.close()
})

test('who depends on an event that took the position of one that was taken back gets the answer of that event', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await store.append({ type: 'Begun' })
  await quiet()
  const condition = { failIfEventsMatch: { types: ['Claimed'] } }
  let later: Promise<unknown>[] = []
  // At once: nothing becomes durable in between.
  store.on('rollback', () => {
    later = [store.append({ type: 'Claimed' }, condition), rejection(store.append({ type: 'Claimed' }, condition))]
  })
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  await rejects(t, store.append({ type: 'Claimed' }, condition), { code: 'SLUICE_DISK_FULL' })
  const [winner, loser] = await Promise.all(later)
  t.deepEqual(winner, { first: 2, last: 2 })
  t.like(loser, { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 2 })
  await store.close()
})

test('ids are forgotten while the store is open: the last ones are remembered', async (t) => {
  const { store } = await openSimulatedEvents({ rememberedIds: 5 })
  for (let n = 1; n <= 20; n++) await store.append({ type: 'T', id: `id${n}` })
  t.is(store.stats().index.ids, 5)
  t.deepEqual(await store.append({ type: 'T', id: 'id16' }), { first: 16, last: 16 })
  t.deepEqual(await store.append({ type: 'T', id: 'id15' }), { first: 21, last: 21 }, 'it came too late')
  await store.close()
})

test('room in the line is free again for those behind: once they are let in, and once they gave up', async (t) => {
  // Two of these fill the shared memory, and two the line.
  const event = { type: 'Filled', data: 'h'.repeat(3800) }
  const { store } = await openSimulatedEvents({ maxPendingBytes: 16 * 1024 })
  for (let round = 0; round < 5; round++) {
    const appends = [1, 2, 3, 4].map(() => store.append(event))
    t.is(store.stats().waiting, 2)
    await rejects(t, store.append(event), { code: 'SLUICE_QUEUE_FULL' })
    await Promise.all(appends)
  }
  for (let round = 0; round < 5; round++) {
    const stop = new AbortController()
    const accepted = [1, 2].map(() => store.append(event))
    const waiting = [1, 2].map(() => rejection(store.append(event, undefined, { signal: stop.signal })))
    t.is(store.stats().waiting, 2)
    stop.abort(new Error('enough'))
    for (const error of await Promise.all(waiting)) t.like(error, { message: 'enough' })
    await Promise.all(accepted)
  }
  t.is((await positionsOf(store)).length, 30)
  await store.close()
})

test('once an append no longer waits for room, its signal is let go', async (t) => {
  const { store } = await openSimulatedEvents({ maxPendingBytes: 16 * 1024 })
  const data = 'h'.repeat(3800)
  const { signal } = new AbortController()
  const listeners = () => getEventListeners(signal, 'abort').length
  const accepted = [1, 2, 3].map(() => store.append({ type: 'A', data }, undefined, { signal }))
  t.is(listeners(), 1, 'one of them waits')
  await Promise.all(accepted)
  t.is(listeners(), 0)
  const filled = [1, 2, 3].map(() => store.append({ type: 'A', data }, undefined, { signal }))
  const refused = rejection(filled[2] ?? Promise.resolve())
  t.is(listeners(), 1)
  await store.close()
  t.like(await refused, { code: 'SLUICE_CLOSED' })
  t.is(listeners(), 0)
})

/** An appender to a log whose next record has this LSN, and what that was given. */
function appenderAt(nextLsn: number) {
  const given: number[] = []
  const log = {
    status: 'open',
    nextLsn,
    durableLsn: nextLsn - 1,
    on: () => log,
    append: async () => given.push(1),
    appendMany: async (records: readonly unknown[]) => given.push(records.length),
  }
  // Nothing else of it is used to accept an append.
  const appender = new EventAppender(log as unknown as Log, new EventIndex(), new IdWindow(10), {
    onFull: 'reject',
    maxWaiting: 0,
    maxWaitingBytes: 0,
  })
  const append = (count: number): void => {
    const event: CheckedEvent = { type: 'A', tags: [], id: undefined, record: Buffer.from('{"type":"A"}') }
    appender.append(new Array<CheckedEvent>(count).fill(event), undefined, undefined).catch(() => {})
  }
  return { append, given }
}

test('an append past the last position is refused, and the log is not asked', (t) => {
  const { append, given } = appenderAt(POSITION_MAX - 1)
  const tooMany = { code: 'SLUICE_INVALID_ARGUMENT', mentions: `${POSITION_MAX} events` } as const
  throws(t, () => append(3), tooMany)
  t.deepEqual(given, [])
  append(2)
  t.deepEqual(given, [2])
  const full = appenderAt(POSITION_MAX + 1)
  throws(t, () => full.append(1), tooMany)
  t.deepEqual(full.given, [])
})

const NAME = { failIfEventsMatch: { tags: ['name:ada'] } }
const CLAIM = { type: 'Claimed', tags: ['name:ada'] }

/** The shared memory of the least `maxPendingBytes`, 8 KiB, holds two events with `HALF`, or one of them beside `SOME`. */
const LITTLE_ROOM: EventStoreOptions = { maxPendingBytes: 16 * 1024 }
const HALF = 'h'.repeat(3800)
const SOME = 's'.repeat(700)

test('when one that waited for room gives up, those behind it that have room are let in at once', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  const filled = [HALF, SOME].map((data) => store.append({ type: 'Filled', data }))
  const stop = new AbortController()
  const { signal } = stop
  const large = rejection(store.append({ type: 'Large', data: HALF }, undefined, { signal }))
  const alike = rejection(store.append({ type: 'Alike' }, undefined, { signal }))
  const small = store.append({ type: 'Small' })
  const claimed = store.append(CLAIM, NAME)
  const refused = rejection(store.append(CLAIM, NAME))
  t.is(store.stats().waiting, 5)
  stop.abort(new Error('enough'))
  t.is(store.stats().waiting, 0, 'without waiting for anything')
  t.like(await large, { message: 'enough' })
  t.like(await alike, { message: 'enough' }, 'its signal was the same one')
  t.deepEqual(await Promise.all([...filled, small, claimed]), [
    { first: 1, last: 1 },
    { first: 2, last: 2 },
    { first: 3, last: 3 },
    { first: 4, last: 4 },
  ])
  t.like(await refused, { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 4 })
  t.deepEqual(
    (await eventsOf(store)).map(({ type }) => type),
    ['Filled', 'Filled', 'Small', 'Claimed'],
  )
  await store.close()
})

test('what has waited leaves its bytes to others, whether it was let in or gave up', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  for (let round = 1; round <= 5; round++) {
    const filled = [1, 2].map(() => store.append({ type: 'Filled', data: HALF }))
    const stop = new AbortController()
    const gaveUp = rejection(store.append({ type: 'Never', data: HALF }, undefined, { signal: stop.signal }))
    const waited = store.append({ type: 'Waited', data: HALF })
    stop.abort(new Error('enough'))
    t.like(await gaveUp, { message: 'enough' })
    await Promise.all([...filled, waited])
    t.is(store.head(), 3 * round)
  }
  await store.close()
})

test('an append that waits for room as the store closes was not written, and says so', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  const filled = [1, 2].map(() => store.append({ type: 'Filled', data: HALF }))
  const waited = rejection(store.append({ type: 'Waited', data: HALF }))
  const closed = store.close()
  t.like(await waited, { code: 'SLUICE_CLOSED', outcome: 'not-written' })
  await Promise.all([...filled, closed])
})

test('what waits is what it was when it was given', async (t) => {
  const { store } = await openSimulatedEvents(LITTLE_ROOM)
  const filled = [1, 2].map(() => store.append({ type: 'Filled', data: HALF }))
  const data = Buffer.from('given')
  const waited = [
    store.append({ type: 'Bytes', data }),
    store.append([
      { type: 'A', data: 1 },
      { type: 'B', data: 2 },
    ]),
  ]
  data.fill('x')
  await Promise.all([...filled, ...waited])
  const [, , bytes, first, second] = await eventsOf(store)
  t.deepEqual(bytes?.data, Buffer.from('given'))
  t.deepEqual([first?.data, second?.data], [1, 2])
  await store.close()
})

test('what hangs on an event that takes the place of one that a full disk took back is told of the new one', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await store.append({ type: 'Begun' })
  await quiet()
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  await rejects(t, store.append(CLAIM, NAME), { code: 'SLUICE_DISK_FULL' })
  const winner = store.append(CLAIM, NAME)
  const loser = rejection(store.append(CLAIM, NAME))
  t.deepEqual(await winner, { first: 2, last: 2 })
  t.like(await loser, { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 2 })
  await store.close()
})

test('of two rejections each waits for its own event: the first one is told at once, the other not before the sync', async (t) => {
  const { store } = await openSimulatedEvents({ flush: { everyMs: 3_600_000 } })
  // The first batch of a segment is synced under every policy.
  await store.append(CLAIM)
  const other = { failIfEventsMatch: { tags: ['name:bob'] } }
  const winner = watch(store.append({ type: 'Claimed', tags: ['name:bob'] }))
  const later = watch(store.append({ type: 'Claimed' }, other))
  const atOnce = watch(store.append(CLAIM, NAME))
  await quiet()
  t.like(atOnce.settled, { kind: 'rejected', error: { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 1 } })
  t.deepEqual([winner.settled, later.settled], [undefined, undefined])
  await store.close()
  t.like(later.settled, { kind: 'rejected', error: { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 2 } })
})

test('only so many ids are remembered as the option says, once their events are durable', async (t) => {
  const { store } = await openSimulatedEvents({ rememberedIds: 2 })
  for (const id of ['a', 'b', 'c', 'd']) await store.append({ type: 'Paid', id })
  t.is(store.stats().index.ids, 2)
  t.deepEqual(await store.append({ type: 'Paid', id: 'd' }), { first: 4, last: 4 })
  t.deepEqual(await store.append({ type: 'Paid', id: 'a' }), { first: 5, last: 5 }, 'as new: it was forgotten')
  await store.close()
})

test('what depends on an event is told behind it, also while its append is still to be told', async (t) => {
  const { store } = await openSimulatedEvents()
  const order: string[] = []
  const note = (what: string) => (): void => void order.push(what)
  let first = 0
  const appends = Array.from({ length: 2000 }, (_, at) =>
    store.append({ type: 'A', id: `${at}`, tags: [`n:${at}`] }).then(note(`first ${at}`)),
  )
  const again: Promise<unknown>[] = []
  store.on('durable', (position) => {
    if (position < 1000 || again.length > 0) return
    t.false(order.includes(`first ${position - 1}`), 'it is durable, and not told yet')
    first = position - 1
    const failIfEventsMatch = { tags: [`n:${first}`] }
    again.push(
      store.append({ type: 'A', id: `${first}` }).then(note('again')),
      rejects(t, store.append({ type: 'B' }, { failIfEventsMatch }), {
        code: 'SLUICE_APPEND_CONDITION_FAILED',
        position,
      }).then(note('refused')),
    )
  })
  await Promise.all(appends)
  await Promise.all(again)
  t.is(order.length, 2002)
  t.true(order.indexOf('again') > order.indexOf(`first ${first}`))
  t.true(order.indexOf('refused') > order.indexOf(`first ${first}`))
  await store.close()
})

test('nothing is kept of appends that are durable', async (t) => {
  const { store } = await openSimulatedEvents()
  const appends: WeakRef<Promise<unknown>>[] = []
  const appendAll = async (): Promise<void> => {
    const all = Array.from({ length: 20 }, (_, at) => store.append({ type: 'A', data: at }))
    for (const each of all) appends.push(new WeakRef(each))
    await Promise.all(all)
  }
  await appendAll()
  await quiet()
  collectGarbage()
  t.deepEqual(
    appends.filter((append) => append.deref() !== undefined),
    [],
  )
  await store.close()
})

test('the index has what is accepted when it is asked, and what is durable before anyone hears of it', async (t) => {
  const { store } = await openSimulatedEvents()
  const first = store.append({ type: 'A', tags: ['first'] })
  t.is(store.stats().index.events, 1)
  await turn()
  // The writer is asked to work in its next turn: that comes before the end of this one.
  const data = 'x'.repeat(1000)
  const many = Array.from({ length: 200 }, (_, at) => store.append({ type: 'B', tags: [`n:${at}`], data }))
  const found: Promise<number[]>[] = []
  store.once('durable', (position) => {
    t.true(position > 100, `the writer took what was handed over until then: up to ${position}`)
    found.push(positionsOf(store, { tags: ['n:50'] }))
  })
  await Promise.all([first, ...many])
  t.deepEqual(await Promise.all(found), [[52]])
  await store.close()
})

test('what was accepted while the disk turned out to be full is taken out of the index as well', async (t) => {
  const accepted: Promise<unknown>[] = []
  let append = (): void => {}
  class Appending extends SimulatedFileSystem {
    override writeSync(...values: Parameters<SimulatedFileSystem['writeSync']>): number {
      append()
      return super.writeSync(...values)
    }
  }
  const { store, fileSystem } = await openSimulatedEvents({}, new Appending())
  await store.append({ type: 'Begun' })
  await quiet()
  append = () => {
    append = () => {}
    accepted.push(rejection(store.append({ type: 'Meanwhile', tags: ['name:bob'] })))
  }
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  await rejects(t, store.append(CLAIM), { code: 'SLUICE_DISK_FULL' })
  t.is(accepted.length, 1)
  t.like(await accepted[0], { code: 'SLUICE_DISK_FULL' })
  t.is(store.stats().index.events, 1)
  t.deepEqual(await store.append({ type: 'After', tags: ['name:ada'] }, NAME), { first: 2, last: 2 })
  t.deepEqual(await positionsOf(store, { tags: ['name:ada'] }), [2])
  t.deepEqual(await positionsOf(store, { tags: ['name:bob'] }), [])
  await store.close()
})

test('an event whose data appends another one while it is encoded is stored as it is, and so is the other', async (t) => {
  const { store } = await openSimulatedEvents()
  const inner: Promise<unknown>[] = []
  const data = {
    before: 'b',
    get nested() {
      inner.push(store.append({ type: 'Inner', tags: ['inner'], data: { text: 'i'.repeat(50) } }))
      return 'n'
    },
    after: 'a',
  }
  await store.append({ type: 'Outer', tags: ['outer'], data })
  await Promise.all(inner)
  const [first, second, ...rest] = await eventsOf(store)
  t.deepEqual([first?.type, first?.data], ['Inner', { text: 'i'.repeat(50) }])
  t.deepEqual([second?.type, second?.data], ['Outer', { before: 'b', nested: 'n', after: 'a' }])
  t.deepEqual(rest, [])
  await store.close()
})
