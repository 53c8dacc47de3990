import { adaptiveDelay } from './adaptive-delay.js'
import { appendMany } from './append-many.js'
import { events } from './events.js'
import { figuresCost } from './figures-cost.js'
import { flushPolicies } from './flush-policies.js'
import { growth } from './growth.js'
import { largeRecords } from './large-records.js'
import { openLoop } from './open-loop.js'
import { reading } from './reading.js'
import { recovery } from './recovery.js'
import { replay } from './replay.js'
import { sizes } from './sizes.js'
import { state } from './state.js'
import type { Figure, Suite } from './suite.js'
import { SUITE_NAMES, type SuiteName } from './suite-names.js'
import { throughput } from './throughput.js'
import { tuning } from './tuning.js'
import { writeBehind } from './write-behind.js'

export const SUITES = {
  throughput,
  sizes,
  'append-many': appendMany,
  'large-records': largeRecords,
  replay,
  'open-loop': openLoop,
  'flush-policies': flushPolicies,
  tuning,
  'adaptive-delay': adaptiveDelay,
  reading,
  recovery,
  growth,
  'figures-cost': figuresCost,
  events,
  state,
  'write-behind': writeBehind,
} as const satisfies Readonly<Record<SuiteName, unknown>>

/** The rows of one trial in each suite. */
export type SuiteRows = {
  readonly [Name in SuiteName]: (typeof SUITES)[Name] extends Suite<infer Row> ? Row[] : never
}

export function emptyRows(): SuiteRows {
  return {
    throughput: [],
    sizes: [],
    'append-many': [],
    'large-records': [],
    replay: [],
    'open-loop': [],
    'flush-policies': [],
    tuning: [],
    'adaptive-delay': [],
    reading: [],
    recovery: [],
    growth: [],
    'figures-cost': [],
    events: [],
    state: [],
    'write-behind': [],
  }
}

/** A suite whose rows are known by their name only. */
export function suiteNamed(name: SuiteName): Suite<object> {
  // Rows are only ever given to the suite that made them.
  return SUITES[name] as unknown as Suite<object>
}

export function figuresOf(rows: SuiteRows): readonly Figure[] {
  return SUITE_NAMES.flatMap((name) => suiteNamed(name).figures(rows[name]))
}
