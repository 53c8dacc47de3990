import test from 'ava'
import fc from 'fast-check'
import type { EventStore, NewEvent, StoredEvent } from '../../src/events/contract.js'
import { type EventStoreAbilities, eventStoreConformance, MemoryEventStore } from '../../src/testing/index.js'
import { histories } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { EVENT_STORE_MUTATIONS, mutatedEventStore } from '../support/event-store-mutations.js'
import { playHistory } from '../support/played-history.js'
import { random } from '../support/random.js'

const ABILITIES: readonly (keyof EventStoreAbilities)[] = [
  ...(['ids', 'subscribe', 'bytes', 'metadata', 'timestamps', 'densePositions', 'callOrder'] as const),
  ...(['to', 'backwards', 'limit', 'signals', 'conflictDetails', 'checkedArguments'] as const),
]

for (const { name, run } of eventStoreConformance(() => new MemoryEventStore())) {
  test.serial(`in memory: ${name}`, async (t) => {
    await t.notThrowsAsync(run)
  })
}

test('the kit leaves out the cases of what a store lacks, and only those', (t) => {
  const all = eventStoreConformance(() => new MemoryEventStore())
  t.is(new Set(all.map(({ name }) => name)).size, all.length, 'no name comes twice')
  t.is(eventStoreConformance(() => new MemoryEventStore(), { supports: { bytes: true } }).length, all.length)
  for (const ability of ABILITIES) {
    const some = eventStoreConformance(() => new MemoryEventStore(), { supports: { [ability]: false } })
    t.true(some.length < all.length, ability)
  }
  const none = Object.fromEntries(ABILITIES.map((ability) => [ability, false]))
  t.true(eventStoreConformance(() => new MemoryEventStore(), { supports: none }).length > 50, 'the core is left')
})

async function* spaced<Event extends StoredEvent>(events: AsyncIterable<Event>): AsyncIterable<Event> {
  for await (const event of events) yield { ...event, position: event.position * 10, timestamp: Number.NaN }
}

/** A store with nothing but dynamic consistency boundaries, and gaps between its positions. */
function bareStore(): EventStore {
  const store = new MemoryEventStore()
  return {
    append: async (events, condition) => {
      const list = [events].flat().map(({ type, tags = [], data }) => ({ type, tags, data }))
      const { failIfEventsMatch, after = 0 } = condition ?? {}
      try {
        const guard = failIfEventsMatch && { failIfEventsMatch, after: Math.floor(after / 10) }
        const { first, last } = await store.append(list, guard)
        return { first: first * 10, last: last * 10 }
      } catch (error) {
        throw Object.assign(new Error('failed'), { code: Reflect.get(Object(error), 'code') })
      }
    },
    read: (query, { from = 1 } = {}) => spaced(store.read(query, { from: Math.ceil(from / 10) })),
    subscribe: () => {
      throw new Error('there are no subscriptions')
    },
    head: () => store.head() * 10,
    close: () => store.close(),
  }
}

test('a store that lacks all that may be lacking passes what is left', async (t) => {
  const supports = Object.fromEntries(ABILITIES.map((ability) => [ability, false]))
  for (const { name, run } of eventStoreConformance(bareStore, { supports })) await t.notThrowsAsync(run, name)
})

test('the kit closes the store and disposes of it, whatever comes of a case', async (t) => {
  const calls: string[] = []
  const makeStore = (faulty: boolean) => () => {
    const store = new MemoryEventStore()
    const close = store.close.bind(store)
    store.close = async () => {
      calls.push('close')
      await close()
    }
    if (faulty) store.head = () => 7
    return { store, dispose: async () => calls.push('dispose') }
  }
  const named = (faulty: boolean) =>
    eventStoreConformance(makeStore(faulty)).find(({ name }) => name === 'an empty store has nothing to read')
  await named(false)?.run()
  await t.throwsAsync(async () => named(true)?.run(), { code: 'ERR_ASSERTION' })
  t.deepEqual(calls, ['close', 'dispose', 'close', 'dispose'])
})

test('a store that can not be closed, or disposed of, is found out', async (t) => {
  const reason = new Error('stuck')
  const makeStore = (): EventStore => Object.assign(new MemoryEventStore(), { close: () => Promise.reject(reason) })
  const dispose = (): never => {
    throw reason
  }
  const [closing] = eventStoreConformance(makeStore)
  t.is(await t.throwsAsync(async () => closing?.run()), reason)
  const [disposing] = eventStoreConformance(() => ({ store: new MemoryEventStore(), dispose }))
  t.is(await t.throwsAsync(async () => disposing?.run()), reason)
})

test('options that make no sense are refused by name', (t) => {
  const makeStore = (): EventStore => new MemoryEventStore()
  // Each of these is what only a program without types passes.
  const refused = (options: unknown, message: RegExp): void => {
    t.throws(() => eventStoreConformance(makeStore, options as object), { code: 'SLUICE_INVALID_OPTION', message })
  }
  refused({ patience: 1 }, /patience/)
  refused({ patienceMs: 0 }, /patienceMs .* 0/)
  refused({ patienceMs: 2 ** 31 }, /patienceMs/)
  refused({ supports: { byte: false } }, /supports\.byte/)
  refused({ supports: { bytes: 0 } }, /supports\.bytes .* 0/)
  refused({ supports: true }, /supports .* true/)
  refused(null, /options .* null/)
  t.throws(() => eventStoreConformance(undefined as never), { code: 'SLUICE_INVALID_ARGUMENT', message: /undefined/ })
})

// What follows shows that the kit can fail.

for (const mutation of EVENT_STORE_MUTATIONS) {
  test.serial(`it is found when ${mutation.name}`, async (t) => {
    const makeStore = await mutatedEventStore(mutation)
    // Who waits for what never comes waits in vain however long it is; everything else fails by itself.
    const options = mutation.hangs === true ? { patienceMs: 100 } : {}
    const finder = eventStoreConformance(makeStore, options).find(({ name }) => name === mutation.caughtBy)
    if (finder === undefined) return t.fail(`there is no case ${mutation.caughtBy}`)
    const error = await t.throwsAsync(finder.run)
    t.is(error.message.startsWith('nothing has come of it'), mutation.hangs === true, error.message)
    return t.log(error.message.split('\n', 1)[0])
  })
}

// Random histories find out the same store, and the same mutations of it. Serial, so that nobody's patience is spent meanwhile.

const { seed } = random()

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

function property(makeStore: () => EventStore) {
  return fc.asyncProperty(histories, async (steps) => {
    const history = await playHistory(steps, makeStore())
    await new EventOracle().compare(history)
  })
}

test.serial('the store in memory gives the right answers to random histories', async (t) => {
  await t.notThrowsAsync(
    fc.assert(
      property(() => new MemoryEventStore()),
      { seed, numRuns: 300 },
    ),
  )
})

for (const mutation of EVENT_STORE_MUTATIONS) {
  // A history has no patience to lose: what waits for ever is the kit's.
  if (mutation.unseenByHistories === true || mutation.hangs === true) continue
  test.serial(`random histories show when ${mutation.name}`, async (t) => {
    const makeStore = await mutatedEventStore(mutation)
    const details = await fc.check(property(makeStore), { seed, numRuns: 300, endOnFailure: true })
    t.true(details.failed)
    t.log(`after ${details.numRuns}: ${String(details.errorInstance).split('\n', 1)[0]}`)
  })
}

/** A store with these events, one append each. */
async function storeOf(...events: readonly NewEvent[]): Promise<EventStore> {
  const store = new MemoryEventStore()
  for (const event of events) await store.append(event)
  return store
}

test.serial('what a crash has left is a prefix, of whole appends, with all that was acknowledged', async (t) => {
  const [one, two, three] = [1, 2, 3].map((n) => ({ type: 'Counted', tags: [`n:${n}`], data: n }))
  if (one === undefined || two === undefined || three === undefined) return t.fail()
  const oracle = new EventOracle()
  const append = (...events: NewEvent[]) =>
    ({ kind: 'append', events, ids: { kind: 'none' }, condition: undefined }) as const
  await oracle.compare(await playHistory([append(one), append(two, three)], new MemoryEventStore()))

  const left = async (acknowledged: number, ...events: NewEvent[]): Promise<number> =>
    (await oracle.comparePrefix(await storeOf(...events), acknowledged)).store.head()
  t.is(await left(0), 0)
  t.is(await left(1, one), 1)
  t.is(await left(1, one, two, three), 3)
  const wrong = { code: 'ERR_ASSERTION' }
  await t.throwsAsync(left(1), wrong, 'an acknowledged event is lost')
  await t.throwsAsync(left(2, one), wrong, 'an acknowledged event is lost')
  await t.throwsAsync(left(0, one, two), wrong, 'an append is left in part')
  await t.throwsAsync(left(0, two, three), wrong, 'there is a hole')
  await t.throwsAsync(left(0, one, three, two), wrong, 'the order is another one')
  await t.throwsAsync(left(0, one, two, three, one), wrong, 'there is more than there was')
  for (const change of [{ type: 'Other' }, { tags: [] }, { data: 2 }, { metadata: 1 }, { id: 'id' }]) {
    await t.throwsAsync(left(0, { ...one, ...change }), wrong, JSON.stringify(change))
  }
})
