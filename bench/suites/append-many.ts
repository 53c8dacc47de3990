import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import type { DriverName } from '../drivers/drivers.js'
import { installed } from './installed.js'
import { contendersOf, describeLoad, rateOf, ratioAt, runRounds } from './load.js'
import type { Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 16, recordBytes: RECORD_BYTES, recordsPerAppend: 100 }
/** Those that can append several records at once, all or nothing. */
const DRIVERS: readonly DriverName[] = [
  'sluice',
  'device',
  'better-sqlite3-batched',
  'classic-level-batched',
  'postgresql-batched',
]

/** A hundred records in each append, all or nothing. */
export const appendMany: Suite = async (trials, settings, progress) => {
  const contenders = contendersOf(installed(DRIVERS))
  const load = { contenders, workloads: [WORKLOAD], inFlightMax: 1 }
  const results = await runRounds(trials, settings, load, progress)
  return {
    text: describeLoad(results, contenders, WORKLOAD, ['appendMany; the peers with one transaction for each.']),
    data: results,
    figures: [
      {
        name: 'appendMany of 100, 16 producers, sluice ÷ device',
        reached: ratioAt(results, 'device', rateOf).median,
        unit: '×',
        wanted: 0.6,
        bound: 'at least',
      },
    ],
  }
}
