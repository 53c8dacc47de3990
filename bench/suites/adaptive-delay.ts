import { DRIVERS } from '../drivers/drivers.js'
import { spreadOf, standardError } from '../statistics.js'
import { shown, type Table } from '../table.js'
import { removeDirectory } from '../trials.js'
import { inTurnOrder } from '../turn-order.js'
import { preparationNote } from './load-table.js'
import { reached, type Suite } from './suite.js'

/** Who appends, and to what. */
interface Case {
  readonly producers: number
  /** Between an append that is durable and the next one: the mean. */
  readonly thinkMs: number
  /** How long a sync takes at the least; 0: as long as the disk takes. */
  readonly syncMs: number
}

const SLOW_SYNC_MS = 10
const SLOW: readonly Case[] = [16, 64].flatMap((producers) =>
  [1, 3, 10].map((thinkMs) => ({ producers, thinkMs, syncMs: SLOW_SYNC_MS })),
)
const FAST: readonly Case[] = [
  ...[1, 16, 64, 1024].map((producers) => ({ producers, thinkMs: 0, syncMs: 0 })),
  { producers: 64, thinkMs: 2, syncMs: 0 },
]
/** Long beside what it takes to find out whether holding pays: some tens of syncs. */
const SLOW_WINDOWS = { pairs: 2, windowMs: 1000 } as const
const FAST_WINDOWS = { pairs: 40, windowMs: 60 } as const

/** Two windows that followed one another. */
export interface DelayPair extends Case {
  readonly round: number
  readonly noneRecordsPerSecond: number
  readonly noneLatencyMsMean: number
  readonly noneRecordsPerBatch: number
  readonly adaptiveRecordsPerSecond: number
  readonly adaptiveLatencyMsMean: number
  readonly adaptiveRecordsPerBatch: number
}

/** What `batch.maxDelayMs: 'adaptive'` brings where syncs are slow, and what it costs where they are fast. */
export const adaptiveDelay: Suite<DelayPair> = {
  roundsMax: 2,
  async measure(bench, round, keep) {
    for (const one of inTurnOrder([...SLOW, ...FAST], round)) {
      bench.progress(`maxDelayMs 0 and adaptive in turns, ${labelOf(one)}`)
      const directory = bench.trials.makeDirectory()
      const { pairs } = await bench.trials.run({
        kind: 'compare-delays',
        directory,
        ...one,
        ...(one.syncMs > 0 ? SLOW_WINDOWS : FAST_WINDOWS),
        warmUpSeconds: Math.min(DRIVERS.sluice.warmUpSeconds, bench.settings.warmUpSecondsMax),
      })
      removeDirectory(directory)
      for (const { none, adaptive } of pairs) {
        keep({
          ...one,
          round,
          noneRecordsPerSecond: none.recordsPerSecond,
          noneLatencyMsMean: none.latencyMsMean,
          noneRecordsPerBatch: none.recordsPerBatch,
          adaptiveRecordsPerSecond: adaptive.recordsPerSecond,
          adaptiveLatencyMsMean: adaptive.latencyMsMean,
          adaptiveRecordsPerBatch: adaptive.recordsPerBatch,
        })
      }
    }
  },
  tables(pairs) {
    const table = (title: string, cases: readonly Case[]): readonly Table[] => {
      const rows = cases.flatMap((one) => rowOf(one, pairsOf(pairs, one)))
      return rows.length === 0 ? [] : [{ title, head: HEAD, rows, notes: NOTES }]
    }
    return [
      ...table(`maxDelayMs 0 and 'adaptive' where a sync takes ${SLOW_SYNC_MS} ms`, SLOW),
      ...table("maxDelayMs 0 and 'adaptive' on the disk as it is", FAST),
    ]
  },
  figures(pairs) {
    const slow = pairsOf(pairs, { producers: 16, thinkMs: 1, syncMs: SLOW_SYNC_MS }).map(gainOf)
    const costs = FAST.map((one) => spreadOf(pairsOf(pairs, one).map((pair) => (1 - gainOf(pair)) * 100)).median)
    const known = costs.filter((cost) => !Number.isNaN(cost))
    return [
      {
        name: "records/s of maxDelayMs 'adaptive' ÷ 0, 16 producers, a slow disk",
        ...reached(spreadOf(slow)),
        unit: '×',
        wanted: 1,
        bound: 'at least',
      },
      {
        name: "cost of maxDelayMs 'adaptive', a fast disk",
        ...reached(spreadOf(known)),
        unit: '%',
        wanted: 2,
        bound: 'below',
      },
    ]
  },
}

const HEAD = [
  ...['producers', 'records/s at 0', 'adaptive', 'adaptive ÷ 0', 'standard error', 'mean ms at 0', 'adaptive'],
  ...['records a batch at 0', 'adaptive'],
]

const NOTES: readonly string[] = [
  'Medians of pairs of windows, which follow one another in one process. Who thinks does so between an append that is durable and the next one, for an exponentially distributed time; timers add up to a millisecond.',
  preparationNote(['sluice']),
]

function labelOf({ producers, thinkMs }: Case): string {
  const thinks = thinkMs === 0 ? 'append again at once' : `think for ${thinkMs} ms`
  return `${producers.toLocaleString('en-US')}, ${producers === 1 ? thinks.replace('append', 'appends') : thinks}`
}

function rowOf(one: Case, pairs: readonly DelayPair[]): readonly (readonly string[])[] {
  if (pairs.length === 0) return []
  const median = (figure: (pair: DelayPair) => number): string => shown(spreadOf(pairs.map(figure)).median)
  return [
    [
      labelOf(one),
      median((pair) => pair.noneRecordsPerSecond),
      median((pair) => pair.adaptiveRecordsPerSecond),
      median(gainOf),
      shown(standardError(pairs.map(gainOf))),
      median((pair) => pair.noneLatencyMsMean),
      median((pair) => pair.adaptiveLatencyMsMean),
      median((pair) => pair.noneRecordsPerBatch),
      median((pair) => pair.adaptiveRecordsPerBatch),
    ],
  ]
}

function pairsOf(pairs: readonly DelayPair[], { producers, thinkMs, syncMs }: Case): readonly DelayPair[] {
  return pairs.filter((pair) => pair.producers === producers && pair.thinkMs === thinkMs && pair.syncMs === syncMs)
}

function gainOf({ adaptiveRecordsPerSecond, noneRecordsPerSecond }: DelayPair): number {
  return adaptiveRecordsPerSecond / noneRecordsPerSecond
}
