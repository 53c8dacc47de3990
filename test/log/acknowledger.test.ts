import test from 'ava'
import { Acknowledger } from '../../src/log/acknowledger.js'
import { PendingFrame } from '../../src/log/pending-frame.js'
import { MOST_APPENDS, NO_DISK, NO_SPACE, scripted } from '../support/scripted-committer.js'
import { LEAST_PENDING_BYTES, quiet, turn, watch } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

/** Frames of so many appends each, whose callers take so long each once they are told, and what is told in each slice. */
function acknowledging({ frames, appends, costMs }: { frames: number; appends: number; costMs: number }) {
  let nowMs = 0
  let inSlice = 0
  const slices: number[] = []
  const endSlice = (): void => {
    slices.push(inSlice)
    inSlice = 0
  }
  const acknowledge = (frame: PendingFrame): number => {
    inSlice += frame.appends
    return frame.acknowledge()
  }
  const acknowledger = new Acknowledger({ acknowledge, resumed: endSlice }, () => nowMs)
  const told: number[] = []
  const ends: Promise<void>[] = []
  for (let number = 0; number < frames; number++) {
    const frame = new PendingFrame(0, 1 + number * appends, 'durable', 0, 0)
    for (let at = 0; at < appends; at++) {
      const append = new Promise<number | Promise<never>>((resolve) => frame.add(resolve))
      ends.push(
        append.then((lsn) => {
          nowMs += costMs
          told.push(Number(lsn))
        }),
      )
    }
    acknowledger.push(frame)
  }
  const run = async (): Promise<void> => {
    acknowledger.begin()
    endSlice()
    await Promise.all(ends)
  }
  return { acknowledger, told, slices, run }
}

function inOrder(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

test('appends are told in order, some in each turn of the event loop', async (t) => {
  const { told, slices, run } = acknowledging({ frames: 40, appends: 50, costMs: 0.001 })
  await run()
  t.deepEqual(told, inOrder(2000))
  t.is(slices[0], 300, 'whole frames, until there are 256')
  t.true((slices[1] ?? 0) > 300 && (slices[1] ?? 0) < 600, `more once they are seen to take little: ${slices}`)
})

test('the more those who are told do, the fewer are told in a turn', async (t) => {
  const { told, slices, run } = acknowledging({ frames: 60, appends: 10, costMs: 0.05 })
  await run()
  t.deepEqual(told, inOrder(600))
  t.deepEqual(slices.slice(0, 3), [260, 10, 10], 'half a millisecond is ten of them')
})

test('a frame is told in one turn, however many appends it has', async (t) => {
  const { slices, run } = acknowledging({ frames: 3, appends: 400, costMs: 1 })
  await run()
  t.deepEqual(slices, [400, 400, 400])
})

test('no more than a thousand are told in a turn, however little they do', async (t) => {
  const { slices, run } = acknowledging({ frames: 500, appends: 16, costMs: 0 })
  await run()
  t.is(Math.max(...slices), 1024)
})

test('what finishes is told at once, and nothing is told later', async (t) => {
  const { acknowledger, told, slices } = acknowledging({ frames: 30, appends: 20, costMs: 0.001 })
  acknowledger.begin()
  t.true(acknowledger.isBehind)
  t.is(acknowledger.firstLsn, 261)
  acknowledger.finish()
  t.false(acknowledger.isBehind)
  t.is(acknowledger.firstLsn, undefined)
  await quiet()
  t.deepEqual(told, inOrder(600))
  t.deepEqual(slices, [], 'none later')
})

/** So many appends, and what becomes of each. */
async function appended(count: number, options: Parameters<typeof scripted>[0] = {}) {
  const script = await scripted(options)
  const order: string[] = []
  const appends = Array.from({ length: count }, () => {
    const append = script.coordinator.append('x', 1, 'durable', undefined)
    append.then(
      (lsn) => order.push(String(lsn)),
      ({ code }: { code: string }) => order.push(code),
    )
    return append
  })
  await turn()
  script.committer.take()
  return { ...script, appends, order }
}

test('a flush is told behind the appends that it waited for', async (t) => {
  const { coordinator, committer, order } = await appended(1000)
  void coordinator.flush().then((lsn) => order.push(`flushed ${lsn}`))
  committer.progress(1000, 1000)
  t.is(coordinator.durableLsn, 1000)
  void coordinator.flush().then((lsn) => order.push(`again ${lsn}`))
  await quiet()
  t.deepEqual(order, [...inOrder(1000).map(String), 'flushed 1000', 'again 1000'])
})

test('the loop goes round between them', async (t) => {
  const { committer, order } = await appended(1000)
  committer.progress(1000, 1000)
  await null
  await null
  const first = order.length
  t.true(first >= 256 && first < 1000, `${first} were told at once`)
  committer.progress(1000, 1000)
  await null
  await null
  t.is(order.length, first, 'another report in the same turn changes nothing')
  await quiet()
  t.is(order.length, 1000)
})

test('what was reported durable is resolved, whatever is reported in the same turn', async (t) => {
  const reports = {
    failed: { kind: 'failed', writtenLsn: 896, durableLsn: 896, error: NO_DISK },
    rollback: { kind: 'rollback', lsn: 896, error: NO_SPACE },
  } as const
  for (const [kind, report] of Object.entries(reports)) {
    const { coordinator, committer, order } = await appended(1000)
    committer.progress(896, 896)
    const flushed = watch(coordinator.flush())
    committer.report(report)
    await quiet()
    const resolved = order.filter((outcome) => /^\d+$/.test(outcome))
    t.deepEqual(resolved, inOrder(896).map(String), kind)
    t.deepEqual(new Set(order.slice(896)), new Set([kind === 'failed' ? 'SLUICE_COMMIT_FAILED' : 'SLUICE_DISK_FULL']))
    t.is(flushed.settled?.kind, 'rejected')
  }
})

test('the writer that is lost takes nothing with it that was reported', async (t) => {
  const { committer, order } = await appended(1000)
  committer.progress(1000, 1000)
  committer.lose(new Error('gone'))
  await quiet()
  t.deepEqual(order, inOrder(1000).map(String))
})

test('closing resolves behind the last append', async (t) => {
  const { coordinator, committer, order } = await appended(1000)
  const closed = coordinator.close().then(() => order.push('closed'))
  committer.progress(1000, 1000)
  committer.report({ kind: 'closed', durableLsn: 1000 })
  await closed
  t.deepEqual(order, [...inOrder(1000).map(String), 'closed'])
})

test('a frame begun while others are told waits for what they append', async (t) => {
  const { coordinator, committer } = await appended(1000)
  committer.progress(1000, 1000)
  void coordinator.append('y', 1, 'durable', undefined)
  await turn()
  t.is(committer.consumer.available, 0, 'others are still told')
  await quiet()
  t.is(committer.consumer.available, 1)
})

test.serial('who waits for room is let in as others are told', async (t) => {
  const clock = SteppedClock.install(t)
  // 64 appends at the most, each in a frame of its own.
  const { coordinator, committer } = await scripted({ maxPendingBytes: LEAST_PENDING_BYTES, flush: 'immediate' })
  let told = 0
  const appendMost = (): void => {
    for (let count = 0; count < MOST_APPENDS; count++) {
      void coordinator.append('x', 1, 'durable', undefined).then(() => {
        told += 1
        clock.spend(1) // Seen once, it makes for slices of one.
      })
    }
  }
  appendMost()
  appendMost()
  for (const lsn of [MOST_APPENDS, 2 * MOST_APPENDS]) {
    await turn()
    appendMost()
    t.is(committer.take().length, MOST_APPENDS)
    committer.progress(lsn, lsn)
    for (let turns = 0; turns < 2 * MOST_APPENDS && told < lsn; turns++) await turn()
    t.is(told, lsn)
  }
  await turn()
  t.is(committer.take().length, MOST_APPENDS)
})
