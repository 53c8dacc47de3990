import assert from 'node:assert/strict'
import type { EventStoreCase } from './trial.js'

const TAKEN = { tags: ['name:x'] }

export const CONDITION_CASES: readonly EventStoreCase[] = [
  {
    name: 'a condition that no event matches lets an append through',
    run: async (trial) => {
      await trial.append('Registered', 'all')
      await trial.append('Registered', { types: ['Closed'] })
      await trial.append('Registered', TAKEN)
      await trial.append('Registered', [TAKEN, { types: ['Closed'], tags: ['name:x'] }])
      assert.equal((await trial.positions('all')).length, 4)
    },
  },
  {
    name: 'without "after", any event that matches makes a condition fail',
    run: async (trial) => {
      await trial.add('Registered', 'name:x')
      for (let i = 0; i < 5; i++) await trial.add('Registered', `name:${i}`)
      await trial.conflict(trial.append('Registered', TAKEN))
      await trial.conflict(trial.append('Registered', 'all'))
      await trial.append('Registered', { tags: ['name:y'] })
    },
  },
  {
    name: 'an "after" of 0 ignores no event',
    run: async (trial) => {
      await trial.append('Registered', 'all', 0)
      await trial.conflict(trial.append('Registered', { types: ['Registered'] }, 0))
    },
  },
  {
    name: 'an event exactly at "after" is ignored, and one behind it is not',
    run: async (trial) => {
      const first = await trial.add('Registered', 'name:x')
      await trial.append('Changed', TAKEN, first)
      const second = await trial.add('Registered', 'name:x')
      await trial.conflict(trial.append('Changed', TAKEN, first))
      await trial.conflict(trial.append('Changed', TAKEN, second - 1))
      await trial.append('Changed', TAKEN, second)
    },
  },
  {
    name: '"after" may lie beyond the last event that matches',
    run: async (trial) => {
      await trial.add('Registered', 'name:x')
      const other = await trial.add('Registered', 'name:y')
      const last = await trial.add('Counted')
      await trial.append('Changed', TAKEN, other)
      await trial.append('Changed', TAKEN, last)
      const again = await trial.add('Registered', 'name:x')
      const { position } = await trial.conflict(trial.append('Changed', TAKEN, last))
      if (position !== undefined) assert.equal(position, again)
    },
  },
  {
    name: '"after" may lie beyond the last event of all',
    run: async (trial) => {
      await trial.append('Registered', 'all', 1_000_000)
      await trial.add('Registered', 'name:x')
      await trial.append('Changed', TAKEN, trial.store.head() + 100)
      await trial.append('Changed', 'all', Number.MAX_SAFE_INTEGER)
      assert.equal((await trial.positions('all')).length, 4)
    },
  },
  {
    name: 'an event before "after" is ignored, however many there are',
    run: async (trial) => {
      for (let i = 0; i < 30; i++) await trial.add('Registered', 'name:x', `n:${i}`)
      const head = trial.store.head()
      await trial.append('Changed', TAKEN, head)
      await trial.append('Changed', [TAKEN, { types: ['Registered'] }, { tags: ['n:3'] }], head)
      await trial.conflict(trial.append('Changed', { tags: ['n:29'] }, head - 1))
      await trial.append('Changed', { tags: ['n:28'] }, head - 1)
    },
  },
  {
    name: 'the events of an append do not break its own condition',
    run: async (trial) => {
      const events = [
        { type: 'Registered', tags: ['name:x'] },
        { type: 'Registered', tags: ['name:x'] },
      ]
      const { last } = await trial.store.append(events, { failIfEventsMatch: TAKEN })
      await trial.store.append(events, { failIfEventsMatch: TAKEN, after: last })
      await trial.conflict(trial.store.append(events, { failIfEventsMatch: TAKEN, after: last }))
    },
  },
  {
    name: 'each event of an earlier append counts, not only its last one',
    run: async (trial) => {
      await trial.store.append([
        { type: 'Registered', tags: ['name:x'] },
        { type: 'Counted', tags: ['name:y'] },
        { type: 'Closed' },
      ])
      await trial.conflict(trial.append('Late', { types: ['Registered'] }))
      await trial.conflict(trial.append('Late', { tags: ['name:y'] }))
      await trial.conflict(trial.append('Late', { types: ['Counted'], tags: ['name:y'] }))
      await trial.append('Late', { types: ['Counted'], tags: ['name:x'] })
    },
  },
  {
    name: 'each item of a condition can make it fail',
    run: async (trial) => {
      await trial.add('Registered', 'name:x', 'place:north')
      const never = { types: ['Never'] }
      await trial.conflict(trial.append('Late', [never, TAKEN]))
      await trial.conflict(trial.append('Late', [TAKEN, never]))
      await trial.conflict(trial.append('Late', [never, { types: ['Registered', 'Closed'], tags: ['place:north'] }]))
      await trial.append('Late', [never, { types: ['Closed'], tags: ['name:x'] }, { tags: ['name:x', 'name:y'] }])
    },
  },
  {
    name: 'a type and a tag that lie in different events are no match',
    run: async (trial) => {
      // The last event of the type lies behind the last one with the tag, and the other way round: no event has both.
      await trial.add('Registered', 'name:x')
      await trial.add('Closed', 'name:y')
      await trial.append('Late', { types: ['Registered'], tags: ['name:y'] })
      await trial.append('Late', { types: ['Closed'], tags: ['name:x'] })
      await trial.append('Late', { tags: ['name:x', 'name:y'] })
      await trial.conflict(trial.append('Late', { types: ['Closed'], tags: ['name:y'] }))
    },
  },
  {
    name: 'a match that lies behind "after" is found, though later events have its type or its tags alone',
    run: async (trial) => {
      const after = await trial.add('Counted')
      const match = await trial.add('Registered', 'name:x', 'place:north')
      for (let i = 0; i < 20; i++) {
        await trial.add('Registered', 'name:y')
        await trial.add('Closed', 'name:x')
        await trial.add('Closed', 'place:north')
      }
      await trial.conflict(trial.append('Late', { types: ['Registered'], tags: ['name:x'] }, after))
      await trial.conflict(trial.append('Late', { tags: ['name:x', 'place:north'] }, after))
      await trial.append('Late', { types: ['Registered'], tags: ['name:x'] }, match)
      await trial.append('Late', { tags: ['name:x', 'place:north'] }, match)
    },
  },
  {
    name: 'a failed condition names the last event that matches, and an item that it matches',
    needs: ['conflictDetails'],
    run: async (trial) => {
      await trial.add('Registered', 'name:x')
      const closed = await trial.add('Closed', 'name:x')
      const registered = await trial.add('Registered', 'name:y')
      await trial.add('Counted')
      const details = async (append: Promise<unknown>): Promise<unknown[]> => {
        const { position, itemIndex } = await trial.conflict(append)
        return [position, itemIndex]
      }
      const never = { types: ['Never'] }
      assert.deepEqual(await details(trial.append('Late', { types: ['Registered'] })), [registered, 0])
      assert.deepEqual(await details(trial.append('Late', [never, TAKEN])), [closed, 1])
      assert.deepEqual(await details(trial.append('Late', [{ types: ['Closed'] }, never, { types: ['Registered'] }])), [
        registered,
        2,
      ])
      assert.deepEqual(
        await details(trial.append('Late', [{ types: ['Registered'] }, { types: ['Closed'] }, never], closed - 1)),
        [registered, 0],
      )
      const { position } = await trial.conflict(trial.append('Late', 'all'))
      assert.equal(position, trial.store.head())
    },
  },
  {
    name: 'a failed condition does not fail for ever: a decision made anew goes through',
    run: async (trial) => {
      await trial.add('Registered', 'name:x')
      await trial.conflict(trial.append('Changed', TAKEN))
      await trial.append('Changed', TAKEN, trial.store.head())
      await trial.add('Registered', 'name:x')
      await trial.conflict(trial.append('Changed', TAKEN, trial.store.head() - 1))
      await trial.append('Changed', TAKEN, trial.store.head())
    },
  },
]
