import type { LoadFigures, Workload } from '../closed-loop.js'
import type { DriverSetting } from '../drivers/driver.js'
import { type DriverName, driverOf } from '../drivers/drivers.js'
import type { LineSource } from '../lines.js'
import { type Spread, spreadOf } from '../statistics.js'
import { shownBytes } from '../table.js'
import type { PeakMemory } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import { inTurnOrder } from '../turn-order.js'
import type { Bench } from './suite.js'

/** What takes part in a comparison: a driver, set up in one way. */
export interface Contender {
  /** Its name in tables. */
  readonly label: string
  readonly driver: DriverName
  readonly logOptions?: DriverSetting['logOptions']
}

/** A trial of a closed loop: a row of the suites that have one. */
export interface LoadTrial extends Omit<LoadFigures, 'histogram'>, PeakMemory, Workload {
  readonly label: string
  readonly driver: DriverName
  readonly round: number
}

/** What is measured once in each round. */
export interface Load {
  readonly suite: string
  readonly contenders: readonly Contender[]
  readonly workload: Workload
  readonly lines?: LineSource
  readonly seconds?: number
}

export function contendersOf(drivers: readonly DriverName[]): readonly Contender[] {
  return drivers.map((driver) => ({ label: driver, driver }))
}

/** The ways in which sluice takes part: as it is opened without options, and with what is prepared ahead. */
export const OURS = ['sluice', 'sluice-prepared'] as const satisfies readonly DriverName[]
export type Ours = (typeof OURS)[number]

/** Runs every contender once, in turns, so that a disk that has a slow minute slows all of them. */
export async function runInTurns(
  bench: Bench,
  load: Load,
  round: number,
  keep: (trial: LoadTrial) => void,
): Promise<void> {
  const contenders = load.contenders.filter(({ driver }) => bench.takesPart(driver))
  for (const contender of inTurnOrder(contenders, round)) {
    const { label, driver } = contender
    const { workload, suite } = load
    bench.progress(`${label}, ${describeWorkload(workload)}`)
    const { histogram, ...figures } = await runLoad(bench, contender, load)
    const { producers, recordBytes } = workload
    bench.distributions.add({ suite, label, load: producers, recordBytes }, histogram)
    keep({ label, driver, round, ...workload, ...figures })
  }
}

export async function runLoad(
  bench: Pick<Bench, 'trials' | 'settings' | 'fsyncsInFlight'>,
  { driver, logOptions }: Omit<Contender, 'label'>,
  load: Pick<Load, 'workload' | 'lines' | 'seconds'>,
): Promise<LoadFigures & PeakMemory> {
  const directory = bench.trials.makeDirectory()
  const { warmUpSecondsMax } = bench.settings
  const figures = await bench.trials.run({
    kind: 'load',
    driver,
    directory,
    ...load.workload,
    inFlightMax: bench.fsyncsInFlight,
    warmUpSeconds: Math.min(driverOf(driver).warmUpSeconds, warmUpSecondsMax),
    seconds: load.seconds ?? bench.settings.seconds,
    ...(load.lines === undefined ? {} : { lines: load.lines }),
    ...(logOptions === undefined ? {} : { logOptions }),
  })
  removeDirectory(directory)
  return figures
}

export function describeWorkload({ producers, recordBytes, recordsPerAppend }: Workload): string {
  const records = recordsPerAppend === 1 ? '' : ` × ${recordsPerAppend} records`
  return `${producers.toLocaleString('en-US')} ${producers === 1 ? 'producer' : 'producers'}${records} × ${shownBytes(recordBytes)}`
}

export function isUnder(trial: LoadTrial, workload: Workload): boolean {
  return (
    trial.producers === workload.producers &&
    trial.recordBytes === workload.recordBytes &&
    trial.recordsPerAppend === workload.recordsPerAppend
  )
}

/** Every workload of these trials, from few producers to many, from small records to large ones. */
export function workloadsOf(trials: readonly LoadTrial[]): readonly Workload[] {
  const found = new Map<string, Workload>()
  for (const { producers, recordBytes, recordsPerAppend } of trials) {
    const workload = { producers, recordBytes, recordsPerAppend }
    found.set(JSON.stringify(workload), workload)
  }
  return [...found.values()].sort((a, b) => a.recordBytes - b.recordBytes || a.producers - b.producers)
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
  return spreadOf(results.filter((trial) => trial.label === label).map(figure))
}

/** A figure of sluice, in one of its ways, divided by that of another contender in the same round; all under one workload. */
export function ratioAt(
  results: readonly LoadTrial[],
  label: string,
  figure: (trial: LoadTrial) => number,
  ours: Ours = 'sluice',
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

/** Which peers are compared with. */
export type Peers = 'all' | 'whole records'

/**
 * The peer, embedded or server, that has the best median of a figure, among those whose acknowledged records are durable,
 * or among those of them that never leave a part of a record behind.
 */
export function bestPeer(
  results: readonly LoadTrial[],
  figure: (trial: LoadTrial) => number,
  best: 'highest' | 'lowest' = 'highest',
  among: Peers = 'all',
): DriverName | undefined {
  const peers = [...new Set(results.map(({ driver }) => driver))].filter((name) => isPeer(name, among))
  const [first] = peers
    .map((name) => ({ name, median: spreadAt(results, name, figure).median }))
    .filter(({ median }) => !Number.isNaN(median))
    .sort((a, b) => (best === 'highest' ? b.median - a.median : a.median - b.median))
  return first?.name
}

function isPeer(name: DriverName, among: Peers): boolean {
  const { role, promise } = driverOf(name)
  if (among === 'whole records' && promise.tearsRecords) return false
  return (role === 'embedded' || role === 'server') && promise.isDurable !== false
}
