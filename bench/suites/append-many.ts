import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { contendersOf, type LoadTrial, OURS, rateOf, ratioAt, runInTurns, workloadsOf } from './load.js'
import { loadTable } from './load-table.js'
import { reached, type Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 16, recordBytes: RECORD_BYTES, recordsPerAppend: 100 }
/** Those that can append several records at once, all or nothing. */
const CONTENDERS = contendersOf([
  'sluice',
  'sluice-prepared',
  'device',
  'better-sqlite3-batched',
  'classic-level-batched',
  'postgresql-batched',
])

/** A hundred records in each append, all or nothing. */
export const appendMany: Suite<LoadTrial> = {
  roundsMax: Number.POSITIVE_INFINITY,
  async measure(bench, round, keep) {
    const contenders = CONTENDERS.filter(
      ({ driver }) => driver !== 'sluice-prepared' || bench.settings.drivers.includes(driver),
    )
    await runInTurns(bench, { suite: 'append-many', contenders, workload: WORKLOAD }, round, keep)
  },
  tables: (trials) =>
    workloadsOf(trials).map((workload) =>
      loadTable(trials, workload, ['appendMany; the peers with one transaction for each.']),
    ),
  figures: (trials) =>
    OURS.map((ours) => ({
      name: `appendMany of 100, 16 producers, ${ours} ÷ device`,
      ...reached(ratioAt(trials, 'device', rateOf, ours)),
      unit: '×',
      wanted: 0.6,
      bound: 'at least',
    })),
}
