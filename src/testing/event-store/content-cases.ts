import assert from 'node:assert/strict'
import { shown } from '../../errors.js'
import type { NewEvent } from '../../events/contract.js'
import type { EventStoreCase, Trial } from './trial.js'

const JSON_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, '', 'text', '\u0000', 'é 😀 名前', '"\\\n\u2028'],
  ...[[], {}, [[]], [1, [2, [3]]], { a: { b: { c: null } } }, { '': '', ' ': ' ' }, [null, 'null', {}, '{}']],
  { position: 99, timestamp: -1, type: 'Other', tags: ['other'], data: { data: 'data' } },
]

/** Appends events in one go, and gives what is read of them. */
async function returned(trial: Trial, ...events: NewEvent[]) {
  const { first, last } = await trial.store.append(events)
  const found = await trial.events('all', { from: first })
  assert.equal(found.length, events.length)
  assert.equal(found.at(-1)?.position, last)
  return found
}

function assertBytes(actual: unknown, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array, `bytes come back as bytes, not as ${shown(actual)}`)
  assert.ok(Buffer.from(expected).equals(actual), 'the bytes come back as they were')
}

export const CONTENT_CASES: readonly EventStoreCase[] = [
  {
    name: 'an event comes back with its type, tags, data and position',
    run: async (trial) => {
      const tags = ['course:c1', 'student:s1', 'a']
      const { first } = await trial.store.append({ type: 'Subscribed', tags, data: { seat: 4 } })
      const [event, ...others] = await trial.events('all')
      assert.deepEqual(others, [])
      assert.equal(event?.type, 'Subscribed')
      assert.deepEqual(event.tags.toSorted(), tags.toSorted())
      assert.deepEqual(event.data, { seat: 4 })
      assert.equal(event.position, first)
    },
  },
  {
    name: 'an event without tags comes back with an empty list of them',
    run: async (trial) => {
      const [without, empty] = await returned(
        trial,
        { type: 'Counted', data: 1 },
        { type: 'Counted', tags: [], data: 2 },
      )
      assert.deepEqual(without?.tags, [])
      assert.deepEqual(empty?.tags, [])
    },
  },
  {
    name: 'JSON of every kind comes back as it was',
    run: async (trial) => {
      const found = await returned(trial, ...JSON_VALUES.map((data) => ({ type: 'Any', data })))
      assert.deepEqual(
        found.map(({ data }) => data),
        JSON_VALUES,
      )
    },
  },
  {
    name: 'an event without data comes back without',
    run: async (trial) => {
      const [without, withNull] = await returned(trial, { type: 'Counted' }, { type: 'Counted', data: null })
      assert.equal(without?.data, undefined)
      assert.equal(withNull?.data, null)
    },
  },
  {
    name: 'what JSON leaves out or rewrites is as JSON has it',
    run: async (trial) => {
      const data = {
        when: new Date(0),
        nothing: undefined,
        list: [{ nothing: undefined }],
        own: { toJSON: () => 'text' },
      }
      const [event] = await returned(trial, { type: 'Any', data })
      assert.deepEqual(event?.data, { when: '1970-01-01T00:00:00.000Z', list: [{}], own: 'text' })
    },
  },
  {
    name: 'keys such as __proto__ are keys like others',
    run: async (trial) => {
      const text = '{"__proto__":{"admin":true},"constructor":1,"toString":null,"length":-1}'
      const [event] = await returned(trial, { type: 'Any', data: JSON.parse(text) })
      assert.equal(JSON.stringify(event?.data), text)
      assert.equal(Reflect.get(Object(event?.data), 'admin'), undefined)
      assert.equal(Reflect.get({}, 'admin'), undefined)
    },
  },
  {
    name: 'bytes come back as they were',
    needs: ['bytes'],
    run: async (trial) => {
      const every = Uint8Array.from({ length: 256 }, (_, i) => i)
      const all = [every, new Uint8Array(0), Buffer.from('text'), every.subarray(100, 103), Buffer.from('{"a":1}')]
      const found = await returned(trial, ...all.map((data) => ({ type: 'Any', data })))
      for (const [i, bytes] of all.entries()) assertBytes(found[i]?.data, bytes)
    },
  },
  {
    name: 'bytes and JSON can be in one append, and JSON that looks like bytes is none',
    needs: ['bytes'],
    run: async (trial) => {
      const lookalike = { type: 'Buffer', data: [1, 2] }
      const [bytes, json, again] = await returned(
        trial,
        { type: 'Any', data: Uint8Array.of(1, 2) },
        { type: 'Any', data: lookalike },
        { type: 'Any', data: Uint8Array.of(3) },
      )
      assertBytes(bytes?.data, Uint8Array.of(1, 2))
      assert.deepEqual(json?.data, lookalike)
      assertBytes(again?.data, Uint8Array.of(3))
    },
  },
  {
    name: 'metadata comes back beside the data, and an event without it has none',
    needs: ['metadata'],
    run: async (trial) => {
      const found = await returned(
        trial,
        { type: 'Any', data: { n: 1 }, metadata: { by: 'somebody', trace: [1, null] } },
        { type: 'Any', data: { n: 2 } },
        { type: 'Any', metadata: null },
      )
      assert.deepEqual(
        found.map(({ data, metadata }) => [data, metadata]),
        [
          [{ n: 1 }, { by: 'somebody', trace: [1, null] }],
          [{ n: 2 }, undefined],
          [undefined, null],
        ],
      )
    },
  },
  {
    name: 'metadata stands beside bytes',
    needs: ['metadata', 'bytes'],
    run: async (trial) => {
      const [event] = await returned(trial, { type: 'Any', data: Uint8Array.of(0, 255), metadata: { by: 'somebody' } })
      assertBytes(event?.data, Uint8Array.of(0, 255))
      assert.deepEqual(event?.metadata, { by: 'somebody' })
    },
  },
  {
    name: 'timestamps are milliseconds since the epoch, and never go back',
    needs: ['timestamps'],
    run: async (trial) => {
      for (let i = 0; i < 10; i++) await trial.store.append([{ type: 'Counted' }, { type: 'Counted' }])
      let latest = 0
      for (const { timestamp } of await trial.events('all')) {
        assert.ok(Number.isFinite(timestamp) && timestamp > 0 && timestamp >= latest, `${timestamp} after ${latest}`)
        latest = timestamp
      }
    },
  },
  {
    name: 'what the caller changes after the call has no effect',
    run: async (trial) => {
      const tags = ['a']
      const data = { list: [1] }
      const event = { type: 'Counted', tags, data }
      const types = ['Never']
      const append = trial.store.append(event, { failIfEventsMatch: { types } })
      types[0] = 'Counted'
      event.type = 'Changed'
      tags.push('b')
      data.list.push(2)
      await append
      const [found] = await trial.events('all')
      assert.deepEqual([found?.type, found?.tags, found?.data], ['Counted', ['a'], { list: [1] }])
      assert.deepEqual(await trial.positions({ tags: ['b'] }), [])
    },
  },
  {
    name: 'a query that the caller changes after the call stays what it was',
    run: async (trial) => {
      const position = await trial.add('Counted')
      await trial.add('Changed')
      const types = ['Counted']
      const reading = trial.store.read({ types })
      types[0] = 'Changed'
      const found: number[] = []
      for await (const event of reading) found.push(event.position)
      assert.deepEqual(found, [position])
    },
  },
  {
    name: 'bytes that the caller changes after the call stay what they were',
    needs: ['bytes'],
    run: async (trial) => {
      const data = Uint8Array.of(1, 2, 3)
      const append = trial.store.append({ type: 'Any', data })
      data.fill(9)
      await append
      const [event] = await trial.events('all')
      assertBytes(event?.data, Uint8Array.of(1, 2, 3))
    },
  },
  {
    name: 'what a reader changes is its own',
    run: async (trial) => {
      await trial.store.append({ type: 'Counted', tags: ['a'], data: { list: [1] } })
      await trial.store.append({ type: 'Counted', tags: ['a'], data: { list: [1] } })
      const before = await trial.events('all')
      for (const event of await trial.events('all')) {
        Reflect.set(Object(event.data), 'list', 'spoilt')
        Reflect.set(event.tags, 0, 'spoilt')
        Reflect.set(event, 'type', 'Spoilt')
      }
      assert.deepEqual(await trial.events('all'), before)
      assert.deepEqual(await trial.events({ types: ['Counted'], tags: ['a'] }), before)
    },
  },
  {
    name: 'bytes that a reader changes are its own',
    needs: ['bytes'],
    run: async (trial) => {
      await trial.store.append({ type: 'Any', data: Uint8Array.of(1, 2, 3) })
      const [event] = await trial.events('all')
      if (event?.data instanceof Uint8Array) event.data.fill(9)
      const [again] = await trial.events('all')
      assertBytes(again?.data, Uint8Array.of(1, 2, 3))
    },
  },
  {
    name: 'megabytes of JSON come back as they were',
    run: async (trial) => {
      const data = { text: 'é😀x'.repeat(250_000) }
      const [small, large, behind] = await returned(
        trial,
        { type: 'Any', data: 1 },
        { type: 'Any', data },
        { type: 'Any' },
      )
      assert.equal(small?.data, 1)
      // Not by deepEqual, whose message would show all of it.
      assert.ok(Reflect.get(Object(large?.data), 'text') === data.text, 'the text comes back as it was')
      assert.equal(behind?.data, undefined)
    },
  },
  {
    name: 'megabytes of bytes come back as they were',
    needs: ['bytes'],
    run: async (trial) => {
      const data = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 256)
      const [event] = await returned(trial, { type: 'Any', data })
      assertBytes(event?.data, data)
    },
  },
  {
    name: 'an event can have ten thousand tags, and be found by each of them',
    run: async (trial) => {
      const tags = Array.from({ length: 10_000 }, (_, i) => `tag:${i}`)
      const [event] = await returned(trial, { type: 'Tagged', tags, data: null })
      assert.deepEqual(event?.tags.toSorted(), tags.toSorted())
      for (const tag of ['tag:0', 'tag:1', 'tag:4999', 'tag:9999']) {
        assert.equal((await trial.positions({ tags: [tag] })).length, 1)
        await trial.conflict(trial.append('Late', { types: ['Tagged'], tags: [tag] }))
      }
      const many = tags.slice(-500)
      assert.deepEqual(await trial.positions({ tags: many }), [event?.position])
      await trial.append('Late', { tags: [...many, 'tag:10000'] })
    },
  },
  {
    name: 'long types and tags are told apart by their ends',
    run: async (trial) => {
      const long = 'x'.repeat(10_000)
      const position = await trial.add(`${long}a`, `${long}a`)
      await trial.add(`${long}b`, `${long}b`)
      assert.deepEqual(await trial.positions({ types: [`${long}a`] }), [position])
      assert.deepEqual(await trial.positions({ tags: [`${long}a`] }), [position])
      await trial.append('Late', { types: [`${long}a`], tags: [`${long}b`] })
    },
  },
]
