import test from 'ava'
import { openEventStore } from '../../src/events/open-event-store.js'
import { eventStoreConformance } from '../../src/testing/index.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

for (const { name, run } of eventStoreConformance(async () => (await openSimulatedEvents()).store)) {
  test(`over a simulated disk: ${name}`, async (t) => {
    await t.notThrowsAsync(run)
  })
}

test('on a real disk, with a writer thread', async (t) => {
  let stores = 0
  const directory = temporaryDirectory(t)
  const cases = eventStoreConformance(() => openEventStore(`${directory}/${++stores}`))
  for (const { name, run } of cases) await t.notThrowsAsync(run, name)
  t.is(stores, cases.length)
})
