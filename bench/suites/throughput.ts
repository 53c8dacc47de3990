import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { type DriverName, driverOf } from '../drivers/drivers.js'
import type { Settings } from '../settings.js'
import { formatTable, shown } from '../table.js'
import type { Trials } from '../trials.js'
import {
  contendersOf,
  describeLoad,
  describeWorkload,
  isUnder,
  type LoadTrial,
  rateOf,
  ratioAt,
  runLoad,
  runRounds,
  spreadAt,
} from './load.js'
import type { Figure, Suite } from './suite.js'

/** How many fsyncs at once, on how many threads, are worth a try; the fastest is what sluice is compared with. */
const FSYNC_CANDIDATES = [
  { threads: 16, inFlight: 64 },
  { threads: 4, inFlight: 64 },
  { threads: 64, inFlight: 64 },
] as const
const CALIBRATION: Workload = { producers: 64, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
/** Drivers that use the threads of Node's own file calls. */
const CONCURRENT: readonly DriverName[] = ['fsync-per-append', 'append-file']

/** Every driver at every concurrency and record size, in a closed loop. */
export const throughput: Suite = async (trials, settings, progress) => {
  const { drivers } = settings
  const fsync = await calibrate(trials, settings, progress)
  const workloads = settings.recordBytes.flatMap((recordBytes) =>
    settings.concurrency.map((producers) => ({ producers, recordBytes, recordsPerAppend: 1 })),
  )
  const contenders = contendersOf(drivers)
  const results = await runRounds(trials, settings, { contenders, workloads, inFlightMax: fsync.inFlight }, progress)
  const tables = workloads.map((workload) =>
    describeLoad(results, contenders, workload, bestPeerNote(results, drivers, workload)),
  )
  return {
    text: [...tables, ratios(results, drivers, workloads)].join('\n'),
    data: { fsyncPerAppend: fsync, trials: results },
    figures: wanted(results, drivers),
  }
}

/** Looks for the fastest way to fsync at once; in a quick run takes the one that usually is. */
async function calibrate(trials: Trials, settings: Settings, progress: (text: string) => void) {
  const [usual] = FSYNC_CANDIDATES
  if (!settings.calibrate || !settings.drivers.some((name) => CONCURRENT.includes(name))) {
    trials.threadPoolSize = usual.threads
    return { ...usual, recordsPerSecond: undefined }
  }
  let best: { threads: number; inFlight: number; recordsPerSecond: number } | undefined
  for (const candidate of FSYNC_CANDIDATES) {
    progress(`looking for the fastest fsync-per-append: ${candidate.threads} threads`)
    trials.threadPoolSize = candidate.threads
    const { recordsPerSecond } = await runLoad(
      trials,
      settings,
      { driver: 'fsync-per-append' },
      CALIBRATION,
      candidate.inFlight,
    )
    if (best === undefined || recordsPerSecond > best.recordsPerSecond) best = { ...candidate, recordsPerSecond }
  }
  if (best === undefined) throw new Error('there is nothing to choose from')
  trials.threadPoolSize = best.threads
  return best
}

/** The peer, embedded or server, with the highest median, whatever its acknowledgement promises. */
function bestPeer(results: readonly LoadTrial[], drivers: readonly DriverName[], workload: Workload) {
  const under = results.filter((trial) => isUnder(trial, workload))
  const [best] = drivers
    .filter((name) => ['embedded', 'server'].includes(driverOf(name).role))
    .map((name) => ({ name, rate: spreadAt(under, name, rateOf).median }))
    .filter(({ rate }) => !Number.isNaN(rate))
    .sort((a, b) => b.rate - a.rate)
  return best === undefined ? undefined : { name: best.name, ratio: ratioAt(under, best.name, rateOf) }
}

function bestPeerNote(results: readonly LoadTrial[], drivers: readonly DriverName[], workload: Workload): string[] {
  const best = bestPeer(results, drivers, workload)
  if (best === undefined) return []
  const { median, min, max } = best.ratio
  return [`The best peer is ${best.name}: sluice ÷ it is ${shown(median)} (${shown(min)} to ${shown(max)}).`]
}

function ratios(results: readonly LoadTrial[], drivers: readonly DriverName[], workloads: readonly Workload[]): string {
  const rows = workloads.map((workload) => {
    const under = results.filter((trial) => isUnder(trial, workload))
    const best = bestPeer(results, drivers, workload)
    const device = ratioAt(under, 'device', rateOf)
    const peer = best?.ratio
    return [
      describeWorkload(workload),
      ...[device.median, device.min, device.max].map(shown),
      best?.name ?? '–',
      ...[peer?.median, peer?.min, peer?.max].map(shown),
    ]
  })
  return formatTable(
    'Records/s of sluice divided by those of the limit and of the best peer, round by round',
    ['', '÷ device', 'from', 'to', 'best peer', '÷ it', 'from', 'to'],
    rows,
    '',
  )
}

function wanted(results: readonly LoadTrial[], drivers: readonly DriverName[]): Figure[] {
  const workload = (producers: number): Workload => ({ producers, recordBytes: RECORD_BYTES, recordsPerAppend: 1 })
  const at = (producers: number): readonly LoadTrial[] => results.filter((trial) => isUnder(trial, workload(producers)))
  const against = (driver: DriverName, producers: number, least: number): Figure => ({
    name: `${producers} producers, sluice ÷ ${driver}`,
    reached: ratioAt(at(producers), driver, rateOf).median,
    unit: '×',
    wanted: least,
    bound: 'at least',
  })
  const againstBest = (producers: number, least: number): Figure => {
    const best = bestPeer(results, drivers, workload(producers))
    return {
      name: `${producers} producers, sluice ÷ the best peer${best === undefined ? '' : `, ${best.name}`}`,
      reached: best?.ratio.median ?? Number.NaN,
      unit: '×',
      wanted: least,
      bound: 'at least',
    }
  }
  return [
    {
      name: 'one producer, p50 ÷ that of a bare write and fdatasync',
      reached: ratioAt(at(1), 'device', (trial) => trial.latencyMsP50).median,
      unit: '×',
      wanted: 1.4,
      bound: 'at most',
    },
    against('fsync-per-append', 64, 35),
    against('fsync-in-turn', 64, 35),
    against('fsync-per-append', 1024, 150),
    against('fsync-in-turn', 1024, 150),
    against('device', 16, 0.65),
    against('device', 64, 0.65),
    against('device', 256, 0.5),
    against('device', 1024, 0.45),
    against('device', 4096, 0.35),
    againstBest(64, 1.2),
    againstBest(256, 1.5),
    againstBest(1024, 2),
    againstBest(4096, 2),
    {
      name: '1024 producers, event-loop delay p99',
      reached: spreadAt(at(1024), 'sluice', (trial) => trial.loopDelayMsP99).median,
      unit: 'ms',
      wanted: 5,
      bound: 'at most',
    },
  ]
}
