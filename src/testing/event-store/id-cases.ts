import assert from 'node:assert/strict'
import { type Ability, type EventStoreCase, rejection } from './trial.js'

const IDS: readonly Ability[] = ['ids']
const IDS_IN_ORDER: readonly Ability[] = ['ids', 'callOrder']

function paid(...ids: string[]): { type: string; id: string; tags: string[]; data: { id: string } }[] {
  return ids.map((id) => ({ type: 'Paid', id, tags: [`payment:${id}`], data: { id } }))
}

export const ID_CASES: readonly EventStoreCase[] = [
  {
    name: 'an id comes back with its event, and an event without one has none',
    needs: IDS,
    run: async (trial) => {
      await trial.store.append(paid('p1', 'p2'))
      await trial.add('Counted')
      assert.deepEqual(
        (await trial.events('all')).map(({ id }) => id),
        ['p1', 'p2', undefined],
      )
    },
  },
  {
    name: 'events appended again by their ids have the positions they had, and are not stored again',
    needs: IDS,
    run: async (trial) => {
      await trial.add('Counted')
      const one = await trial.store.append(paid('p1'))
      const three = await trial.store.append(paid('p2', 'p3', 'p4'))
      await trial.add('Counted')
      assert.deepEqual(await trial.store.append(paid('p1')), one)
      assert.deepEqual(await trial.store.append(paid('p2', 'p3', 'p4')), three)
      assert.deepEqual(await trial.store.append(paid('p2', 'p3', 'p4')), three)
      assert.equal((await trial.positions({ types: ['Paid'] })).length, 4)
      assert.equal((await trial.positions('all')).length, 6)
    },
  },
  {
    name: 'an append repeated by its ids succeeds, though its condition would fail now',
    needs: IDS,
    run: async (trial) => {
      const condition = { failIfEventsMatch: { tags: ['payment:p1'] } }
      const made = await trial.store.append(paid('p1'), condition)
      assert.deepEqual(await trial.store.append(paid('p1'), condition), made)
      assert.deepEqual(await trial.store.append(paid('p1'), { failIfEventsMatch: 'all' }), made)
      assert.equal((await trial.positions('all')).length, 1)
    },
  },
  {
    name: 'an append can be repeated while the first one is still under way',
    needs: IDS_IN_ORDER,
    run: async (trial) => {
      const { store } = trial
      const condition = { failIfEventsMatch: { types: ['Paid'] } }
      const appends = [
        store.append(paid('p1', 'p2'), condition),
        store.append(paid('p1', 'p2'), condition),
        store.append({ type: 'Counted' }),
        store.append(paid('p1', 'p2')),
      ]
      const [first, second, counted, third] = await Promise.all(appends)
      assert.deepEqual(second, first)
      assert.deepEqual(third, first)
      assert.ok(counted !== undefined && first !== undefined && counted.first > first.last)
      assert.equal((await trial.positions('all')).length, 3)
    },
  },
  {
    name: 'a repeated append resolves only once its events can be read',
    needs: IDS_IN_ORDER,
    run: async (trial) => {
      const first = trial.store.append(paid('p1'))
      const { last } = await trial.store.append(paid('p1'))
      assert.ok(trial.store.head() >= last)
      assert.deepEqual(await trial.positions('all'), [last])
      await first
    },
  },
  {
    name: 'known and new ids in one append are refused, and nothing of it is stored',
    needs: IDS,
    run: async (trial) => {
      await trial.store.append(paid('p1', 'p2'))
      for (const ids of [
        ['p1', 'p2', 'p3'],
        ['p3', 'p1', 'p2'],
        ['p2', 'p3'],
      ]) {
        await rejection(trial.store.append(paid(...ids)), 'SLUICE_ID_CONFLICT')
      }
      assert.equal((await trial.positions('all')).length, 2)
      // What was refused is not remembered.
      await trial.store.append(paid('p3'))
      assert.equal((await trial.positions('all')).length, 3)
    },
  },
  {
    name: 'known ids are refused in one append where their events do not follow on each other',
    needs: IDS,
    run: async (trial) => {
      const { first } = await trial.store.append(paid('p1'))
      const { last } = await trial.store.append(paid('p2'))
      await trial.add('Counted')
      await trial.store.append(paid('p3'))
      assert.deepEqual(await trial.store.append(paid('p1', 'p2')), { first, last })
      for (const ids of [
        ['p2', 'p1'],
        ['p1', 'p3'],
        ['p3', 'p2'],
      ]) {
        await rejection(trial.store.append(paid(...ids)), 'SLUICE_ID_CONFLICT')
      }
      assert.equal((await trial.positions('all')).length, 4)
    },
  },
  {
    name: 'a mix of ids is refused while the first append is still under way',
    needs: IDS_IN_ORDER,
    run: async (trial) => {
      const first = trial.store.append(paid('p1'))
      await rejection(trial.store.append(paid('p1', 'p2')), 'SLUICE_ID_CONFLICT')
      await first
      assert.equal((await trial.positions('all')).length, 1)
    },
  },
  {
    name: 'the ids of an append that failed are not remembered',
    needs: IDS,
    run: async (trial) => {
      const taken = await trial.add('Taken')
      await trial.conflict(trial.store.append(paid('p1', 'p2'), { failIfEventsMatch: { types: ['Taken'] } }))
      assert.deepEqual(await trial.positions('all'), [taken])
      const { first } = await trial.store.append(paid('p2'))
      assert.ok(first > taken)
      await trial.store.append(paid('p1'))
      assert.equal((await trial.positions('all')).length, 3)
    },
  },
  {
    name: 'many can repeat one append at once: it is made once',
    needs: IDS,
    run: async (trial) => {
      const appends = Array.from({ length: 50 }, () =>
        trial.store.append(paid('p1', 'p2'), { failIfEventsMatch: { types: ['Paid'] } }),
      )
      const [first, ...others] = await Promise.all(appends)
      for (const other of others) assert.deepEqual(other, first)
      assert.equal((await trial.positions('all')).length, 2)
    },
  },
  {
    name: 'ids that resemble names of objects are ids like others',
    needs: IDS,
    run: async (trial) => {
      for (const id of ['__proto__', 'constructor', 'toString', '0', 'P1', 'p1']) {
        const made = await trial.store.append(paid(id))
        assert.deepEqual(await trial.store.append(paid(id)), made)
      }
      assert.equal((await trial.positions('all')).length, 6)
    },
  },
  {
    name: 'events without ids are stored as often as they are appended',
    run: async (trial) => {
      const event = { type: 'Counted', tags: ['a'], data: { n: 1 } }
      await trial.store.append(event)
      await trial.store.append(event)
      await trial.store.append([event, event])
      assert.equal((await trial.positions('all')).length, 4)
    },
  },
]
