import test from 'ava'
import { FlushSchedule } from '../../src/writer/flush-schedule.js'

const NEVER = Number.POSITIVE_INFINITY

test('with each batch: under batch and immediate, and only there', (t) => {
  t.true(new FlushSchedule({ kind: 'batch' }).withEachBatch)
  t.true(new FlushSchedule({ kind: 'immediate' }).withEachBatch)
  t.false(new FlushSchedule({ kind: 'interval', everyMs: 5 }).withEachBatch)
  t.false(new FlushSchedule({ kind: 'count', everyRecords: 5, everyMs: undefined }).withEachBatch)
  t.false(new FlushSchedule({ kind: 'never' }).withEachBatch)
  t.false(new FlushSchedule({ kind: 'never' }).ever)
  t.true(new FlushSchedule({ kind: 'count', everyRecords: 5, everyMs: undefined }).ever)
})

test('nothing is due where nothing waits for a sync', (t) => {
  for (const kind of ['batch', 'immediate', 'never'] as const) t.is(new FlushSchedule({ kind }).dueMs, NEVER)
  const schedule = new FlushSchedule({ kind: 'interval', everyMs: 5 })
  t.is(schedule.dueMs, NEVER)
  schedule.noteWritten(1, 100)
  schedule.noteSynced()
  t.is(schedule.dueMs, NEVER)
})

test('an interval counts from the first write that waits, not from the last one or the last sync', (t) => {
  const schedule = new FlushSchedule({ kind: 'interval', everyMs: 10 })
  schedule.noteWritten(1, 100)
  schedule.noteWritten(50, 107)
  t.is(schedule.dueMs, 110)
  schedule.noteSynced()
  schedule.noteWritten(1, 500)
  t.is(schedule.dueMs, 510)
})

test('a count is due at once when it is reached, or else when its time is up', (t) => {
  const schedule = new FlushSchedule({ kind: 'count', everyRecords: 3, everyMs: 10 })
  schedule.noteWritten(2, 100)
  t.is(schedule.dueMs, 110)
  schedule.noteWritten(1, 105)
  t.true(schedule.dueMs <= 105)
  schedule.noteSynced()
  schedule.noteWritten(7, 200)
  t.true(schedule.dueMs <= 200, 'more at once than it takes')
})

test('a count without a time waits for its records for ever', (t) => {
  const schedule = new FlushSchedule({ kind: 'count', everyRecords: 3, everyMs: undefined })
  schedule.noteWritten(2, 100)
  t.is(schedule.dueMs, NEVER)
  schedule.noteWritten(1, 900)
  t.true(schedule.dueMs <= 900)
})

test('never is never', (t) => {
  const schedule = new FlushSchedule({ kind: 'never' })
  schedule.noteWritten(1_000_000, 1)
  t.is(schedule.dueMs, NEVER)
})
