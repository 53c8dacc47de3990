import test from 'ava'
import { checkedRecords } from '../../src/log/append-arguments.js'
import type { Coordinator } from '../../src/log/coordinator.js'
import type { AckLevel } from '../../src/options.js'
import { readDraftNotes } from '../../src/ring/draft-notes.js'
import { MOST_APPENDS, NO_DISK, NO_SPACE, scripted } from '../support/scripted-committer.js'
import {
  LEAST_PENDING_BYTES,
  quiet,
  rejection,
  rejects,
  SOME_BYTES,
  throws,
  turn,
  watch,
} from '../support/simulated-log.js'

function append(coordinator: Coordinator, text: string, ack: AckLevel = 'durable'): Promise<number> {
  return coordinator.append(text, Buffer.byteLength(text), ack, undefined)
}

function appendMany(coordinator: Coordinator, texts: string[], ack: AckLevel = 'durable'): Promise<unknown> {
  return coordinator.appendMany(checkedRecords(texts, 1024 * 1024), ack, undefined)
}

test('a written append resolves when it is written, a durable one when it is synced', async (t) => {
  const { coordinator, committer } = await scripted()
  const durable = watch(append(coordinator, 'd'))
  const written = watch(append(coordinator, 'w', 'written'))
  const many = watch(appendMany(coordinator, ['m', 'n'], 'written'))
  const behind = watch(append(coordinator, 'b', 'written'))
  await turn()
  t.deepEqual(committer.take(), [1, 2, 3, 5])
  committer.progress(4, 0)
  await quiet()
  t.is(durable.settled, undefined)
  t.deepEqual(written.settled, { kind: 'resolved', value: 2 })
  t.deepEqual(many.settled, { kind: 'resolved', value: { first: 3, last: 4 } })
  t.is(behind.settled, undefined)
  committer.progress(5, 4)
  await quiet()
  t.deepEqual(durable.settled, { kind: 'resolved', value: 1 })
  t.deepEqual(behind.settled, { kind: 'resolved', value: 5 })
  t.is(coordinator.durableLsn, 4)
})

test('frames are handed over at the end of the turn, or once they are worth it', async (t) => {
  const { coordinator, committer } = await scripted()
  void append(coordinator, 'small')
  t.is(committer.consumer.available, 0)
  t.is(committer.wakes, 0)
  await turn()
  t.is(committer.consumer.available, 1)
  t.is(committer.wakes, 1)
  for (let index = 0; index < 127; index++) void append(coordinator, '')
  void append(coordinator, '')
  void append(coordinator, 'x'.repeat(40_000))
  t.is(committer.consumer.available, 1, 'the writer is not shown few bytes before the turn ends')
  t.is(committer.wakes, 1)
  void append(coordinator, 'x'.repeat(42_000))
  t.is(committer.consumer.available, 4, '128 records are a frame, and so are 32 KiB')
  t.is(committer.wakes, 2)
  void append(coordinator, 'a')
  void appendMany(coordinator, ['b', 'c'])
  t.is(committer.consumer.available, 4)
  await turn()
  t.is(committer.consumer.available, 6, 'an appendMany shares its frame with nobody')
})

test('frames that end early are shown to the writer as soon as others', async (t) => {
  const { coordinator, committer } = await scripted()
  for (let index = 0; index < 30; index++) {
    void append(coordinator, 'x'.repeat(4000), 'durable')
    void append(coordinator, 'y'.repeat(4000), 'written')
  }
  t.is(committer.wakes, 2)
  t.true(committer.consumer.available > 40)
  t.true(committer.consumer.available < 60, 'what is less than that together waits for the end of the turn')
})

test('the writer is spared checksums while it is at work, as far as a turn of the event loop allows', async (t) => {
  const { coordinator, committer } = await scripted()
  /** Of each frame that the writer sees, whether it comes with its checksum. */
  const spared = (): boolean[] => {
    const { consumer } = committer
    const places = Array.from({ length: consumer.available }, (_, index) => consumer.placeOf(index))
    consumer.take(places.length)
    return places.map((place) => readDraftNotes(consumer.bytes, place).checksum !== undefined)
  }
  const appendFrames = (frames: number): void => {
    for (let index = 0; index < frames; index++) void append(coordinator, 'x'.repeat(50_000))
  }
  appendFrames(1)
  await turn()
  t.deepEqual(spared(), [false], 'it has nothing else to do')
  appendFrames(1)
  await turn()
  appendFrames(7)
  t.deepEqual(spared(), [true, true, true, true, true, true, false], 'one of the turn before, five, and no more')
  await turn()
  committer.progress(9, 0)
  appendFrames(1)
  await turn()
  t.deepEqual(spared(), [false, false], 'all that it was shown is written')
})

test('levels never share a frame, and under immediate nothing does', async (t) => {
  const { coordinator, committer } = await scripted()
  for (const ack of ['durable', 'durable', 'written', 'durable'] as const) void append(coordinator, 'x', ack)
  await turn()
  t.deepEqual(committer.take(), [1, 3, 4])
  const immediate = await scripted({ flush: 'immediate' })
  for (let index = 0; index < 3; index++) void append(immediate.coordinator, 'x')
  void appendMany(immediate.coordinator, ['y', 'z'])
  await turn()
  t.deepEqual(immediate.committer.take(), [1, 2, 3, 4])
})

test('what the writer had taken is indeterminate, what was queued behind was not written', async (t) => {
  const { coordinator, committer, told } = await scripted()
  const taken = append(coordinator, 'taken')
  await turn()
  committer.take()
  const queued = appendMany(coordinator, ['queued', 'queued'])
  const open = append(coordinator, 'open')
  const flushed = coordinator.flush()
  const ready = coordinator.ready()
  const trimmed = coordinator.trim(1)
  t.true(coordinator.occupancy.pendingBytes > 0)
  committer.report({ kind: 'failed', writtenLsn: 1, durableLsn: 0, error: NO_DISK })
  const indeterminate = { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate', syscall: 'fdatasync' } as const
  const notWritten = { ...indeterminate, outcome: 'not-written' } as const
  await rejects(t, taken, { ...indeterminate, firstLsn: 1, lastLsn: 1 })
  await rejects(t, queued, { ...notWritten, firstLsn: 2, lastLsn: 3 })
  await rejects(t, open, { ...notWritten, firstLsn: 4, lastLsn: 4 })
  await rejects(t, flushed, { ...indeterminate, lastLsn: 4 })
  await ready
  await rejects(t, trimmed, { code: 'SLUICE_FAILED' })
  t.deepEqual(told, [['failed', 'SLUICE_FAILED']])
  t.deepEqual(coordinator.occupancy, { pendingBytes: 0, waiting: 0, waitingBytes: 0, preparedBytes: 0 })
  for (const late of [append(coordinator, 'late'), appendMany(coordinator, ['late']), coordinator.flush()]) {
    await rejects(t, late, { code: 'SLUICE_FAILED', syscall: 'fdatasync' })
  }
  await rejects(t, coordinator.ready(), { code: 'SLUICE_FAILED' })
  await rejects(t, coordinator.trim(1), { code: 'SLUICE_FAILED' })
  committer.report({ kind: 'failed', writtenLsn: 1, durableLsn: 0, error: NO_DISK })
  t.is(told.length, 1, 'a log fails once')
  await coordinator.close()
  t.true(committer.stopped)
})

test('those that wait for room were not accepted: they are told that the log failed', async (t) => {
  const { coordinator, committer } = await scripted({ maxPendingBytes: LEAST_PENDING_BYTES })
  const accepted = Array.from({ length: MOST_APPENDS }, () => rejection(append(coordinator, '')))
  const waiting = rejects(t, append(coordinator, ''), { code: 'SLUICE_FAILED' })
  const ready = rejects(t, coordinator.ready(), { code: 'SLUICE_FAILED' })
  committer.lose(new Error('the thread is gone'))
  await Promise.all([...accepted, waiting, ready])
  t.is(coordinator.occupancy.waitingBytes, 0)
})

test('a rollback frees the LSNs above, keeps what was written, and goes on', async (t) => {
  const { coordinator, committer, told } = await scripted({ flush: { everyMs: 1000 } })
  const kept = append(coordinator, 'kept')
  await turn()
  committer.take()
  committer.progress(1, 0)
  const lost = append(coordinator, 'lost')
  await turn()
  committer.take()
  const behind = appendMany(coordinator, ['behind', 'behind'])
  const open = append(coordinator, 'open')
  const flushed = coordinator.flush()
  committer.report({ kind: 'rollback', lsn: 1, error: NO_SPACE })
  t.is(coordinator.nextLsn, 2)
  t.is(committer.resumes, 1)
  const full = { code: 'SLUICE_DISK_FULL', outcome: 'not-written' } as const
  await rejects(t, lost, { ...full, firstLsn: 2, lastLsn: 2 })
  await rejects(t, behind, { ...full, firstLsn: 3, lastLsn: 4 })
  await rejects(t, open, { ...full, firstLsn: 5, lastLsn: 5 })
  await rejects(t, flushed, { ...full, firstLsn: 2, lastLsn: 5 })
  t.is(committer.consumer.flushTarget, 0, 'a target that nothing reaches would make a sync of every write')
  const again = append(coordinator, 'again')
  await turn()
  t.deepEqual(committer.take(), [2])
  committer.progress(2, 2)
  t.deepEqual(await Promise.all([kept, again]), [1, 2])
  t.deepEqual(told.slice(0, 2), [
    ['progress', 0],
    ['rollback', 1],
  ])
})

test('a listener told of a rollback may append and flush: its LSNs are the new ones', async (t) => {
  const script = await scripted()
  const { coordinator, committer } = script
  const lost = rejection(append(coordinator, 'lost'))
  const lostFlush = rejection(coordinator.flush())
  await turn()
  committer.take()
  let again: Promise<number> | undefined
  let flushed: Promise<number> | undefined
  script.onTold = ([event]) => {
    if (event !== 'rollback') return
    again = append(coordinator, 'again')
    flushed = coordinator.flush()
  }
  committer.report({ kind: 'rollback', lsn: 0, error: NO_SPACE })
  await Promise.all([lost, lostFlush])
  t.is(committer.consumer.flushTarget, 1)
  t.deepEqual(committer.take(), [1])
  committer.progress(1, 1)
  t.deepEqual(await Promise.all([again, flushed]), [1, 1])
})

test('appends count against the room however small they are, and ready() waits until there is some', async (t) => {
  const { coordinator, committer, told } = await scripted({ maxPendingBytes: LEAST_PENDING_BYTES, onFull: 'reject' })
  await coordinator.ready()
  const appends = Array.from({ length: MOST_APPENDS }, () => append(coordinator, ''))
  await rejects(t, append(coordinator, ''), { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' })
  const ready = watch(coordinator.ready())
  await turn()
  committer.take()
  committer.progress(MOST_APPENDS, 0)
  await quiet()
  t.is(ready.settled, undefined, 'nothing was settled, so there is no more room than before')
  await rejects(t, append(coordinator, ''), { code: 'SLUICE_QUEUE_FULL' })
  t.false(told.some(([event]) => event === 'drain'))
  committer.progress(MOST_APPENDS, MOST_APPENDS)
  await Promise.all(appends)
  await quiet()
  t.deepEqual(ready.settled, { kind: 'resolved', value: undefined })
  t.deepEqual(told.at(-1), ['drain'])
  await coordinator.ready()
})

test('LSNs end at 2^53 - 1: past it appends are refused, those that wait counted', async (t) => {
  const last = Number.MAX_SAFE_INTEGER
  const { coordinator, committer } = await scripted({ maxPendingBytes: LEAST_PENDING_BYTES }, last - 6)
  const past = { code: 'SLUICE_INVALID_ARGUMENT', mentions: '2^53 - 1' } as const
  throws(t, () => appendMany(coordinator, ['1', '2', '3', '4', '5', '6', '7']), past)
  const large = ['x'.repeat(4000), 'x'.repeat(4000)]
  const accepted = appendMany(coordinator, large)
  const some = 's'.repeat(SOME_BYTES)
  const waiting = [appendMany(coordinator, [some, some, some]), append(coordinator, some)]
  t.is(coordinator.occupancy.waiting, 2)
  throws(t, () => append(coordinator, 'one too many'), past)
  await turn()
  committer.take()
  committer.progress(last - 4, last - 4)
  await turn()
  committer.take()
  committer.progress(last, last)
  t.deepEqual(await Promise.all([accepted, ...waiting]), [
    { first: last - 5, last: last - 4 },
    { first: last - 3, last: last - 1 },
    last,
  ])
  throws(t, () => append(coordinator, 'x'), past)
  t.is(await coordinator.flush(), last)
})

test('a trim that nobody could ask the writer for any more is refused at close, not forgotten', async (t) => {
  const { coordinator, committer } = await scripted({}, 10)
  const first = coordinator.trim(5)
  const second = coordinator.trim(7)
  t.is(committer.consumer.trimTarget, 5)
  const closed = coordinator.close()
  // The writer had both to do: it trimmed, found nothing more, and closed, before it could hear of the second target.
  committer.report({ kind: 'trimmed', firstLsn: 5 })
  committer.report({ kind: 'closed', durableLsn: 10 })
  await first
  await rejects(t, second, { code: 'SLUICE_CLOSED' })
  await closed
})

test('what a rollback takes while the log is closing, close() tells', async (t) => {
  const { coordinator, committer } = await scripted()
  const lost = rejects(t, append(coordinator, 'lost'), { code: 'SLUICE_DISK_FULL' })
  const closed = rejects(t, coordinator.close(), { code: 'SLUICE_DISK_FULL', firstLsn: 1, lastLsn: 1 })
  t.true(committer.consumer.closeRequested)
  committer.take()
  committer.report({ kind: 'rollback', lsn: 0, error: NO_SPACE })
  await lost
  committer.report({ kind: 'closed', durableLsn: 0 })
  await closed
  t.true(committer.stopped)
})

test('a writer that ends before it has committed all has failed, however it ends', async (t) => {
  const { coordinator, committer, told } = await scripted()
  const lost = watch(append(coordinator, 'lost'))
  await turn()
  committer.take()
  const closed = watch(coordinator.close())
  committer.report({ kind: 'closed', durableLsn: 0 })
  await quiet()
  t.like(lost.settled, { kind: 'rejected', error: { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate' } })
  t.like(closed.settled, { kind: 'rejected', error: { code: 'SLUICE_FAILED' } })
  t.deepEqual(told.at(-1), ['failed', 'SLUICE_FAILED'])
})
