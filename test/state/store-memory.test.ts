import test from 'ava'
import { Keyspace } from '../../src/state/keyspace.js'
import { LEAST_PENDING_BYTES } from '../support/simulated-log.js'
import { contentOf, openBegunState, openSimulatedState } from '../support/simulated-state.js'

test('a value whose toJSON writes to the store is written as it says, and so is what that writes', async (t) => {
  const { store, fileSystem } = await openSimulatedState<unknown>()
  const inner: Promise<unknown>[] = []
  const value = {
    before: 'x'.repeat(50),
    toJSON() {
      inner.push(
        store.set('inner', 'y'.repeat(200)),
        store.update('updated', () => 'z'),
      )
      return { after: 'w'.repeat(100) }
    },
  }
  await Promise.all([store.set('outer', { value }), ...inner])
  await store.close()
  const again = await openSimulatedState<unknown>({}, fileSystem)
  t.deepEqual(contentOf(again.store), [
    ['inner', 'y'.repeat(200)],
    ['outer', { value: { after: 'w'.repeat(100) } }],
    ['updated', 'z'],
  ])
  await again.store.close()
})

test('where there is no memory for a write, it is not in the log either', async (t) => {
  const { store, fileSystem } = await openBegunState('old' as unknown)
  const long = 'v'.repeat(50_000) // There is room for its record, and none for the value beside it.
  const { allocUnsafeSlow } = Buffer
  Buffer.allocUnsafeSlow = (size) => {
    if (size > 40_000) throw new RangeError('no memory')
    return allocUnsafeSlow(size)
  }
  let batch: Promise<unknown> | undefined
  try {
    t.throws(() => store.set('begun', long), { message: 'no memory' })
    batch = store.transact((tx) => {
      tx.set('a', 1)
      tx.set('begun', long)
    })
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  }
  await t.throwsAsync(batch, { message: 'no memory' })
  t.is(await store.set('b', 2), 2, 'it has the LSN that they would have had')
  await store.close()
  const again = await openSimulatedState<unknown>({}, fileSystem)
  t.deepEqual(contentOf(again.store), [
    ['b', 2],
    ['begun', 'old'],
  ])
  await again.store.close()
})

// Alone: it counts what all stores do.
test.serial('of a write that finds no room nothing is kept, however often it is tried', async (t) => {
  const { prototype } = Keyspace<unknown>
  const { prepareBytes, accept, discard } = prototype
  const counts = { prepared: 0, accepted: 0, discarded: 0 }
  prototype.prepareBytes = function (...args) {
    counts.prepared++
    return prepareBytes.apply(this, args)
  }
  prototype.accept = function (...args) {
    counts.accepted++
    accept.apply(this, args)
  }
  prototype.discard = function (...args) {
    counts.discarded++
    discard.apply(this, args)
  }
  try {
    const { store } = await openSimulatedState<string>({ log: { maxPendingBytes: LEAST_PENDING_BYTES } })
    const long = 'v'.repeat(4_000)
    const writes: Promise<unknown>[] = Array.from({ length: 5 }, (_, at) => store.set(`k${at}`, long))
    const both = store.transact((tx) => {
      for (const key of ['x', 'y']) tx.set(key, long.slice(2_000))
    })
    const settled = await Promise.allSettled([...writes, both])
    const made = settled.filter(({ status }) => status === 'fulfilled').length
    t.is(store.size, settled.at(-1)?.status === 'fulfilled' ? made + 1 : made)
    t.true(made > 3)
    await store.close()
  } finally {
    Object.assign(prototype, { prepareBytes, accept, discard })
  }
  t.true(counts.discarded > 0, 'some found no room')
  t.is(counts.accepted + counts.discarded, counts.prepared)
})
