import assert from 'node:assert/strict'
import { type EventStoreCase, range, rejection, turn } from './trial.js'

export const APPEND_CASES: readonly EventStoreCase[] = [
  {
    name: 'what an append has resolved to can be read at that moment',
    run: async (trial) => {
      for (let i = 0; i < 10; i++) {
        const { first, last } = await trial.store.append([
          { type: 'Counted', tags: ['a'], data: i },
          { type: 'Counted', tags: ['b'], data: i },
        ])
        assert.ok(trial.store.head() >= last, 'the head has reached it')
        assert.deepEqual(await trial.positions('all', { from: first }), [first, last])
        assert.deepEqual(await trial.positions({ tags: ['b'] }, { from: first }), [last])
      }
    },
  },
  {
    name: 'the events of one append lie one behind the other, in their order',
    run: async (trial) => {
      await trial.add('Before')
      const events = Array.from({ length: 30 }, (_, n) => ({ type: 'Counted', tags: [`n:${n}`], data: { n } }))
      const { first, last } = await trial.store.append(events)
      await trial.add('Behind')
      const found = await trial.events({ types: ['Counted'] })
      assert.deepEqual(
        found.map(({ data }) => data),
        events.map(({ data }) => data),
      )
      assert.deepEqual([found[0]?.position, found.at(-1)?.position], [first, last])
    },
  },
  {
    name: 'positions only ever go up',
    run: async (trial) => {
      let highest = 0
      for (let i = 0; i < 20; i++) {
        const { first, last } = await trial.store.append(
          Array.from({ length: 1 + (i % 3) }, () => ({ type: 'Counted', data: i })),
        )
        assert.ok(first > highest && last >= first, `${first} to ${last} come behind ${highest}`)
        highest = last
      }
    },
  },
  {
    name: 'positions begin at 1 and have no gaps, and failed appends leave none',
    needs: ['densePositions'],
    run: async (trial) => {
      const { store } = trial
      assert.deepEqual(await store.append({ type: 'Counted' }), { first: 1, last: 1 })
      await trial.conflict(store.append([{ type: 'A' }, { type: 'B' }], { failIfEventsMatch: 'all' }))
      assert.deepEqual(await store.append([{ type: 'Counted' }, { type: 'Counted' }]), { first: 2, last: 3 })
      const results = await Promise.allSettled([
        store.append([{ type: 'C' }, { type: 'D' }], { failIfEventsMatch: 'all' }),
        store.append([{ type: 'Counted' }, { type: 'Counted' }]),
        store.append({ type: 'E' }, { failIfEventsMatch: { types: ['Counted'] } }),
        store.append({ type: 'Counted' }),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
      )
      assert.deepEqual(await trial.positions('all'), range(1, 6))
      assert.equal(store.head(), 6)
    },
  },
  {
    name: 'positions follow the order of the calls',
    needs: ['callOrder'],
    run: async (trial) => {
      const appends: Promise<{ first: number; last: number }>[] = []
      for (let i = 0; i < 200; i++) {
        appends.push(trial.store.append(Array.from({ length: 1 + (i % 3) }, () => ({ type: 'Counted', data: i }))))
        if (i % 40 === 39) await turn()
      }
      let highest = 0
      for (const { first, last } of await Promise.all(appends)) {
        assert.ok(first > highest && last >= first, `${first} to ${last} come behind ${highest}`)
        highest = last
      }
      const found = await trial.events('all')
      assert.deepEqual(
        found.map(({ data }) => data),
        Array.from({ length: 200 }, (_, i) => Array.from({ length: 1 + (i % 3) }, () => i)).flat(),
      )
    },
  },
  {
    name: 'appends resolve in the order of their positions',
    run: async (trial) => {
      const resolved: number[] = []
      const appends = Array.from({ length: 50 }, (_, i) => {
        // Some carry a condition, and some more events than others: that makes none of them overtake.
        const condition = i % 2 === 0 ? undefined : { failIfEventsMatch: { types: ['Never'] } }
        const events = Array.from({ length: 1 + ((i * 7) % 5) }, () => ({ type: 'Counted', data: null }))
        return trial.store.append(events, condition).then(({ last }) => resolved.push(last))
      })
      await Promise.all(appends)
      assert.deepEqual(
        resolved,
        resolved.toSorted((a, b) => a - b),
      )
    },
  },
  {
    name: 'the head can be read, and nothing lies beyond it, whatever is under way',
    run: async (trial) => {
      const appends: Promise<unknown>[] = []
      for (let i = 0; i < 30; i++) {
        appends.push(trial.store.append([{ type: 'Counted' }, { type: 'Counted' }]))
        const head = trial.store.head()
        const positions = await trial.positions('all', head === 0 ? {} : { from: head })
        assert.deepEqual(positions, head === 0 ? [] : [head])
        if (i % 3 === 0) await turn()
      }
      await Promise.all(appends)
    },
  },
  {
    name: 'an append is there as a whole or not at all, whoever reads meanwhile',
    run: async (trial) => {
      const appends = Array.from({ length: 60 }, (_, i) =>
        trial.store.append(Array.from({ length: 3 }, () => ({ type: 'Counted', tags: ['a'], data: i }))),
      )
      let pending = true
      const all = Promise.all(appends).finally(() => {
        pending = false
      })
      while (pending) {
        const [{ length: everything }, { length: tagged }] = await Promise.all([
          trial.positions('all'),
          trial.positions({ tags: ['a'] }),
        ])
        assert.ok(everything % 3 === 0 && tagged % 3 === 0, `${everything} and ${tagged} events are no whole appends`)
        await turn()
      }
      await all
      assert.equal((await trial.positions('all')).length, 180)
    },
  },
  {
    name: 'a failed append leaves none of its events',
    run: async (trial) => {
      const position = await trial.add('Taken', 'name:x')
      const events = [
        { type: 'Registered', tags: ['name:y'] },
        { type: 'Registered', tags: ['name:x'] },
      ]
      await trial.conflict(trial.store.append(events, { failIfEventsMatch: { tags: ['name:x'] } }))
      assert.equal(trial.store.head(), position)
      assert.deepEqual(await trial.events({ types: ['Registered'] }), [])
      assert.deepEqual(await trial.events({ tags: ['name:y'] }), [])
      await trial.append('Registered', { tags: ['name:y'] })
    },
  },
  {
    name: 'nothing is appended twice: what has been read once stays as it is',
    run: async (trial) => {
      for (let i = 0; i < 5; i++) await trial.add('Counted', `n:${i}`)
      const before = await trial.events('all')
      for (let i = 5; i < 10; i++) await trial.add('Counted', `n:${i}`)
      const after = await trial.events('all')
      assert.deepEqual(after.slice(0, before.length), before)
      assert.equal(after.length, 10)
    },
  },
  {
    name: 'a signal that is aborted already keeps an append from being made',
    needs: ['signals'],
    run: async (trial) => {
      const reason = new Error('enough')
      const append = trial.store.append({ type: 'Counted' }, undefined, { signal: AbortSignal.abort(reason) })
      assert.equal(await append.catch((error: unknown) => error), reason)
      assert.equal(await trial.add('Counted'), trial.store.head())
      assert.equal((await trial.positions('all')).length, 1)
    },
  },
  {
    name: 'a signal that is aborted later has no say in an append that was accepted',
    needs: ['signals'],
    run: async (trial) => {
      const controller = new AbortController()
      const append = trial.store.append({ type: 'Counted' }, undefined, { signal: controller.signal })
      controller.abort(new Error('too late'))
      const { last } = await append
      assert.deepEqual(await trial.positions('all'), [last])
    },
  },
  {
    name: 'closing waits for what was accepted, and later calls reject',
    run: async (trial) => {
      const { store } = trial
      const appends = [store.append({ type: 'Counted' }), store.append([{ type: 'Counted' }, { type: 'Counted' }])]
      await store.close()
      const head = store.head()
      const ranges = await Promise.all(appends)
      assert.equal(head, ranges.at(-1)?.last)
      await rejection(store.append({ type: 'Late' }), 'SLUICE_CLOSED')
      await rejection(trial.events('all'), 'SLUICE_CLOSED')
    },
  },
  {
    name: 'closing twice is closing once',
    run: async (trial) => {
      await trial.add('Counted')
      await Promise.all([trial.store.close(), trial.store.close()])
      await trial.store.close()
    },
  },
]
