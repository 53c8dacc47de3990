import assert from 'node:assert/strict'
import { type EventStoreCase, range, turn } from './trial.js'

const CONTENDERS = 200
const TAKEN = { types: ['Registered'], tags: ['name:x'] }

export const RACE_CASES: readonly EventStoreCase[] = [
  {
    name: 'of many appends that race for one name in one turn, exactly one wins',
    run: async (trial) => {
      const results = await Promise.allSettled(
        range(1, CONTENDERS).map((contender) =>
          trial.store.append(
            { type: 'Registered', tags: ['name:x'], data: { contender } },
            { failIfEventsMatch: TAKEN },
          ),
        ),
      )
      const winners = results.filter(({ status }) => status === 'fulfilled')
      assert.equal(winners.length, 1)
      for (const result of results) {
        if (result.status === 'rejected') await trial.conflict(Promise.reject(result.reason))
      }
      const [event, ...others] = await trial.events(TAKEN)
      assert.deepEqual(others, [])
      const winner = results.findIndex(({ status }) => status === 'fulfilled') + 1
      assert.deepEqual(event?.data, { contender: winner })
    },
  },
  {
    name: 'of many appends that race for one name over many turns, exactly one wins',
    run: async (trial) => {
      let winners = 0
      const contend = async (contender: number): Promise<void> => {
        for (let i = 0; i < contender % 7; i++) await (i % 2 === 0 ? turn() : Promise.resolve())
        // Before it reads: what comes while it does must break the condition.
        const after = trial.store.head()
        const taken = await trial.positions(TAKEN)
        if (taken.length > 0) return
        const event = { type: 'Registered', tags: ['name:x'], data: { contender } }
        await trial.store.append(event, { failIfEventsMatch: TAKEN, after }).then(
          () => winners++,
          (error) => trial.conflict(Promise.reject(error)),
        )
      }
      await Promise.all(range(1, CONTENDERS).map(contend))
      assert.equal(winners, 1)
      assert.equal((await trial.positions(TAKEN)).length, 1)
    },
  },
  {
    name: 'who reads, decides, and tries again when the condition fails, loses no number and gives none twice',
    run: async (trial) => {
      const query = { types: ['Numbered'] }
      const contend = async (contender: number): Promise<void> => {
        for (;;) {
          const numbered = await trial.events(query)
          const append = trial.store.append(
            { type: 'Numbered', data: { number: numbered.length + 1, contender } },
            { failIfEventsMatch: query, after: numbered.at(-1)?.position ?? 0 },
          )
          try {
            await append
            return
          } catch (error) {
            await trial.conflict(Promise.reject(error))
          }
        }
      }
      await Promise.all(range(1, 15).map(contend))
      const numbered = await trial.events(query)
      assert.deepEqual(
        numbered.map(({ data }) => (data as { number: number }).number), // As it was appended above.
        range(1, 15),
      )
    },
  },
  {
    name: 'a condition sees the events that were accepted before it in the same turn',
    needs: ['callOrder'],
    run: async (trial) => {
      const { store } = trial
      const [first, second, third, fourth] = await Promise.allSettled([
        store.append([{ type: 'Counted' }, { type: 'Registered', tags: ['name:x'] }], { failIfEventsMatch: TAKEN }),
        store.append({ type: 'Registered', tags: ['name:x'] }, { failIfEventsMatch: TAKEN }),
        store.append({ type: 'Registered', tags: ['name:y'] }, { failIfEventsMatch: { tags: ['name:y'] } }),
        store.append({ type: 'Counted' }, { failIfEventsMatch: { types: ['Counted'], tags: ['name:y'] } }),
      ])
      assert.equal(first.status, 'fulfilled')
      assert.equal(second.status, 'rejected')
      await trial.conflict(Promise.reject(second.reason))
      assert.equal(third.status, 'fulfilled')
      assert.equal(fourth.status, 'fulfilled')
    },
  },
  {
    name: 'a condition does not see the events of an append that failed in the same turn',
    needs: ['callOrder'],
    run: async (trial) => {
      await trial.add('Taken')
      const { store } = trial
      const registered = { type: 'Registered', tags: ['name:x'] }
      const [first, second, third] = await Promise.allSettled([
        store.append(registered, { failIfEventsMatch: { types: ['Taken'] } }),
        store.append(registered, { failIfEventsMatch: TAKEN }),
        store.append(registered, { failIfEventsMatch: TAKEN }),
      ])
      assert.deepEqual([first.status, second.status, third.status], ['rejected', 'fulfilled', 'rejected'])
    },
  },
  {
    name: 'the event that broke a condition can be read when the append rejects',
    needs: ['conflictDetails'],
    run: async (trial) => {
      let losers = 0
      const lose = async (contender: number): Promise<void> => {
        const append = trial.store.append(
          { type: 'Registered', tags: ['name:x', `n:${contender}`], data: null },
          { failIfEventsMatch: TAKEN },
        )
        const failed = await append.then(
          () => undefined,
          (error) => trial.conflict(Promise.reject(error)),
        )
        if (failed === undefined) return
        losers++
        const position = Number(failed.position)
        assert.ok(trial.store.head() >= position, `${position} is durable`)
        const [event] = await trial.events(TAKEN, { from: position })
        assert.equal(event?.position, position)
      }
      for (let round = 0; round < 5; round++) {
        await Promise.all(range(1, 20).map(lose))
        await turn()
      }
      assert.equal(losers, 99)
    },
  },
  {
    name: 'conditions on different things never fail, whatever else goes on',
    run: async (trial) => {
      const { store } = trial
      const register = (name: string): Promise<unknown> =>
        store.append(
          { type: 'Registered', tags: [`name:${name}`] },
          { failIfEventsMatch: { types: ['Registered'], tags: [`name:${name}`] } },
        )
      let losers = 0
      const appends: Promise<unknown>[] = []
      for (const n of range(1, 100)) {
        appends.push(register(String(n)))
        appends.push(store.append({ type: 'Counted' }))
        appends.push(
          register('x').catch((error: unknown) => {
            losers++
            return trial.conflict(Promise.reject(error))
          }),
        )
        if (n % 10 === 0) await turn()
      }
      await Promise.all(appends)
      assert.equal(losers, 99)
      assert.equal((await trial.positions({ types: ['Registered'] })).length, 101)
      assert.equal((await trial.positions({ types: ['Counted'] })).length, 100)
    },
  },
  {
    name: 'two that guard against each other do not both win',
    run: async (trial) => {
      const { store } = trial
      for (const n of range(1, 20)) {
        const results = await Promise.allSettled([
          store.append(
            { type: 'Left', tags: [`n:${n}`] },
            { failIfEventsMatch: { types: ['Right'], tags: [`n:${n}`] } },
          ),
          store.append(
            { type: 'Right', tags: [`n:${n}`] },
            { failIfEventsMatch: { types: ['Left'], tags: [`n:${n}`] } },
          ),
        ])
        assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
      }
    },
  },
]
