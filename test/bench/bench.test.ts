import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { readResults } from '../../bench/results.js'

const BENCH = fileURLToPath(new URL('../../bench/main.js', import.meta.url))

/** As little as measures anything. */
const SHORT = '--seconds 0.05 --warm-up 0.05'.split(' ')
/** Those that need nothing installed. */
const COMPARED = ['sluice', 'device', 'fsync-per-append', 'fsync-in-turn']

test('a short run measures every driver, says where, and leaves nothing behind', async (t) => {
  const outside = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'))
  const inside = mkdtempSync(join(outside, 'measured-'))
  t.teardown(() => rmSync(outside, { recursive: true, force: true }))
  const json = join(outside, 'figures.json')
  const args = [
    ...['--only', 'throughput', '--drivers', COMPARED.join(','), '--concurrency', '4', '--rounds', '1'],
    ...[...SHORT, '--json', json, '--directory', inside],
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, ...args])

  for (const driver of COMPARED) t.regex(stdout, new RegExp(`^ {2}${driver}(?: \\*)? +[\\d,.]+ `, 'm'))
  t.regex(stdout, /Zero-filling ahead: sluice inside the clock/)
  t.regex(stdout, /What was wanted/)
  const { machine, versions, suites } = readResults(json)
  t.deepEqual(Object.keys(machine), ['cpu', 'cores', 'memoryGiB', 'kernel', 'fileSystem', 'node'])
  t.truthy(versions['sluice'])
  t.is(suites.throughput.length, COMPARED.length)
  for (const trial of suites.throughput) {
    const { recordsPerSecond, latencyMsP50, latencyMsP99, latencyMsMax, peakMemoryMiB, cpuUsPerRecord } = trial
    t.true(recordsPerSecond > 0 && peakMemoryMiB > 10 && cpuUsPerRecord > 0, JSON.stringify(trial))
    t.true(latencyMsP50 > 0 && latencyMsP50 <= latencyMsP99 && latencyMsP99 <= latencyMsMax, JSON.stringify(trial))
  }
  t.deepEqual(readdirSync(inside), [])
})

test('every suite measures, with the drivers that need nothing installed', async (t) => {
  const outside = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'))
  const inside = mkdtempSync(join(outside, 'measured-'))
  t.teardown(() => rmSync(outside, { recursive: true, force: true }))
  const [json, html, hgrm] = ['all.json', 'all.html', 'hgrm'].map((name) => join(outside, name))
  if (json === undefined || html === undefined || hgrm === undefined) return t.fail()
  const args = [
    ...['--only', 'append-many,replay,open-loop,recovery,growth', '--drivers', 'sluice,device', '--records', '1000'],
    ...['--rates', '1000', '--recovery', '4', ...SHORT, '--rounds', '1', '--seed', '42'],
    ...['--json', json, '--html', html, '--hgrm', hgrm, '--directory', inside],
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, ...args])
  t.regex(stdout, /Replayed: 10,000 made lines \(seed 42\)/)
  const { suites } = readResults(json)
  for (const name of ['append-many', 'replay', 'open-loop', 'recovery', 'growth'] as const) {
    t.true(suites[name].length > 0, name)
  }
  t.true(readFileSync(html, 'utf8').includes('data-chart="growth-closed"'))
  t.true(readdirSync(hgrm).includes('append-many-sluice-16-256B.hgrm'))
  t.deepEqual(readdirSync(inside), [])
})

test('a run that is interrupted in its second round keeps the first, and leaves nothing behind', async (t) => {
  const outside = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'))
  const inside = mkdtempSync(join(outside, 'measured-'))
  t.teardown(() => rmSync(outside, { recursive: true, force: true }))
  const json = join(outside, 'figures.json')
  const args = [
    ...['--only', 'throughput', '--drivers', 'device', '--concurrency', '1,4', '--rounds', '100000'],
    ...[...SHORT, '--json', json, '--directory', inside],
  ]
  const child = spawn(process.execPath, [BENCH, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, said] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.includes('round 2 of 100000')) child.kill('SIGINT')
  })
  const [code] = await once(child, 'close')
  t.is(code, 130)
  t.regex(out, /INTERRUPTED: \d+ of 100000 rounds/)
  const { roundsDone, suites } = readResults(json)
  t.true(roundsDone >= 1)
  t.true(suites.throughput.length >= 2 * roundsDone, 'each round has both concurrencies')
  t.deepEqual(readdirSync(inside), [])
})
