import assert from 'node:assert/strict'
import { shown } from '../../errors.js'
import type { EventStore } from '../../events/contract.js'
import type { Ability, EventStoreCase, Trial } from './trial.js'

const CHECKED: readonly Ability[] = ['checkedArguments']
const NO_POSITIONS: readonly unknown[] = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, [1], 1n]

/** The store as a program without types calls it. */
interface Untyped {
  append(events: unknown, condition?: unknown, options?: unknown): unknown
  read(query: unknown, options?: unknown): unknown
  subscribe(query: unknown, options?: unknown): unknown
}

function untyped(store: EventStore): Untyped {
  return store as Untyped // Every method takes less than this says: that is what is tried.
}

/** Values that a query can't be. */
const NO_QUERIES: readonly (readonly [string, unknown])[] = [
  ['no query', undefined],
  ['null for a query', null],
  ['a string other than "all" for a query', 'everything'],
  ['a number for a query', 1],
  ['an empty list of items', []],
  ['an item without a type or a tag', {}],
  ['an item with empty lists', { types: [], tags: [] }],
  ['an empty item among others', [{ types: ['A'] }, {}]],
  ['null for an item', [null]],
  ['a string for an item', ['A']],
  ['a string for types', { types: 'A' }],
  ['a string for tags', { tags: 'a' }],
  ['a number among types', { types: ['A', 1] }],
  ['null among tags', { tags: [null] }],
]

/** Values that an event can't be. */
const NO_EVENTS: readonly (readonly [string, unknown])[] = [
  ['no event', undefined],
  ['null for an event', null],
  ['a string for an event', 'A'],
  ['an empty list of events', []],
  ['null among events', [{ type: 'A' }, null]],
  ['a list within a list of events', [[{ type: 'A' }]]],
  ['an event without a type', { data: 1 }],
  ['an event with a number for a type', { type: 1 }],
  ['an event with null for tags', { type: 'A', tags: null }],
  ['an event with a string for tags', { type: 'A', tags: 'a' }],
  ['an event with a number among its tags', { type: 'A', tags: ['a', 1] }],
  ['an event with a tag twice', { type: 'A', tags: ['a', 'b', 'a'] }],
  ['a BigInt as data', { type: 'A', data: 1n }],
  ['a BigInt in data', { type: 'A', data: { n: [1n] } }],
  ['a function as data', { type: 'A', data: () => 1 }],
  ['a symbol as data', { type: 'A', data: Symbol('a') }],
  ['data whose toJSON throws', { type: 'A', data: { toJSON: () => assert.fail('not to be had') } }],
  ['a bad event behind good ones', [{ type: 'A' }, { type: 'A', tags: ['a'] }, { type: 'A', tags: ['a', 'a'] }]],
]

class Instance {
  readonly own = 1
}

/** Values of which `JSON.stringify` makes something else without a word. */
const NOT_GIVEN_BACK: readonly (readonly [string, unknown])[] = [
  ['a map', new Map([['a', 1]])],
  ['a set', new Set(['a'])],
  ['an instance of a class', new Instance()],
  ['an error', new Error('lost')],
  ['an ArrayBuffer', new ArrayBuffer(2)],
  ['a DataView', new DataView(new ArrayBuffer(2))],
  ['an array of numbers in bytes', Float32Array.of(1)],
  ['NaN', Number.NaN],
  ['infinity', Number.NEGATIVE_INFINITY],
  ['an invalid date', new Date(Number.NaN)],
  ['undefined in a list', [1, undefined]],
  ['a hole in a list', new Array(1)],
  ['a function in a list', [() => 1]],
  ['a function in an object', { call: () => 1 }],
  ['a symbol in an object', { symbol: Symbol('a') }],
]

function circular(): unknown {
  const data: Record<string, unknown> = {}
  data['self'] = [data]
  return data
}

/** Nothing that was refused has left anything behind, and the store goes on. */
async function goesOn(trial: Trial): Promise<void> {
  const head = trial.store.head()
  assert.deepEqual(await trial.positions({ types: ['A'] }), [])
  await trial.append('Registered', { types: ['A'] })
  assert.ok(trial.store.head() > head)
}

export const ARGUMENT_CASES: readonly EventStoreCase[] = [
  {
    name: 'what is no event is refused at once, and nothing of its append is stored',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const [what, events] of NO_EVENTS) await trial.refuses(what, () => store.append(events))
      await trial.refuses('circular data', () => store.append({ type: 'A', data: circular() }))
      await goesOn(trial)
    },
  },
  {
    name: 'what JSON would not give back is refused at once, wherever it is in the data',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const [what, data] of NOT_GIVEN_BACK) {
        await trial.refuses(`${what} as data`, () => store.append({ type: 'A', data }))
        await trial.refuses(`${what} in data`, () => store.append({ type: 'A', data: { first: 1, list: [{ data }] } }))
        await trial.refuses(`${what} from toJSON`, () => store.append({ type: 'A', data: { toJSON: () => [data] } }))
      }
      for (const bytes of [Uint8Array.of(1), Buffer.from('a')]) {
        await trial.refuses('bytes in data', () => store.append({ type: 'A', data: { bytes } }))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'what JSON would not give back is refused at once, wherever it is in the metadata',
    needs: ['checkedArguments', 'metadata'],
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const [what, value] of [...NOT_GIVEN_BACK, ['bytes', Uint8Array.of(1)], ['a Buffer', Buffer.from('a')]]) {
        await trial.refuses(`${what} as metadata`, () => store.append({ type: 'A', metadata: value }))
        await trial.refuses(`${what} in metadata`, () => store.append({ type: 'A', metadata: { list: [{ value }] } }))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'what is no metadata is refused at once',
    needs: ['checkedArguments', 'metadata'],
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const metadata of [1n, { n: 1n }, () => 1, Symbol('a'), circular()]) {
        await trial.refuses(`${shown(metadata)} as metadata`, () => store.append({ type: 'A', metadata }))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'what is no id is refused at once',
    needs: ['checkedArguments', 'ids'],
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const id of [1, null, {}, ['a']]) {
        await trial.refuses(`${shown(id)} for an id`, () => store.append({ type: 'A', id }))
      }
      const some = [{ type: 'A', id: 'a' }, { type: 'A' }]
      await trial.refuses('an id for only some of the events', () => store.append(some))
      await trial.refuses('an id for only some of the events', () => store.append(some.toReversed()))
      const twice = ['a', 'b', 'a'].map((id) => ({ type: 'A', id }))
      await trial.refuses('an id twice in one append', () => store.append(twice))
      await goesOn(trial)
    },
  },
  {
    name: 'what is no query is refused at once, wherever one is taken',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const [what, query] of NO_QUERIES) {
        await trial.refuses(`${what}, to read`, () => store.read(query))
        await trial.refuses(`${what}, in a condition`, () => store.append({ type: 'A' }, { failIfEventsMatch: query }))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'what is no query is refused at once by a subscription',
    needs: ['checkedArguments', 'subscribe'],
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const [what, query] of NO_QUERIES) await trial.refuses(what, () => store.subscribe(query))
      await goesOn(trial)
    },
  },
  {
    name: 'what is no condition is refused at once',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      const failIfEventsMatch = { types: ['A'] }
      for (const condition of [null, 'all', 1, [], {}, { after: 1 }, { failIfEventMatch: 'all' }]) {
        await trial.refuses(`${shown(condition)} for a condition`, () => store.append({ type: 'A' }, condition))
      }
      for (const after of NO_POSITIONS) {
        await trial.refuses(`${shown(after)} for "after"`, () =>
          store.append({ type: 'A' }, { failIfEventsMatch, after }),
        )
      }
      const misspelt = { failIfEventsMatch, afer: 1 }
      await trial.refuses('a misspelt name in a condition', () => store.append({ type: 'A' }, misspelt))
      await goesOn(trial)
    },
  },
  {
    name: 'options of read that make no sense are refused at once',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const name of ['from', 'to', 'limit']) {
        for (const value of NO_POSITIONS) {
          await trial.refuses(`${shown(value)} for "${name}"`, () => store.read('all', { [name]: value }))
        }
      }
      await trial.refuses('a limit of 0', () => store.read('all', { limit: 0 }))
      for (const backwards of ['true', 1, null]) {
        await trial.refuses(`${shown(backwards)} for "backwards"`, () => store.read('all', { backwards }))
      }
      for (const options of ['all', 1, [], { form: 1 }, { signal: {} }]) {
        await trial.refuses(`${shown(options)} for options`, () => store.read('all', options))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'options of append that make no sense are refused at once',
    needs: CHECKED,
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const options of ['all', 1, [], { sginal: undefined }, { signal: {} }]) {
        await trial.refuses(`${shown(options)} for options`, () => store.append({ type: 'A' }, undefined, options))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'options of subscribe that make no sense are refused at once',
    needs: ['checkedArguments', 'subscribe'],
    run: async (trial) => {
      const store = untyped(trial.store)
      for (const from of NO_POSITIONS) {
        await trial.refuses(`${shown(from)} for "from"`, () => store.subscribe('all', { from }))
      }
      for (const options of ['all', 1, [], { form: 1 }, { signal: {} }, { limit: 1 }]) {
        await trial.refuses(`${shown(options)} for options`, () => store.subscribe('all', options))
      }
      await goesOn(trial)
    },
  },
  {
    name: 'an argument is checked before a condition is, and a condition although the ids are known',
    needs: ['checkedArguments', 'ids'],
    run: async (trial) => {
      const store = untyped(trial.store)
      await trial.store.append({ type: 'Registered', id: 'r1' })
      const broken = { failIfEventsMatch: 'all' }
      await trial.refuses('a tag twice', () => store.append({ type: 'A', tags: ['a', 'a'] }, broken))
      await trial.refuses('an empty query', () =>
        store.append({ type: 'Registered', id: 'r1' }, { failIfEventsMatch: [] }),
      )
      await goesOn(trial)
    },
  },
  {
    name: 'lone surrogates are refused, or kept as they are',
    run: async (trial) => {
      const [high, low] = ['\ud83d', '\ude00']
      const stored: { type: string; tags: string[] }[] = []
      for (const event of [
        { type: `A${high}`, tags: [] },
        { type: `A${low}`, tags: [] },
        { type: 'Tagged', tags: [high] },
        { type: 'Tagged', tags: [low] },
      ]) {
        try {
          await trial.store.append(event)
          stored.push(event)
        } catch (error) {
          assert.equal(Reflect.get(Object(error), 'code'), 'SLUICE_INVALID_ARGUMENT')
        }
      }
      const found = (await trial.events('all')).map(({ type, tags }) => ({ type, tags }))
      assert.deepEqual(found, stored)
      const [event] = await trial.store
        .append({ type: 'Any', data: { text: high } })
        .then(({ first }) => trial.events('all', { from: first }))
      assert.deepEqual(event?.data, { text: high })
    },
  },
]
