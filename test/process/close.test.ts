import { readdirSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const CLOSED = { instanceOf: SluiceError, code: 'SLUICE_CLOSED' }

const POLICIES: Readonly<Record<string, LogOptions>> = {
  batch: {},
  immediate: { flush: 'immediate' },
  'an interval that is long over when nobody waits any more': { flush: { everyMs: 3_600_000 } },
  'an interval, written': { flush: { everyMs: 3_600_000 }, ack: 'written' },
  'a count that is never reached': { flush: { everyRecords: 1_000_000 }, ack: 'written' },
  never: { flush: 'never' },
  'a delay that is long over when nobody waits any more': { batch: { maxDelayMs: 60_000 } },
}

for (const [name, options] of Object.entries(POLICIES)) {
  test(`closing makes all that was accepted durable: ${name}`, async (t) => {
    const directory = temporaryDirectory(t)
    const log = await openLog(directory, options)
    // Of another batch than the first one, which makes the first segment.
    log.append('1', { ack: 'written' })
    await log.flush()
    const appends = Array.from({ length: 300 }, (_, index) => log.append(`${index + 2}`))
    const many = log.appendMany(['302', '303'])
    t.is(log.nextLsn, 304)
    const closing = log.close()
    t.is(log.status, 'closing')
    await closing
    t.is(log.status, 'closed')
    t.is(log.durableLsn, 303)
    t.deepEqual(
      await Promise.all(appends),
      appends.map((_, index) => index + 2),
    )
    t.deepEqual(await many, { first: 302, last: 303 })
    const reopened = await openLog(directory)
    t.like(reopened.recovery, { cleanShutdown: true, lastLsn: 303, records: 303, rewrittenRecords: 0, torn: undefined })
    for await (const { lsn, data } of reopened.read()) if (data.toString() !== `${lsn}`) t.fail(`LSN ${lsn} is ${data}`)
    await reopened.close()
  })
}

async function refusesAll(t: ExecutionContext, log: Log): Promise<void> {
  const { nextLsn } = log
  await t.throwsAsync(log.append('x'), CLOSED)
  await t.throwsAsync(log.appendMany(['x', 'y']), CLOSED)
  await t.throwsAsync(log.flush(), CLOSED)
  await t.throwsAsync(log.ready(), CLOSED)
  await t.throwsAsync(log.trim(1), CLOSED)
  t.is(log.nextLsn, nextLsn)
}

test('calls after close are refused, from the call on', async (t) => {
  const log = await openLog(temporaryDirectory(t))
  await log.append('x')
  const closing = log.close()
  await refusesAll(t, log)
  await closing
  await refusesAll(t, log)
  await t.throwsAsync(log.get(1), CLOSED)
  await t.throwsAsync(log.read()[Symbol.asyncIterator]().next(), CLOSED)
  await t.throwsAsync(log.follow()[Symbol.asyncIterator]().next(), CLOSED)
  t.like(log, { firstLsn: 1, nextLsn: 2, durableLsn: 1 })
  t.is(log.stats().records, 1)
  t.is(log.recovery.records, 0)
})

test('closing again is closing once: while it goes on, and afterwards', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(directory)
  let closes = 0
  log.on('close', () => closes++)
  const append = log.append('x')
  const first = log.close()
  const second = log.close()
  const third = log[Symbol.asyncDispose]()
  t.is(await append, 1)
  await Promise.all([first, second, third])
  await log.close()
  t.is(closes, 1)
  // Someone else's log is not touched by a close that comes too late.
  const other = await openLog(directory)
  await log.close()
  t.is(await other.append('y'), 2)
  await t.throwsAsync(openLog(directory), { code: 'SLUICE_LOCKED' })
  await other.close()
})

test('a log that was never appended to closes, and is none the worse for it', async (t) => {
  const directory = temporaryDirectory(t)
  for (let time = 0; time < 3; time++) {
    const log = await openLog(directory)
    t.like(log, { firstLsn: 1, nextLsn: 1, durableLsn: 0 })
    t.true(log.recovery.cleanShutdown)
    await log.close()
  }
  t.deepEqual(readdirSync(directory).sort(), ['lock', 'mark'])
})

test('a follower gets the last durable record, and ends, when its log is closed', async (t) => {
  const log = await openLog(temporaryDirectory(t))
  await log.append('1')
  const followed: string[] = []
  const following = (async () => {
    for await (const { data } of log.follow()) followed.push(data.toString())
  })()
  const appends = Array.from({ length: 50 }, (_, index) => log.append(`${index + 2}`))
  await log.close()
  await Promise.all(appends)
  await following
  t.deepEqual(
    followed,
    Array.from({ length: 51 }, (_, index) => `${index + 1}`),
  )
})

test('a log is closed at the end of its block, whatever ends that', async (t) => {
  const directory = temporaryDirectory(t)
  const using = async (): Promise<void> => {
    await using log = await openLog(directory, { flush: 'never' })
    await log.append('x')
    throw new Error('something else went wrong')
  }
  await t.throwsAsync(using(), { message: 'something else went wrong' })
  const log = await openLog(directory)
  t.like(log.recovery, { cleanShutdown: true, records: 1 })
  await log.close()
})
