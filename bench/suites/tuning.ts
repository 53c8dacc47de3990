import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { formatTable, shown } from '../table.js'
import { type Contender, type LoadTrial, preparationNote, rateOf, runRounds, spreadAt } from './load.js'
import type { Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 1024, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
const MAX_RECORDS = [16, 64, 256, 1024, 65_536] as const
const MAX_DELAYS_MS = [0, 1, 2, 5, 10] as const

const labelOf = (maxRecords: number, maxDelayMs: number): string => `${maxRecords} records, ${maxDelayMs} ms`

/** The map that a user tunes by: the size of a batch against the time for which it is held back. */
export const tuning: Suite = async (trials, settings, progress) => {
  const contenders = MAX_RECORDS.flatMap((maxRecords) =>
    MAX_DELAYS_MS.map(
      (maxDelayMs): Contender => ({
        label: labelOf(maxRecords, maxDelayMs),
        driver: 'sluice',
        logOptions: { batch: { maxRecords, maxDelayMs } },
      }),
    ),
  )
  const results = await runRounds(trials, settings, { contenders, workloads: [WORKLOAD], inFlightMax: 1 }, progress)
  const map = (title: string, figure: (trial: LoadTrial) => number): string =>
    formatTable(
      `${title} with ${WORKLOAD.producers} producers, by batch.maxRecords (down) and batch.maxDelayMs (across)`,
      ['', ...MAX_DELAYS_MS.map((ms) => `${ms} ms`)],
      MAX_RECORDS.map((records) => [
        String(records),
        ...MAX_DELAYS_MS.map((ms) => shown(spreadAt(results, labelOf(records, ms), figure).median)),
      ]),
      preparationNote(['sluice']),
    )
  return {
    text: [map('Records/s', rateOf), map('p99 in ms', (trial) => trial.latencyMsP99)].join('\n'),
    data: results,
    figures: [],
  }
}
