import { randomInt } from 'node:crypto'
import test from 'ava'
import type { StoredEvent } from '../../src/events/contract.js'
import type { Projection } from '../../src/events/projection-contract.js'
import type { DirectoryEventStore } from '../../src/events/store-contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { random } from '../support/random.js'
import { eventsOf, openSimulatedEvents } from '../support/simulated-event-store.js'
import { quiet, rejects, throws } from '../support/simulated-log.js'

/** How often each type was seen, and where last. */
interface Seen {
  readonly counts: Readonly<Record<string, number>>
  readonly last: number
}

const TYPES = ['A', 'B', 'C']
const QUERY = { types: ['A', 'B'] } as const

function seen(state: Seen, { type, position }: StoredEvent): Seen {
  return { counts: { ...state.counts, [type]: (state.counts[type] ?? 0) + 1 }, last: position }
}

function project(store: DirectoryEventStore, checkpointEvery = 5): Projection<Seen> {
  const init = (): Seen => ({ counts: {}, last: 0 })
  return store.project({ name: 'seen', query: QUERY, init, apply: seen, checkpointEvery })
}

/** What the state must be, by what the store itself gives. */
async function expected(store: DirectoryEventStore, position: number): Promise<Seen> {
  let state: Seen = { counts: {}, last: 0 }
  if (position === 0) return state
  for (const event of await eventsOf(store, QUERY, { to: position })) state = seen(state, event)
  return state
}

test('a projection of the store: read your writes, closed with it, resumed with it', async (t) => {
  const { store, fileSystem } = await openSimulatedEvents()
  const projection = project(store)
  for (let i = 0; i < 40; i++) {
    const { last } = await store.append({ type: TYPES[i % 3] ?? 'A', data: i })
    await projection.until(last)
    t.true(projection.position >= last)
    t.deepEqual(projection.state, await expected(store, projection.position))
  }
  throws(t, () => project(store), { code: 'SLUICE_INVALID_ARGUMENT', mentions: '"seen"' })
  const waiting = projection.until(1000)
  const [, error] = await Promise.all([store.close(), rejects(t, waiting, { code: 'SLUICE_CLOSED' })])
  t.is(error.code, 'SLUICE_CLOSED')
  t.is(projection.status, 'stopped')
  t.is(projection.position, 40)
  t.deepEqual(fileSystem.openPaths, [])
  throws(t, () => project(store), { code: 'SLUICE_CLOSED' })
  const again = await openSimulatedEvents({}, fileSystem)
  const resumed = again.store.project({
    ...{ name: 'seen', query: QUERY, init: (): Seen => ({ counts: {}, last: 0 }) },
    apply: (state) => t.fail('nothing is left to apply') && state,
  })
  await resumed.until(40)
  t.deepEqual(resumed.state, { counts: { A: 14, B: 13 }, last: 40 })
  await again.store.close()
})

test('a projection that fails leaves the store alone', async (t) => {
  const { store } = await openSimulatedEvents()
  const projection = store.project({
    name: 'failing',
    query: 'all',
    init: () => 0,
    apply: (count, { type }) => {
      if (type === 'B') throw new Error('no B')
      return count + 1
    },
  })
  const other = project(store)
  await store.append([{ type: 'A' }, { type: 'A' }, { type: 'B' }, { type: 'A' }])
  await rejects(t, projection.until(4), { code: 'SLUICE_PROJECTION_FAILED', position: 3 })
  t.deepEqual([projection.state, projection.position, projection.status], [2, 2, 'failed'])
  const { last } = await store.append({ type: 'A' })
  await other.until(last)
  t.deepEqual(other.state, { counts: { A: 4, B: 1 }, last: 5 })
  t.is(store.status, 'open')
  await store.close()
})

/** Appends and waits, until the world stops; resolves to what was acknowledged. */
async function live(store: DirectoryEventStore, projection: Projection<Seen>, below: (limit: number) => number) {
  let acknowledged = 0
  for (let i = 0; i < 12; i++) {
    const events = Array.from({ length: 1 + below(4) }, () => ({ type: TYPES[below(3)] ?? 'A' }))
    const appended = await store.append(events)
    acknowledged = appended.last
    if (below(2) === 0) await projection.until(appended.last)
    else await quiet()
  }
  await store.close()
  return acknowledged
}

test('power cuts at any call: the state is that of the events of the store up to the position', async (t) => {
  const { seed, below } = random(Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31)))
  t.log(`SLUICE_SEED=${seed}`)
  let resumed = 0
  for (let round = 0; round < 12; round++) {
    let fileSystem = new SimulatedFileSystem({ seed: below(2 ** 31) })
    for (let life = 0; life < 2; life++) {
      const before = await openSimulatedEvents({}, fileSystem)
      fileSystem.crashAfter(1 + below(200))
      const projection = project(before.store)
      // The world stops somewhere in it, or nowhere: what that comes to is of no interest, only what is left.
      await live(before.store, projection, below).catch((error: unknown) => error)
      await before.store.close().catch((error: unknown) => error)
      await projection.stop()
      fileSystem = fileSystem.crash({ seed: below(2 ** 31) })
      const { store } = await openSimulatedEvents({}, fileSystem)
      let applied = 0
      const again = store.project({
        ...{ name: 'seen', query: QUERY, init: (): Seen => ({ counts: {}, last: 0 }), checkpointEvery: 5 },
        apply: (state, event) => {
          applied++
          return seen(state, event)
        },
      })
      const ignored: unknown[] = []
      again.on('checkpointIgnored', (each) => ignored.push(each))
      await again.until(store.head())
      t.deepEqual(again.state, await expected(store, store.head()))
      t.deepEqual(ignored, [], 'a checkpoint holds only what is durable')
      if (applied < (await eventsOf(store, QUERY)).length) resumed++
      await store.close()
      t.deepEqual(fileSystem.openPaths, [])
    }
  }
  t.log(`${resumed} of 24 went on from a checkpoint`)
  t.true(resumed > 5, `${resumed} of 24 went on from a checkpoint`)
})
