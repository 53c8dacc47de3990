import test from 'ava'
import type { EventStore, Matching, Query, QueryItem, StoredEvent } from '../../src/events/contract.js'
import { MemoryEventStore } from '../../src/testing/index.js'

/*
 * What TypeScript finds out of a query. The compiler is what tests it: a type that is another one than it should be does
 * not take `true`.
 */

type Same<One, Other> = [One, Other] extends [Other, One] ? true : false

type Opened = { readonly type: 'Opened'; readonly data: { readonly by: string } }
type Moved = { readonly type: 'MovedUp' | 'MovedDown'; readonly data: { readonly steps: number } }
type Noted = { readonly type: `note:${string}`; readonly data: string }
type Other = { readonly type: string; readonly data: bigint }
type Known = Opened | Moved | Noted

function holds<_Claim extends true>(): number {
  return 1
}

test('a query gives the members of the union that can have its types', (t) => {
  const held = [
    holds<Same<Matching<Known, { types: ['Opened'] }>, Opened>>(),
    // One member, several types: any of them finds it.
    holds<Same<Matching<Known, { types: ['MovedUp'] }>, Moved>>(),
    holds<Same<Matching<Known, { types: ['MovedUp', 'MovedDown'] }>, Moved>>(),
    holds<Same<Matching<Known, { types: ['MovedDown', 'Opened'] }>, Moved | Opened>>(),
    holds<Same<Matching<Known, { types: ['note:1'] }>, Noted>>(),
    holds<Same<Matching<Known, { types: [`note:${number}`] }>, Noted>>(),
    holds<Same<Matching<Known, [{ types: ['MovedUp'] }, { types: ['Opened']; tags: ['a'] }]>, Moved | Opened>>(),
    // A member whose type is any string at all can always match.
    holds<Same<Matching<Opened | Other, { types: ['Opened'] }>, Opened | Other>>(),
    holds<Same<Matching<Opened | Other, { types: ['Closed'] }>, Other>>(),
  ]
  t.is(held.length, 9)
})

test('a query that names no type gives all members', (t) => {
  const held = [
    holds<Same<Matching<Known, 'all'>, Known>>(),
    holds<Same<Matching<Known, { tags: ['a'] }>, Known>>(),
    // An empty list restricts nothing.
    holds<Same<Matching<Known, { types: []; tags: ['a'] }>, Known>>(),
    holds<Same<Matching<Known, [{ types: ['Opened'] }, { tags: ['a'] }]>, Known>>(),
    // What the compiler doesn't know restricts nothing.
    holds<Same<Matching<Known, Query<Known['type']>>, Known>>(),
    holds<Same<Matching<Known, QueryItem<'Opened'>>, Known>>(),
    holds<Same<Matching<Known, { types: string[] }>, Known>>(),
  ]
  t.is(held.length, 7)
})

test('what is read has the data of the members that match', async (t) => {
  const store: EventStore<Known> = new MemoryEventStore<Known>()
  await store.append([
    { type: 'Opened', data: { by: 'ada' } },
    { type: 'MovedUp', tags: ['lift:1'], data: { steps: 2 } },
    { type: 'MovedDown', data: { steps: 3 } },
  ])
  let steps = 0
  for await (const { data } of store.read({ types: ['MovedUp'] })) steps += data.steps
  t.is(steps, 2)
  for await (const event of store.read({ types: [], tags: ['lift:1'] })) {
    const any: StoredEvent<Known> = event
    t.is(any.type, 'MovedUp')
  }
  for await (const { data } of store.subscribe({ types: ['MovedDown', 'MovedUp'] })) {
    steps += data.steps
    if (data.steps === 3) break
  }
  t.is(steps, 7)
  // @ts-expect-error: no event has this type
  t.notThrows(() => store.read({ types: ['Closed'] }))
  await store.close()
})
