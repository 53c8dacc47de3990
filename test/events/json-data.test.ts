import { runInNewContext } from 'node:vm'
import test from 'ava'
import type { EventStore } from '../../src/events/contract.js'
import { MemoryEventStore } from '../../src/testing/index.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { throws } from '../support/simulated-log.js'

class Money {
  readonly amount = 7
}

class Text extends String {}

const circle: Record<string, unknown> = {}
circle['self'] = [circle]

let deep: unknown = new Map()
for (let depth = 0; depth < 100; depth++) deep = { deep }

/** What JSON does not give back, the place that is named, and how it is called. */
const REFUSED: readonly (readonly [string, unknown, string, string])[] = [
  ['a map', new Map([[1, 2]]), '', 'an object of Map'],
  ['a set', { a: new Set([1]) }, '.a', 'an object of Set'],
  ['a buffer of bytes', new ArrayBuffer(8), '', 'an object of ArrayBuffer'],
  ['a shared buffer', [new SharedArrayBuffer(8)], '[0]', 'an object of SharedArrayBuffer'],
  ['a view', new DataView(new ArrayBuffer(8)), '', 'an object of DataView'],
  ['numbers that are no bytes', new Float64Array(2), '', 'an object of Float64Array'],
  ['clamped bytes', Uint8ClampedArray.of(1), '', 'an object of Uint8ClampedArray'],
  ['bytes inside', { photo: Uint8Array.of(1) }, '.photo', 'an object of Uint8Array'],
  ['a Buffer inside', { list: [0, { 'a b': Buffer.from('x') }] }, '.list[1]["a b"]', 'an object of Buffer'],
  ['an instance', { price: new Money() }, '.price', 'an object of Money'],
  ['an instance behind others', { a: { b: 1 }, c: [1, 2], price: new Money() }, '.price', 'an object of Money'],
  ['an error', new Error('gone'), '', 'an object of Error'],
  ['a regular expression', { a: { b: /x/ } }, '.a.b', 'an object of RegExp'],
  ['a promise', { a: Promise.resolve(1) }, '.a', 'an object of Promise'],
  ['a boxed string', new Text('x'), '', 'an object of Text'],
  ['a function inside', { a: 1, run: () => 1 }, '.run', 'a function'],
  ['a function in a list', [() => 1], '[0]', 'a function'],
  ['a symbol', { a: Symbol('s') }, '.a', 'Symbol(s)'],
  ['nothing in a list', [1, undefined], '[1]', 'undefined'],
  ['a hole', { list: Object.assign(new Array(2), { 0: 1 }) }, '.list[1]', 'undefined'],
  ['no number', { sum: Number.NaN }, '.sum', 'NaN'],
  ['a number without end', [Number.NEGATIVE_INFINITY], '[0]', '-Infinity'],
  ['no number at all', Number.NaN, '', 'NaN'],
  ['a BigInt', { n: [1n] }, '.n[0]', '1n'],
  ['an invalid date', { at: new Date(Number.NaN) }, '.at', 'an invalid date'],
  ['what toJSON gives', { own: { toJSON: () => ({ inner: new Set() }) } }, '.own.inner', 'an object of Set'],
  ['a list from toJSON', { own: { toJSON: () => [1, undefined] } }, '.own[1]', 'undefined'],
  ['what lies deep', deep, '.deep.deep.deep.deep.deep.deep.deep.deep', 'an object of Map'],
  ['another realm’s map', runInNewContext('({ a: new Map() })'), '.a', 'an object of Map'],
]

const ACCEPTED: readonly (readonly [string, unknown, unknown])[] = [
  ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['only a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['what has a toJSON', new URL('https://example.org/'), 'https://example.org/'],
  ['a toJSON of its own', { list: [{ toJSON: () => ({ a: [1] }) }, 2] }, { list: [{ a: [1] }, 2] }],
  ['a function with a toJSON', { f: Object.assign(() => 1, { toJSON: () => 'f' }) }, { f: 'f' }],
  ['a toJSON that gives nothing', { a: 1, own: { toJSON: () => undefined } }, { a: 1 }],
  ['a toJSON that gives null', { own: { toJSON: () => null } }, { own: null }],
  ['what is undefined', { a: undefined, b: { c: undefined, d: 1 } }, { b: { d: 1 } }],
  ['an object without a prototype', Object.assign(Object.create(null), { a: { b: 1 } }), { a: { b: 1 } }],
  ['another realm’s objects', runInNewContext('({ a: [1, { b: "x" }, []] })'), { a: [1, { b: 'x' }, []] }],
  ['the same object twice', [sameTwice(), 1], [{ a: { b: 1 }, c: { b: 1 } }, 1]],
  [
    'keys of every kind',
    JSON.parse('{"__proto__":{"a":1},"toJSON":1,"":2}'),
    JSON.parse('{"__proto__":{"a":1},"toJSON":1,"":2}'),
  ],
]

function sameTwice(): unknown {
  const twice = { b: 1 }
  return { a: twice, c: twice }
}

async function bothStores(): Promise<readonly EventStore[]> {
  return [(await openSimulatedEvents()).store, new MemoryEventStore()]
}

for (const [what, data, place, called] of REFUSED) {
  test(`what JSON does not give back is refused by its place: ${what}`, async (t) => {
    for (const store of await bothStores()) {
      const refused = (call: () => unknown, mentions: string) => {
        const error = throws(t, call, { code: 'SLUICE_INVALID_ARGUMENT', mentions })
        t.true(error.message.includes(called), error.message)
      }
      refused(() => store.append([{ type: 'A' }, { type: 'A', data }]), `events[1].data${place}`)
      refused(() => store.append({ type: 'A', data: { behind: [{ a: 1 }], data } }), 'event.data.data')
      refused(() => store.append({ type: 'A', metadata: data }), `event.metadata${place}`)
      t.is(store.head(), 0)
      await store.close()
    }
  })
}

test('what toJSON says is stored, and what is undefined is left out', async (t) => {
  for (const store of await bothStores()) {
    for (const [what, data, expected] of ACCEPTED) {
      const { first } = await store.append({ type: 'A', data, metadata: data })
      for await (const event of store.read('all', { from: first })) {
        t.deepEqual(event.data, expected, what)
        t.deepEqual(event.metadata, expected, what)
      }
    }
    await store.close()
  }
})

test('each toJSON is asked once', async (t) => {
  for (const store of await bothStores()) {
    let asked = 0
    const toJSON = () => ++asked
    await store.append({ type: 'A', data: { a: [{ toJSON }], b: new Date(0) } })
    t.is(asked, 1)
    await store.close()
  }
})

test('bytes are data of their own, and no metadata', async (t) => {
  for (const store of await bothStores()) {
    await store.append([
      { type: 'A', data: Uint8Array.of(1, 2) },
      { type: 'A', data: Buffer.from([1, 2]) },
    ])
    for await (const { data } of store.read('all')) t.deepEqual([...(data as Uint8Array)], [1, 2])
    const refused = { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'event.metadata is an object of Uint8Array' } as const
    throws(t, () => store.append({ type: 'A', metadata: Uint8Array.of(1) }), refused)
    await store.close()
  }
})

test('a circle is refused, and what throws in toJSON with its reason', async (t) => {
  for (const store of await bothStores()) {
    const invalid = { code: 'SLUICE_INVALID_ARGUMENT' } as const
    throws(t, () => store.append({ type: 'A', data: circle }), { ...invalid, mentions: 'circular' })
    const thrown = new Error('not to be had')
    const toJSON = (): never => {
      throw thrown
    }
    const error = throws(t, () => store.append({ type: 'A', data: { toJSON } }), {
      ...invalid,
      mentions: 'not to be had',
    })
    t.is(error.cause, thrown)
    await store.close()
  }
})
