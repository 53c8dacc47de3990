import test, { type ExecutionContext } from 'ava'
import { openEventStore } from '../../src/events/open-event-store.js'
import { type ConformanceCase, eventStoreConformance } from '../../src/testing/index.js'
import { random } from '../support/random.js'
import { ReopenedEventStore } from '../support/reopened-event-store.js'
import { openSimulatedEvents, ROOM_FOR_MEGABYTES } from '../support/simulated-event-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/**
 * How many cases are tried where each takes its time (a thread, or many openings): others each time, and all of them in
 * the long run, `npm run test:events`.
 */
const SLOW_CASES = process.env['SLUICE_HISTORIES'] === undefined ? 15 : Number.POSITIVE_INFINITY

/** Some of the cases, as a seed decides, which is logged. */
function someOf(t: ExecutionContext, cases: readonly ConformanceCase[]): ConformanceCase[] {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  const left = [...cases]
  const taken: ConformanceCase[] = []
  while (taken.length < SLOW_CASES && left.length > 0) taken.push(...left.splice(below(left.length), 1))
  return taken
}

for (const { name, run } of eventStoreConformance(async () => (await openSimulatedEvents(ROOM_FOR_MEGABYTES)).store)) {
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
  const some = someOf(t, cases)
  for (const { name, run } of some) await t.notThrowsAsync(run, name)
  t.is(stores.length, some.length)
  t.true(stores.reduce((sum, { cuts }) => sum + cuts, 0) > 0)
})

test('on a real disk, with a writer thread', async (t) => {
  let stores = 0
  const directory = temporaryDirectory(t)
  const some = someOf(
    t,
    eventStoreConformance(() => openEventStore(`${directory}/${++stores}`)),
  )
  for (const { name, run } of some) await t.notThrowsAsync(run, name)
  t.is(stores, some.length)
})
