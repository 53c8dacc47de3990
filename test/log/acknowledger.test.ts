import test from 'ava'
import { collectGarbage } from '../../bench/collect-garbage.js'
import { Acknowledger } from '../../src/log/acknowledger.js'
import { PendingFrame } from '../../src/log/pending-frame.js'
import type { AckLevel } from '../../src/options.js'
import type { WriterReport } from '../../src/ring/report.js'
import { MOST_APPENDS, NO_DISK, NO_SPACE, scripted } from '../support/scripted-committer.js'
import { LEAST_PENDING_BYTES, quiet, turn, watch } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

interface Told {
  readonly frames: number
  readonly appends: number
  readonly costMs: number
  /** What everything else of a turn takes. */
  readonly othersMs?: number
}

/** Frames of so many appends each, whose callers take so long each once they are told, and what is told in each slice. */
function acknowledging({ frames, appends, costMs, othersMs = 0 }: Told) {
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
    await new Promise(process.nextTick)
    while (acknowledger.isBehind) {
      nowMs += othersMs
      await turn()
    }
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
  t.deepEqual(slices.slice(0, 3), [260, 20, 20], 'a millisecond is twenty of them')
})

test('whatever else a loop does in a turn, as many are told', async (t) => {
  const { told, slices, run } = acknowledging({ frames: 600, appends: 1, costMs: 1 / 32, othersMs: 50 })
  await run()
  t.deepEqual(told, inOrder(600))
  t.deepEqual(slices, [256, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 24])
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

test('a turn tells a slice, however many reports come in it', async (t) => {
  for (const [flush, appends] of [
    ['batch', 128],
    ['immediate', 1],
  ] as const) {
    const { committer, order } = await appended(3000, { flush })
    for (let lsn = appends; lsn <= 3000; lsn += appends) committer.progress(lsn, lsn)
    await null
    await null
    t.is(order.length, 256, JSON.stringify(flush))
    await quiet()
    t.is(order.length, 3000 - (3000 % appends))
  }
})

test.serial(
  'a flush is told behind the durable appends that it waited for, whatever was only written comes in between',
  async (t) => {
    SteppedClock.install(t)
    const { coordinator, committer } = await scripted()
    const order: string[] = []
    const appendAll = (count: number, ack: AckLevel): void => {
      for (let left = count; left > 0; left--)
        void coordinator.append('x', 1, ack, undefined).then((lsn) => order.push(`${ack} ${lsn}`))
    }
    appendAll(300, 'durable')
    void coordinator.flush().then((lsn) => order.push(`flushed ${lsn}`))
    appendAll(2000, 'written')
    await turn()
    committer.take()
    committer.progress(2300, 0)
    committer.progress(2300, 2300)
    await quiet()
    t.is(order.length, 2301)
    const flushed = order.indexOf('flushed 2300')
    t.true(flushed > order.indexOf('durable 300'))
    t.true(flushed < order.indexOf('written 2300'), 'it waits for no others')
    const written = order.filter((told) => told.startsWith('written'))
    t.deepEqual(
      written,
      inOrder(2000).map((at) => `written ${300 + at}`),
    )
  },
)

test('nothing is kept of what was told, while others are always left', async (t) => {
  const acknowledger = new Acknowledger({ acknowledge: (frame) => frame.acknowledge(), resumed: () => {} }, () => 0)
  const told: WeakRef<PendingFrame>[] = []
  const push = (): void => {
    for (let count = 0; count < 300; count++) {
      const frame = new PendingFrame(0, told.length + 1, 'durable', 0, 0)
      frame.add(() => {})
      told.push(new WeakRef(frame))
      acknowledger.push(frame)
    }
  }
  push()
  acknowledger.begin()
  for (let round = 0; round < 20; round++) {
    push()
    // Of 300 each time, a turn tells 256, and then more: so many are pushed behind them that some are left.
    if (round % 4 === 0) for (let more = 0; more < 12; more++) push()
    await turn()
    t.true(acknowledger.isBehind)
  }
  const { firstLsn = 0 } = acknowledger
  t.true(firstLsn > 2000, `${firstLsn}`)
  collectGarbage()
  const kept = told.slice(0, firstLsn - 1).filter((frame) => frame.deref() !== undefined)
  t.is(kept.length, 0, `of ${firstLsn - 1}`)
  acknowledger.finish()
})

/** What may be reported right behind what is durable up to `lsn`, of all that lies above it. */
function endsAt(lsn: number): readonly (WriterReport & { readonly kind: 'failed' | 'rollback' })[] {
  return [
    { kind: 'failed', writtenLsn: lsn, durableLsn: lsn, error: NO_DISK },
    { kind: 'rollback', lsn, error: NO_SPACE },
  ]
}

test('what was reported durable is resolved, whatever is reported in the same turn', async (t) => {
  for (const report of endsAt(896)) {
    const { kind } = report
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

test('a flush of what is durable resolves, whatever is reported before all are told', async (t) => {
  for (const report of endsAt(1000)) {
    const { kind } = report
    const { coordinator, committer, order } = await appended(1000)
    committer.progress(1000, 1000)
    const flushed = watch(coordinator.flush())
    committer.report(report)
    await quiet()
    t.deepEqual(flushed.settled, { kind: 'resolved', value: 1000 }, kind)
    t.is(order.length, 1000)
  }
})

test('there is room as soon as what was only to be written is written', async (t) => {
  const { coordinator, committer } = await scripted({ flush: { everyMs: 1000 } })
  for (let count = 0; count < 100; count++) void coordinator.append('x', 1, 'written', undefined)
  await turn()
  committer.take()
  t.true(coordinator.occupancy.pendingBytes > 0)
  committer.progress(100, 0)
  t.is(coordinator.occupancy.pendingBytes, 0)
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

test.serial('a frame begun while others are told waits for what they append, for a millisecond', async (t) => {
  const clock = SteppedClock.install(t)
  for (const waits of [true, false]) {
    const { coordinator, committer } = await appended(3000)
    committer.progress(3000, 3000)
    void coordinator.append('y', 1, 'durable', undefined)
    await turn()
    t.is(committer.consumer.available, 0, 'others are still told')
    if (!waits) clock.spend(1)
    await turn()
    t.is(committer.consumer.available, waits ? 0 : 1)
    await quiet()
    t.is(committer.consumer.available, 1)
  }
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
