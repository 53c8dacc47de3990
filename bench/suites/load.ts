import type { LoadFigures, Workload } from '../closed-loop.js'
import type { DriverSetting } from '../drivers/driver.js'
import { type DriverName, driverOf } from '../drivers/drivers.js'
import type { Settings } from '../settings.js'
import { type Spread, spreadOf } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import { removeDirectory, type Trials } from '../trials.js'

const MB = 1e6

/** What takes part in a comparison: a driver, set up in one way. */
export interface Contender {
  /** Its name in tables. */
  readonly label: string
  readonly driver: DriverName
  readonly logOptions?: DriverSetting['logOptions']
}

export interface LoadTrial extends LoadFigures, Workload {
  readonly label: string
  readonly driver: DriverName
  readonly round: number
}

export interface Load {
  readonly contenders: readonly Contender[]
  readonly workloads: readonly Workload[]
  readonly inFlightMax: number
}

export function contendersOf(drivers: readonly DriverName[]): readonly Contender[] {
  return drivers.map((driver) => ({ label: driver, driver }))
}

/** Runs everything in turns, so that a disk that has a slow minute slows all of them. */
export async function runRounds(
  trials: Trials,
  settings: Settings,
  load: Load,
  progress: (text: string) => void,
): Promise<readonly LoadTrial[]> {
  const { contenders, workloads, inFlightMax } = load
  const results: LoadTrial[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const workload of workloads) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        // Another one begins in each round, so that none always follows the same one.
        const contender = contenders[(turn + round) % contenders.length]
        if (contender === undefined) continue
        progress(`round ${round} of ${settings.rounds}: ${contender.label}, ${describeWorkload(workload)}`)
        const figures = await runLoad(trials, settings, contender, workload, inFlightMax)
        results.push({ label: contender.label, driver: contender.driver, round, ...workload, ...figures })
      }
    }
  }
  return results
}

export async function runLoad(
  trials: Trials,
  settings: Settings,
  { driver, logOptions }: Omit<Contender, 'label'>,
  workload: Workload,
  inFlightMax: number,
): Promise<LoadFigures> {
  const directory = trials.makeDirectory()
  const { warmUpSecondsMax, seconds } = settings
  const warmUpSeconds = Math.min(driverOf(driver).warmUpSeconds, warmUpSecondsMax)
  const figures = await trials.run({
    ...{ kind: 'load' as const, driver, directory, ...workload, inFlightMax, warmUpSeconds, seconds },
    ...(logOptions === undefined ? {} : { logOptions }),
  })
  removeDirectory(directory)
  return figures
}

export function describeWorkload({ producers, recordBytes, recordsPerAppend }: Workload): string {
  const records = recordsPerAppend === 1 ? '' : ` × ${recordsPerAppend} records`
  return `${producers} ${producers === 1 ? 'producer' : 'producers'}${records} × ${shownBytes(recordBytes)}`
}

export function shownBytes(bytes: number): string {
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`
}

/** All that was measured under one workload, in the order of the contenders; what promises less than P1 is marked. */
export function describeLoad(
  results: readonly LoadTrial[],
  contenders: readonly Contender[],
  workload: Workload,
  notes: readonly string[] = [],
): string {
  const head = [
    ...['driver', 'records/s', 'from', 'to', 'MB/s', 'sluice ÷', 'p50 ms', 'p99 ms', 'records a batch'],
    ...['CPU µs a record', 'loop p99 ms', 'others CPU %'],
  ]
  const under = results.filter((trial) => isUnder(trial, workload))
  const rows = contenders.map((contender) => {
    const spread = (figure: (trial: LoadTrial) => number | undefined): Spread =>
      spreadAt(under, contender.label, figure)
    const rate = spread((trial) => trial.recordsPerSecond)
    return [
      marked(contender),
      ...[rate.median, rate.min, rate.max, (rate.median * workload.recordBytes) / MB].map(shown),
      contender.label === 'sluice' ? '' : shown(ratioAt(under, contender.label, rateOf).median),
      shown(spread((trial) => trial.latencyMsP50).median),
      shown(spread((trial) => trial.latencyMsP99).median),
      shown(spread((trial) => trial.recordsPerBatch).median),
      shown(spread((trial) => trial.cpuUsPerRecord).median),
      shown(spread((trial) => trial.loopDelayMsP99).median),
      shown(spread((trial) => trial.othersCpuShare * 100).median),
    ]
  })
  const drivers = contenders.map(({ driver }) => driver)
  return formatTable(
    describeWorkload(workload),
    head,
    rows,
    [...notes, ...promiseNote(drivers), preparationNote(drivers)].join('\n  '),
  )
}

function marked({ label, driver }: Contender): string {
  return driverOf(driver).promise.isP1 ? label : `${label} *`
}

/** Explains the marks of a table. */
function promiseNote(drivers: readonly DriverName[]): string[] {
  const lesser = drivers.some((name) => !driverOf(name).promise.isP1)
  return lesser ? ['* Its acknowledgement promises less than P1; what, is said above.'] : []
}

/** For each table: whether the zero-filling of files ahead counts against a driver. */
export function preparationNote(drivers: readonly DriverName[]): string {
  const groups = new Map<string, Set<string>>()
  for (const name of drivers) {
    const { preparation } = driverOf(name)
    groups.set(preparation, (groups.get(preparation) ?? new Set()).add(name))
  }
  const notes = [...groups]
    .filter(([preparation]) => preparation !== 'none')
    .map(([preparation, names]) => `${[...names].join(', ')} ${preparation}`)
  return `Zero-filling ahead: ${[...notes, ...(groups.has('none') ? ['the others do none'] : [])].join(', ')}.`
}

export function isUnder(trial: LoadTrial, workload: Workload): boolean {
  return (
    trial.producers === workload.producers &&
    trial.recordBytes === workload.recordBytes &&
    trial.recordsPerAppend === workload.recordsPerAppend
  )
}

export function rateOf(trial: LoadTrial): number {
  return trial.recordsPerSecond
}

/** A figure of a contender over all rounds of one workload. */
export function spreadAt(
  results: readonly LoadTrial[],
  label: string,
  figure: (trial: LoadTrial) => number | undefined,
): Spread {
  const trials = results.filter((trial) => trial.label === label)
  return spreadOf(trials.map(figure).filter((value) => value !== undefined))
}

/** A figure of sluice divided by that of another contender in the same round; all under one workload. */
export function ratioAt(
  results: readonly LoadTrial[],
  label: string,
  figure: (trial: LoadTrial) => number,
  ours = 'sluice',
): Spread {
  const at = (name: string, round: number): number | undefined => {
    const trial = results.find((t) => t.label === name && t.round === round)
    return trial === undefined ? undefined : figure(trial)
  }
  const rounds = new Set(results.map((trial) => trial.round))
  return spreadOf(
    [...rounds].flatMap((round) => {
      const [mine, theirs] = [at(ours, round), at(label, round)]
      return mine === undefined || theirs === undefined ? [] : [mine / theirs]
    }),
  )
}
