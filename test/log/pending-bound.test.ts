import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { LogOptions } from '../../src/log/contract.js'
import { random } from '../support/random.js'
import {
  HALF_BYTES,
  LEAST_PENDING_BYTES,
  openBegun,
  openSimulated,
  quiet,
  rejects,
  SOME_BYTES,
  turn,
  watch,
} from '../support/simulated-log.js'

test('nothing that producers do makes the log hold more than maxPendingBytes', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  for (const flush of ['batch', 'immediate', { everyMs: 1 }, { everyRecords: 7, everyMs: 1 }, 'never'] as const) {
    const maxPendingBytes = LEAST_PENDING_BYTES + numbers.below(100_000)
    const maxWaiting = numbers.below(40)
    const options: LogOptions = { flush, maxPendingBytes, maxWaiting, segmentBytes: 64 * 1024 }
    const { log } = await openSimulated(options)
    const outcomes: Promise<'accepted' | 'refused' | 'aborted'>[] = []
    let waited = 0
    for (let round = 0; round < 1500; round++) {
      const controller = new AbortController()
      const { signal } = controller
      // Often tiny, now and then as large as may be.
      const bytes = numbers.below(4) > 0 ? numbers.below(30) : numbers.below(Math.floor(maxPendingBytes / 2) - 4096)
      const data = 'x'.repeat(bytes)
      const ack = flush !== 'never' && numbers.below(2) === 0 ? 'durable' : 'written'
      const many = numbers.below(5) === 0 ? new Array<string>(1 + numbers.below(300)).fill('') : undefined
      const append = many ? log.appendMany([...many, data], { ack, signal }) : log.append(data, { ack, signal })
      outcomes.push(
        append.then(
          () => 'accepted' as const,
          (error: unknown) => {
            if (error instanceof SluiceError && error.code === 'SLUICE_QUEUE_FULL') return 'refused' as const
            if (error === signal.reason) return 'aborted' as const
            throw error
          },
        ),
      )
      if (numbers.below(10) === 0) controller.abort()
      if (round % 6 === 0) {
        const { pendingBytes, waitingBytes, waiting } = log.stats()
        waited = Math.max(waited, waiting)
        if (pendingBytes + waitingBytes > maxPendingBytes)
          t.fail(`${pendingBytes} + ${waitingBytes} > ${maxPendingBytes}`)
        if (waiting > maxWaiting) t.fail(`${waiting} wait, more than ${maxWaiting}`)
      }
      if (numbers.below(30) === 0) await turn()
      if (numbers.below(200) === 0) await log.flush()
    }
    await log.flush()
    await log.ready()
    const settled = await Promise.all(outcomes)
    t.log(`${JSON.stringify(flush)}: ${settled.filter((outcome) => outcome === 'refused').length} of 1500 refused`)
    t.true(settled.includes('accepted'))
    t.true(maxWaiting === 0 || waited > 0)
    const { pendingBytes, waiting, waitingBytes } = log.stats()
    t.deepEqual({ pendingBytes, waiting, waitingBytes }, { pendingBytes: 0, waiting: 0, waitingBytes: 0 })
    await log.close()
  }
})

test('what waits counts with all that its copy takes, also where the records have no bytes at all', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES })
  const filling = log.appendMany(new Array<string>(2000).fill(''))
  const waiting = log.appendMany(new Array<string>(2000).fill(''))
  t.is(log.stats().waitingBytes, 8000)
  await rejects(t, log.appendMany(new Array<string>(100).fill('')), { code: 'SLUICE_QUEUE_FULL' })
  t.deepEqual(await Promise.all([filling, waiting]), [
    { first: 1, last: 2000 },
    { first: 2001, last: 4000 },
  ])
  await log.close()
})

test('onFull reject: no append waits, and ready() and drain say when to come back', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES, onFull: 'reject' })
  let drains = 0
  log.on('drain', () => drains++)
  const large = 'l'.repeat(HALF_BYTES)
  const accepted = [log.append(large), log.append(large)]
  const full = { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' } as const
  await rejects(t, log.append(large), full)
  await rejects(t, log.appendMany(['s'.repeat(SOME_BYTES)]), full)
  t.is(log.stats().waiting, 0)
  t.is(log.nextLsn, 3, 'what was refused takes no LSN')
  const ready = watch(log.ready())
  t.is(ready.settled, undefined)
  await Promise.all(accepted)
  await quiet()
  t.deepEqual(ready.settled, { kind: 'resolved', value: undefined })
  t.is(drains, 1)
  t.is(await log.append(large), 3)
  t.is(drains, 1, 'nobody was refused since')
  await log.close()
})

test('maxWaiting bounds how many wait: 0 is nobody', async (t) => {
  for (const maxWaiting of [0, 1, 3]) {
    const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES, maxWaiting })
    const large = 'l'.repeat(HALF_BYTES)
    const accepted = [log.append(large), log.append(large)]
    for (let index = 0; index < maxWaiting; index++) accepted.push(log.append('s'.repeat(SOME_BYTES)))
    await rejects(t, log.append('s'.repeat(SOME_BYTES)), { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' })
    t.is(log.stats().waiting, maxWaiting)
    t.is((await Promise.all(accepted)).length, maxWaiting + 2)
    await log.ready()
    await log.close()
  }
})

test('ready() resolves at once where there is room, waits where others do, and close() ends the wait', async (t) => {
  const { log } = await openBegun({ flush: { everyMs: 3_600_000 }, maxPendingBytes: LEAST_PENDING_BYTES })
  await log.ready()
  const large = 'l'.repeat(HALF_BYTES)
  const accepted = [log.append(large), log.append(large)]
  const waiting = log.append(large)
  const ready = watch(log.ready())
  await quiet()
  t.is(ready.settled, undefined)
  const ended = rejects(t, waiting, { code: 'SLUICE_CLOSED', outcome: 'not-written' })
  const closed = log.close()
  await ended
  await quiet()
  t.like(ready.settled, { kind: 'rejected', error: { code: 'SLUICE_CLOSED' } })
  await closed
  t.deepEqual(await Promise.all(accepted), [2, 3], 'what was accepted is durable')
  await rejects(t, log.ready(), { code: 'SLUICE_CLOSED' })
})
