import assert from 'node:assert/strict'
import type { EventReadOptions } from '../../events/contract.js'
import { type Ability, collected, type EventStoreCase, type Trial } from './trial.js'

const ODD = { tags: ['odd'] }

/** Ten events, every other one tagged; their positions in order. */
async function ten(trial: Trial): Promise<readonly number[]> {
  const positions: number[] = []
  for (let i = 1; i <= 10; i++) positions.push(await trial.add('Counted', i % 2 === 1 ? 'odd' : 'even'))
  return positions
}

/** Options in which `from` and `to` count the ten events from 1, and 11 lies far beyond the last of them. */
function reads(
  name: string,
  options: Pick<EventReadOptions, 'from' | 'to' | 'backwards' | 'limit'>,
  expected: { readonly all: readonly number[]; readonly odd: readonly number[] },
): EventStoreCase {
  const needs = (['to', 'backwards', 'limit'] as const).filter((option) => option in options)
  return {
    name,
    needs,
    run: async (trial) => {
      const positions = await ten(trial)
      const place = (n: number): number => positions[n - 1] ?? (positions.at(-1) ?? 0) + 1_000_000
      const { from, to } = options
      const placed = {
        ...options,
        ...(from === undefined ? {} : { from: place(from) }),
        ...(to === undefined ? {} : { to: place(to) }),
      }
      assert.deepEqual(await trial.positions('all', placed), expected.all.map(place), 'of all events')
      assert.deepEqual(await trial.positions(ODD, placed), expected.odd.map(place), 'of those with a tag')
      const items = [ODD, { types: ['Counted'], tags: ['even'] }]
      assert.deepEqual(await trial.positions(items, placed), expected.all.map(place), 'of those of either item')
    },
  }
}

const SIGNALS: readonly Ability[] = ['signals']

export const READ_CASES: readonly EventStoreCase[] = [
  reads(
    'events come in the order of their positions',
    {},
    { all: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], odd: [1, 3, 5, 7, 9] },
  ),
  reads('"from" is the first position that is read', { from: 7 }, { all: [7, 8, 9, 10], odd: [7, 9] }),
  reads('"from" needs no event that matches', { from: 8 }, { all: [8, 9, 10], odd: [9] }),
  reads('"from" beyond the last event reads nothing', { from: 11 }, { all: [], odd: [] }),
  reads('"to" is the last position that is read', { to: 3 }, { all: [1, 2, 3], odd: [1, 3] }),
  reads('"to" may lie beyond the last event', { from: 9, to: 11 }, { all: [9, 10], odd: [9] }),
  reads('"from" and "to" may be the same position', { from: 5, to: 5 }, { all: [5], odd: [5] }),
  reads('a range without a match reads nothing', { from: 6, to: 6 }, { all: [6], odd: [] }),
  reads('a range that ends before it begins reads nothing', { from: 6, to: 5 }, { all: [], odd: [] }),
  reads(
    'backwards, events come from the last one to the first',
    { backwards: true },
    { all: [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], odd: [9, 7, 5, 3, 1] },
  ),
  reads('backwards, "from" is the highest position', { backwards: true, from: 3 }, { all: [3, 2, 1], odd: [3, 1] }),
  reads(
    'backwards, "from" beyond the last event begins at that one',
    { backwards: true, from: 11, to: 9 },
    { all: [10, 9], odd: [9] },
  ),
  reads('backwards, "to" is the lowest position', { backwards: true, to: 8 }, { all: [10, 9, 8], odd: [9] }),
  reads('backwards, "from" and "to" are both read', { backwards: true, from: 6, to: 4 }, { all: [6, 5, 4], odd: [5] }),
  reads(
    'backwards, a range that ends before it begins reads nothing',
    { backwards: true, from: 4, to: 6 },
    {
      all: [],
      odd: [],
    },
  ),
  reads('"limit" counts the events that match', { limit: 2 }, { all: [1, 2], odd: [1, 3] }),
  reads('"limit" counts from "from" on', { from: 4, limit: 2 }, { all: [4, 5], odd: [5, 7] }),
  reads('"limit" may be more than there is', { from: 9, limit: 100 }, { all: [9, 10], odd: [9] }),
  reads('"to" ends before "limit" is reached', { to: 2, limit: 9 }, { all: [1, 2], odd: [1] }),
  reads(
    'the last event that matches is read with "backwards" and a "limit" of 1',
    { backwards: true, limit: 1 },
    {
      all: [10],
      odd: [9],
    },
  ),
  reads(
    'backwards, "limit" counts from "from" on',
    { backwards: true, from: 6, limit: 2 },
    { all: [6, 5], odd: [5, 3] },
  ),
  {
    name: 'an empty store has nothing to read',
    run: async (trial) => {
      assert.equal(trial.store.head(), 0)
      assert.deepEqual(await trial.events('all'), [])
      assert.deepEqual(await trial.events({ types: ['Counted'] }), [])
      assert.deepEqual(await trial.events({ tags: ['odd'] }, { from: 1 }), [])
    },
  },
  {
    name: 'reading ends with what there was when it was asked for',
    run: async (trial) => {
      const before = await ten(trial)
      const reading = trial.store.read('all')
      const filtered = trial.store.read(ODD)
      await trial.add('Counted', 'odd')
      assert.deepEqual(
        (await collected(reading)).map(({ position }) => position),
        before,
      )
      assert.equal((await collected(filtered)).length, 5)
    },
  },
  {
    name: 'what is appended while somebody reads does not get into what is read',
    run: async (trial) => {
      const before = await ten(trial)
      const read: number[] = []
      for await (const { position } of trial.store.read(ODD)) {
        read.push(position)
        await trial.add('Counted', 'odd')
      }
      assert.deepEqual(
        read,
        before.filter((_, i) => i % 2 === 0),
      )
    },
  },
  {
    name: 'backwards, reading begins at the last event there was when it was asked for',
    needs: ['backwards'],
    run: async (trial) => {
      const before = await ten(trial)
      const reading = trial.store.read('all', { backwards: true })
      await trial.add('Counted', 'odd')
      assert.deepEqual(
        (await collected(reading)).map(({ position }) => position),
        before.toReversed(),
      )
    },
  },
  {
    name: 'several can read at the same time, each at its own pace',
    run: async (trial) => {
      const positions = await ten(trial)
      const iterators = Array.from({ length: 5 }, () => trial.store.read('all')[Symbol.asyncIterator]())
      for (const position of positions) {
        const results = await Promise.all(iterators.map((iterator) => iterator.next()))
        for (const result of results) assert.equal(result.value?.position, position)
      }
      for (const iterator of iterators) assert.equal((await iterator.next()).done, true)
    },
  },
  {
    name: 'reading can be given up in the middle',
    run: async (trial) => {
      await ten(trial)
      for await (const { position } of trial.store.read('all')) if (position >= 3) break
      assert.equal((await trial.positions('all')).length, 10)
    },
  },
  {
    name: 'the head is the position of the last event',
    run: async (trial) => {
      const positions = await ten(trial)
      assert.equal(trial.store.head(), positions.at(-1))
    },
  },
  {
    name: 'a signal that is aborted already ends a reading with its reason',
    needs: SIGNALS,
    run: async (trial) => {
      await ten(trial)
      const reason = new Error('enough')
      const reading = collected(trial.store.read('all', { signal: AbortSignal.abort(reason) }))
      assert.equal(await reading.catch((error: unknown) => error), reason)
    },
  },
  {
    name: 'a signal ends a reading in the middle with its reason',
    needs: SIGNALS,
    run: async (trial) => {
      await ten(trial)
      const controller = new AbortController()
      const reason = new Error('enough')
      let read = 0
      const reading = (async () => {
        for await (const _ of trial.store.read('all', { signal: controller.signal })) {
          if (++read === 3) controller.abort(reason)
        }
      })()
      assert.equal(await reading.catch((error: unknown) => error), reason)
      assert.equal(read, 3)
    },
  },
]
