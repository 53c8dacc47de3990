import type { Workload } from './closed-loop.js'
import { RECORD_BYTES } from './drivers/driver.js'
import type { DriverName } from './drivers/drivers.js'
import type { Settings } from './settings.js'
import { runLoad } from './suites/load.js'
import type { Trials } from './trials.js'

/** How many fsyncs at once, on how many threads, are worth a try; the fastest is what sluice is compared with. */
const CANDIDATES = [
  { threads: 16, inFlight: 64 },
  { threads: 4, inFlight: 64 },
  { threads: 64, inFlight: 64 },
] as const
const WORKLOAD: Workload = { producers: 64, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
/** Drivers that use the threads of Node's own file calls. */
const CONCURRENT: readonly DriverName[] = ['fsync-per-append', 'append-file']

/** Looks for the fastest way to fsync at once; in a quick run takes the one that usually is. */
export async function calibrate(trials: Trials, settings: Settings, progress: (text: string) => void) {
  const [usual] = CANDIDATES
  let best: { threads: number; inFlight: number } = usual
  const isUsed = settings.only.includes('throughput') && settings.drivers.some((name) => CONCURRENT.includes(name))
  if (settings.calibrate && isUsed) {
    let highest = 0
    for (const candidate of CANDIDATES) {
      progress(`looking for the fastest fsync-per-append: ${candidate.threads} threads`)
      trials.threadPoolSize = candidate.threads
      const bench = { trials, settings, fsyncsInFlight: candidate.inFlight }
      const { recordsPerSecond } = await runLoad(bench, { driver: 'fsync-per-append' }, { workload: WORKLOAD })
      if (recordsPerSecond <= highest) continue
      highest = recordsPerSecond
      best = candidate
    }
  }
  trials.threadPoolSize = best.threads
  return best
}
