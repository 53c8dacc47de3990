import { getEventListeners } from 'node:events'
import test from 'ava'
import { EventAppender } from '../../src/events/event-appender.js'
import { EventIndex, POSITION_MAX } from '../../src/events/event-index.js'
import type { CheckedEvent } from '../../src/events/event-record.js'
import { IdWindow } from '../../src/events/id-window.js'
import type { Log } from '../../src/log/contract.js'
import { openSimulatedEvents, positionsOf } from '../support/simulated-event-store.js'
import { openBegun, quiet, rejection, rejects, SEGMENT, throws } from '../support/simulated-log.js'

const BOUNDS = { onFull: 'wait', maxWaiting: 10, maxWaitingBytes: 1e6 } as const

test('what is durable, or was taken back, is not held as in flight', async (t) => {
  const { log, fileSystem } = await openBegun()
  const index = new EventIndex()
  index.add('Begun', [])
  const appender = new EventAppender(log, index, new IdWindow(10), BOUNDS)
  const append = () =>
    appender.append([{ type: 'T', tags: [], id: undefined, record: '{"type":"T"}' }], undefined, undefined)
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
    const event: CheckedEvent = { type: 'A', tags: [], id: undefined, record: '{"type":"A"}' }
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
