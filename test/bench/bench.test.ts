import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'

const BENCH = fileURLToPath(new URL('../../bench/main.js', import.meta.url))

/** Those that need nothing installed. */
const COMPARED = ['sluice', 'device', 'fsync-per-append', 'fsync-in-turn']

test('a short run measures every driver, says where, and leaves nothing behind', async (t) => {
  const outside = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'))
  const inside = mkdtempSync(join(outside, 'measured-'))
  t.teardown(() => rmSync(outside, { recursive: true, force: true }))
  const json = join(outside, 'figures.json')
  const args = [
    '--only',
    'throughput',
    '--drivers',
    COMPARED.join(','),
    '--concurrency',
    '1,4',
    '--seconds',
    '0.1',
    '--warm-up',
    '0.1',
    '--rounds',
    '1',
    '--json',
    json,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, ...args, '--directory', inside])

  for (const driver of COMPARED) t.regex(stdout, new RegExp(`^ {2}${driver}(?: \\*)? +[\\d,.]+ `, 'm'))
  t.regex(stdout, /Zero-filling ahead: sluice inside the clock/)
  t.regex(stdout, /What was wanted/)
  const report = JSON.parse(readFileSync(json, 'utf8'))
  t.deepEqual(Object.keys(report.machine), ['cpu', 'cores', 'memoryGiB', 'kernel', 'fileSystem', 'node'])
  const trials: { recordsPerSecond: number; latencyMsP50: number }[] = report.suites.throughput.trials
  t.is(trials.length, 2 * COMPARED.length)
  for (const trial of trials) t.true(trial.recordsPerSecond > 0 && trial.latencyMsP50 > 0, JSON.stringify(trial))
  t.deepEqual(readdirSync(inside), [])
})
