import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { shown, type Table } from '../table.js'
import { type Contender, type LoadTrial, rateOf, runInTurns, spreadAt } from './load.js'
import { preparationNote } from './load-table.js'
import type { Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 1024, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
const MAX_RECORDS = [16, 64, 256, 1024, 65_536] as const
const MAX_DELAYS_MS = [0, 1, 2, 5, 10] as const

const labelOf = (maxRecords: number, maxDelayMs: number): string => `${maxRecords} records, ${maxDelayMs} ms`

const CONTENDERS = MAX_RECORDS.flatMap((maxRecords) =>
  MAX_DELAYS_MS.map(
    (maxDelayMs): Contender => ({
      label: labelOf(maxRecords, maxDelayMs),
      driver: 'sluice',
      logOptions: { batch: { maxRecords, maxDelayMs } },
    }),
  ),
)

/** A figure for each size of a batch (down) and each time for which it is held back (across). */
export interface TuningMap {
  readonly title: string
  readonly unit: string
  readonly down: readonly string[]
  readonly across: readonly string[]
  readonly values: readonly (readonly number[])[]
  /** Which end of the scale is the good one. */
  readonly best: 'highest' | 'lowest'
}

/** The map that a user tunes by: the size of a batch against the time for which it is held back. */
export const tuning: Suite<LoadTrial> = {
  roundsMax: 2,
  measure: (bench, round, keep) =>
    runInTurns(bench, { suite: 'tuning', contenders: CONTENDERS, workload: WORKLOAD }, round, keep),
  tables: (trials) => tuningMaps(trials).map(table),
  figures: () => [],
}

export function tuningMaps(trials: readonly LoadTrial[]): readonly TuningMap[] {
  const map = (figure: (trial: LoadTrial) => number) =>
    MAX_RECORDS.map((records) => MAX_DELAYS_MS.map((ms) => spreadAt(trials, labelOf(records, ms), figure).median))
  const axes = {
    down: MAX_RECORDS.map((records) => records.toLocaleString('en-US')),
    across: MAX_DELAYS_MS.map((ms) => `${ms} ms`),
  }
  if (trials.length === 0) return []
  return [
    { title: 'Records/s', unit: 'records/s', ...axes, values: map(rateOf), best: 'highest' },
    { title: 'p99 in ms', unit: 'ms', ...axes, values: map((trial) => trial.latencyMsP99), best: 'lowest' },
  ]
}

function table({ title, down, across, values }: TuningMap): Table {
  return {
    title: `${title} with ${WORKLOAD.producers.toLocaleString('en-US')} producers, by batch.maxRecords (down) and batch.maxDelayMs (across)`,
    head: ['batch.maxRecords', ...across],
    rows: down.map((name, index) => [name, ...(values[index] ?? []).map(shown)]),
    notes: [preparationNote(['sluice'])],
  }
}
