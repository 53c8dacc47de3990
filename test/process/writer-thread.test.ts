import { spawnSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import type { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { Piscina } from 'piscina'
import { SluiceError } from '../../src/errors.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import type { Log, LogRecord } from '../../src/log/contract.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { verifyLog } from '../../src/segment/verify.js'
import { within } from '../support/fixture-process.js'
import { type MortalLog, openMortal, replacedInSilence, settled } from '../support/mortal-log.js'
import { fifoIn, type Moment, order, type Way } from '../support/mortal-writer.js'
import { random } from '../support/random.js'
import { collect } from '../support/records.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

/** Asserts that the log refuses everything, and that closing it gives the directory free with these records in it. */
async function isLatched(
  t: ExecutionContext,
  { log, directory }: MortalLog,
  expected: readonly string[],
): Promise<Log> {
  t.is(log.status, 'failed')
  const { nextLsn } = log
  const failed = { instanceOf: SluiceError, code: 'SLUICE_FAILED' }
  await t.throwsAsync(log.append('later'), failed)
  await t.throwsAsync(log.appendMany(['later', 'too']), failed)
  await t.throwsAsync(log.flush(), failed)
  await t.throwsAsync(log.ready(), failed)
  await t.throwsAsync(log.trim(1), failed)
  t.is(log.nextLsn, nextLsn, 'nothing more is encoded')
  await t.notThrowsAsync(settled(log, log.close()))
  t.is(log.status, 'closed')
  const reopened = await openLog(directory)
  t.teardown(() => reopened.close())
  t.deepEqual(await texts(reopened), expected)
  return reopened
}

async function texts(log: Log): Promise<string[]> {
  const found: string[] = []
  for await (const { data } of log.read()) found.push(data.toString())
  return found
}

/** Whether what the order was in the middle of is there afterwards. The process lives, so what was written is. */
const MID_BATCH: readonly (readonly [Moment, Way, boolean])[] = [
  ['write', 'exit', false],
  ['half-written', 'exit', false],
  ['sync', 'exit', true],
  ['synced', 'exit', true],
]
for (const [moment, way, found] of MID_BATCH) {
  test.serial(`a writer thread that is gone in the middle of a batch (${moment}) latches the log`, async (t) => {
    const trial = await openMortal(t)
    const { log, failed } = trial
    const told: number[] = []
    log.on('durable', (lsn) => told.push(lsn))
    t.is(await log.append('first'), 1)
    t.is(await log.append('second'), 2)
    const inFlight = settled(log, log.append(order(moment, way)))
    const queued = [log.append('queued'), log.append('queued'), log.flush()].map((call) => settled(log, call))
    const error = await t.throwsAsync(inFlight, { instanceOf: SluiceError, code: 'SLUICE_COMMIT_FAILED' })
    t.like(error, { outcome: 'indeterminate', firstLsn: 3, lastLsn: 3 })
    const outcomes = await Promise.allSettled(queued)
    t.deepEqual(
      outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
      ['SLUICE_COMMIT_FAILED', 'SLUICE_COMMIT_FAILED', 'SLUICE_COMMIT_FAILED'],
    )
    t.deepEqual(
      outcomes.slice(0, 2).map((outcome) => outcome.status === 'rejected' && outcome.reason.outcome),
      ['not-written', 'not-written'],
    )
    t.is((await failed()).code, 'SLUICE_FAILED')
    t.is(log.durableLsn, 2)
    t.deepEqual(told, [1, 2])
    t.deepEqual(await texts(log), ['first', 'second'], 'what is durable can be read')
    const there = ['first', 'second', ...(found ? [order(moment, way)] : [])]
    const reopened = await isLatched(t, trial, there)
    t.is(await reopened.append('next'), there.length + 1)
  })
}

for (const way of ['exit', 'throw'] as const) {
  test.serial(`a writer thread that ends while it lingers (${way}) latches the log at once`, async (t) => {
    const trial = await openMortal(t)
    t.is(await trial.log.append(order('lingering', way)), 1)
    t.is((await trial.failed()).code, 'SLUICE_FAILED')
    await isLatched(t, trial, [order('lingering', way)])
  })
}

test.serial('a writer thread with an uncaught exception while it is idle latches the log at once', async (t) => {
  const trial = await openMortal(t)
  t.is(await trial.log.append(order('idle', 'throw')), 1)
  t.regex((await trial.failed()).message, /ordered to throw/)
  await isLatched(t, trial, [order('idle', 'throw')])
})

test.serial('a thread that replaced the writer in silence refuses to go on, and the log latches', async (t) => {
  const trial = await replacedInSilence(t)
  t.is(trial.log.status, 'open')
  const refused = await t.throwsAsync(settled(trial.log, trial.log.append('x')), {
    instanceOf: SluiceError,
    code: 'SLUICE_COMMIT_FAILED',
  })
  t.is(refused?.outcome, 'not-written')
  t.regex((await trial.failed()).message, /died and was replaced/)
  await isLatched(t, trial, [order('idle', 'exit')])
})

test.serial('closing says that the writer is gone, and releases everything', async (t) => {
  const { log, directory } = await replacedInSilence(t, { flush: 'never' })
  // The first record began a segment, and is durable: it takes another one for close() to have something to refuse.
  const lost = t.throwsAsync(settled(log, log.append('lost')), {
    instanceOf: SluiceError,
    code: 'SLUICE_COMMIT_FAILED',
  })
  await t.throwsAsync(settled(log, log.close()), { instanceOf: SluiceError, code: 'SLUICE_FAILED' })
  await lost
  const reopened = await openLog(directory)
  t.deepEqual(await texts(reopened), [order('idle', 'exit')])
  await reopened.close()
})

test.serial('a sync that fails in the writer thread is told with the system’s error', async (t) => {
  const trial = await openMortal(t)
  t.is(await trial.log.append('first'), 1)
  const inFlight = settled(trial.log, trial.log.append(order('sync', 'EIO')))
  const queued = settled(trial.log, trial.log.append('queued'))
  const error = await t.throwsAsync(inFlight, { instanceOf: SluiceError, code: 'SLUICE_COMMIT_FAILED' })
  t.like(error, { outcome: 'indeterminate', errno: -5, syscall: 'fdatasync', firstLsn: 2, lastLsn: 2 })
  t.like(await t.throwsAsync(queued), { outcome: 'not-written', firstLsn: 3, lastLsn: 3 })
  t.like((await trial.failed()).cause, { code: 'EIO', errno: -5 })
  await isLatched(t, trial, ['first', order('sync', 'EIO')])
})

test.serial('a disk that is full for one write only rolls back, and the writer thread goes on', async (t) => {
  const { log, directory } = await openMortal(t)
  const rollbacks: number[] = []
  log.on('rollback', (lsn) => rollbacks.push(lsn))
  t.is(await log.append('first'), 1)
  const outcomes = await Promise.allSettled([log.append(order('half-written', 'ENOSPC')), log.append('queued')])
  for (const outcome of outcomes) {
    t.like(outcome, { status: 'rejected', reason: { code: 'SLUICE_DISK_FULL', outcome: 'not-written' } })
  }
  t.deepEqual(rollbacks, [1])
  t.deepEqual(await Promise.all([log.append('second'), log.append('third')]), [2, 3])
  await log.close()
  const reopened = await openLog(directory)
  t.deepEqual(await texts(reopened), ['first', 'second', 'third'])
  t.true(reopened.recovery.cleanShutdown)
  await reopened.close()
})

testWith(test.serial, missingTool('mkfifo', '--version'))(
  'the lock is given back only once a writer thread that failed has ended, with all that it had begun',
  async (t) => {
    const { log, directory, failed } = await openMortal(t)
    const fifo = fifoIn(directory)
    spawnSync('mkfifo', [fifo])
    t.is(await log.append(order('idle', 'throw slowly')), 1)
    await failed()
    const closing = log.close()
    try {
      await t.throwsAsync(openLog(directory), { instanceOf: SluiceError, code: 'SLUICE_LOCKED' })
    } finally {
      const pipe = await open(fifo, 'r+')
      await closing
      await pipe.close()
    }
    const reopened = await openLog(directory)
    t.deepEqual(await texts(reopened), [order('idle', 'throw slowly')])
    await reopened.close()
  },
)

const ROUNDS = Number(process.env['SLUICE_RUNS'] ?? 4)
const APPENDS = 400

test('a writer thread that is terminated at any moment, with appends pending, loses nothing that was acknowledged', async (t) => {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  const directory = temporaryDirectory(t)
  let expected: string[] = []
  const found = { acked: 0, indeterminate: 0, notWritten: 0, indeterminateThere: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const when = `round ${round}, seed ${seed}`
    let writer: Worker | undefined
    process.once('worker', (worker) => {
      writer = worker
    })
    const log = await openLog(directory, { segmentBytes: 64 * 1024, batch: { maxRecords: 1 + below(50) } })
    const first = log.nextLsn
    t.is(first, expected.length + 1, when)
    const records = Array.from({ length: APPENDS }, (_, index) => `${round}.${index} ${'x'.repeat(below(600))}`)
    const appends = records.map((record) => log.append(record))
    await appends[below(APPENDS / 2)]
    await writer?.terminate()
    const outcomes = await within('outcomes', () => log.status, Promise.allSettled(appends))
    let acked = first - 1
    let notWritten = Number.POSITIVE_INFINITY
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') {
        t.is(outcome.value, first + index, when)
        acked = outcome.value
        found.acked++
        continue
      }
      const { reason } = outcome
      if (!(reason instanceof SluiceError) || reason.code !== 'SLUICE_COMMIT_FAILED')
        return t.fail(`${when}: ${reason}`)
      if (reason.outcome === 'not-written') notWritten = Math.min(notWritten, first + index)
      found[reason.outcome === 'not-written' ? 'notWritten' : 'indeterminate']++
    }
    t.is(acked, log.durableLsn, when)
    await log.close()
    const reopened = await openLog(directory)
    const last = reopened.durableLsn
    t.true(last >= acked, `${when}: LSN ${acked} was acknowledged, and ${last} is the last`)
    t.true(last < notWritten, `${when}: LSN ${notWritten} was said not to be written, and ${last} is the last`)
    found.indeterminateThere += last - acked
    expected = [...expected, ...records.slice(0, last - first + 1)]
    const there: string[] = []
    for await (const { data } of reopened.read()) there.push(data.toString())
    t.deepEqual(there, expected, when)
    await reopened.close()
  }
  t.log(found)
  t.true(found.acked > 0 && found.indeterminate + found.notWritten > 0, 'some were acknowledged, and some were not')
})

test.serial('a busy period is one task, however many batches it has, and no record goes with a task', async (t) => {
  const { run } = Piscina.prototype
  const tasks: unknown[] = []
  Piscina.prototype.run = function (this: Piscina, ...given) {
    tasks.push(given[0])
    return run.apply(this, given)
  }
  t.teardown(() => {
    Piscina.prototype.run = run
  })
  const log = await openLog(temporaryDirectory(t), { batch: { maxRecords: 1 } })
  tasks.length = 0
  // All of one turn: the writer finds the next batch each time that it has made one durable.
  await Promise.all(Array.from({ length: 500 }, () => log.append('x')))
  t.is(log.stats().batches, 500)
  t.true(tasks.length >= 1 && tasks.length <= 5, `${tasks.length} tasks`)
  for (const task of tasks) t.deepEqual(Object.keys(task as object).sort(), ['epoch', 'kind']) // It is a WriterTask.
  await log.close()
})

for (const memories of ['none', '+', '++', '+++', '++++', '+++++', '++++++', '-+++', '+-++', '++-+', '++-+-+']) {
  // The thread takes the environment over when it is started: tests that run meanwhile would change it.
  test.serial(`a log takes batches of every size where not all memory begins at a page: ${memories}`, async (t) => {
    const directory = temporaryDirectory(t)
    process.env['SLUICE_TEST_MEMORIES'] = memories
    const sizes = [100, 200_000, 100, 1_000_000, 70_000, 5_000_000, 3]
    const records = sizes.map((size, at) => Buffer.alloc(size, at + 1))
    let found: readonly LogRecord[] = []
    for (const some of [records.slice(0, 2), records.slice(2)]) {
      const log = await openLog(directory, { workerUrl: new URL('../fixtures/cramped-writer.js', import.meta.url) })
      t.teardown(() => log.close().catch(() => {}))
      for (const record of some) await settled(log, log.append(record))
      found = (await collect(log.read())).records
      await settled(log, log.close())
    }
    t.like(verifyLog(nodeFileSystem, directory), { ok: true, lastLsn: records.length })
    const reader = await openLogReader(directory)
    const { records: readBack } = await collect(reader.read())
    await reader.close()
    t.is(readBack.length, records.length)
    for (const [at, record] of records.entries()) t.true(readBack[at]?.data.equals(record), `record ${at}, read back`)
    t.is(found.length, records.length)
    for (const [at, record] of records.entries()) t.true(found[at]?.data.equals(record), `record ${at}`)
  })
}
