import test from 'ava'
import { RecordReader } from '../../src/log/record-reader.js'
import { SegmentIndex } from '../../src/segment/segment-index.js'
import { composeLog, composeSegment, framesOfOne, somePayloads } from '../support/compose-segments.js'
import { ControlledView } from '../support/controlled-view.js'
import { random } from '../support/random.js'
import { Gate } from '../support/reading-file-system.js'
import { sameRecords } from '../support/records.js'

function someLog() {
  return composeLog(
    [
      framesOfOne(1, 1000, 100),
      [somePayloads(1001, 500, 1000), ...framesOfOne(1501, 500, 3)],
      framesOfOne(2001, 1000, 300),
    ],
    50_000,
  )
}

test('gets any record, in any order, at once or one after the other', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const segments = someLog()
  for (const indexed of [false, true]) {
    const view = new ControlledView(segments)
    const tail = segments.at(-1)
    if (indexed && tail !== undefined) view.indexes.set(tail.firstLsn, tail.index)
    const reader = new RecordReader(view)
    const lsns = Array.from({ length: 400 }, () => 1 + below(3000))
    const together = await Promise.all(lsns.map((lsn) => reader.get(lsn)))
    for (const [index, lsn] of lsns.entries()) {
      const alone = await reader.get(lsn)
      for (const record of [together[index], alone]) sameRecords(t, record ? [record] : [], segments, lsn, lsn)
    }
    await reader.close()
    t.deepEqual(view.fileSystem.openPaths, [])
  }
})

test('past the durable LSN there is nothing, below firstLsn it is refused', async (t) => {
  const view = new ControlledView(someLog(), 2500)
  const reader = new RecordReader(view)
  t.is((await reader.get(2500))?.lsn, 2500)
  t.is(await reader.get(2501), undefined)
  t.is(await reader.get(Number.MAX_SAFE_INTEGER), undefined)
  view.advance(2501)
  t.is((await reader.get(2501))?.lsn, 2501)
  view.trim(1001)
  await t.throwsAsync(reader.get(1000), { code: 'SLUICE_TRIMMED' })
  t.is((await reader.get(1001))?.lsn, 1001)
})

test('once a segment is known, a get costs one read and opens nothing', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  const { fileSystem } = view
  for (const lsn of [900, 1400, 2900]) await reader.get(lsn)
  const opens = fileSystem.opens
  for (const lsn of [1, 500, 1700, 2100, 50, 2600]) {
    const reads = fileSystem.reads
    t.is((await reader.get(lsn))?.lsn, lsn)
    t.is(fileSystem.reads, reads + 1, `LSN ${lsn}`)
  }
  const reads = fileSystem.reads
  t.is((await reader.get(1250))?.lsn, 1250)
  t.is(fileSystem.reads, reads + 2, 'a frame longer than what is read first')
  t.is(fileSystem.opens, opens)
})

test('a get in the indexed tail costs one read from the start', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 3000, 300), sealed: false })
  const view = new ControlledView([segment])
  view.indexes.set(1, segment.index)
  t.is((await new RecordReader(view).get(2900))?.lsn, 2900)
  t.is(view.fileSystem.reads, 2, 'header, frame')
})

test('where the index tells how far a frame can reach, it is got with one read, longer than what is read first as it may be', async (t) => {
  for (const sealed of [true, false]) {
    const frames = Array.from({ length: 20 }, (_, at) => somePayloads(1 + 100 * at, 100, 500))
    const segments = [
      composeSegment({ firstLsn: 1, frames, sealed }),
      composeSegment({ firstLsn: 2001, frames: framesOfOne(2001, 1, 9), sealed: false }),
    ]
    const view = new ControlledView(sealed ? segments : segments.slice(0, 1))
    if (!sealed) view.indexes.set(1, segments[0]?.index ?? new SegmentIndex())
    const reader = new RecordReader(view)
    for (const lsn of [1, 1999]) await reader.get(lsn) // The footer is read by then.
    for (const lsn of [950, 1200, 150, 1800]) {
      const { reads } = view.fileSystem
      const record = await reader.get(lsn)
      sameRecords(t, record ? [record] : [], segments, lsn, lsn)
      t.is(view.fileSystem.reads, reads + 1, `LSN ${lsn}, ${sealed ? 'sealed' : 'the tail'}`)
    }
  }
})

test('what one get is reading into, no other one reads into', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  // From here on there is memory that was used before.
  for (const lsn of [100, 500, 900]) await reader.get(lsn)
  const gate = new Gate()
  let isFirst = true
  view.fileSystem.afterRead = () => {
    if (!isFirst) return undefined
    isFirst = false
    return gate.pass()
  }
  const held = reader.get(200)
  await gate.arrived
  for (const lsn of [700, 300, 950])
    sameRecords(
      t,
      [await reader.get(lsn)].flatMap((one) => one ?? []),
      segments,
      lsn,
      lsn,
    )
  gate.open()
  sameRecords(
    t,
    [await held].flatMap((one) => one ?? []),
    segments,
    200,
    200,
  )
})

test('who gets one record after the other reads seldom', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  for (let lsn = 1; lsn <= 3000; lsn++) {
    const record = await reader.get(lsn)
    sameRecords(t, record ? [record] : [], segments, lsn, lsn)
  }
  t.true(view.fileSystem.reads < 60, `${view.fileSystem.reads} reads`)
})

test('a record that was got is the own of who got it', async (t) => {
  const segments = someLog()
  const reader = new RecordReader(new ControlledView(segments))
  for (const lsn of [5, 5, 6, 1100, 1100]) {
    const record = await reader.get(lsn)
    sameRecords(t, record ? [record] : [], segments, lsn, lsn)
    record?.data.fill(0)
  }
})

test('what was read with a frame, before it was durable, is not served from memory later', async (t) => {
  const before = composeSegment({
    firstLsn: 1,
    frames: [...framesOfOne(1, 3, 8), [Buffer.from('gone')]],
    sealed: false,
  })
  const after = composeSegment({ firstLsn: 1, frames: [...framesOfOne(1, 3, 8), [Buffer.from('here')]], sealed: false })
  const view = new ControlledView([before], 3)
  const reader = new RecordReader(view)
  t.is((await reader.get(3))?.lsn, 3)
  view.put(after)
  view.advance(4)
  t.is((await reader.get(4))?.data.toString(), 'here')
})

test('trimmed while it is read: refused', async (t) => {
  const view = new ControlledView(someLog())
  const reader = new RecordReader(view)
  const gate = new Gate()
  view.fileSystem.afterRead = () => gate.pass()
  const got = reader.get(700)
  await gate.arrived
  view.trim(1001)
  gate.open()
  await t.throwsAsync(got, { code: 'SLUICE_TRIMMED', message: /the log begins at 1001/ })
})

test('trimmed before its file is opened: refused, not taken for a loss', async (t) => {
  const view = new ControlledView(someLog())
  const reader = new RecordReader(view)
  view.removeFile(1)
  view.onRefresh = () => view.trim(1001)
  await t.throwsAsync(reader.get(700), { code: 'SLUICE_TRIMMED' })
  const lost = new ControlledView(someLog())
  lost.removeFile(1)
  await t.throwsAsync(new RecordReader(lost).get(700), { code: 'SLUICE_CORRUPT', message: /missing/ })
})

test('a frame that is remembered is refused once trimmed', async (t) => {
  const view = new ControlledView(someLog())
  const reader = new RecordReader(view)
  t.is((await reader.get(1000))?.lsn, 1000)
  view.trim(1001)
  await t.throwsAsync(reader.get(1000), { code: 'SLUICE_TRIMMED' })
})
