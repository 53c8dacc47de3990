import { getEventListeners } from 'node:events'
import test from 'ava'
import { EventAppender } from '../../src/events/event-appender.js'
import { EventIndex, POSITION_MAX } from '../../src/events/event-index.js'
import type { CheckedEvent } from '../../src/events/event-record.js'
import { IdWindow } from '../../src/events/id-window.js'
import type { Log } from '../../src/log/contract.js'
import { openSimulatedEvents } from '../support/simulated-event-store.js'
import { rejection, throws } from '../support/simulated-log.js'

test('once an append no longer waits for room, its signal is let go', async (t) => {
  const { store } = await openSimulatedEvents({ maxPendingBytes: 16 * 1024 })
  const data = 'h'.repeat(3800)
  const { signal } = new AbortController()
  const listeners = () => getEventListeners(signal, 'abort').length
  const accepted = [1, 2, 3].map(() => store.append({ type: 'A', data }, undefined, { signal }))
  t.is(listeners(), 1, 'one of them waits')
  await Promise.all(accepted)
  t.is(listeners(), 0)
  const filled = [1, 2, 3].map(() => store.append({ type: 'A', data }, undefined, { signal }))
  const refused = rejection(filled[2] ?? Promise.resolve())
  t.is(listeners(), 1)
  await store.close()
  t.like(await refused, { code: 'SLUICE_CLOSED' })
  t.is(listeners(), 0)
})

/** An appender to a log whose next record has this LSN, and what that was given. */
function appenderAt(nextLsn: number) {
  const given: number[] = []
  const log = {
    status: 'open',
    nextLsn,
    durableLsn: nextLsn - 1,
    on: () => log,
    append: async () => given.push(1),
    appendMany: async (records: readonly unknown[]) => given.push(records.length),
  }
  // Nothing else of it is used to accept an append.
  const appender = new EventAppender(log as unknown as Log, new EventIndex(), new IdWindow(10), {
    onFull: 'reject',
    maxWaiting: 0,
    maxWaitingBytes: 0,
  })
  const append = (count: number): void => {
    const event: CheckedEvent = { type: 'A', tags: [], id: undefined, record: '{"type":"A"}' }
    appender.append(new Array<CheckedEvent>(count).fill(event), undefined, undefined).catch(() => {})
  }
  return { append, given }
}

test('an append past the last position is refused, and the log is not asked', (t) => {
  const { append, given } = appenderAt(POSITION_MAX - 1)
  const tooMany = { code: 'SLUICE_INVALID_ARGUMENT', mentions: `${POSITION_MAX} events` } as const
  throws(t, () => append(3), tooMany)
  t.deepEqual(given, [])
  append(2)
  t.deepEqual(given, [2])
  const full = appenderAt(POSITION_MAX + 1)
  throws(t, () => full.append(1), tooMany)
  t.deepEqual(full.given, [])
})
