import test from 'ava'
import fc from 'fast-check'
import type { EventStore, NewEvent } from '../../src/events/contract.js'
import { MemoryEventStore } from '../../src/testing/index.js'
import { histories } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { EVENT_STORE_MUTATIONS, mutatedEventStore } from '../support/event-store-mutations.js'
import { playHistory } from '../support/played-history.js'
import { random } from '../support/random.js'

const { seed } = random()

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

function property(makeStore: () => EventStore) {
  return fc.asyncProperty(histories, async (steps) => {
    const history = await playHistory(steps, makeStore())
    await new EventOracle().compare(history)
  })
}

test('the store in memory gives the right answers to random histories', async (t) => {
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
  test(`random histories show when ${mutation.name}`, async (t) => {
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

test('what a crash has left is a prefix, of whole appends, with all that was acknowledged', async (t) => {
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
