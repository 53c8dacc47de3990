import test from 'ava'
import { eventStoreConformance, MemoryEventStore } from '../../src/testing/index.js'

for (const { name, run } of eventStoreConformance(() => new MemoryEventStore())) {
  test(`in memory: ${name}`, async (t) => {
    await t.notThrowsAsync(run)
  })
}
