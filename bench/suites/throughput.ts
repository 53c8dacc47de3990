import type { Workload } from '../closed-loop.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import type { DriverName } from '../drivers/drivers.js'
import { spreadOf } from '../statistics.js'
import { counted, shown, type Table } from '../table.js'
import {
  bestPeer,
  contendersOf,
  describeWorkload,
  isUnder,
  type LoadTrial,
  OURS,
  type Ours,
  type Peers,
  rateOf,
  ratioAt,
  runInTurns,
  spreadAt,
  workloadsOf,
} from './load.js'
import { loadTable, preparationNote } from './load-table.js'
import { type Figure, reached, type Suite } from './suite.js'

const MANY = [16, 64, 256, 1024, 4096] as const
/** Producers, and what is wanted of sluice with so many: divided by the limit, the best peer, and a sync for each record. */
const AGAINST_DEVICE = [
  [16, 0.65],
  [64, 0.65],
  [256, 0.5],
  [1024, 0.45],
  [4096, 0.35],
] as const
const AGAINST_BEST = [
  [64, 1.2],
  [256, 1.5],
  [1024, 2],
  [4096, 2],
] as const
const AGAINST_FSYNC = [
  [64, 35],
  [1024, 150],
] as const
const PERCENTILES = [
  ['p50', (trial: LoadTrial) => trial.latencyMsP50],
  ['p99', (trial: LoadTrial) => trial.latencyMsP99],
  ['p99.9', (trial: LoadTrial) => trial.latencyMsP999],
] as const

/** Every driver, from one producer to many, in a closed loop. */
export const throughput: Suite<LoadTrial> = {
  roundsMax: Number.POSITIVE_INFINITY,
  async measure(bench, round, keep) {
    const { concurrency, drivers, slowerDrivers, slowerConcurrency } = bench.settings
    for (const producers of concurrency) {
      const slower = slowerConcurrency.includes(producers) ? slowerDrivers : []
      const contenders = contendersOf([...drivers, ...slower])
      await runInTurns(bench, { suite: 'throughput', contenders, workload: workloadOf(producers) }, round, keep)
    }
  },
  tables(trials) {
    const workloads = workloadsOf(trials)
    return [
      ...workloads.map((workload) => loadTable(trials, workload, bestPeerNote(trials, workload))),
      ratios(trials, workloads),
      latencies(trials, workloads),
    ]
  },
  figures: wanted,
}

function workloadOf(producers: number): Workload {
  return { producers, recordBytes: RECORD_BYTES, recordsPerAppend: 1 }
}

export function bestPeerNote(trials: readonly LoadTrial[], workload: Workload): string[] {
  const under = trials.filter((trial) => isUnder(trial, workload))
  const best = bestPeer(under, rateOf)
  if (best === undefined) return []
  const { median, min, max } = ratioAt(under, best, rateOf)
  return [`The best peer is ${best}: sluice ÷ it is ${shown(median)} (${shown(min)} to ${shown(max)}).`]
}

function driversIn(trials: readonly LoadTrial[]): readonly DriverName[] {
  return [...new Set(trials.map(({ driver }) => driver))]
}

/** The ways of sluice that were measured: older records have one. */
function oursIn(under: readonly LoadTrial[]): readonly Ours[] {
  return OURS.filter((ours) => under.some(({ label }) => label === ours))
}

function ratios(trials: readonly LoadTrial[], workloads: readonly Workload[]): Table {
  const rows = workloads.flatMap((workload) => {
    const under = trials.filter((trial) => isUnder(trial, workload))
    const best = bestPeer(under, rateOf)
    return oursIn(under).map((ours) => {
      const device = ratioAt(under, 'device', rateOf, ours)
      const peer = best === undefined ? undefined : ratioAt(under, best, rateOf, ours)
      return [
        describeWorkload(workload),
        ours,
        ...[device.median, device.min, device.max].map(shown),
        best ?? '–',
        ...[peer?.median, peer?.min, peer?.max].map(shown),
      ]
    })
  })
  return {
    title: 'Records/s of sluice divided by those of the limit and of the best peer, round by round',
    head: ['', 'what', '÷ device', 'from', 'to', 'best peer', '÷ it', 'from', 'to'],
    rows,
    notes: [preparationNote(driversIn(trials))],
  }
}

/** The peer that has the lowest median of a percentile, and sluice's divided by its. */
function lowest(under: readonly LoadTrial[], figure: (trial: LoadTrial) => number) {
  const best = bestPeer(under, figure, 'lowest')
  return best === undefined ? undefined : { best, ratioOf: (ours: Ours) => ratioAt(under, best, figure, ours) }
}

function latencies(trials: readonly LoadTrial[], workloads: readonly Workload[]): Table {
  const rows = workloads.flatMap((workload) => {
    const under = trials.filter((trial) => isUnder(trial, workload))
    return PERCENTILES.map(([name, figure]) => {
      const found = lowest(under, figure)
      return [
        `${describeWorkload(workload)}, ${name}`,
        ...[...OURS, 'device'].map((label) => shown(spreadAt(under, label, figure).median)),
        found?.best ?? '–',
        shown(found && spreadAt(under, found.best, figure).median),
        ...OURS.map((ours) => shown(found?.ratioOf(ours).median)),
      ]
    })
  })
  return {
    title: 'Latencies in ms beside those of the limit and of the peer that has the lowest one',
    head: ['', ...OURS, 'device', 'lowest of a peer', 'its', ...OURS.map((ours) => `${ours} ÷ it`)],
    rows,
    notes: [preparationNote(driversIn(trials))],
  }
}

function wanted(trials: readonly LoadTrial[]): Figure[] {
  const at = (producers: number) => trials.filter((trial) => isUnder(trial, workloadOf(producers)))
  const against = (driver: DriverName, producers: number, least: number, ours: Ours): Figure => ({
    name: `${counted(producers)} producers, ${ours} ÷ ${driver}`,
    ...reached(ratioAt(at(producers), driver, rateOf, ours)),
    unit: '×',
    wanted: least,
    bound: 'at least',
  })
  const againstBest = (producers: number, least: number, ours: Ours, among: Peers): Figure => {
    const best = bestPeer(at(producers), rateOf, 'highest', among)
    const which = among === 'all' ? 'the best peer' : 'the best peer that tears no records'
    return {
      name: `${counted(producers)} producers, ${ours} ÷ ${which}${best === undefined ? '' : `, ${best}`}`,
      ...reached(best === undefined ? spreadOf([]) : ratioAt(at(producers), best, rateOf, ours)),
      unit: '×',
      wanted: least,
      bound: 'at least',
    }
  }
  const latency = (producers: number, [name, figure]: (typeof PERCENTILES)[number], ours: Ours): Figure => {
    const found = lowest(at(producers), figure)
    return {
      name: `${counted(producers)} producers, ${name} of ${ours} ÷ the lowest of a peer${found === undefined ? '' : `, ${found.best}`}`,
      ...reached(found?.ratioOf(ours) ?? spreadOf([])),
      unit: '×',
      wanted: 1,
      bound: 'at most',
    }
  }
  const figuresOf = (ours: Ours): Figure[] => [
    {
      name: `1 producer, p50 of ${ours} ÷ that of a bare write and fdatasync`,
      ...reached(ratioAt(at(1), 'device', (trial) => trial.latencyMsP50, ours)),
      unit: '×',
      wanted: 1.4,
      bound: 'at most',
    },
    ...AGAINST_DEVICE.map(([producers, least]) => against('device', producers, least, ours)),
    ...(['all', 'whole records'] as const).flatMap((among) =>
      AGAINST_BEST.map(([producers, least]) => againstBest(producers, least, ours, among)),
    ),
    {
      name: `1,024 producers, event-loop delay p99 of ${ours}`,
      ...reached(spreadAt(at(1024), ours, (trial) => trial.loopDelayMsP99)),
      unit: 'ms',
      wanted: 5,
      bound: 'at most',
    },
    ...MANY.flatMap((producers) => PERCENTILES.map((percentile) => latency(producers, percentile, ours))),
    ...AGAINST_FSYNC.flatMap(([producers, least]) =>
      (['fsync-per-append', 'fsync-in-turn'] as const).map((driver) => against(driver, producers, least, ours)),
    ),
  ]
  return OURS.flatMap(figuresOf)
}
