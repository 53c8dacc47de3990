import type { LoadFigures } from '../closed-loop.js'
import { DRIVERS, type DriverName } from '../drivers/drivers.js'
import type { Settings } from '../settings.js'
import { type Spread, spreadOf } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import { removeDirectory, type Trials } from '../trials.js'
import type { Figure, Suite } from './suite.js'

/** How many fsyncs at once, on how many threads, are worth a try; the fastest is what sluice is compared with. */
const FSYNC_CANDIDATES = [
  { threads: 4, inFlight: 64 },
  { threads: 16, inFlight: 64 },
  { threads: 64, inFlight: 64 },
] as const
const CALIBRATION_PRODUCERS = 64
/** What comes after it is compared with the first. */
const COMPARED = ['fsync-per-append', 'fsync-in-turn', 'device'] as const satisfies readonly DriverName[]
const ORDER = ['sluice', ...COMPARED] as const satisfies readonly DriverName[]

interface Trial extends LoadFigures {
  readonly driver: DriverName
  readonly producers: number
  readonly round: number
}

/** Every driver at every concurrency, in turns, so that a disk that has a slow minute slows all of them. */
export const throughput: Suite = async (trials, settings, progress) => {
  const fsync = await calibrate(trials, settings, progress)
  const results: Trial[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const producers of settings.concurrency) {
      // Another driver begins in each round, so that none always follows the same one.
      for (let turn = 0; turn < ORDER.length; turn += 1) {
        const driver = ORDER[(turn + round) % ORDER.length] ?? 'sluice'
        progress(`round ${round} of ${settings.rounds}: ${driver}, ${producers} producers`)
        const figures = await runLoad(trials, settings, driver, producers, fsync.inFlight)
        results.push({ driver, producers, round, ...figures })
      }
    }
  }
  return {
    text: [...settings.concurrency.map((producers) => describe(results, producers)), ratios(results, settings)].join(
      '\n',
    ),
    data: { fsyncPerAppend: fsync, trials: results },
    figures: wanted(results),
  }
}

export async function runLoad(
  trials: Trials,
  settings: Settings,
  driver: DriverName,
  producers: number,
  inFlightMax: number,
): Promise<LoadFigures> {
  const directory = trials.makeDirectory()
  const { warmUpSecondsMax, seconds } = settings
  const warmUpSeconds = Math.min(DRIVERS[driver].warmUpSeconds, warmUpSecondsMax)
  const figures = await trials.run({ kind: 'load', driver, directory, producers, inFlightMax, warmUpSeconds, seconds })
  removeDirectory(directory)
  return figures
}

async function calibrate(trials: Trials, settings: Settings, progress: (text: string) => void) {
  let best: { threads: number; inFlight: number; recordsPerSecond: number } | undefined
  for (const candidate of FSYNC_CANDIDATES) {
    progress(`looking for the fastest fsync-per-append: ${candidate.threads} threads`)
    trials.threadPoolSize = candidate.threads
    const { recordsPerSecond } = await runLoad(
      trials,
      settings,
      'fsync-per-append',
      CALIBRATION_PRODUCERS,
      candidate.inFlight,
    )
    if (best === undefined || recordsPerSecond > best.recordsPerSecond) best = { ...candidate, recordsPerSecond }
  }
  if (best === undefined) throw new Error('there is nothing to choose from')
  trials.threadPoolSize = best.threads
  return best
}

function describe(results: readonly Trial[], producers: number): string {
  const head = [
    'driver',
    'records/s',
    'from',
    'to',
    'p50 ms',
    'p99 ms',
    'records a batch',
    'CPU µs a record',
    'loop p99 ms',
    'others CPU %',
  ]
  const rows = ORDER.map((driver) => {
    const spread = (figure: (trial: Trial) => number | undefined): Spread =>
      spreadAt(results, driver, producers, figure)
    const rate = spread((trial) => trial.recordsPerSecond)
    return [
      driver,
      shown(rate.median),
      shown(rate.min),
      shown(rate.max),
      shown(spread((trial) => trial.latencyMsP50).median),
      shown(spread((trial) => trial.latencyMsP99).median),
      shown(spread((trial) => trial.recordsPerBatch).median),
      shown(spread((trial) => trial.cpuUsPerRecord).median),
      shown(spread((trial) => trial.loopDelayMsP99).median),
      shown(spread((trial) => trial.othersCpuShare * 100).median),
    ]
  })
  return formatTable(`${producers} ${producers === 1 ? 'producer' : 'producers'}`, head, rows, preparationNote(ORDER))
}

function ratios(results: readonly Trial[], settings: Settings): string {
  const head = ['producers', ...COMPARED.flatMap((driver) => [`÷ ${driver}`, 'from', 'to'])]
  const rows = settings.concurrency.map((producers) => [
    String(producers),
    ...COMPARED.flatMap((driver) => {
      const { median, min, max } = ratio(results, driver, producers, (trial) => trial.recordsPerSecond)
      return [shown(median), shown(min), shown(max)]
    }),
  ])
  return formatTable(
    'Records/s of sluice divided by those of the others, round by round',
    head,
    rows,
    preparationNote(ORDER),
  )
}

/** For each table: whether the zero-filling of files ahead counts against a driver. */
export function preparationNote(drivers: readonly DriverName[]): string {
  const notes = drivers.map((name) => {
    const { preparation } = DRIVERS[name]
    return `${name} ${preparation === 'none' ? 'does none' : preparation}`
  })
  return `Zero-filling ahead: ${notes.join(', ')}.`
}

function spreadAt(
  results: readonly Trial[],
  driver: DriverName,
  producers: number,
  figure: (trial: Trial) => number | undefined,
): Spread {
  const trials = results.filter((trial) => trial.driver === driver && trial.producers === producers)
  return spreadOf(trials.map(figure).filter((value) => value !== undefined))
}

/** A figure of sluice divided by that of another driver in the same round. */
function ratio(
  results: readonly Trial[],
  driver: DriverName,
  producers: number,
  figure: (trial: Trial) => number,
): Spread {
  const at = (name: DriverName, round: number): number | undefined => {
    const trial = results.find((t) => t.driver === name && t.producers === producers && t.round === round)
    return trial === undefined ? undefined : figure(trial)
  }
  const rounds = new Set(results.map((trial) => trial.round))
  return spreadOf(
    [...rounds].flatMap((round) => {
      const [ours, theirs] = [at('sluice', round), at(driver, round)]
      return ours === undefined || theirs === undefined ? [] : [ours / theirs]
    }),
  )
}

function wanted(results: readonly Trial[]): Figure[] {
  const rate = (trial: Trial): number => trial.recordsPerSecond
  const against = (driver: DriverName, producers: number, least: number): Figure => ({
    name: `${producers} producers, sluice ÷ ${driver}`,
    reached: ratio(results, driver, producers, rate).median,
    unit: '×',
    wanted: least,
    bound: 'at least',
  })
  return [
    against('fsync-per-append', 64, 35),
    against('fsync-in-turn', 64, 35),
    against('device', 64, 0.6),
    against('fsync-per-append', 1024, 150),
    against('fsync-in-turn', 1024, 150),
    against('device', 1024, 0.35),
    {
      name: 'one producer, p50 ÷ that of a bare write and fdatasync',
      reached: ratio(results, 'device', 1, (trial) => trial.latencyMsP50).median,
      unit: '×',
      wanted: 1.4,
      bound: 'at most',
    },
    {
      name: '1024 producers, event-loop delay p99',
      reached: spreadAt(results, 'sluice', 1024, (trial) => trial.loopDelayMsP99).median,
      unit: 'ms',
      wanted: 10,
      bound: 'below',
    },
  ]
}
