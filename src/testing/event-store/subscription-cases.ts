import assert from 'node:assert/strict'
import { type Ability, type EventStoreCase, range, rejection, turn } from './trial.js'

const SUBSCRIBE: readonly Ability[] = ['subscribe']
const WITH_SIGNALS: readonly Ability[] = ['subscribe', 'signals']

export const SUBSCRIPTION_CASES: readonly EventStoreCase[] = [
  {
    name: 'a subscription gives what is there, and then each event as it comes',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const expected = [await trial.add('Counted'), await trial.add('Counted')]
      const subscription = trial.subscription('all')
      assert.deepEqual(await subscription.positions(2), expected)
      for (let i = 0; i < 3; i++) {
        const next = subscription.next()
        const position = await trial.add('Counted')
        assert.equal((await next).position, position)
      }
      const found = subscription.positions(3)
      const { first, last } = await trial.store.append([{ type: 'Counted' }, { type: 'Counted' }, { type: 'Counted' }])
      const [one, , three] = await found
      assert.deepEqual([one, three], [first, last])
      await subscription.end()
    },
  },
  {
    name: 'a subscription on an empty store waits for the first event',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const subscription = trial.subscription('all')
      const next = subscription.next()
      await turn()
      const position = await trial.add('Counted')
      assert.equal((await next).position, position)
      await subscription.end()
    },
  },
  {
    name: 'between what was there and what comes there is no gap, and nothing comes twice',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const all: Promise<unknown>[] = []
      const append = (): void => {
        for (let i = 0; i < 10; i++) all.push(trial.store.append([{ type: 'Counted' }, { type: 'Counted' }]))
      }
      append()
      await turn()
      append()
      const subscriptions = [trial.subscription('all')]
      append()
      subscriptions.push(trial.subscription('all'))
      const taken = subscriptions.map((subscription) => subscription.positions(50))
      await turn()
      append()
      subscriptions.push(trial.subscription('all'))
      taken.push(trial.subscription('all').positions(80))
      await Promise.all(all)
      append()
      const [first, second, whole] = await Promise.all(taken)
      await Promise.all(all)
      const positions = await trial.positions('all')
      assert.equal(positions.length, 100)
      assert.deepEqual(whole, positions.slice(0, 80))
      assert.deepEqual([...(first ?? []), ...((await subscriptions[0]?.positions(50)) ?? [])], positions)
      assert.deepEqual([...(second ?? []), ...((await subscriptions[1]?.positions(50)) ?? [])], positions)
      assert.deepEqual(await subscriptions[2]?.positions(100), positions)
      for (const subscription of subscriptions) await subscription.end()
    },
  },
  {
    name: 'a subscription gives only what its query finds, before and after',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const query = [{ types: ['Sold'], tags: ['colour:red'] }, { types: ['Counted'] }]
      const expected: string[] = []
      const add = async (): Promise<void> => {
        for (const [type, tag] of [
          ['Sold', 'colour:red'],
          ['Sold', 'colour:blue'],
          ['Painted', 'colour:red'],
          ['Counted', 'colour:blue'],
        ] as const) {
          await trial.add(type, tag)
          if (type === 'Counted' || (type === 'Sold' && tag === 'colour:red')) expected.push(`${type} ${tag}`)
        }
      }
      await add()
      const subscription = trial.subscription(query)
      const found = subscription.take(6)
      await add()
      await add()
      assert.deepEqual(
        (await found).map(({ type, tags }) => `${type} ${tags.join()}`),
        expected,
      )
      await subscription.end()
    },
  },
  {
    name: 'a subscription begins with "from"',
    needs: SUBSCRIBE,
    run: async (trial) => {
      for (let i = 0; i < 3; i++) await trial.add('Counted')
      const from = await trial.add('Counted', 'a')
      const subscription = trial.subscription('all', { from })
      const filtered = trial.subscription({ tags: ['a'] }, { from })
      const next = await trial.add('Counted', 'a')
      assert.deepEqual(await subscription.positions(2), [from, next])
      assert.deepEqual(await filtered.positions(2), [from, next])
      await subscription.end()
      await filtered.end()
    },
  },
  {
    name: '"from" may lie ahead of what there is',
    needs: ['subscribe', 'densePositions'],
    run: async (trial) => {
      const position = await trial.add('Counted')
      const subscription = trial.subscription('all', { from: position + 3 })
      const found = subscription.positions(2)
      for (let i = 0; i < 5; i++) await trial.add('Counted')
      assert.deepEqual(await found, [position + 3, position + 4])
      await subscription.end()
    },
  },
  {
    name: 'what a subscription gives can be read, and lies no higher than the head',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const subscription = trial.subscription('all')
      const all = range(1, 20).map((n) => trial.store.append({ type: 'Counted', data: { n } }))
      for (const n of range(1, 20)) {
        const event = await subscription.next()
        assert.ok(event.position <= trial.store.head())
        assert.deepEqual(event.data, { n })
        const [read] = await trial.events('all', { from: event.position })
        assert.deepEqual(read, event)
      }
      await Promise.all(all)
      await subscription.end()
    },
  },
  {
    name: 'no subscription sees anything of an append that failed',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const { store } = trial
      const subscription = trial.subscription('all')
      const found = subscription.take(3)
      await trial.add('First')
      await Promise.allSettled([
        store.append([{ type: 'Lost' }, { type: 'Lost' }], { failIfEventsMatch: { types: ['First'] } }),
        store.append({ type: 'Second' }),
        store.append({ type: 'Lost' }, { failIfEventsMatch: { types: ['Second', 'First'] } }),
      ])
      await trial.add('Third')
      assert.deepEqual(
        (await found).map(({ type }) => type),
        ['First', 'Second', 'Third'],
      )
      await subscription.end()
    },
  },
  {
    name: 'several subscriptions each get everything, and one that nobody reads holds back nobody',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const slow = trial.subscription('all')
      const first = await trial.add('Counted')
      assert.equal((await slow.next()).position, first)
      const quick = [trial.subscription('all'), trial.subscription('all'), trial.subscription({ types: ['Counted'] })]
      const found = quick.map((subscription) => subscription.positions(31))
      const expected = [first]
      for (let i = 0; i < 30; i++) expected.push(await trial.add('Counted'))
      for (const positions of await Promise.all(found)) assert.deepEqual(positions, expected)
      assert.deepEqual(await slow.positions(30), expected.slice(1))
      for (const subscription of [slow, ...quick]) await subscription.end()
    },
  },
  {
    name: 'a subscription that ends leaves the store and the others alone',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const stays = trial.subscription('all')
      const first = await trial.add('Counted')
      for await (const { position } of trial.store.subscribe('all')) {
        assert.equal(position, first)
        break
      }
      const second = await trial.add('Counted')
      assert.deepEqual(await stays.positions(2), [first, second])
      await stays.end()
    },
  },
  {
    name: 'a subscription ends when the store is closed, after the last event',
    needs: SUBSCRIBE,
    run: async (trial) => {
      const { store } = trial
      await trial.add('Counted')
      const waiting = trial.subscription('all')
      const filtered = trial.subscription({ types: ['Never'] })
      const behind = trial.subscription('all')
      await waiting.next()
      await behind.next()
      const rest = waiting.rest()
      const none = filtered.rest()
      const append = store.append([{ type: 'Last' }, { type: 'Last' }])
      await store.close()
      await append
      const types = (await rest).map(({ type }) => type)
      assert.deepEqual(types, ['Last', 'Last'])
      assert.deepEqual(await none, [])
      assert.equal((await behind.rest()).length, 2, 'who is behind gets the rest')
      await rejection(trial.subscription('all').next(), 'SLUICE_CLOSED')
    },
  },
  {
    name: 'a signal ends a subscription that waits, with its reason',
    needs: WITH_SIGNALS,
    run: async (trial) => {
      const controller = new AbortController()
      const reason = new Error('enough')
      const stays = trial.subscription('all')
      const subscription = trial.subscription('all', { signal: controller.signal })
      const first = await trial.add('Counted')
      assert.equal((await subscription.next()).position, first)
      const next = subscription.next().catch((error: unknown) => error)
      await turn()
      controller.abort(reason)
      assert.equal(await next, reason)
      assert.deepEqual(await subscription.rest(), [], 'it is over then')
      const second = await trial.add('Counted')
      assert.deepEqual(await stays.positions(2), [first, second])
      await stays.end()
    },
  },
  {
    name: 'a signal ends a subscription that is behind, with its reason',
    needs: WITH_SIGNALS,
    run: async (trial) => {
      const controller = new AbortController()
      const reason = new Error('enough')
      for (let i = 0; i < 5; i++) await trial.add('Counted')
      const subscription = trial.subscription('all', { signal: controller.signal })
      await subscription.take(2)
      controller.abort(reason)
      assert.equal(await subscription.next().catch((error: unknown) => error), reason)
    },
  },
  {
    name: 'a signal that is aborted already ends a subscription with its reason',
    needs: WITH_SIGNALS,
    run: async (trial) => {
      await trial.add('Counted')
      const reason = new Error('enough')
      const subscription = trial.subscription('all', { signal: AbortSignal.abort(reason) })
      assert.equal(await subscription.next().catch((error: unknown) => error), reason)
    },
  },
]
