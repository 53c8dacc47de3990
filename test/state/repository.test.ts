import test from 'ava'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { createHybridRepository } from '../../src/write-behind/hybrid-repository.js'
import { stateRepository } from '../../src/write-behind/state-repository.js'
import { rejection, SEGMENT } from '../support/simulated-log.js'
import { contentOf, openBegunState, openSimulatedState } from '../support/simulated-state.js'

test('what is written behind to a state store is there when that is opened again', async (t) => {
  const { store, fileSystem } = await openBegunState(0)
  const behind = createWriteBehind<number>({
    repository: stateRepository(store),
    intervalMs: 3_600_000,
    maxBatch: 1000,
  })
  for (let n = 1; n <= 10; n++) {
    for (let key = 0; key < 100; key++) await behind.markDirty(`${key}`, n)
  }
  t.is(store.size, 1, 'nothing is saved yet')
  await behind.flush()
  t.is(store.size, 101)
  t.is(store.durableLsn, 101, 'ten marks are one save')
  await behind.markDirty('7', 11)
  await behind.close()
  const crashed = fileSystem.crash({ keep: 'none' })
  await store.close().catch(() => {})
  const { store: again } = await openSimulatedState({}, crashed)
  t.deepEqual([again.size, again.get('7'), again.get('8')], [101, 11, 10])
  t.is(await stateRepository(again).load('99'), 10)
  await again.close()
})

test('what a state store could not save stays dirty, and is saved when there is room', async (t) => {
  const { store, fileSystem } = await openBegunState(0)
  const behind = createWriteBehind<number>({
    repository: stateRepository(store),
    intervalMs: 3_600_000,
    retry: { flushAttempts: 1 },
  })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 2)
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  t.like(await rejection(behind.flush()), { code: 'SLUICE_SAVE_FAILED', keys: ['a', 'b'] })
  t.is(store.size, 1)
  await behind.flush()
  t.deepEqual(contentOf(store), [
    ['a', 1],
    ['b', 2],
    ['begun', 0],
  ])
  await behind.close()
  await store.close()
})

test('live objects over a state store are read from memory, and then from it', async (t) => {
  const { store, fileSystem } = await openSimulatedState<{ n: number }>()
  const live = createHybridRepository<{ n: number }>({ repository: stateRepository(store) })
  await live.set('a', { n: 1 })
  t.deepEqual(await live.get('a'), { n: 1 })
  await live.close()
  await store.close()
  const again = await openSimulatedState<{ n: number }>({}, fileSystem)
  const later = createHybridRepository<{ n: number }>({ repository: stateRepository(again.store) })
  t.deepEqual(await later.get('a'), { n: 1 })
  t.is(await later.get('b'), undefined)
  await later.close()
  await again.store.close()
})
