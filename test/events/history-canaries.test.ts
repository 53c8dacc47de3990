import test from 'ava'
import fc from 'fast-check'
import type { openEventStore } from '../../src/events/open-event-store.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { histories, type Step } from '../support/event-histories.js'
import { EventOracle } from '../support/event-oracle.js'
import { importMutated, type ModuleMutation } from '../support/mutated-module.js'
import { type PlayedHistory, playHistory } from '../support/played-history.js'
import { random } from '../support/random.js'
import { EVENTS } from '../support/simulated-event-store.js'

/*
 * What shows that random histories can fail: each canary is the event store with one fault in the decisions that it makes,
 * and has to be caught, within a bounded number of histories, by the answers, or by what a power cut has left.
 */

const { seed } = random()

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

type Open = typeof openEventStore

function opened(open: Open, fileSystem: SimulatedFileSystem) {
  return open(EVENTS, { fileSystem })
}

const cases = fc.record({
  steps: histories,
  more: histories,
  /** The power goes at this call, counted from the opening. */
  cutAt: fc.integer({ min: 1, max: 120 }),
  /** The disk is full at this write, and not at the next one. */
  nth: fc.integer({ min: 1, max: 8 }),
  seed: fc.nat(),
})

type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never

const TRIALS = {
  answers: async (open: Open, { steps, more }: Case) => {
    const fileSystem = new SimulatedFileSystem()
    const history = await playHistory(steps, await opened(open, fileSystem))
    await compareAll(open, history, fileSystem, more)
  },
  'power cuts': async (open: Open, { steps, more, cutAt, seed }: Case) => {
    const fileSystem = new SimulatedFileSystem({ seed })
    const store = await opened(open, fileSystem)
    fileSystem.crashAfter(cutAt)
    const history = await playHistory(steps, store)
    await compareAll(open, history, fileSystem.stateAfterCrash(), more)
  },
  'full disks': async (open: Open, { steps, more, nth, seed }: Case) => {
    const fileSystem = new SimulatedFileSystem({ seed })
    const store = await opened(open, fileSystem)
    fileSystem.inject({ call: 'writeSync', error: 'ENOSPC', nth, path: /\.seg/ })
    const history = await playHistory(steps, store)
    await compareAll(open, history, fileSystem.stateAfterCrash(), more)
  },
} as const

/** Compares the answers, then what is left in `after`, and goes on with that. */
async function compareAll(
  open: Open,
  history: PlayedHistory,
  after: SimulatedFileSystem,
  more: readonly Step[],
): Promise<void> {
  const oracle = new EventOracle()
  await oracle.compare(history)
  const store = await opened(open, after)
  const left = await oracle.comparePrefix(store, history.acknowledged)
  await left.compare(await playHistory(more, store))
}

function property(trial: keyof typeof TRIALS, open: Open) {
  return fc.asyncProperty(cases, (each) => TRIALS[trial](open, each))
}

interface Canary extends Omit<ModuleMutation, 'file'> {
  readonly name: string
  /** @default that of the appender */
  readonly file?: string
  readonly trial: keyof typeof TRIALS
}

const CANARIES: readonly Canary[] = [
  {
    name: 'who depends on an event is told before it is durable',
    text: 'append === undefined && position <= this.#log.durableLsn',
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
    name: 'conditions do not see what the index was not told of',
    file: 'events/pending-events.js',
    text: 'this.#announce();',
    becomes: '',
    trial: 'answers',
  },
  {
    name: 'conditions do not see what the index was told of in a turn before',
    file: 'events/hash-slots.js',
    text: 'put(shard, number, hash);\n            this.announce(hash);',
    becomes: 'put(shard, number, hash);',
    trial: 'answers',
  },
  {
    name: 'a condition is decided by the first of its items',
    file: 'events/pending-events.js',
    text: 'if (mayHaveAll)\n                return true;',
    becomes: 'return mayHaveAll;',
    trial: 'answers',
  },
  {
    name: 'an event that did not become durable breaks conditions for ever',
    text: 'this.#index.rollBack(position);',
    becomes: '',
    trial: 'full disks',
  },
  {
    name: 'the id of an event that did not become durable is remembered',
    text: 'this.#ids.rollBack(position);',
    becomes: '',
    trial: 'full disks',
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
    const loaded = await importMutated('events/open-event-store.js', {
      file: 'events/event-appender.js',
      ...mutation,
    })
    const { openEventStore: open } = loaded as { readonly openEventStore: Open } // The module's own type, but for its fault.
    const details = await fc.check(property(trial, open), { seed, numRuns: 2_000, endOnFailure: true })
    t.true(details.failed, `it survived ${details.numRuns} histories`)
    t.log(`after ${details.numRuns}: ${String(details.errorInstance).split('\n', 1)[0]}`)
  })
}
