import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Distributions, isTold, PERCENTILES } from '../../bench/distributions.js'
import { Latencies } from '../../bench/latencies.js'

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
