import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readMarkFile } from '../../src/format/mark.js'
import { openLog } from '../../src/log/open-log.js'
import { type Ending, FixtureProcess } from '../support/fixture-process.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

// One process at a time: all of them at once would only wait for each other.

interface Life extends Ending {
  readonly directory: string
}

/** Lets a scenario run to its end. */
async function lives(t: ExecutionContext, scenario: string, directory = temporaryDirectory(t)): Promise<Life> {
  const ending = await new FixtureProcess(t, 'lifetime', [scenario, directory]).end()
  return { ...ending, directory }
}

/** The durable LSN that the log's mark file tells. */
function markedLsn(directory: string): number | undefined {
  const result = readMarkFile(readFileSync(join(directory, 'mark')))
  return result.kind === 'valid' ? result.mark.durableLsn : undefined
}

const ACKED = ['acked 2', 'acked 3', 'acked 4']

/** What each scenario says until its process ends, by itself. */
const ENDS_BY_ITSELF: Readonly<Record<string, readonly string[]>> = {
  'still opening': ['open', 'exit'],
  'pending append': ['open', 'durable 3', 'acked 1', 'acked 2', 'acked 3', 'exit'],
  'pending append, after a pause': ['open', 'durable 1', 'begun', 'durable 4', ...ACKED, 'exit'],
  'append that waits for its interval': ['open', 'durable 1', 'begun', 'durable 4', ...ACKED, 'exit'],
  'append held back for company': ['open', 'durable 3', 'acked 1', 'acked 2', 'acked 3', 'exit'],
  'pending flush': ['open', 'durable 1', 'begun', 'durable 2', 'flushed 2', 'exit'],
  'pending close': ['open', 'durable 1', 'closed', 'exit'],
  'written, interval': ['open', 'durable 1', 'begun', 'written 2', 'durable 2', 'exit'],
  'written, count and interval': ['open', 'durable 1', 'begun', 'written 2', 'durable 2', 'exit'],
  failed: ['open', 'failed', 'rejected SLUICE_COMMIT_FAILED', 'exit'],
  'waits for prepared segments': ['open', `prepared ${3 * 2 ** 20}`, 'exit'],
  // Nobody but this process can append, so there is nothing to wait for.
  'follower of the log itself': ['open', 'durable 1', 'followed 1', 'exit'],
}

for (const [scenario, expected] of Object.entries(ENDS_BY_ITSELF)) {
  test.serial(`a process ends by itself, and only once what it has accepted is settled: ${scenario}`, async (t) => {
    const { lines, code, complaints, directory } = await lives(t, scenario)
    t.deepEqual({ lines, code, complaints }, { lines: expected, code: 0, complaints: '' })
    const durable = lines.findLast((line) => line.startsWith('durable'))
    if (scenario !== 'failed') t.is(markedLsn(directory), Number(durable?.split(' ')[1] ?? 0))
  })
}

test.serial('logs that are idle, or have what nothing would ever sync, do not keep the process alive', async (t) => {
  const { lines, code, complaints } = await lives(t, 'nothing to wait for')
  const expected = [
    ...['idle from the start', 'open'],
    ...['idle after some work', 'open', 'durable 1', 'acked 1'],
    // Nothing would ever sync these: waiting for it would be waiting for ever.
    ...['written, count alone', 'open', 'durable 1', 'begun', 'written 2'],
    ...['written, never', 'open', 'durable 1', 'begun', 'written 2'],
  ]
  t.deepEqual({ lines, code, complaints }, { lines: [...expected, 'exit'], code: 0, complaints: '' })
})

test.serial('a process with appends that wait for room ends only once all are durable', async (t) => {
  const { lines, code } = await lives(t, 'appends that wait for room')
  t.is(code, 0)
  const acked = lines.filter((line) => line.startsWith('acked'))
  t.deepEqual(
    acked,
    Array.from({ length: 500 }, (_, index) => `acked ${index + 1}`),
  )
  t.is(lines.at(-1), 'exit')
})

test.serial('a process with a trim under way ends only once it is done', async (t) => {
  const { lines, code, directory } = await lives(t, 'pending trim')
  t.is(code, 0)
  t.deepEqual(lines.slice(-2), ['trimmed 3', 'exit'])
  const log = await openLog(directory)
  t.is(log.firstLsn, 3)
  await log.close()
})

test.serial(
  'a process that ends while segments are prepared leaves files behind, which the next opening removes',
  async (t) => {
    const { lines, code, complaints, directory } = await lives(t, 'segments being prepared')
    t.deepEqual({ lines, code, complaints }, { lines: ['open', 'exit'], code: 0, complaints: '' })
    const prepared = (): readonly string[] => readdirSync(directory).filter((name) => name.startsWith('prepared-'))
    const whole = prepared().filter((name) => statSync(join(directory, name)).size === 16 * 2 ** 20)
    t.true(prepared().length > 0)
    t.true(whole.length < 128, 'it did not wait for them')
    const log = await openLog(directory)
    t.deepEqual(prepared(), [])
    await log.close()
  },
)

async function logWith(directory: string, ...records: readonly string[]): Promise<void> {
  const log = await openLog(directory)
  for (const record of records) await log.append(record)
  await log.close()
}

test.serial('a reader that is idle does not keep the process alive', async (t) => {
  const directory = temporaryDirectory(t)
  await logWith(directory, 'x', 'y')
  const { lines, code } = await lives(t, 'idle reader', directory)
  t.deepEqual({ lines, code }, { lines: ['read up to 2', 'exit'], code: 0 })
})

test.serial('a follower of a log that another process writes keeps its process alive until it is ended', async (t) => {
  const directory = temporaryDirectory(t)
  await logWith(directory, 'x')
  const follower = new FixtureProcess(t, 'lifetime', ['follower of a reader', directory])
  await follower.until('followed 1')
  await logWith(directory, 'y')
  await follower.until('followed 2')
  follower.tell('close')
  const { lines, code } = await follower.end()
  const expected = ['followed 1', 'followed 2', 'follower ended', 'nothing left to do', 'exit']
  t.deepEqual({ lines, code }, { lines: expected, code: 0 })
})

/** Asserts that all that was acknowledged is there. */
async function holdsWhatWasAcked(t: ExecutionContext, { lines, directory }: Life, least: number): Promise<void> {
  const acked = lines.flatMap((line) => (line.startsWith('acked ') ? [Number(line.split(' ')[1])] : []))
  t.true(acked.length >= least)
  const log = await openLog(directory)
  t.true(log.durableLsn >= Math.max(...acked))
  for await (const { lsn, data } of log.read()) {
    if (!/^(record|round) \d+$/.test(data.toString())) t.fail(`LSN ${lsn} is ${data}`)
  }
  await log.close()
}

for (const [scenario, expectedCode] of [
  ['process.exit', 7],
  ['uncaught exception', 1],
  ['unhandled rejection', 1],
] as const) {
  test.serial(`a process that ends with appends pending leaves all that was acknowledged: ${scenario}`, async (t) => {
    const life = await lives(t, scenario)
    t.is(life.code, expectedCode)
    await holdsWhatWasAcked(t, life, 400)
  })
}

test.serial('a process that closes its log when it is terminated acknowledges all that was accepted', async (t) => {
  const directory = temporaryDirectory(t)
  const child = new FixtureProcess(t, 'lifetime', ['SIGTERM', directory])
  await child.until('acked')
  const ending = await child.kill('SIGTERM')
  t.like(ending, { code: 0, signal: null, complaints: '' })
  t.deepEqual(ending.lines.slice(-2), ['closed', 'exit'])
  t.deepEqual(
    ending.lines.filter((line) => line.startsWith('rejected')),
    [],
  )
  await holdsWhatWasAcked(t, { ...ending, directory }, 20)
  const log = await openLog(directory)
  t.true(log.recovery.cleanShutdown)
  await log.close()
})
