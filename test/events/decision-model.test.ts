import { randomInt } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import type { EventStore, NewEvent, Query, StoredEvent } from '../../src/events/contract.js'
import { buildDecisionModel, decide, projectionsOf } from '../../src/events/decision-model.js'
import { checkQuery } from '../../src/events/query.js'
import { matchesQuery, plainQuery, queryText, unionOfQueries } from '../../src/events/query-match.js'
import { MemoryEventStore } from '../../src/testing/index.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { quiet, rejection, rejects, throws } from '../support/simulated-log.js'

type CourseEvent =
  | { readonly type: 'CourseDefined'; readonly data: { readonly course: string; readonly capacity: number } }
  | { readonly type: 'CapacityChanged'; readonly data: { readonly course: string; readonly capacity: number } }
  | { readonly type: 'StudentSubscribed'; readonly data: { readonly course: string; readonly student: string } }

const project = projectionsOf<CourseEvent>()

const courseCapacity = (course: string) =>
  project({
    query: { types: ['CourseDefined', 'CapacityChanged'], tags: [`course:${course}`] },
    init: () => 0,
    // The type says that all of these events have a capacity.
    apply: (_capacity, { data }) => data.capacity,
  })

const subscriptionsOf = (tag: string) =>
  project({ query: { types: ['StudentSubscribed'], tags: [tag] }, init: () => 0, apply: (count) => count + 1 })

const subscribed = (course: string, student: string) =>
  project({
    query: [{ types: ['StudentSubscribed'], tags: [`course:${course}`, `student:${student}`] }],
    init: () => false,
    apply: () => true,
  })

function defined(course: string, capacity: number): NewEvent<CourseEvent> {
  return { type: 'CourseDefined', tags: [`course:${course}`], data: { course, capacity } }
}

function subscription(course: string, student: string): NewEvent<CourseEvent> {
  return { type: 'StudentSubscribed', tags: [`course:${course}`, `student:${student}`], data: { course, student } }
}

/** Subscribes a student, unless the course is full, or he has as many as he may have. */
function subscribe(store: EventStore<CourseEvent>, course: string, student: string, retries: number) {
  const model = {
    capacity: courseCapacity(course),
    taken: subscriptionsOf(`course:${course}`),
    own: subscriptionsOf(`student:${student}`),
    already: subscribed(course, student),
  }
  return decide(
    store,
    model,
    ({ capacity, taken, own, already }) => {
      if (already) return undefined
      if (taken >= capacity) throw new Error('full')
      if (own >= 3) throw new Error('too many')
      return subscription(course, student)
    },
    { retries },
  )
}

/** A store that does something before each append, once: what another one does in between. */
function interrupted(store: EventStore<CourseEvent>, ...between: (() => Promise<unknown>)[]): EventStore<CourseEvent> {
  return {
    read: (query, options) => store.read(query, options),
    subscribe: (query, options) => store.subscribe(query, options),
    head: () => store.head(),
    close: () => store.close(),
    append: async (...call) => {
      await between.shift()?.()
      return store.append(...call)
    },
  }
}

test('one pass over the union, each projection given what its own query matches', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append([defined('c1', 10), defined('c2', 5), subscription('c1', 'ada'), subscription('c2', 'ada')])
  await store.append([{ type: 'CapacityChanged', tags: ['course:c1'], data: { course: 'c1', capacity: 12 } }])
  let reads = 0
  const counting: EventStore<CourseEvent> = {
    ...interrupted(store),
    read: (query, options) => {
      reads++
      return store.read(query, options)
    },
  }
  const { state, appendCondition, position } = await buildDecisionModel(counting, {
    capacity: courseCapacity('c1'),
    taken: subscriptionsOf('course:c1'),
    own: subscriptionsOf('student:ada'),
    again: subscriptionsOf('student:ada'),
    nobody: subscriptionsOf('student:bob'),
  })
  const typed: { readonly capacity: number; readonly own: number } = state
  t.deepEqual(typed as unknown, { capacity: 12, taken: 1, own: 2, again: 2, nobody: 0 })
  t.is(reads, 1)
  t.is(position, 5)
  t.deepEqual(appendCondition, {
    after: 5,
    failIfEventsMatch: [
      { types: ['CourseDefined', 'CapacityChanged'], tags: ['course:c1'] },
      { types: ['StudentSubscribed'], tags: ['course:c1'] },
      { types: ['StudentSubscribed'], tags: ['student:ada'] },
      { types: ['StudentSubscribed'], tags: ['student:bob'] },
    ],
  })
})

test('the condition protects also where nothing matched, and on an empty store', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  const model = { taken: subscriptionsOf('course:c1') }
  const empty = await buildDecisionModel(store, model)
  t.like(empty, { position: 0, appendCondition: { after: 0 }, state: { taken: 0 } })
  await store.append(defined('c1', 3))
  const unmatched = await buildDecisionModel(store, model)
  t.like(unmatched, { position: 1, state: { taken: 0 } })
  // Neither is disturbed by what the projections would not have seen; both are by what they would.
  await store.append(defined('c2', 3), empty.appendCondition)
  await store.append(subscription('c1', 'ada'), unmatched.appendCondition)
  for (const { appendCondition } of [empty, unmatched]) {
    await rejects(t, store.append(subscription('c1', 'bob'), appendCondition), {
      code: 'SLUICE_APPEND_CONDITION_FAILED',
      position: 3,
    })
  }
})

test('what becomes durable while it is read breaks the condition', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append(defined('c1', 1))
  const late: EventStore<CourseEvent> = {
    ...interrupted(store),
    // Between the look at the head and the read.
    read: (query, options) => {
      const events = (async function* () {
        await store.append(subscription('c1', 'bob'))
        yield* store.read(query, options)
      })()
      return events
    },
  }
  const { state, appendCondition } = await buildDecisionModel(late, { taken: subscriptionsOf('course:c1') })
  t.is(state.taken, 0)
  await rejects(t, store.append(subscription('c1', 'ada'), appendCondition), {
    code: 'SLUICE_APPEND_CONDITION_FAILED',
    position: 2,
  })
})

test('a model that sees all events', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append([defined('c1', 1), subscription('c1', 'ada')])
  const everything = project({ query: 'all', init: () => 0, apply: (count) => count + 1 })
  const { state, appendCondition } = await buildDecisionModel(store, { everything, capacity: courseCapacity('c1') })
  t.deepEqual(state, { everything: 2, capacity: 1 })
  t.deepEqual(appendCondition, { failIfEventsMatch: 'all', after: 2 })
})

test('names are only names', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append(defined('c1', 7))
  const members = { constructor: courseCapacity('c1'), ['__proto__']: courseCapacity('c1') }
  const { state } = await buildDecisionModel(store, members)
  t.deepEqual(Object.entries(state), [
    ['constructor', 7],
    ['__proto__', 7],
  ])
  t.is(Object.getPrototypeOf(state), Object.prototype)
})

for (const [name, open] of Object.entries({
  'the store in memory': async (): Promise<EventStore<CourseEvent>> => new MemoryEventStore<CourseEvent>(),
  // Its types are what this test appends.
  'the store': async () => (await openSimulatedEvents()).store as unknown as EventStore<CourseEvent>,
})) {
  test(`of many who race for a course of few places, exactly so many get one: ${name}`, async (t) => {
    const store = await open()
    const [capacity, racers] = [7, 40]
    await store.append([defined('c1', capacity), defined('c2', racers)])
    const race = Array.from({ length: racers }, (_, i) => subscribe(store, 'c1', `s${i}`, racers))
    const outcomes = await Promise.allSettled(race)
    const winners = outcomes.filter(({ status }) => status === 'fulfilled')
    t.is(winners.length, capacity)
    for (const outcome of outcomes) if (outcome.status === 'rejected') t.is(outcome.reason.message, 'full')
    // Another boundary is not disturbed: each of these is made once only.
    await Promise.all(Array.from({ length: 5 }, (_, i) => subscribe(store, 'c2', `s${i}`, 5)))
    const students = new Set<string>()
    for await (const { data } of store.read({ types: ['StudentSubscribed'], tags: ['course:c1'] })) {
      students.add(data.student)
    }
    t.is(students.size, capacity)
    await store.close()
  })
}

test('a student who races for more courses than he may have gets as many as he may', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  const courses = Array.from({ length: 8 }, (_, i) => `c${i}`)
  await store.append(courses.map((course) => defined(course, 10)))
  const outcomes = await Promise.allSettled(courses.map((course) => subscribe(store, course, 'ada', 20)))
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
  for (const outcome of outcomes) if (outcome.status === 'rejected') t.is(outcome.reason.message, 'too many')
})

test('nothing to do appends nothing; a refusal is what the handler throws', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append(defined('c1', 2))
  t.deepEqual(await subscribe(store, 'c1', 'ada', 0), { first: 2, last: 2 })
  t.is(await subscribe(store, 'c1', 'ada', 0), undefined)
  t.is(await decide(store, { capacity: courseCapacity('c1') }, async () => []), undefined)
  const refusal = new Error('no')
  const refusing = decide(store, { capacity: courseCapacity('c1') }, () => Promise.reject(refusal))
  t.is(await rejection(refusing), refusal)
  t.is(store.head(), 2)
  // Several events are appended together, or not at all.
  const both = () => [subscription('c1', 'bob'), subscription('c1', 'eve')]
  t.deepEqual(await decide(store, { capacity: courseCapacity('c1') }, both), { first: 3, last: 4 })
})

test('it is decided again after a conflict, from what is there then, and not for ever', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append(defined('c1', 2))
  const other = (student: string) => () => store.append(subscription('c1', student))
  const seen: number[] = []
  const decideOnce = (between: readonly (() => Promise<unknown>)[], retries?: number) =>
    decide(
      interrupted(store, ...between),
      { taken: subscriptionsOf('course:c1') },
      ({ taken }) => {
        seen.push(taken)
        return subscription('c1', 'ada')
      },
      retries === undefined ? {} : { retries },
    )
  t.deepEqual(await decideOnce([other('bob'), other('eve')]), { first: 4, last: 4 })
  t.deepEqual(seen, [0, 1, 2])
  seen.length = 0
  await rejects(t, decideOnce([other('bob'), other('eve')], 1), {
    code: 'SLUICE_APPEND_CONDITION_FAILED',
    position: 6,
  })
  t.deepEqual(seen, [3, 4])
  await rejects(t, decideOnce([other('bob')], 0), { code: 'SLUICE_APPEND_CONDITION_FAILED', position: 7 })
  seen.length = 0
  const always = Array.from({ length: 20 }, () => other('bob'))
  await rejects(t, decideOnce(always), { code: 'SLUICE_APPEND_CONDITION_FAILED' })
  t.is(seen.length, 11, 'once, and ten times more')
})

test('other errors of an append are not tried again', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  let decisions = 0
  const failing = decide(store, { taken: subscriptionsOf('course:c1') }, async () => {
    decisions++
    await store.close()
    return subscription('c1', 'ada')
  })
  await rejects(t, failing, { code: 'SLUICE_CLOSED' })
  t.is(decisions, 1)
})

test('the signal ends reading and deciding; what a projection throws is what is told', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  await store.append(defined('c1', 2))
  const reason = new Error('enough')
  const model = { capacity: courseCapacity('c1') }
  const signal = AbortSignal.abort(reason)
  t.is(
    await rejection(buildDecisionModel(new MemoryEventStore<CourseEvent>(), model, { signal })),
    reason,
    'nothing to read',
  )
  t.is(await rejection(buildDecisionModel(store, model, { signal })), reason)
  const unreached = (): undefined => {
    t.fail('it is not decided')
  }
  t.is(await rejection(decide(store, model, unreached, { signal })), reason)
  const controller = new AbortController()
  const deciding = decide(
    store,
    model,
    () => {
      controller.abort(reason)
      return defined('c2', 1)
    },
    { signal: controller.signal },
  )
  t.is(await rejection(deciding), reason)
  t.is(store.head(), 1)
  const broken = project({
    query: 'all',
    init: () => 0,
    apply: () => {
      throw reason
    },
  })
  t.is(await rejection(buildDecisionModel(store, { broken })), reason)
})

test('what can not be a decision model is refused by name', (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  const good = courseCapacity('c1')
  const refused = (projections: unknown, mentions: string): void => {
    const expected = { code: 'SLUICE_INVALID_ARGUMENT', mentions } as const
    throws(t, () => buildDecisionModel(store, projections as never), expected)
    throws(t, () => decide(store, projections as never, () => undefined), expected)
  }
  refused({}, 'projection')
  refused(undefined, 'undefined')
  refused([good], 'an array')
  refused({ a: 5 }, 'projections.a')
  refused({ a: { ...good, init: 5 } }, 'projections.a.init')
  refused({ a: { ...good, apply: undefined } }, 'projections.a.apply')
  refused({ a: { ...good, aply: 5 } }, 'aply')
  refused({ a: { ...good, query: [] } }, 'projections.a.query')
  const options: readonly (readonly [object, string])[] = [
    [{ retries: -1 }, 'retries'],
    [{ retries: 1.5 }, 'retries'],
    [{ retry: 1 }, 'retry'],
    [{ signal: 5 }, 'signal'],
  ]
  for (const [each, mentions] of options) {
    throws(t, () => decide(store, { good }, () => undefined, each), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  throws(t, () => buildDecisionModel(store, { good }, { retries: 1 } as object), {
    code: 'SLUICE_INVALID_ARGUMENT',
    mentions: 'retries',
  })
  throws(t, () => decide(store, { good }, 5 as never), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'handler' })
})

test('types: what a projection can be given, and what it makes', async (t) => {
  const store = new MemoryEventStore<CourseEvent>()
  project({
    query: { types: ['StudentSubscribed'] },
    init: () => '',
    // @ts-expect-error: no subscription has a capacity
    apply: (_state, { data }) => `${data.capacity}`,
  })
  // @ts-expect-error: no event has this type
  project({ query: { types: ['StudentLeft'] }, init: () => 0, apply: (state) => state })
  const { state } = await buildDecisionModel(store, { capacity: courseCapacity('c1') })
  // @ts-expect-error: it is a number
  const text: string = state.capacity
  // @ts-expect-error: there is no such projection
  const none: unknown = state.nothing
  const stranger = { type: 'StudentLeft', data: {} }
  // @ts-expect-error: a store of other events does not take it
  const wrong = () => decide(store, { capacity: courseCapacity('c1') }, () => stranger)
  const model = { capacity: courseCapacity('c1') }
  const untyped = () => decide(store, model, () => ({ type: 'CourseDefined', data: { course: 'c1', capacity: 1 } }))
  const several = () =>
    decide(store, model, async ({ capacity }) => {
      if (capacity > 0) return undefined
      if (capacity < 0) return []
      return [
        { type: 'CourseDefined', tags: ['course:c1'], data: { course: 'c1', capacity: 1 } },
        { type: 'StudentSubscribed', data: { course: 'c1', student: 'ada' }, id: 'x' },
      ]
    })
  // @ts-expect-error: a course has a capacity
  const incomplete = () => decide(store, model, () => ({ type: 'CourseDefined', data: { course: 'c1' } }))
  t.deepEqual([text as unknown, none], [0, undefined])
  for (const each of [wrong, untyped, several, incomplete]) t.is(typeof each, 'function')
  await quiet()
})

const seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))

test('random queries and events: a model is what each projection would be alone', async (t) => {
  t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`)
  const types = fc.uniqueArray(fc.constantFrom('A', 'B', 'C'), { maxLength: 2 })
  const tags = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 })
  const item = fc.record({ types, tags }).filter((each) => each.types.length + each.tags.length > 0)
  const query = fc.oneof(
    { weight: 1, arbitrary: fc.constant('all' as const) },
    { weight: 3, arbitrary: item },
    { weight: 6, arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }) },
  )
  const event = fc.record({ type: fc.constantFrom('A', 'B', 'C'), tags })
  const cases = fc.record({
    queries: fc.array(query, { minLength: 1, maxLength: 4 }),
    events: fc.array(event, { maxLength: 12 }),
    late: fc.array(event, { maxLength: 3 }),
  })
  const property = fc.asyncProperty(cases, async ({ queries, events, late }) => {
    const store = new MemoryEventStore()
    for (const each of events) await store.append(each)
    const projections = queries.map((each) => ({
      query: each,
      init: (): number[] => [],
      apply: (positions: number[], { position }: StoredEvent) => [...positions, position],
    }))
    const model = await buildDecisionModel(store, Object.fromEntries(Object.entries(projections)))
    for (const [index, each] of queries.entries()) {
      const alone: number[] = []
      for await (const { position } of store.read(each)) alone.push(position)
      t.deepEqual(model.state[index], alone)
    }
    const breaks = late.some((each) => queries.some((one) => matchesQuery(one, each)))
    for (const each of late) await store.append(each)
    const [outcome] = await Promise.allSettled([store.append({ type: 'D' }, model.appendCondition)])
    t.is(outcome?.status, breaks ? 'rejected' : 'fulfilled')
  })
  await t.notThrowsAsync(
    fc.assert(property, { seed, numRuns: 200, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false }),
  )
})

test('queries: matched, united, told apart', (t) => {
  const checked = (query: Query) => checkQuery('query', query)
  const event = { type: 'A', tags: ['x', 'y'] }
  const matched: readonly (readonly [Query, boolean])[] = [
    ['all', true],
    [{ types: ['A'] }, true],
    [{ types: ['B', 'A'], tags: ['y'] }, true],
    [{ types: ['B'] }, false],
    [{ tags: ['x', 'z'] }, false],
    [[{ types: ['B'] }, { tags: ['y', 'x'] }], true],
  ]
  for (const [query, expected] of matched) {
    t.is(matchesQuery(query, event), expected)
    t.is(matchesQuery(checked(query), event), expected)
    t.is(matchesQuery(plainQuery(checked(query)), event), expected)
  }
  const [one, two] = [checked({ types: ['A', 'B'], tags: ['x'] }), checked([{ types: ['B', 'A'], tags: ['x'] }])]
  t.is(queryText(one), queryText(two))
  t.deepEqual(plainQuery(unionOfQueries([one, two, checked({ tags: ['q'] })])), [
    { types: ['A', 'B'], tags: ['x'] },
    { tags: ['q'] },
  ])
  t.is(unionOfQueries([one, 'all', two]), 'all')
  const different = [
    'all',
    { types: ['all'] },
    { tags: ['all'] },
    [{ types: ['A'] }, { types: ['B'] }],
    { types: ['A', 'B'] },
  ]
  t.is(new Set(different.map((query) => queryText(checked(query as Query)))).size, different.length)
})
