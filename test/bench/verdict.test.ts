import test from 'ava'
import type { LoadTrial } from '../../bench/suites/load.js'
import { type Figure, isMeasured, isReached } from '../../bench/suites/suite.js'
import { emptyRows, figuresOf } from '../../bench/suites/suites.js'
import { madeResults, madeTrial } from './made-results.js'

/** All that was promised to be looked at. */
const WANTED: readonly (readonly [name: RegExp, bound: Figure['bound'], wanted: number])[] = [
  [/^1 producer, p50 ÷ that of a bare write and fdatasync$/, 'at most', 1.4],
  [/^16 producers, sluice ÷ device$/, 'at least', 0.65],
  [/^64 producers, sluice ÷ device$/, 'at least', 0.65],
  [/^256 producers, sluice ÷ device$/, 'at least', 0.5],
  [/^1,024 producers, sluice ÷ device$/, 'at least', 0.45],
  [/^4,096 producers, sluice ÷ device$/, 'at least', 0.35],
  [/^64 producers, sluice ÷ the best peer/, 'at least', 1.2],
  [/^256 producers, sluice ÷ the best peer/, 'at least', 1.5],
  [/^1,024 producers, sluice ÷ the best peer/, 'at least', 2],
  [/^4,096 producers, sluice ÷ the best peer/, 'at least', 2],
  [/^16 KiB records, 64 producers, sluice ÷ device-preparing$/, 'at least', 0.6],
  [/^16 KiB records, 64 producers, sluice ÷ device-growing$/, 'at least', 0.6],
  [/^appendMany of 100, 16 producers, sluice ÷ device$/, 'at least', 0.6],
  [/^1,024 producers, event-loop delay p99$/, 'at most', 5],
  [/^recovery, MB\/s ÷ those of reading and checksumming the same bytes$/, 'at least', 0.6],
  [/^read, records\/s ÷ those of a bare scan of the frames$/, 'at least', 0.4],
  [/^follow, records\/s ÷ those of a bare scan of the frames$/, 'at least', 0.4],
  [/^openLog of 10,000,000 records in 100 segments, closed well, less a bare scan of the last$/, 'at most', 100],
  [/^openLog of 10,000,000 records in 100 segments, killed, less a bare scan of the last$/, 'at most', 100],
  [/^PostgreSQL, rows\/s written behind ÷ one upsert a row$/, 'at least', 10],
  [/^one flush of 100 dirty sessions, 5 ms a save$/, 'below', 25],
  ...['16', '64', '256', '1,024', '4,096'].flatMap((producers) =>
    ['p50', 'p99', 'p99.9'].map(
      (name) => [new RegExp(`^${producers} producers, ${name} ÷ the lowest of a peer`), 'at most', 1] as const,
    ),
  ),
]

function figureNamed(figures: readonly Figure[], name: RegExp): Figure | undefined {
  return figures.find((figure) => name.test(figure.name))
}

test('every figure that was promised is in the verdict, measured or not', (t) => {
  for (const [rows, areMeasured] of [
    [madeResults().suites, true],
    [emptyRows(), false],
  ] as const) {
    const figures = figuresOf(rows)
    for (const [name, bound, wanted] of WANTED) {
      const figure = figureNamed(figures, name)
      t.like(figure, { bound, wanted }, String(name))
      if (figure !== undefined) t.is(isMeasured(figure), areMeasured, figure.name)
    }
  }
})

test('a bound is reached by what lies on it', (t) => {
  const figure = { name: '', reached: 1, from: 1, to: 1, unit: '×', wanted: 1 }
  t.true(isReached({ ...figure, bound: 'at least' }))
  t.true(isReached({ ...figure, bound: 'at most' }))
  t.false(isReached({ ...figure, bound: 'below' }))
})

function figuresOfTrials(trials: readonly LoadTrial[]): readonly Figure[] {
  return figuresOf({ ...emptyRows(), throughput: [...trials] })
}

test('ratios compare trials of one round, not medians', (t) => {
  const trials = [
    madeTrial('sluice', 1, { recordsPerSecond: 100 }),
    madeTrial('device', 1, { recordsPerSecond: 200 }),
    madeTrial('sluice', 2, { recordsPerSecond: 900 }),
    madeTrial('device', 2, { recordsPerSecond: 1000 }),
    madeTrial('sluice', 3, { recordsPerSecond: 500 }),
    madeTrial('device', 3, { recordsPerSecond: 5000 }),
  ]
  t.like(figureNamed(figuresOfTrials(trials), /^64 producers, sluice ÷ device/), { reached: 0.5, from: 0.1, to: 0.9 })
})

test('the best peer is one whose acknowledged records are durable, and is found for each figure anew', (t) => {
  const trials = [
    madeTrial('sluice', 1, { recordsPerSecond: 100, latencyMsP50: 1, latencyMsP99: 6 }),
    madeTrial('lmdb-put', 1, { recordsPerSecond: 1000, latencyMsP50: 0.1, latencyMsP99: 0.1 }),
    madeTrial('fsync-per-append', 1, { recordsPerSecond: 1000, latencyMsP50: 0.1, latencyMsP99: 0.1 }),
    madeTrial('sonic-boom', 1, { recordsPerSecond: 50, latencyMsP50: 2, latencyMsP99: 4 }),
    madeTrial('redis-streams', 1, { recordsPerSecond: 20, latencyMsP50: 1.25, latencyMsP99: 5 }),
  ]
  const figures = figuresOfTrials(trials)
  const named = (name: RegExp) => figureNamed(figures, name)
  t.like(named(/^64 producers, sluice ÷ the best peer/), {
    name: '64 producers, sluice ÷ the best peer, sonic-boom',
    reached: 2,
  })
  t.like(named(/^64 producers, p50 /), {
    name: '64 producers, p50 ÷ the lowest of a peer, redis-streams',
    reached: 0.8,
  })
  t.like(named(/^64 producers, p99 /), { name: '64 producers, p99 ÷ the lowest of a peer, sonic-boom', reached: 1.5 })
})
