import test from 'ava'
import { Generations, LoadRecords } from '../slow/power/load-record.js'

test('a record is recognised by its bytes, and no other one passes for it', (t) => {
  const records = new LoadRecords(3, 60_000)
  const others = new LoadRecords(4, 60_000)
  for (let lsn = 1; lsn < 300; lsn++) {
    const name = { generation: 1000, lsn, groupFirst: lsn, groupSize: 2 }
    const record = records.make(name)
    t.deepEqual(records.judge(record, lsn, 1000), name)
    t.regex(String(records.judge(record, lsn + 1, 1000)), /is not what was appended/)
    t.regex(String(records.judge(record, lsn, 2000)), /is not what was appended/)
    t.regex(String(others.judge(record, lsn, 1000)), /is not what was appended/)
    t.is(typeof records.judge(record.subarray(0, -1), lsn, 1000), 'string')
    const at = (lsn * 7919) % record.length
    // The group's own numbers are held against its neighbours by whoever reads.
    if (at >= 12 && at < 20) continue
    record[at] = (record[at] ?? 0) ^ 1
    t.is(typeof records.judge(record, lsn, 1000), 'string', `byte ${at} of ${record.length}`)
  }
})

test('an LSN belongs to the generation that used it last', (t) => {
  const generations = new Generations()
  generations.begin(1000, 1)
  generations.begin(2000, 10)
  generations.begin(3000, 20)
  t.deepEqual(
    [1, 9, 10, 19, 20, 99].map((lsn) => generations.of(lsn)),
    [1000, 1000, 2000, 2000, 3000, 3000],
  )
  const before = generations.copy()
  generations.begin(4000, 15) // What was found ended at 14.
  t.deepEqual(
    [9, 14, 15, 25].map((lsn) => generations.of(lsn)),
    [1000, 2000, 4000, 4000],
  )
  t.is(before.of(25), 3000)
})
