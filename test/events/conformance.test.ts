import test from 'ava'
import { openEventStore } from '../../src/events/open-event-store.js'
import { eventStoreConformance } from '../../src/testing/index.js'
import { random } from '../support/random.js'
import { ReopenedEventStore } from '../support/reopened-event-store.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const REAL_CASES = 30

for (const { name, run } of eventStoreConformance(async () => (await openSimulatedEvents()).store)) {
  test(`over a simulated disk: ${name}`, async (t) => {
    await t.notThrowsAsync(run)
  })
}

test('with a power cut before each append and each reading', async (t) => {
  const stores: ReopenedEventStore[] = []
  const makeStore = () => {
    const store = new ReopenedEventStore()
    stores.push(store)
    return store.asEventStore()
  }
  // Subscriptions end with their process, and arguments are looked at once the store is open.
  const cases = eventStoreConformance(makeStore, {
    supports: { subscribe: false, checkedArguments: false, signals: false },
  })
  for (const { name, run } of cases) await t.notThrowsAsync(run, name)
  t.is(stores.length, cases.length)
  t.true(stores.reduce((sum, { cuts }) => sum + cuts, 0) > cases.length)
})

test('on a real disk, with a writer thread', async (t) => {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  let stores = 0
  const directory = temporaryDirectory(t)
  const cases = [...eventStoreConformance(() => openEventStore(`${directory}/${++stores}`))]
  // A thread for each of them takes its time: some at a time, others at another.
  for (let tried = 1; tried <= REAL_CASES; tried++) {
    const [each] = cases.splice(below(cases.length), 1)
    if (each !== undefined) await t.notThrowsAsync(each.run, each.name)
    t.is(stores, tried)
  }
})
