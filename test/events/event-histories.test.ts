import { randomInt } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { openEventStore } from '../../src/events/open-event-store.js'
import { type Fault, SimulatedFileSystem } from '../../src/testing/index.js'
import { histories, type Step } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { importMutated, type ModuleMutation } from '../support/mutated-module.js'
import { type PlayedHistory, playHistory } from '../support/played-history.js'

/*
 * The event store against the one in memory: every answer to a random history, and what is left of it when the power
 * goes, or a call of the system fails.
 */

const seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

type Open = typeof openEventStore

function opened(open: Open, fileSystem: SimulatedFileSystem) {
  return open('/data/events', { fileSystem })
}

/** Opens what is left, compares it, goes on with it, and opens it once more, now with the files that closing has left. */
async function goOn(
  open: Open,
  fileSystem: SimulatedFileSystem,
  oracle: EventOracle,
  acknowledged: number,
  steps: readonly Step[],
): Promise<void> {
  const store = await opened(open, fileSystem)
  const left = await oracle.comparePrefix(store, acknowledged)
  await left.compare(await playHistory(steps, store))
  const again = await opened(open, fileSystem)
  const whole = await left.comparePrefix(again, left.store.head())
  await whole.compare(await playHistory(steps, again))
}

const cases = fc.record({
  steps: histories,
  more: histories,
  /** The power goes at this call, counted from the opening. */
  cutAt: fc.integer({ min: 1, max: 120 }),
  /** Which call on a segment fails. */
  nth: fc.integer({ min: 1, max: 8 }),
  /** What it fails with, and all behind it where that is not for once. */
  fault: fc.constantFrom<Fault>(
    { call: 'writeSync', error: 'ENOSPC', once: false },
    { call: 'writeSync', error: 'EIO' },
    { call: 'datasyncSync', error: 'EIO' },
  ),
  seed: fc.nat(),
})

type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never

const TRIALS = {
  answers: async (open: Open, { steps, more }: Case) => {
    const fileSystem = new SimulatedFileSystem()
    const history = await playHistory(steps, await opened(open, fileSystem))
    const oracle = new EventOracle()
    await oracle.compare(history)
    await goOn(open, fileSystem, oracle, oracle.store.head(), more)
  },
  'power cuts': async (open: Open, { steps, more, cutAt, seed }: Case) => {
    const fileSystem = new SimulatedFileSystem({ seed })
    const store = await opened(open, fileSystem)
    fileSystem.crashAfter(cutAt)
    await compareAfterPowerCut(open, fileSystem, await playHistory(steps, store), more)
  },
  'a disk that is full for a moment': (open: Open, each: Case) =>
    failingCallTrial(open, { ...each, fault: { call: 'writeSync', error: 'ENOSPC' } }),
  'a disk that fails, or stays full': failingCallTrial,
} as const

async function failingCallTrial(open: Open, { steps, more, fault, nth, seed }: Case): Promise<void> {
  const fileSystem = new SimulatedFileSystem({ seed })
  const store = await opened(open, fileSystem)
  const heal = fileSystem.inject({ ...fault, nth, path: /\.seg/ })
  const history = await playHistory(steps, store)
  heal()
  await compareAfterPowerCut(open, fileSystem, history, more)
}

async function compareAfterPowerCut(
  open: Open,
  fileSystem: SimulatedFileSystem,
  history: PlayedHistory,
  more: readonly Step[],
): Promise<void> {
  const oracle = new EventOracle()
  await oracle.compare(history)
  await goOn(open, fileSystem.stateAfterCrash(), oracle, history.acknowledged, more)
}

// They are the keys of the object above.
const TRIAL_NAMES = Object.keys(TRIALS) as (keyof typeof TRIALS)[]

function property(trial: keyof typeof TRIALS, open: Open) {
  return fc.asyncProperty(cases, (each) => TRIALS[trial](open, each))
}

for (const trial of TRIAL_NAMES) {
  test.serial(`random histories: ${trial}`, async (t) => {
    // Bounded by time as well as by number; whatever fails says the seed.
    const bounds = { seed, numRuns: 50, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false }
    await t.notThrowsAsync(fc.assert(property(trial, openEventStore), bounds))
  })
}

// What follows shows that they can fail.

interface Canary extends Omit<ModuleMutation, 'file'> {
  readonly name: string
  readonly trial: keyof typeof TRIALS
}

const CANARIES: readonly Canary[] = [
  {
    name: 'who depends on an event is told before it is durable',
    text: 'position <= this.#log.durableLsn',
    becomes: 'true',
    trial: 'answers',
  },
  {
    name: 'conditions do not see what is accepted',
    text: 'this.#index.lastMatch(condition.query, condition.after)',
    becomes:
      '[this.#index.lastMatch(condition.query, condition.after)].find((match) => match?.position <= this.#log.durableLsn)',
    trial: 'answers',
  },
  {
    name: 'an event that did not become durable breaks conditions for ever',
    text: 'this.#index.rollBack(position);',
    becomes: '',
    trial: 'a disk that is full for a moment',
  },
  {
    name: 'the id of an event that did not become durable is remembered',
    text: 'this.#ids.rollBack(position);',
    becomes: '',
    trial: 'a disk that is full for a moment',
  },
  {
    name: 'an append resolves once it is accepted',
    text: 'this.#inFlight.add(first + events.length - 1, appended);\n        return appended;',
    becomes:
      'this.#inFlight.add(first + events.length - 1, appended);\n        appended.catch(() => {}); return Promise.resolve({ first, last: first + events.length - 1 });',
    trial: 'power cuts',
  },
]

for (const { name, trial, ...mutation } of CANARIES) {
  test.serial(`random histories show when ${name}`, async (t) => {
    const loaded = await importMutated('events/open-event-store.js', { file: 'events/event-appender.js', ...mutation })
    const { openEventStore: open } = loaded as { readonly openEventStore: Open } // The module's own type, but for its fault.
    const details = await fc.check(property(trial, open), { seed, numRuns: 2_000, endOnFailure: true })
    t.true(details.failed, `it survived ${details.numRuns} histories`)
    t.log(`after ${details.numRuns}: ${String(details.errorInstance).split('\n', 1)[0]}`)
  })
}
