import { randomInt } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import type { EventStore } from '../../src/events/contract.js'
import { MemoryEventStore } from '../../src/testing/index.js'
import { histories } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { EVENT_STORE_MUTATIONS, mutatedEventStore } from '../support/event-store-mutations.js'
import { playHistory } from '../support/played-history.js'

const seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))

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
