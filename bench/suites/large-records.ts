import type { Workload } from '../closed-loop.js'
import { contendersOf, type LoadTrial, rateOf, ratioAt, runInTurns, workloadsOf } from './load.js'
import { loadTable } from './load-table.js'
import { type Figure, reached, type Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 64, recordBytes: 16 * 1024, recordsPerAppend: 1 }
/** Long enough for several segments of 64 MiB, also on a slow disk. */
const SECONDS_MIN = 3

/**
 * Large records over several segments. Preparing a segment counts on both sides: the limit is the better one of a loop
 * that fills each file with zeros first, and one that lets it grow.
 */
export const largeRecords: Suite<LoadTrial> = {
  roundsMax: Number.POSITIVE_INFINITY,
  measure(bench, round, keep) {
    const contenders = contendersOf(['sluice', 'device-preparing', 'device-growing'])
    const seconds = Math.max(bench.settings.seconds, SECONDS_MIN)
    return runInTurns(bench, { suite: 'large-records', contenders, workload: WORKLOAD, seconds }, round, keep)
  },
  tables: (trials) =>
    workloadsOf(trials).map((workload) =>
      loadTable(trials, workload, [
        `At least ${SECONDS_MIN} s a trial; the segments, and the files of the limits, have 64 MiB.`,
      ]),
    ),
  figures: (trials) =>
    (['device-preparing', 'device-growing'] as const).map(
      (driver): Figure => ({
        name: `16 KiB records, 64 producers, sluice ÷ ${driver}`,
        ...reached(ratioAt(trials, driver, rateOf)),
        unit: '×',
        wanted: 0.6,
        bound: 'at least',
      }),
    ),
}
