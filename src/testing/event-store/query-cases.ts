import assert from 'node:assert/strict'
import type { EventStoreCase, Trial } from './trial.js'

/** Events of every kind that the queries tell apart: their types and tags, and what they are called below. */
const MIXTURE = {
  red: ['Painted', 'colour:red'],
  redBig: ['Painted', 'size:big', 'colour:red'],
  soldRed: ['Sold', 'colour:red'],
  bare: ['Counted'],
  soldBig: ['Sold', 'size:big'],
  all: ['Sold', 'colour:red', 'size:big', 'place:north'],
} as const

type Name = keyof typeof MIXTURE

/** Puts the mixture in, and returns a function that says which of it a query has found, by name, in order. */
async function mixture(trial: Trial): Promise<(query: Parameters<Trial['positions']>[0]) => Promise<string[]>> {
  const names = new Map<number, string>()
  for (const [name, [type, ...tags]] of Object.entries(MIXTURE)) names.set(await trial.add(type, ...tags), name)
  return async (query) => (await trial.positions(query)).map((position) => names.get(position) ?? `event ${position}`)
}

function finds(name: string, query: Parameters<Trial['positions']>[0], expected: readonly Name[]): EventStoreCase {
  return {
    name,
    run: async (trial) => {
      const find = await mixture(trial)
      assert.deepEqual(await find(query), expected)
    },
  }
}

/** Types, or tags, that differ, each as it is: what an index may take for the same. */
const LOOKALIKES = [
  ...['course', 'Course', 'COURSE', 'cours', 'course:c1', 'course:c10', 'course ', ' course'],
  ...['a', 'b', 'ab', 'a,b', 'a b', 'a\u0000b', 'a\nb', 'a|b', '["a","b"]', 'a:b', ':', '*', '%', '.'],
  // The same letter, composed and decomposed, and others beyond the basic plane.
  ...['\u00e9', 'e\u0301', 'ß', 'ss', 'İ', 'i', '𝒜', '😀', '😁', '\ufeffa', '名前'],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'length', '0', '1', '01', 'null', 'undefined'],
]

export const QUERY_CASES: readonly EventStoreCase[] = [
  finds('the query "all" finds all events', 'all', ['red', 'redBig', 'soldRed', 'bare', 'soldBig', 'all']),
  finds('a query may be a single item', { types: ['Counted'] }, ['bare']),
  finds('an item with one type finds the events of that type', [{ types: ['Sold'] }], ['soldRed', 'soldBig', 'all']),
  finds(
    'an item with several types finds the events of any of them',
    [{ types: ['Counted', 'Painted'] }],
    ['red', 'redBig', 'bare'],
  ),
  finds(
    'an item without types finds events of any type',
    [{ tags: ['colour:red'] }],
    ['red', 'redBig', 'soldRed', 'all'],
  ),
  finds(
    'an item with several tags finds the events that have all of them',
    [{ tags: ['colour:red', 'size:big'] }],
    ['redBig', 'all'],
  ),
  finds('the order of tags is of no meaning', [{ tags: ['size:big', 'place:north', 'colour:red'] }], ['all']),
  finds(
    'an item with types and tags finds the events that have one of the types and all of the tags',
    [{ types: ['Sold', 'Counted'], tags: ['colour:red'] }],
    ['soldRed', 'all'],
  ),
  finds(
    'an event without tags is found by its type alone',
    [{ types: ['Counted'] }, { tags: ['place:north'] }],
    ['bare', 'all'],
  ),
  finds(
    'the items of a query are alternatives, and an event that several of them match is found once',
    [{ types: ['Painted'] }, { tags: ['colour:red', 'size:big'] }, { tags: ['colour:red'] }],
    ['red', 'redBig', 'soldRed', 'all'],
  ),
  finds(
    'what one item finds is not narrowed by another',
    [{ types: ['Counted'] }, { types: ['Sold'], tags: ['none'] }],
    ['bare'],
  ),
  finds('types and tags of different items are not mixed', [{ types: ['Counted'], tags: ['size:big'] }], []),
  finds('an unknown type finds nothing', { types: ['Lost'] }, []),
  finds('an unknown tag finds nothing', { tags: ['colour:blue'] }, []),
  finds('an unknown tag beside known ones finds nothing', { tags: ['colour:red', 'colour:blue'] }, []),
  finds('an unknown type beside a known one does no harm', { types: ['Lost', 'Counted'] }, ['bare']),
  finds('a tag is no type, and a type no tag', [{ types: ['colour:red'] }, { tags: ['Sold'] }], []),
  {
    name: 'types are told apart by every character, whatever they resemble',
    run: async (trial) => {
      for (const type of LOOKALIKES) await trial.add(type)
      for (const type of LOOKALIKES) assert.deepEqual(await trial.types({ types: [type] }), [type])
    },
  },
  {
    name: 'tags are told apart by every character, whatever they resemble',
    run: async (trial) => {
      for (const tag of LOOKALIKES) await trial.add('Tagged', tag)
      for (const tag of LOOKALIKES) {
        const found = await trial.events({ tags: [tag] })
        assert.deepEqual(
          found.map(({ tags }) => tags),
          [[tag]],
        )
      }
    },
  },
  {
    name: 'conditions tell types and tags apart as queries do',
    run: async (trial) => {
      const { store } = trial
      for (const name of LOOKALIKES) {
        await store.append({ type: name, tags: [`tag ${name}`] }, { failIfEventsMatch: { types: [name] } })
        await store.append({ type: 'Tagged', tags: [name] }, { failIfEventsMatch: { tags: [name] } })
      }
      for (const name of LOOKALIKES) {
        await trial.conflict(trial.append('Late', { types: [name] }))
        await trial.conflict(trial.append('Late', { tags: [name] }))
      }
    },
  },
  {
    name: 'queries of many items find what each of them finds',
    run: async (trial) => {
      const expected: number[] = []
      for (let i = 0; i < 60; i++) {
        const position = await trial.add(`Type${i % 7}`, `even:${i % 2 === 0}`, `number:${i}`)
        if (i % 3 === 0) expected.push(position)
      }
      const items = Array.from({ length: 20 }, (_, i) => ({ types: [`Type${(i * 3) % 7}`], tags: [`number:${i * 3}`] }))
      assert.deepEqual(await trial.positions(items), expected)
      assert.deepEqual(await trial.positions([...items, ...items].reverse()), expected)
    },
  },
]
