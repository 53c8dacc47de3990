import test from 'ava'
import { Batch } from '../../src/writer/batch.js'
import { BatchDelay, type DoneCommit } from '../../src/writer/batch-delay.js'
import { random } from '../support/random.js'
import { simulateCommits, type Traffic } from '../support/simulated-commits.js'

const { seed } = random()

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

function batchOf(records: number, handedOverMs: number, endedBy?: 'records' | 'bytes'): Batch {
  return Object.assign(new Batch(), { records, handedOverMs, endedBy })
}

/** A commit of so many records that took 8 ms, and left nobody waiting, if nothing else is said. */
function commitOf(records: number, endedMs: number, more: Partial<DoneCommit> = {}): DoneCommit {
  return { records, beganMs: endedMs - 8, endedMs, syncMs: 8, waiting: 0, ...more }
}

test('a number of milliseconds counts from the handover of the first frame', (t) => {
  const delay = new BatchDelay(5)
  t.is(delay.holdUntilMs(batchOf(1, 100)), 105)
  delay.noteCommit(commitOf(1000, 99))
  t.is(delay.holdUntilMs(batchOf(1, 100)), 105, 'whatever happened before')
  t.is(new BatchDelay(0).holdUntilMs(batchOf(1, 100)), 100)
})

test('a batch that can take no more is not held', (t) => {
  for (const maxDelayMs of [5, 'adaptive'] as const) {
    const delay = new BatchDelay(maxDelayMs)
    delay.noteCommit(commitOf(1000, 99))
    for (const endedBy of ['records', 'bytes'] as const) t.is(delay.holdUntilMs(batchOf(3, 100, endedBy)), 0)
  }
})

test('adaptive: not at all before there was a commit, nor without company last time', (t) => {
  const delay = new BatchDelay('adaptive')
  t.is(delay.holdUntilMs(batchOf(1, 90)), 0)
  delay.noteCommit(commitOf(1, 99))
  t.is(delay.holdUntilMs(batchOf(1, 100)), 0)
})

test('adaptive: half of a sync at the most, while not all of last time have come back', (t) => {
  const delay = new BatchDelay('adaptive')
  delay.noteCommit(commitOf(10, 99))
  t.is(delay.holdUntilMs(batchOf(9, 100)), 104)
  t.is(delay.holdUntilMs(batchOf(10, 100)), 0)
  t.is(delay.holdUntilMs(batchOf(11, 100)), 0)
})

test('adaptive: those who waited while others were committed wait for them to come back', (t) => {
  const delay = new BatchDelay('adaptive')
  delay.noteCommit(commitOf(10, 99, { waiting: 6 }))
  t.is(delay.holdUntilMs(batchOf(6, 93)), 103, 'half of a sync, from when they could have been committed')
  t.is(delay.holdUntilMs(batchOf(15, 93)), 103)
  t.is(delay.holdUntilMs(batchOf(16, 93)), 0, 'all are there')
})

test('adaptive: not where nobody came for a whole sync', (t) => {
  const delay = new BatchDelay('adaptive')
  delay.noteCommit(commitOf(10, 99))
  t.is(delay.holdUntilMs(batchOf(1, 108)), 0)
})

test('adaptive: a batch that was taken back is forgotten', (t) => {
  const delay = new BatchDelay('adaptive')
  delay.noteCommit(commitOf(10, 99))
  t.is(delay.holdUntilMs(batchOf(1, 100)), 104)
  t.is(delay.holdUntilMs(batchOf(1, 102)), 106)
})

test('adaptive: one sync that is slow does not make all later batches wait as long', (t) => {
  const delay = new BatchDelay('adaptive')
  for (let commit = 0; commit < 50; commit++) delay.noteCommit(commitOf(10, 0, { syncMs: 1 }))
  delay.noteCommit(commitOf(10, 0, { syncMs: 801 }))
  t.is(delay.holdUntilMs(batchOf(1, 0)), (1 + 100) / 2)
  for (let commit = 0; commit < 100; commit++) delay.noteCommit(commitOf(10, 0, { syncMs: 1 }))
  t.true(delay.holdUntilMs(batchOf(1, 0)) < 0.6)
})

test('adaptive: held in vain, it is tried ever more seldom, and again', (t) => {
  const delay = new BatchDelay('adaptive')
  const held: number[] = []
  for (let commit = 0; commit < 2000; commit++) {
    // Six wait each time, and nobody of the last commit comes back within half of a sync.
    const endedMs = commit * 20
    delay.noteCommit(commitOf(6, endedMs, { beganMs: endedMs - 12, waiting: 6 }))
    if (delay.holdUntilMs(batchOf(6, endedMs - 1)) > endedMs) held.push(commit)
  }
  t.deepEqual(
    held.slice(0, 8),
    [0, 1, 2, 3, 8, 9, 10, 11],
    'a trial of four, then four that are skipped, then one of four',
  )
  t.true(held.length < 50, `${held.length} of 2000 were held`)
  t.true(
    held.some((commit) => commit > 1000),
    'it is tried again',
  )
})

const SYNC_MS = 10

/** Adaptive against 0, on a simulated disk, with a simulated clock. */
function compared(traffic: Traffic): { readonly rate: number; readonly latency: number } {
  const none = simulateCommits(new BatchDelay(0), traffic, SYNC_MS, seed)
  const adaptive = simulateCommits(new BatchDelay('adaptive'), traffic, SYNC_MS, seed)
  return {
    rate: adaptive.recordsPerMs / none.recordsPerMs,
    latency: adaptive.latencyMsMean / none.latencyMsMean,
  }
}

for (const [producers, thinkMs, wanted] of [
  [2, 1, 1.6],
  [16, 0.5, 1.6],
  [16, 1, 1.4],
  [64, 1, 1.3],
  [64, 3, 1.1],
] as const) {
  test(`simulated: ${producers} producers who think for ${thinkMs} of ${SYNC_MS} ms get ${wanted} times as much, and sooner`, (t) => {
    const { rate, latency } = compared({ kind: 'closed', producers, thinkMs })
    t.true(rate > wanted, `${rate} times as much`)
    t.true(latency < 1 / 1.1, `${latency} times as late`)
  })
}

for (const traffic of [
  { kind: 'closed', producers: 1, thinkMs: 1 },
  { kind: 'closed', producers: 16, thinkMs: 10 },
  { kind: 'closed', producers: 64, thinkMs: 10 },
  { kind: 'closed', producers: 64, thinkMs: 100 },
  { kind: 'open', perMs: 0.02 },
  { kind: 'open', perMs: 0.3 },
  { kind: 'open', perMs: 5 },
] as const satisfies readonly Traffic[]) {
  test(`simulated: where it can't pay it costs little: ${JSON.stringify(traffic)}`, (t) => {
    const { rate, latency } = compared(traffic)
    t.true(rate > 0.97, `${rate} times as much`)
    t.true(latency < 1.04, `${latency} times as late`)
  })
}
