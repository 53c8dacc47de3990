import test from 'ava'
import fc from 'fast-check'
import type { EventStore } from '../../src/events/contract.js'
import { openEventStoreSealing } from '../../src/events/open-event-store.js'
import type { EventStoreOptions } from '../../src/events/store-contract.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { histories, type Step } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { type PlayedHistory, playHistory } from '../support/played-history.js'
import { random } from '../support/random.js'
import { EVENTS } from '../support/simulated-event-store.js'

const { seed } = random()
/** How many times as many histories as in a short run. */
const FACTOR = Number(process.env['SLUICE_HISTORIES'] ?? 1)

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it, SLUICE_HISTORIES=100 for 100 times as many)`))

/** Index files come and go within a short history. */
const SMALL_FILES = { events: 7, tags: 12 }

interface Setting {
  readonly flush: NonNullable<EventStoreOptions['flush']>
  readonly maxPendingBytes: number
  readonly segmentBytes: number
}

const settings: fc.Arbitrary<Setting> = fc.record({
  flush: fc.constantFrom('batch' as const, 'immediate' as const, { everyMs: 1 }),
  maxPendingBytes: fc.constantFrom(16 * 1024, 4 * 1024 * 1024),
  segmentBytes: fc.constantFrom(16 * 1024, 64 * 1024 * 1024),
})

function open(fileSystem: SimulatedFileSystem, setting: Partial<Setting> = {}): Promise<EventStore> {
  return openEventStoreSealing(EVENTS, { ...setting, fileSystem }, SMALL_FILES)
}

function check<Values>(property: fc.IAsyncProperty<Values>, numRuns: number): Promise<void> {
  return fc.assert(property, { seed, numRuns: numRuns * FACTOR, includeErrorInReport: true })
}

test('the answers to random histories are those of the store in memory, over restarts too', async (t) => {
  const several = fc.array(histories, { minLength: 1, maxLength: 3 })
  await check(
    fc.asyncProperty(several, settings, async (parts, setting) => {
      const fileSystem = new SimulatedFileSystem()
      let oracle = new EventOracle()
      for (const steps of parts) {
        const history = await playHistory(steps, await open(fileSystem, setting))
        await oracle.compare(history)
        const again = await open(fileSystem, setting)
        oracle = await oracle.comparePrefix(again, oracle.store.head())
        await again.close()
      }
    }),
    25,
  )
  t.pass('nothing differed')
})

test('a full disk, again and again, takes back what was not durable, and nothing else', async (t) => {
  const faults = fc.array(fc.record({ nth: fc.integer({ min: 1, max: 12 }), short: fc.nat(4096) }), { maxLength: 4 })
  await check(
    fc.asyncProperty(histories, settings, faults, async (steps, setting, plan) => {
      const fileSystem = new SimulatedFileSystem()
      const store = await open(fileSystem, setting)
      let nth = 0
      for (const fault of plan) {
        nth += fault.nth
        fileSystem.inject({ call: 'writeSync', nth, short: fault.short, error: 'ENOSPC' })
        fileSystem.inject({ call: 'write', nth, error: 'ENOSPC' })
      }
      const oracle = new EventOracle()
      const history = await playHistory(steps, store)
      await oracle.compare(history)
      // The faults that are left over stay with the process that met them.
      const again = await open(fileSystem.killProcess(), setting)
      await oracle.comparePrefix(again, history.acknowledged)
      await again.close()
    }),
    25,
  )
  t.pass('nothing differed')
})

/** Plays a history that the world's end may cut short, opening included. */
async function playUntilStopped(
  fileSystem: SimulatedFileSystem,
  steps: readonly Step[],
  setting: Setting,
): Promise<PlayedHistory | undefined> {
  try {
    return await playHistory(steps, await open(fileSystem, setting))
  } catch (error) {
    if (fileSystem.stoppedAt === undefined) throw error
    return undefined
  }
}

test('a crash at any call leaves the events up to some append, and all acknowledged ones; conditions and ids hold on', async (t) => {
  let crashes = 0
  const property = fc.asyncProperty(
    histories,
    histories,
    settings,
    fc.integer({ min: 1, max: 400 }),
    fc.constantFrom('power' as const, 'kill' as const),
    fc.nat(),
    async (steps, later, setting, calls, kind, crashSeed) => {
      const fileSystem = new SimulatedFileSystem({ seed: crashSeed })
      fileSystem.crashAfter(calls)
      const history = await playUntilStopped(fileSystem, steps, setting)
      if (fileSystem.stoppedAt !== undefined) crashes++
      const oracle = new EventOracle()
      if (history !== undefined) await oracle.compare(history)
      const cuts = [0, 1].map((cut) => fileSystem.stateAfterCrash({ seed: crashSeed + cut }))
      for (const after of kind === 'power' ? cuts : [fileSystem.killProcess()]) {
        const again = await open(after, setting)
        const left = await oracle.comparePrefix(again, history?.acknowledged ?? 0)
        await left.compare(await playHistory(later, again))
      }
    },
  )
  await check(property, 50)
  t.true(crashes > 5, `${crashes} of the histories were cut short`)
})
