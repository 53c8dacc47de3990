import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Distributions, isTold, PERCENTILES } from '../../bench/distributions.js'
import { Latencies } from '../../bench/latencies.js'
import { describeLines, linesOf, meanBytes } from '../../bench/lines.js'
import { readResults, writeResults } from '../../bench/results.js'
import { spreadOf, standardError } from '../../bench/statistics.js'
import type { LoadTrial } from '../../bench/suites/load.js'
import { type Figure, isMeasured, isReached } from '../../bench/suites/suite.js'
import { emptyRows, figuresOf } from '../../bench/suites/suites.js'
import { madeResults, madeTrial } from './made-results.js'

test('what is written is read again, but for digits that nobody measures', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-results-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'results.json')
  const results = madeResults()
  writeFileSync(file, writeResults(results))
  const read = readResults(file)
  const names = (rows: object): string[] => Object.entries(rows).map(([name, value]) => `${name}: ${value.length}`)
  t.deepEqual(names(read.suites), names(results.suites))
  t.deepEqual(
    figuresOf(read.suites).map(({ name, reached }) => [name, reached.toPrecision(3)]),
    figuresOf(results.suites).map(({ name, reached }) => [name, reached.toPrecision(3)]),
  )
  writeFileSync(file, writeResults(read))
  t.deepEqual(readResults(file), read)
  t.deepEqual(Object.keys(read), Object.keys(results))
})

test('a file of another format is refused', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-results-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'results.json')
  writeFileSync(file, '{"format": 2}')
  t.throws(() => readResults(file), { message: /has format 2; 1 is what can be read/ })
})

test('a seed makes the same lines each time, as long as those of an access log', (t) => {
  const lines = linesOf({ kind: 'seed', seed: 7 })
  t.deepEqual(linesOf({ kind: 'seed', seed: 7 }), lines)
  t.notDeepEqual(linesOf({ kind: 'seed', seed: 8 }), lines)
  t.is(lines.length, 10_000)
  const lengths = lines.map((line) => line.length).sort((a, b) => a - b)
  t.true((lengths[0] ?? 0) >= 81 && (lengths.at(-1) ?? 0) <= 1363)
  t.true(Math.abs((lengths[5000] ?? 0) - 231) < 10, `the median is ${lengths[5000]}`)
  t.false(lines.some((line) => line.includes('\n')))
})

test('a log is read line by line, whether or not it ends in one', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lines-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'access.log')
  for (const end of ['', '\n']) {
    writeFileSync(path, `first\n\nthe third${end}`)
    const lines = linesOf({ kind: 'file', path })
    t.deepEqual(lines.map(String), ['first', 'the third'])
    t.is(meanBytes(lines), 7)
    t.is(describeLines({ kind: 'file', path }, lines), '2 lines of a real log, 5 to 9 bytes, median 5, mean 7')
  }
  writeFileSync(path, '\n')
  t.throws(() => linesOf({ kind: 'file', path }), { message: /no lines/ })
})

function latenciesOf(values: readonly number[]): Latencies {
  const latencies = new Latencies()
  for (const value of values) latencies.record(value)
  return latencies
}

const KEY = { suite: 'throughput', label: 'sluice', load: 64, recordBytes: 256 }

test('percentiles are told to three digits, however small or large', (t) => {
  const latencies = latenciesOf(Array.from({ length: 1000 }, (_, i) => 0.001 * (i + 1)))
  const { latencySamples, ...ms } = latencies.figures()
  t.is(latencySamples, 1000)
  const wanted = { latencyMsP50: 0.5, latencyMsP99: 0.99, latencyMsP999: 0.999, latencyMsMax: 1 }
  for (const [name, value] of Object.entries(wanted)) {
    t.true(Math.abs(ms[name as keyof typeof ms] / value - 1) < 0.002, `${name}: ${ms[name as keyof typeof ms]}`)
  }
  t.true(Math.abs(latenciesOf([30_000]).msAt(50) / 30_000 - 1) < 0.002)
  t.true(Number.isNaN(new Latencies().msAt(99)))
})

test('latencies of several trials are merged as if they were of one', (t) => {
  const distributions = new Distributions()
  distributions.add(KEY, latenciesOf(Array.from({ length: 100 }, () => 1)).encode())
  distributions.add(KEY, latenciesOf(Array.from({ length: 300 }, () => 9)).encode())
  const [row, ...others] = distributions.rows()
  t.deepEqual(others, [])
  t.is(row?.samples, 400)
  const told = PERCENTILES.filter((percent) => isTold(percent, 400))
  t.is(row?.ms.length, told.length)
  t.true(Math.abs((row?.ms[told.indexOf(25)] ?? 0) - 1) < 0.01)
  t.true(Math.abs((row?.ms[told.indexOf(50)] ?? 0) - 9) < 0.01)
})

test('a percentile is told where a sample lies beyond it', (t) => {
  t.true(isTold(99, 100))
  t.false(isTold(99, 99))
  t.false(isTold(99.9, 999))
  t.true(isTold(100, 1))
  t.false(isTold(100, 0))
})

test('each distribution becomes a file that plotters read', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-hgrm-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const distributions = new Distributions()
  distributions.add(KEY, latenciesOf([1, 2, 3]).encode())
  distributions.add({ ...KEY, label: "'batch', written" }, latenciesOf([4]).encode())
  distributions.write(directory)
  const names = readdirSync(directory).sort()
  t.deepEqual(names, ['throughput-_batch_written-64-256B.hgrm', 'throughput-sluice-64-256B.hgrm'])
  const text = readFileSync(join(directory, 'throughput-sluice-64-256B.hgrm'), 'utf8')
  t.regex(text, /^ +Value +Percentile +TotalCount 1\/\(1-Percentile\)\n/)
  t.regex(text, /#\[Max +=/)
})

test('the median of an odd number of values is the middle one, of an even number lies between two', (t) => {
  t.deepEqual(spreadOf([5, 1, 9]), { median: 5, min: 1, max: 9, trials: 3 })
  t.deepEqual(spreadOf([10, 1, 2, 9]), { median: 5.5, min: 1, max: 10, trials: 4 })
  t.is(spreadOf([]).trials, 0)
  t.true(Number.isNaN(spreadOf([]).median))
})

test('trials without a value count for nothing', (t) => {
  t.deepEqual(spreadOf([undefined, 3, undefined]), { median: 3, min: 3, max: 3, trials: 1 })
})

test('the standard error shrinks with the root of the number of values', (t) => {
  t.is(standardError([1, 3]), 1)
  t.is(standardError([4, 4, 4]), 0)
  t.true(Math.abs(standardError(Array.from({ length: 10_000 }, (_, i) => i % 2)) - 0.005) < 1e-6)
})

type Wanted = readonly [name: RegExp, bound: Figure['bound'], wanted: number]

/** What was promised of a log as it is, and is shown of one whose segments are prepared, too. */
function wantedOf(ours: string): readonly Wanted[] {
  return [
    [new RegExp(`^1 producer, p50 of ${ours} ÷ that of a bare write and fdatasync$`), 'at most', 1.4],
    [new RegExp(`^16 producers, ${ours} ÷ device$`), 'at least', 0.65],
    [new RegExp(`^64 producers, ${ours} ÷ device$`), 'at least', 0.65],
    [new RegExp(`^256 producers, ${ours} ÷ device$`), 'at least', 0.5],
    [new RegExp(`^1,024 producers, ${ours} ÷ device$`), 'at least', 0.45],
    [new RegExp(`^4,096 producers, ${ours} ÷ device$`), 'at least', 0.35],
    [new RegExp(`^64 producers, ${ours} ÷ the best peer`), 'at least', 1.2],
    [new RegExp(`^256 producers, ${ours} ÷ the best peer`), 'at least', 1.5],
    [new RegExp(`^1,024 producers, ${ours} ÷ the best peer`), 'at least', 2],
    [new RegExp(`^4,096 producers, ${ours} ÷ the best peer`), 'at least', 2],
    [new RegExp(`^appendMany of 100, 16 producers, ${ours} ÷ device$`), 'at least', 0.6],
    [new RegExp(`^1,024 producers, event-loop delay p99 of ${ours}$`), 'at most', 5],
    ...['16', '64', '256', '1,024', '4,096'].flatMap((producers) =>
      ['p50', 'p99', 'p99.9'].map((name): Wanted => {
        return [new RegExp(`^${producers} producers, ${name} of ${ours} ÷ the lowest of a peer`), 'at most', 1]
      }),
    ),
  ]
}

/** All that was promised to be looked at. */
const WANTED: readonly Wanted[] = [
  ...['sluice', 'sluice-prepared'].flatMap(wantedOf),
  [/^16 KiB records, 64 producers, sluice ÷ device-preparing$/, 'at least', 0.6],
  [/^16 KiB records, 64 producers, sluice ÷ device-growing$/, 'at least', 0.6],
  [/^recovery, MB\/s ÷ those of reading and checksumming the same bytes$/, 'at least', 0.6],
  [/^read, records\/s ÷ those of a bare scan of the frames$/, 'at least', 0.4],
  [/^follow, records\/s ÷ those of a bare scan of the frames$/, 'at least', 0.4],
  [/^openLog of 10,000,000 records in 100 segments, closed well, less a bare scan of the last$/, 'at most', 100],
  [/^openLog of 10,000,000 records in 100 segments, killed, less a bare scan of the last$/, 'at most', 100],
  [/^PostgreSQL, rows\/s written behind ÷ one upsert a row$/, 'at least', 10],
  [/^one flush of 100 dirty sessions, 5 ms a save$/, 'below', 25],
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

test('a log whose segments are prepared is compared by its own trials', (t) => {
  const trials = [
    madeTrial('sluice', 1, { recordsPerSecond: 100, latencyMsP99: 6 }),
    madeTrial('sluice-prepared', 1, { recordsPerSecond: 150, latencyMsP99: 2 }),
    madeTrial('device', 1, { recordsPerSecond: 200 }),
    madeTrial('sonic-boom', 1, { recordsPerSecond: 50, latencyMsP99: 4 }),
  ]
  const reachedBy = (name: RegExp) => figureNamed(figuresOfTrials(trials), name)?.reached
  t.is(reachedBy(/^64 producers, sluice-prepared ÷ device/), 0.75)
  t.is(reachedBy(/^64 producers, sluice-prepared ÷ the best peer, sonic-boom/), 3)
  t.is(reachedBy(/^64 producers, p99 of sluice-prepared ÷ the lowest of a peer, sonic-boom/), 0.5)
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
  t.like(named(/^64 producers, p50 of sluice ÷/), {
    name: '64 producers, p50 of sluice ÷ the lowest of a peer, redis-streams',
    reached: 0.8,
  })
  t.like(named(/^64 producers, p99 of sluice ÷/), {
    name: '64 producers, p99 of sluice ÷ the lowest of a peer, sonic-boom',
    reached: 1.5,
  })
})
