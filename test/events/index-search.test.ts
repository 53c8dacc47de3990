import test from 'ava'
import { IterationEnd } from '../../src/events/batch-iterator.js'
import { DurableNews } from '../../src/events/durable-news.js'
import { EventFeed } from '../../src/events/event-feed.js'
import { EventIndex } from '../../src/events/event-index.js'
import { ItemCursor, PAUSED } from '../../src/events/item-cursor.js'
import { KnownGaps } from '../../src/events/known-gaps.js'
import { MatchCursor } from '../../src/events/match-cursor.js'
import { PostingLists } from '../../src/events/posting-lists.js'
import { PostingSeeker } from '../../src/events/posting-seeker.js'
import type { CheckedQuery } from '../../src/events/query.js'
import type { LogRecord, ReadOptions } from '../../src/log/contract.js'
import { turn } from '../support/simulated-log.js'

/*
 * What it takes to find events where tags and types are frequent. It is counted in looks at lists of positions, not in time.
 */

function walked(cursor: MatchCursor): number[] {
  const positions: number[] = []
  for (let position = cursor.next(); position !== 0; position = cursor.next()) positions.push(position)
  return positions
}

/** An index whose events have tag a and tag b by turns, all but those at `together` both. */
function alternating(count: number, together: readonly number[] = []): EventIndex {
  const index = new EventIndex()
  for (let position = 1; position <= count; position++) {
    if (together.includes(position)) index.add('T', ['a', 'b'])
    else index.add(position % 2 === 0 ? 'Even' : 'Odd', [position % 2 === 0 ? 'a' : 'b'])
  }
  return index
}

/** How many steps a call takes. */
function stepsOf(index: EventIndex, call: () => unknown): number {
  const before = index.work.steps
  call()
  return index.work.steps - before
}

const BOTH: CheckedQuery = [{ types: [], tags: ['a', 'b'] }]

test('a condition looks at nothing up to the position it begins behind', (t) => {
  const index = alternating(20_000)
  for (const query of [BOTH, [{ types: ['Odd'], tags: ['a'] }], [{ types: ['Odd', 'T'], tags: ['a'] }]]) {
    const steps = stepsOf(index, () => t.is(index.lastMatch(query, 19_900), undefined))
    t.true(steps <= 310, `${steps} steps`)
  }
})

test('a condition over frequent tags that never meet walks along them once, and then along what is new', (t) => {
  for (const query of [BOTH, [{ types: ['Odd'], tags: ['a'] }]]) {
    const index = alternating(20_000)
    const first = stepsOf(index, () => t.is(index.lastMatch(query, 0), undefined))
    t.true(first <= 20_010, `${first} steps`)
    for (let round = 0; round < 5; round++) {
      const steps = stepsOf(index, () => t.is(index.lastMatch(query, 0), undefined))
      t.true(steps <= 260, `${steps} steps`)
      for (let more = 0; more < 50; more++) index.add(more % 2 === 0 ? 'Odd' : 'Even', [more % 2 === 0 ? 'b' : 'a'])
    }
    // One that begins later is asked first, and another that begins behind the gap: none walks over it again.
    const other = alternating(20_000)
    const all = stepsOf(other, () => {
      for (const after of [15_000, 0, 19_000, 5_000, 0, 15_000]) t.is(other.lastMatch(query, after), undefined)
    })
    t.true(all <= 20_010 + 6 * 260, `${all} steps`)
  }
})

test('what was found far back is remembered, until events are taken back', (t) => {
  const index = alternating(20_000, [100, 10_000])
  t.is(index.lastMatch(BOTH, 0)?.position, 10_000)
  const steps = stepsOf(index, () => {
    t.is(index.lastMatch(BOTH, 0)?.position, 10_000)
    t.is(index.lastMatch(BOTH, 9_999)?.position, 10_000)
    t.is(index.lastMatch(BOTH, 10_000), undefined)
  })
  t.true(steps <= 3 * 260, `${steps} steps`)
  index.add('T', ['b', 'a'])
  t.is(index.lastMatch(BOTH, 0)?.position, 20_001)
  index.rollBack(20_000)
  t.is(index.lastMatch(BOTH, 0)?.position, 10_000)
  index.rollBack(5_000)
  for (let more = 0; more < 10_000; more++) index.add('T', [more % 2 === 0 ? 'a' : 'b'])
  t.is(index.lastMatch(BOTH, 0)?.position, 100)
})

test('a rare tag leads, wherever it is named', (t) => {
  const index = new EventIndex()
  for (let position = 1; position <= 20_000; position++) {
    index.add('T', position % 5_000 === 1 ? ['a', 'rare'] : [position % 2 === 0 ? 'a' : 'b'])
  }
  for (const tags of [
    ['a', 'b', 'rare'],
    ['rare', 'b', 'a'],
    ['b', 'rare', 'a'],
  ]) {
    const query = [{ types: ['T'], tags }]
    const steps = stepsOf(index, () => {
      t.is(index.lastMatch(query, 0), undefined)
      t.deepEqual(walked(new MatchCursor(index, index.plan(query), 1, 20_000, false)), [])
    })
    t.true(steps <= 40, `${steps} steps`)
  }
})

test('a reading looks at nothing beyond its end', (t) => {
  const index = alternating(20_000)
  const plan = index.plan(BOTH)
  for (const [start, end] of [
    [101, 200],
    [200, 101],
  ] as const) {
    const steps = stepsOf(index, () => t.deepEqual(walked(new MatchCursor(index, plan, start, end, start > end)), []))
    t.true(steps <= 110, `${steps} steps`)
  }
})

test('known gaps are those of the items asked for last, as many as fit', (t) => {
  const gaps = new KnownGaps(40)
  const steps = { steps: 0 }
  const list = new PostingLists()
  list.push(0, 5)
  const ask = (key: string): number => {
    const cursor = new ItemCursor([new PostingSeeker(list, 0, true)], true, steps)
    t.is(cursor.find(9, 1, 0), PAUSED)
    const before = steps.steps
    t.is(gaps.lastMatch(key, cursor, 9, 0), 5)
    return steps.steps - before
  }
  t.deepEqual(['k'.repeat(20), 'l'.repeat(20), 'k'.repeat(20)].map(ask), [1, 1, 0])
  t.is(ask('m'.repeat(20)), 1)
  t.deepEqual(['k'.repeat(20), 'm'.repeat(20), 'l'.repeat(20)].map(ask), [0, 0, 1])
  t.is(gaps.count, 2)
  gaps.clear()
  t.is(gaps.count, 0)
  t.is(ask('k'.repeat(20)), 1)
})

/** A feed over an index whose log has a record for every position; `reads` counts what is read of it. */
function feedOf(index: EventIndex, query: CheckedQuery, backwards = false): EventFeed {
  const head = index.head
  const record = (lsn: number): LogRecord => ({ lsn, data: Buffer.from('{"type":"T"}'), timestamp: 0 })
  const log = {
    durableLsn: head,
    status: 'open' as const,
    get: async (lsn: number) => record(lsn),
    read: async function* ({ from = 1, to = head }: ReadOptions = {}) {
      for (let lsn = from; lsn <= to; lsn++) yield record(lsn)
    },
  }
  const range = backwards ? { start: head, end: 1 } : { start: 1, end: head }
  const afterwards = () => Promise.reject(new Error('the log is open'))
  const history = { log, index, news: new DurableNews(), afterwards }
  return new EventFeed(history, query, { ...range, backwards, limit: Number.POSITIVE_INFINITY })
}

test('a reading that has far to look gives the event loop its turns', async (t) => {
  for (const backwards of [false, true]) {
    const index = alternating(100_000)
    const feed = feedOf(index, BOTH, backwards)
    let done = false
    const reading = feed.next(new IterationEnd()).then((batch) => {
      done = true
      return batch
    })
    let turns = 0
    let most = 0
    for (let before = 0; !done; turns++) {
      most = Math.max(most, index.work.steps - before)
      before = index.work.steps
      await turn()
    }
    t.is(await reading, undefined)
    t.true(most > 0 && most <= 2 * 8192, `${most} steps in one turn`)
    t.true(turns >= 6, `${turns} turns`)
  }
})

test('a reading ends between its turns when nobody wants it any more', async (t) => {
  const index = alternating(100_000)
  const end = new IterationEnd()
  const reading = feedOf(index, BOTH).next(end)
  end.abort()
  t.is(await reading, undefined)
  t.true(index.work.steps <= 8192, `${index.work.steps} steps`)
})

test('a reading walks once along what never matches, however many batches it gives', async (t) => {
  const index = alternating(20_000)
  const query: CheckedQuery = [...BOTH, { types: [], tags: ['a'] }]
  const feed = feedOf(index, query)
  const end = new IterationEnd()
  let found = 0
  for (let batch = await feed.next(end); batch !== undefined; batch = await feed.next(end)) found += batch.length
  t.is(found, 10_000)
  t.true(index.work.steps <= 30_100, `${index.work.steps} steps`)
})

test('a reading backwards that has not looked at an item yet finds all of it after a rollback that cut its list short', (t) => {
  const index = new EventIndex()
  const [durable, rolledBack] = [17_000, 40_000]
  for (let position = 1; position <= durable + rolledBack; position++) {
    index.add('T', [position % 2 === 0 ? 'a' : 'b', 'each'])
  }
  const query: CheckedQuery = [...BOTH, { types: [], tags: ['each'] }]
  const cursor = new MatchCursor(index, index.plan(query), durable, 1, true)
  t.is(cursor.next(10), PAUSED, 'the first item takes all the steps there are')
  index.rollBack(durable)
  t.is(walked(cursor).length, durable)
})
