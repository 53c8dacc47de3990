import test, { type ExecutionContext } from 'ava'
import type { StateOptions, StateStore } from '../../src/state/contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { quiet, rejects } from '../support/simulated-log.js'
import { openSimulatedState, SNAPSHOTS, snapshotsOf } from '../support/simulated-state.js'
import { SteppedClock } from '../support/stepped-clock.js'

const EVERY_MS = 60_000
const START = Date.UTC(2024, 0, 1)
/** A checkpoint under way takes breaks of some milliseconds: so long it may last, for all that is not a break. */
const BREAKS_MS = 100

/** A world whose time passes in steps, the system's clock with it: but for what it is set forward or back. */
class SteppedWorld {
  readonly clock: SteppedClock
  readonly fileSystem = new SimulatedFileSystem()
  readonly made: number[] = []
  readonly failures: unknown[] = []
  setBy = 0
  readonly #startMs: number

  constructor(t: ExecutionContext) {
    this.clock = SteppedClock.install(t)
    this.#startMs = this.clock.nowMs
  }

  get options(): StateOptions {
    const now = (): number => START + this.clock.nowMs - this.#startMs + this.setBy
    return { compaction: { logBytes: 2 ** 40, everyMs: EVERY_MS }, now }
  }

  async open(options: StateOptions = {}): Promise<StateStore<number>> {
    const { store } = await openSimulatedState<number>({ ...this.options, ...options }, this.fileSystem)
    store.on('checkpoint', ({ lsn }) => this.made.push(lsn))
    store.on('checkpointFailed', (error) => this.failures.push(error))
    await this.settle()
    return store
  }

  /** Lets what has begun come to its end: so many milliseconds pass. */
  async settle(): Promise<void> {
    for (let ms = 0; ms < BREAKS_MS; ms += 10) {
      await quiet()
      this.clock.advance(10)
    }
    await quiet()
  }

  /** Lets so much time pass, and what is due then come to its end. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settle()
  }
}

test.serial('a checkpoint by time is due so long after the last one, whoever made that', async (t) => {
  const world = new SteppedWorld(t)
  const store = await world.open()
  await world.pass(10 * EVERY_MS)
  t.deepEqual(world.made, [], 'there is nothing')
  await store.set('a', 1)
  await world.pass(EVERY_MS - 2 * BREAKS_MS)
  t.deepEqual(world.made, [], 'the first write begins the time')
  await world.pass(2 * BREAKS_MS)
  t.deepEqual(world.made, [1])

  await store.set('a', 2)
  await world.pass(EVERY_MS / 2)
  const asked = store.checkpoint()
  await world.settle()
  t.is((await asked)?.lsn, 3)
  await store.set('a', 3)
  await world.pass(EVERY_MS - 3 * BREAKS_MS)
  t.deepEqual(world.made, [1, 3], 'it counts from the one that was asked for')
  await world.pass(3 * BREAKS_MS)
  t.deepEqual(world.made, [1, 3, 5])

  await world.pass(3 * EVERY_MS)
  t.deepEqual(world.made, [1, 3, 5], 'nothing has changed')
  await store.set('a', 4)
  await world.settle()
  t.deepEqual(world.made, [1, 3, 5, 7], 'it was due')
  await store.close()
  t.is(world.clock.timers, 0)
})

test.serial('the time since a checkpoint counts also where the store was closed meanwhile', async (t) => {
  const world = new SteppedWorld(t)
  let store = await world.open()
  await store.set('a', 1)
  const asked = store.checkpoint()
  await world.settle()
  t.is((await asked)?.lsn, 1)
  // A service that is opened again more often than a checkpoint is due.
  for (let opening = 0; opening < 5; opening++) {
    await store.set('a', opening)
    await store.close()
    await world.pass(EVERY_MS / 4)
    store = await world.open()
    if (opening < 2) t.deepEqual(world.made, [1], `after ${opening} openings`)
  }
  t.deepEqual(world.made.length, 2)
  await store.close()
})

test.serial('where there is no checkpoint, the time counts from the first write, also across an opening', async (t) => {
  const world = new SteppedWorld(t)
  // The log has the system's own time; what this store takes for the time is that, and goes on from there.
  const startMs = world.clock.nowMs
  const began = Date.now()
  const now = (): number => began + world.clock.nowMs - startMs
  let store = await world.open({ now })
  await store.set('a', 1)
  await store.close()
  await world.pass(EVERY_MS / 2)
  store = await world.open({ now })
  t.deepEqual(world.made, [])
  await store.close()
  await world.pass(EVERY_MS / 2)
  store = await world.open({ now })
  t.deepEqual(world.made, [1])
  await store.close()
})

test.serial('a clock that was set back puts a checkpoint off by one period at most', async (t) => {
  const world = new SteppedWorld(t)
  let store = await world.open()
  await store.set('a', 1)
  const asked = store.checkpoint()
  await world.settle()
  await asked
  await store.set('a', 2)
  world.setBy = -100 * EVERY_MS
  await world.pass(EVERY_MS)
  t.deepEqual(world.made, [1, 3], 'while it is open it is no matter')
  await store.set('a', 3)
  await store.close()
  world.setBy = -200 * EVERY_MS
  store = await world.open()
  t.deepEqual(world.made, [1, 3])
  await world.pass(EVERY_MS)
  t.deepEqual(world.made, [1, 3, 5])
  await store.close()
})

test.serial('a checkpoint by time that fails is tried again after as long', async (t) => {
  const world = new SteppedWorld(t)
  const store = await world.open()
  await store.set('a', 1)
  world.fileSystem.inject({ call: 'write', path: /snapshots\//, error: 'ENOSPC' })
  await world.pass(EVERY_MS)
  t.is(world.failures.length, 1)
  await store.set('a', 2)
  await world.pass(EVERY_MS / 2)
  t.deepEqual(world.made, [])
  await world.pass(EVERY_MS / 2)
  t.deepEqual([world.made, world.failures.length], [[2], 1])
  await store.close()
})

test.serial('one that is due while another is under way is made behind it', async (t) => {
  const world = new SteppedWorld(t)
  const store = await world.open()
  await store.set('a', 1)
  const release = world.fileSystem.inject({ call: 'write', path: /snapshots\//, hold: true })
  await world.pass(EVERY_MS)
  await store.set('a', 2)
  await world.pass(2 * EVERY_MS)
  t.deepEqual(world.made, [])
  release()
  await world.settle()
  t.deepEqual(world.made, [1, 3])
  await store.close()
})

test.serial('an opening that fails leaves nothing behind that would make a checkpoint', async (t) => {
  const world = new SteppedWorld(t)
  const store = await world.open()
  await store.set('a', 1)
  await store.close()
  const migrations = {
    2: (value: unknown) => value,
    3: () => {
      throw new Error('never')
    },
  }
  const opening = rejects(t, world.open({ schemaVersion: 3, migrations }), { code: 'SLUICE_MIGRATION_FAILED' })
  await world.settle()
  await opening
  const there = snapshotsOf(world.fileSystem)
  t.is(there.length, 1, 'the first migration is durable')
  t.is(world.clock.timers, 0)
  const calls = world.fileSystem.calls.length
  await world.pass(2 * EVERY_MS)
  t.deepEqual(
    world.fileSystem.calls.slice(calls).filter(({ path }) => path.startsWith(SNAPSHOTS)),
    [],
  )
})

test.serial('a clock that throws fails the checkpoint that is due, and the next one comes in its time', async (t) => {
  const world = new SteppedWorld(t)
  const { now: time = Date.now } = world.options
  let fails = false
  const now = (): number => {
    if (fails) throw new RangeError('no time')
    return time()
  }
  const store = await world.open({ now })
  await store.set('a', 1)
  fails = true
  await world.pass(EVERY_MS + BREAKS_MS)
  t.deepEqual([world.made, world.failures.length], [[], 1])
  fails = false
  await world.pass(EVERY_MS + BREAKS_MS)
  t.deepEqual([world.made, world.failures.length], [[1], 1])
  await store.close()
})
