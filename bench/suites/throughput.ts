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
  rateOf,
  ratioAt,
  runInTurns,
  spreadAt,
  workloadsOf,
} from './load.js'
import { loadTable, preparationNote } from './load-table.js'
import { type Figure, reached, type Suite } from './suite.js'

const MANY = [16, 64, 256, 1024, 4096] as const
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

function ratios(trials: readonly LoadTrial[], workloads: readonly Workload[]): Table {
  const rows = workloads.map((workload) => {
    const under = trials.filter((trial) => isUnder(trial, workload))
    const best = bestPeer(under, rateOf)
    const device = ratioAt(under, 'device', rateOf)
    const peer = best === undefined ? undefined : ratioAt(under, best, rateOf)
    return [
      describeWorkload(workload),
      ...[device.median, device.min, device.max].map(shown),
      best ?? '–',
      ...[peer?.median, peer?.min, peer?.max].map(shown),
    ]
  })
  return {
    title: 'Records/s of sluice divided by those of the limit and of the best peer, round by round',
    head: ['', '÷ device', 'from', 'to', 'best peer', '÷ it', 'from', 'to'],
    rows,
    notes: [preparationNote(driversIn(trials))],
  }
}

/** The peer that has the lowest median of a percentile, and sluice's divided by its. */
function lowest(under: readonly LoadTrial[], figure: (trial: LoadTrial) => number) {
  const best = bestPeer(under, figure, 'lowest')
  return best === undefined ? undefined : { best, ratio: ratioAt(under, best, figure) }
}

function latencies(trials: readonly LoadTrial[], workloads: readonly Workload[]): Table {
  const rows = workloads.flatMap((workload) => {
    const under = trials.filter((trial) => isUnder(trial, workload))
    return PERCENTILES.map(([name, figure]) => {
      const found = lowest(under, figure)
      return [
        `${describeWorkload(workload)}, ${name}`,
        shown(spreadAt(under, 'sluice', figure).median),
        shown(spreadAt(under, 'device', figure).median),
        found?.best ?? '–',
        ...(found === undefined
          ? ['–', '–']
          : [spreadAt(under, found.best, figure), found.ratio].map((s) => shown(s.median))),
      ]
    })
  })
  return {
    title: 'Latencies in ms beside those of the limit and of the peer that has the lowest one',
    head: ['', 'sluice', 'device', 'lowest of a peer', 'its', 'sluice ÷ it'],
    rows,
    notes: [preparationNote(driversIn(trials))],
  }
}

function wanted(trials: readonly LoadTrial[]): Figure[] {
  const at = (producers: number) => trials.filter((trial) => isUnder(trial, workloadOf(producers)))
  const against = (driver: DriverName, producers: number, least: number): Figure => ({
    name: `${counted(producers)} producers, sluice ÷ ${driver}`,
    ...reached(ratioAt(at(producers), driver, rateOf)),
    unit: '×',
    wanted: least,
    bound: 'at least',
  })
  const againstBest = (producers: number, least: number): Figure => {
    const best = bestPeer(at(producers), rateOf)
    return {
      name: `${counted(producers)} producers, sluice ÷ the best peer${best === undefined ? '' : `, ${best}`}`,
      ...reached(best === undefined ? spreadOf([]) : ratioAt(at(producers), best, rateOf)),
      unit: '×',
      wanted: least,
      bound: 'at least',
    }
  }
  const latency = (producers: number, [name, figure]: (typeof PERCENTILES)[number]): Figure => {
    const found = lowest(at(producers), figure)
    return {
      name: `${counted(producers)} producers, ${name} ÷ the lowest of a peer${found === undefined ? '' : `, ${found.best}`}`,
      ...reached(found?.ratio ?? spreadOf([])),
      unit: '×',
      wanted: 1,
      bound: 'at most',
    }
  }
  return [
    {
      name: '1 producer, p50 ÷ that of a bare write and fdatasync',
      ...reached(ratioAt(at(1), 'device', (trial) => trial.latencyMsP50)),
      unit: '×',
      wanted: 1.4,
      bound: 'at most',
    },
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
      name: '1,024 producers, event-loop delay p99',
      ...reached(spreadAt(at(1024), 'sluice', (trial) => trial.loopDelayMsP99)),
      unit: 'ms',
      wanted: 5,
      bound: 'at most',
    },
    ...MANY.flatMap((producers) => PERCENTILES.map((percentile) => latency(producers, percentile))),
    against('fsync-per-append', 64, 35),
    against('fsync-in-turn', 64, 35),
    against('fsync-per-append', 1024, 150),
    against('fsync-in-turn', 1024, 150),
  ]
}
