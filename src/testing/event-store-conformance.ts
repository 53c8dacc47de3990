import assert from 'node:assert/strict'
import { SluiceError, shown } from '../errors.js'
import type { EventStore } from '../events/contract.js'
import { APPEND_CASES } from './event-store/append-cases.js'
import { ARGUMENT_CASES } from './event-store/argument-cases.js'
import { CONDITION_CASES } from './event-store/condition-cases.js'
import { CONTENT_CASES } from './event-store/content-cases.js'
import { ID_CASES } from './event-store/id-cases.js'
import { QUERY_CASES } from './event-store/query-cases.js'
import { RACE_CASES } from './event-store/race-cases.js'
import { READ_CASES } from './event-store/read-cases.js'
import { SUBSCRIPTION_CASES } from './event-store/subscription-cases.js'
import { type Ability, type EventStoreAbilities, type EventStoreCase, Trial } from './event-store/trial.js'

/** A store to be tried, and what to do when it is closed. */
export interface DisposableEventStore {
  readonly store: EventStore
  /** Called after the store was closed, whatever came of the case. */
  readonly dispose: () => unknown
}

export interface EventStoreConformanceOptions {
  /** What the store lacks: `{ bytes: false }` leaves out the cases that need bytes. @default it lacks nothing */
  readonly supports?: Partial<EventStoreAbilities>
  /**
   * Milliseconds after which a case fails that waits for what doesn't come: 1 to 2^31-1. Nothing else depends on it.
   * @default 30000
   */
  readonly patienceMs?: number
}

/** One case of the suite. */
export interface ConformanceCase {
  /** What holds, as a sentence: a title for the test. */
  readonly name: string
  /** Makes a store, tries it, and closes it. Rejects with an `AssertionError`, or with what the store has thrown. */
  run(): Promise<void>
}

const ABILITIES: Readonly<Record<Ability, true>> = {
  ids: true,
  subscribe: true,
  bytes: true,
  metadata: true,
  timestamps: true,
  densePositions: true,
  callOrder: true,
  to: true,
  backwards: true,
  limit: true,
  signals: true,
  conflictDetails: true,
  checkedArguments: true,
}

const CASES: readonly EventStoreCase[] = [
  ...QUERY_CASES,
  ...READ_CASES,
  ...APPEND_CASES,
  ...CONDITION_CASES,
  ...RACE_CASES,
  ...ID_CASES,
  ...SUBSCRIPTION_CASES,
  ...CONTENT_CASES,
  ...ARGUMENT_CASES,
]

/**
 * The specification of dynamic consistency boundaries (https://dcb.events/specification), and what `EventStore` promises
 * beyond it, as cases that any such store can run in any test framework:
 *
 * ```js
 * for (const { name, run } of eventStoreConformance(() => openMyStore())) test(name, run)
 * ```
 *
 * `makeStore` is called once for each case, and has to make an empty store each time; the case closes it. A store that
 * throws other errors than sluice's is given in an adapter that translates their codes.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_INVALID_OPTION`.
 */
export function eventStoreConformance(
  makeStore: () => EventStore | DisposableEventStore | Promise<EventStore | DisposableEventStore>,
  options: EventStoreConformanceOptions = {},
): readonly ConformanceCase[] {
  if (typeof makeStore !== 'function') {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `makeStore must be a function, not ${shown(makeStore)}`)
  }
  const { patienceMs = 30_000, lacks } = checkedOptions(options)
  return CASES.filter(({ needs = [] }) => !needs.some((ability) => lacks.has(ability))).map((each) => ({
    name: each.name,
    run: async () => {
      const made = await makeStore()
      const { store, dispose } = 'store' in made ? made : { store: made, dispose: () => {} }
      await tried(each, store, dispose, patienceMs)
    },
  }))
}

/** Runs a case; closes the store and disposes of it whatever comes of that, and tells the first failure of all. */
async function tried(
  each: EventStoreCase,
  store: EventStore,
  dispose: () => unknown,
  patienceMs: number,
): Promise<void> {
  const failures: unknown[] = []
  const step = async (what: string, work: () => unknown): Promise<void> => {
    try {
      await within(patienceMs, what, Promise.resolve(work()))
    } catch (error) {
      failures.push(error)
    }
  }
  await step(each.name, () => each.run(new Trial(store)))
  await step(`closing the store after: ${each.name}`, () => store.close())
  await step(`disposing of the store after: ${each.name}`, dispose)
  if (failures.length > 0) throw failures[0]
}

/** What a promise comes to; rejects where that takes too long, since it waits for something that doesn't come. */
async function within(patienceMs: number, what: string, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new assert.AssertionError({ message: `nothing has come of it for ${patienceMs} ms: ${what}` }))
    }, patienceMs)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function checkedOptions(options: EventStoreConformanceOptions): {
  readonly patienceMs: number | undefined
  readonly lacks: ReadonlySet<string>
} {
  refuseUnknown('', options, ['supports', 'patienceMs'])
  const { supports = {}, patienceMs } = options
  refuseUnknown('supports.', supports, Object.keys(ABILITIES))
  if (patienceMs !== undefined && !(Number.isInteger(patienceMs) && patienceMs >= 1 && patienceMs < 2 ** 31)) {
    refuse(`patienceMs must be a whole number from 1 to 2^31-1, not ${shown(patienceMs)}`)
  }
  const lacks = new Set<string>()
  for (const [ability, supported] of Object.entries(supports)) {
    if (typeof supported !== 'boolean') refuse(`supports.${ability} must be true or false, not ${shown(supported)}`)
    if (!supported) lacks.add(ability)
  }
  return { patienceMs, lacks }
}

function refuseUnknown(prefix: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    refuse(`${prefix === '' ? 'options' : 'supports'} must be an object, not ${shown(options)}`)
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`there is no option ${prefix}${unknown}; there are ${known.join(', ')}`)
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_OPTION', message)
}
