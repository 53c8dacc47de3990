import type { Workload } from '../closed-loop.js'
import { isTold } from '../distributions.js'
import { DRIVER_NAMES, type DriverName, driverOf } from '../drivers/drivers.js'
import { spreadOf } from '../statistics.js'
import { shown, type Table } from '../table.js'
import { describeWorkload, isUnder, type LoadTrial, rateOf, ratioAt, spreadAt } from './load.js'

const MB = 1e6

const HEAD = [
  ...['driver', 'records/s', 'from', 'to', 'MB/s', 'sluice ÷', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
  ...['records a batch', 'CPU µs a record', 'loop p99 ms', 'peak MiB', 'others CPU %'],
]

/** All that was measured under one workload; what promises less is marked. */
export function loadTable(
  trials: readonly LoadTrial[],
  workload: Workload,
  notes: readonly string[] = [],
  labels: readonly string[] = [],
): Table {
  const under = trials.filter((trial) => isUnder(trial, workload))
  const contenders = contendersIn(under, labels)
  const rows = contenders.map(({ label, driver }) => {
    const median = (figure: (trial: LoadTrial) => number | undefined): string =>
      shown(spreadAt(under, label, figure).median)
    const rate = spreadAt(under, label, rateOf)
    return [
      marked(label, driver),
      ...[rate.median, rate.min, rate.max, (rate.median * workload.recordBytes) / MB].map(shown),
      label === 'sluice' ? '' : shown(ratioAt(under, label, rateOf).median),
      median((trial) => trial.latencyMsP50),
      median((trial) => told(99, trial.latencySamples, trial.latencyMsP99)),
      median((trial) => told(99.9, trial.latencySamples, trial.latencyMsP999)),
      shown(spreadOf(under.filter((trial) => trial.label === label).map((trial) => trial.latencyMsMax)).max),
      median((trial) => trial.recordsPerBatch),
      median((trial) => trial.cpuUsPerRecord),
      median((trial) => trial.loopDelayMsP99),
      median((trial) => trial.peakMemoryMiB),
      median((trial) => trial.othersCpuShare * 100),
    ]
  })
  const drivers = contenders.map(({ driver }) => driver)
  return {
    title: describeWorkload(workload),
    head: HEAD,
    rows,
    notes: [...notes, ...roundsNote(under), ...promiseNote(drivers), ...serverNote(drivers), preparationNote(drivers)],
  }
}

/** The value, where so many samples tell that percentile. */
export function told(percent: number, samples: number, ms: number): number | undefined {
  return isTold(percent, samples) ? ms : undefined
}

/** In the order in which drivers are listed; the ways to set one driver up by their labels, as they are given. */
function contendersIn(trials: readonly LoadTrial[], labels: readonly string[]) {
  const drivers = new Map(trials.map(({ label, driver }) => [label, driver]))
  const place = (label: string, driver: DriverName): number =>
    DRIVER_NAMES.indexOf(driver) * 1000 + labels.indexOf(label)
  return [...drivers]
    .map(([label, driver]) => ({ label, driver }))
    .sort((a, b) => place(a.label, a.driver) - place(b.label, b.driver))
}

export function marked(label: string, driver: DriverName): string {
  const { isP1, isDurable } = driverOf(driver).promise
  if (isP1) return label
  return isDurable === false ? `${label} **` : `${label} *`
}

function roundsNote(trials: readonly { readonly round: number }[]): string[] {
  const rounds = new Set(trials.map(({ round }) => round)).size
  return [`Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; max is the largest of all.`]
}

/** Explains the marks of a table. */
export function promiseNote(drivers: readonly DriverName[]): string[] {
  const promises = drivers.map((name) => driverOf(name).promise)
  return [
    ...(promises.some(({ isP1, isDurable }) => !isP1 && isDurable !== false)
      ? ['* Its acknowledgement promises less than P1; what, is said in the list of drivers.']
      : []),
    ...(promises.some(({ isDurable }) => isDurable === false)
      ? ['** What it acknowledged may be gone after a power cut: not compared with.']
      : []),
  ]
}

export function serverNote(drivers: readonly DriverName[]): string[] {
  return drivers.some((name) => driverOf(name).role === 'server')
    ? ["Of servers, CPU and memory are the client's; the server's processor time is among that of others."]
    : []
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
