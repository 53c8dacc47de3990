import type { Workload } from '../closed-loop.js'
import { contendersOf, describeLoad, rateOf, ratioAt, runRounds } from './load.js'
import type { Figure, Suite } from './suite.js'

const WORKLOAD: Workload = { producers: 64, recordBytes: 16 * 1024, recordsPerAppend: 1 }
/** Long enough for several segments of 64 MiB, also on a slow disk. */
const SECONDS_MIN = 3

/**
 * Large records over several segments. Preparing a segment counts on both sides: the limit is the better one of a loop
 * that fills each file with zeros first, and one that lets it grow.
 */
export const largeRecords: Suite = async (trials, settings, progress) => {
  const contenders = contendersOf(['sluice', 'device-preparing', 'device-growing'])
  const seconds = Math.max(settings.seconds, SECONDS_MIN)
  const load = { contenders, workloads: [WORKLOAD], inFlightMax: 1 }
  const results = await runRounds(trials, { ...settings, seconds }, load, progress)
  const figures = (['device-preparing', 'device-growing'] as const).map(
    (driver): Figure => ({
      name: `16 KiB records, 64 producers, sluice ÷ ${driver}`,
      reached: ratioAt(results, driver, rateOf).median,
      unit: '×',
      wanted: 0.6,
      bound: 'at least',
    }),
  )
  return {
    text: describeLoad(results, contenders, WORKLOAD, [
      `${seconds} s a trial; the segments, and the files of the limits, have 64 MiB.`,
    ]),
    data: results,
    figures,
  }
}
