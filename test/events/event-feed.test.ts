import { getEventListeners } from 'node:events'
import { rmSync } from 'node:fs'
import test from 'ava'
import { IterationEnd } from '../../src/events/batch-iterator.js'
import type { Query, StoredEvent } from '../../src/events/contract.js'
import { DurableNews } from '../../src/events/durable-news.js'
import { EventFeed, type EventHistory, type FeedRange } from '../../src/events/event-feed.js'
import { EventIndex } from '../../src/events/event-index.js'
import { openEventStore } from '../../src/events/open-event-store.js'
import { checkQuery } from '../../src/events/query.js'
import { fetchRecords, type RecordSource } from '../../src/events/record-fetch.js'
import type { LogRecord } from '../../src/log/contract.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { quiet, rejection, rejects, watch } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A log of records that are as long as `bytesOf` says, which notes what is read of it. */
function measuredLog(bytesOf: (lsn: number) => number, missing = 0) {
  const read: number[] = []
  // One for each length will do: nobody changes them.
  const datas = new Map<number, Buffer>()
  const dataOf = (bytes: number): Buffer => {
    const data = datas.get(bytes) ?? Buffer.from(JSON.stringify({ type: 'A' }).padEnd(bytes))
    datas.set(bytes, data)
    return data
  }
  const record = (lsn: number): LogRecord => {
    read.push(lsn)
    return { lsn, data: dataOf(bytesOf(lsn)), timestamp: 1 }
  }
  const log: RecordSource = {
    get: async (lsn) => (lsn === missing ? undefined : record(lsn)),
    async *read({ from = 1, to = 0 } = {}) {
      for (let lsn = from; lsn <= to; lsn++) if (lsn !== missing) yield record(lsn)
    },
  }
  return { log, read }
}

const lsns = (records: readonly (LogRecord | undefined)[]) => records.map((record) => record?.lsn)

test('of records that are too many bytes together the first are fetched, upwards and downwards', async (t) => {
  const upwards = [1, 2, 3, 50, 100, 101, 102]
  const downwards = upwards.toReversed()
  const fetched = async (positions: readonly number[], maxBytes: number, missing = 0) =>
    lsns(await fetchRecords(measuredLog(() => 100, missing).log, positions, maxBytes))
  t.deepEqual(await fetched(upwards, 10_000), upwards)
  t.deepEqual(await fetched(downwards, 10_000), downwards)
  for (let count = 1; count <= upwards.length; count++) {
    for (const bytes of [count * 100, count * 100 + 99]) {
      t.deepEqual(await fetched(upwards, bytes), upwards.slice(0, count))
      t.deepEqual(await fetched(downwards, bytes), downwards.slice(0, count))
    }
  }
  t.deepEqual(await fetched(upwards, 1), [1], 'one at least')
  t.deepEqual(await fetched(downwards, 1), [102])
  t.deepEqual(await fetched(upwards, 10_000, 2), [1, undefined, 3, 50, 100, 101, 102])
  t.deepEqual(await fetched(downwards, 10_000, 50), [102, 101, 100, undefined, 3, 2, 1])
})

test('reading stops once there is enough', async (t) => {
  const { log, read } = measuredLog(() => 1000)
  const positions = Array.from({ length: 512 }, (_, index) => index + 1)
  t.is((await fetchRecords(log, positions, 5000)).length, 5)
  t.deepEqual(read, [1, 2, 3, 4, 5, 6])
})

/** A feed over events that all have the type A, and are all durable. */
function feedOf(count: number, bytesOf: (lsn: number) => number, given: Partial<FeedRange> = {}, query: Query = 'all') {
  const index = new EventIndex()
  for (let at = 1; at <= count; at++) index.add('A', [])
  const { log, read } = measuredLog(bytesOf)
  const news = new DurableNews()
  const whole: { durableLsn: number } & Omit<EventHistory['log'], 'durableLsn'> = {
    ...log,
    durableLsn: count,
    status: 'open',
  }
  const become = (durable: number): void => {
    whole.durableLsn = durable
  }
  const history: EventHistory = { log: whole, index, news, afterwards: () => Promise.reject(new Error('it is open')) }
  const range = { start: 1, end: count, backwards: false, limit: Number.POSITIVE_INFINITY, ...given }
  return { feed: new EventFeed(history, checkQuery('query', query), range), index, news, read, become }
}

async function batchesOf(feed: EventFeed): Promise<number[][]> {
  const batches: number[][] = []
  for (;;) {
    const batch = await feed.next(new IterationEnd())
    if (batch === undefined) return batches
    batches.push(batch.map(({ position }) => position))
  }
}

const MIB = 1024 * 1024

test('a batch has so many events, or so many bytes', async (t) => {
  const all = Array.from({ length: 1000 }, (_, index) => index + 1)
  for (const backwards of [false, true]) {
    const range = backwards ? { start: 3000, end: 1, backwards } : {}
    const small = await batchesOf(feedOf(3000, () => 100, range).feed)
    t.deepEqual(
      small.map(({ length }) => length),
      [16, 32, 64, 128, 256, 512, 512, 512, 512, 456],
    )
    // Ten of them, then ones of which each is more than a batch may have, then small ones again.
    const bytesOf = (lsn: number) => (lsn < 300 ? 100 * 1024 : lsn < 320 ? 2 * MIB : 100)
    const { feed, read } = feedOf(1000, bytesOf, backwards ? { ...range, start: 1000 } : range)
    const batches = await batchesOf(feed)
    t.deepEqual(batches.flat(), backwards ? all.toReversed() : all)
    for (const batch of batches) {
      const bytes = batch.reduce((sum, position) => sum + bytesOf(position), 0)
      t.true(batch.length === 1 || bytes <= MIB, `${batch.length} events with ${bytes} bytes`)
      t.true(batch.length <= 512)
    }
    t.true(read.length < 2 * 1000, `${read.length} records were read for 1000`)
  }
})

test('a feed that nobody has begun with is known to nobody', (t) => {
  const { feed, news } = feedOf(0, () => 100, { end: undefined })
  feed.concerns = () => t.fail()
  news.advance(1)
  news.end('closed')
  t.is(news.over, 'closed')
})

test('a subscriber is woken only by what its query finds, once that is durable', async (t) => {
  const { feed, index, news } = feedOf(3, () => 100, { start: 4, end: undefined }, [
    { types: ['B'], tags: ['x', 'y'] },
    { types: ['C'] },
  ])
  const { signal } = new AbortController()
  const waiting = watch(news.change(feed, signal))
  t.is(getEventListeners(signal, 'abort').length, 1)
  const add = (type: string, ...tags: string[]): void => index.add(type, tags)
  add('A', 'x')
  add('B', 'x')
  add('B', 'y')
  news.advance(6)
  add('B', 'x', 'y')
  news.advance(6)
  await quiet()
  t.is(waiting.settled, undefined, 'what matches is not durable yet')
  news.advance(7)
  await quiet()
  t.deepEqual(waiting.settled, { kind: 'resolved', value: undefined })
  t.is(getEventListeners(signal, 'abort').length, 0)
  // Nobody waits now.
  feed.concerns = () => t.fail()
  news.advance(7)
})

test('a subscriber that begins ahead of what there is looks at nothing before it', async (t) => {
  const { feed, index, news } = feedOf(3, () => 100, { start: 6, end: undefined })
  const waiting = watch(news.change(feed, new AbortController().signal))
  index.add('A', [])
  index.add('A', [])
  news.advance(5)
  await quiet()
  t.is(waiting.settled, undefined)
  index.add('A', [])
  news.advance(6)
  await quiet()
  t.like(waiting.settled, { kind: 'resolved' })
})

test('whoever waits for news is told of the end, and leaves nothing behind when a signal ends the wait', async (t) => {
  const { feed, news } = feedOf(0, () => 100, { end: undefined })
  const stop = new AbortController()
  const stopped = watch(news.change(feed, stop.signal))
  await quiet()
  t.is(stopped.settled, undefined)
  stop.abort()
  await quiet()
  t.like(stopped.settled, { kind: 'resolved' })
  const { concerns } = feed
  feed.concerns = () => t.fail()
  news.advance(1)
  feed.concerns = concerns
  const ended = watch(news.change(feed, new AbortController().signal))
  news.end('closed')
  await quiet()
  t.like(ended.settled, { kind: 'resolved' })
  await news.change(feed, new AbortController().signal)
  t.pass('there is nothing to wait for')
})

test('what was looked at in vain is not looked at again', async (t) => {
  const { feed, index, news } = feedOf(3, () => 100, { start: 4, end: undefined }, { types: ['B'] })
  const from: number[] = []
  const lastMatch = index.lastMatch.bind(index)
  index.lastMatch = (query, after) => {
    from.push(after)
    return lastMatch(query, after)
  }
  const waiting = watch(news.change(feed, new AbortController().signal))
  for (const position of [4, 5, 6]) {
    index.add('A', [])
    news.advance(position)
  }
  t.deepEqual(from, [3, 4, 5])
  index.add('B', [])
  news.advance(7)
  await quiet()
  t.like(waiting.settled, { kind: 'resolved' })
})

test('what became durable just before the end is given before the end', async (t) => {
  const { feed, index, news, become } = feedOf(3, () => 100, { start: 4, end: undefined })
  const next = () => feed.next(new IterationEnd())
  const first = next()
  await quiet()
  index.add('A', [])
  index.add('A', [])
  // Not told of by a word of its own: the end itself is the news.
  become(5)
  news.end('closed')
  t.deepEqual(
    (await first)?.map(({ position }) => position),
    [4, 5],
  )
  t.is(await next(), undefined)
})

async function restOf(iterator: AsyncIterator<StoredEvent>): Promise<number[]> {
  const positions: number[] = []
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    positions.push(next.value.position)
  }
  return positions
}

const COUNT = 1000
const ALL = Array.from({ length: COUNT }, (_, index) => index + 1)
const EVENTS = ALL.map((n) => ({ type: n % 2 === 0 ? 'Even' : 'Odd', tags: [`n:${n}`], data: 'x'.repeat(300) }))

for (const place of ['on a simulated disk', 'on a real disk'] as const) {
  test(`reading that is under way when the store is closed goes on to its end, ${place}`, async (t) => {
    const simulated = place === 'on a simulated disk'
    const options = { segmentBytes: 64 * 1024 }
    const { store } = simulated
      ? await openSimulatedEvents(options)
      : { store: await openEventStore(temporaryDirectory(t), options) }
    await store.append(EVENTS)
    const even = ALL.filter((n) => n % 2 === 0)
    const readings = [
      [store.read('all'), ALL],
      [store.read('all', { backwards: true, limit: 900 }), ALL.toReversed().slice(0, 900)],
      [store.read({ types: ['Even'] }), even],
      [store.read({ types: ['Even'] }, { backwards: true, to: 10 }), even.toReversed().filter((n) => n >= 10)],
      [store.subscribe('all'), [...ALL, COUNT + 1]],
    ] as const
    const begun = readings.map(([reading]) => reading[Symbol.asyncIterator]())
    const firsts: (number | undefined)[] = []
    for (const iterator of begun) firsts.push((await iterator.next()).value?.position)
    const late = [store.read('all'), store.read({ types: ['None'] }), store.subscribe('all', { from: COUNT + 5 })]
    await store.append({ type: 'Late' })
    await store.close()
    for (const [at, iterator] of begun.entries()) {
      t.deepEqual([firsts[at], ...(await restOf(iterator))], readings[at]?.[1])
    }
    for (const reading of late) await rejects(t, restOf(reading[Symbol.asyncIterator]()), { code: 'SLUICE_CLOSED' })
    for (const call of [store.read('all'), store.subscribe('all')]) {
      await rejects(t, restOf(call[Symbol.asyncIterator]()), { code: 'SLUICE_CLOSED' })
    }
  })
}

test('reading that is under way ends with SLUICE_CLOSED where a closed store is not there any more', async (t) => {
  const directory = temporaryDirectory(t)
  const store = await openEventStore(directory)
  await store.append(EVENTS)
  const reading = store.read('all')[Symbol.asyncIterator]()
  await reading.next()
  await store.close()
  rmSync(`${directory}/log`, { recursive: true })
  const error = await rejection(restOf(reading))
  t.like(error, { code: 'SLUICE_CLOSED' })
  t.truthy(Object(error).cause)
})

test('what closing could not note as durable, the disk being full, is not called damaged by who reads on', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await store.append({ type: 'First' })
  fileSystem.inject({ call: 'writeSync', path: /\/log\/mark$/, error: 'ENOSPC', once: false })
  await store.append(EVENTS)
  const begun = [store.read('all'), store.read('all', { backwards: true })].map((each) => each[Symbol.asyncIterator]())
  for (const iterator of begun) await iterator.next()
  await store.close()
  for (const iterator of begun) await rejects(t, restOf(iterator), { code: 'SLUICE_CLOSED' })
})

test('reading after the end leaves no file open', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  await store.append(EVENTS)
  const [abandoned, whole] = [store.read('all'), store.read('all')].map((each) => each[Symbol.asyncIterator]())
  await abandoned?.next()
  await whole?.next()
  await store.close()
  for (let at = 2; at <= 40; at++) t.is((await abandoned?.next())?.value?.position, at)
  t.is((whole === undefined ? [] : await restOf(whole)).length, COUNT - 1)
  t.deepEqual(fileSystem.openPaths, [])
})
