import test from 'ava'
import { Batch } from '../../src/writer/batch.js'
import { BatchDelay } from '../../src/writer/batch-delay.js'

function batchOf(records: number, handedOverMs: number, endedBy?: 'records' | 'bytes'): Batch {
  return Object.assign(new Batch(), { records, handedOverMs, endedBy })
}

test('a number of milliseconds counts from the handover of the first frame', (t) => {
  const delay = new BatchDelay(5)
  t.is(delay.holdUntilMs(batchOf(1, 100)), 105)
  delay.noteCommit(1000, 40)
  t.is(delay.holdUntilMs(batchOf(1, 100)), 105, 'whatever happened before')
  t.is(new BatchDelay(0).holdUntilMs(batchOf(1, 100)), 100)
})

test('a batch that can take no more is not held', (t) => {
  for (const maxDelayMs of [5, 'adaptive'] as const) {
    const delay = new BatchDelay(maxDelayMs)
    delay.noteCommit(1000, 40)
    for (const endedBy of ['records', 'bytes'] as const) t.is(delay.holdUntilMs(batchOf(3, 100, endedBy)), 0)
  }
})

test('adaptive: not at all before there was a commit, nor without company last time', (t) => {
  const delay = new BatchDelay('adaptive')
  t.is(delay.holdUntilMs(batchOf(1, 100)), 0)
  delay.noteCommit(1, 8)
  t.is(delay.holdUntilMs(batchOf(1, 100)), 0)
})

test('adaptive: half of a sync at the most, while fewer have come than last time', (t) => {
  const delay = new BatchDelay('adaptive')
  delay.noteCommit(10, 8)
  t.is(delay.holdUntilMs(batchOf(9, 100)), 104)
  t.is(delay.holdUntilMs(batchOf(10, 100)), 0)
  t.is(delay.holdUntilMs(batchOf(11, 100)), 0)
})

test('adaptive: one sync that is slow does not make all later batches wait as long', (t) => {
  const delay = new BatchDelay('adaptive')
  for (let commit = 0; commit < 50; commit++) delay.noteCommit(10, 1)
  delay.noteCommit(10, 801)
  t.is(delay.holdUntilMs(batchOf(1, 0)), (1 + 100) / 2)
  for (let commit = 0; commit < 100; commit++) delay.noteCommit(10, 1)
  t.true(delay.holdUntilMs(batchOf(1, 0)) < 0.6)
})
