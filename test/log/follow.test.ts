import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { LogRecord } from '../../src/log/contract.js'
import { RecordReader } from '../../src/log/record-reader.js'
import { AHEAD_ROOM_BYTES } from '../../src/segment/frame-window.js'
import { CHUNK_BYTES_MAX } from '../../src/segment/record-batch.js'
import { composeLog, composeSegment, framesOfOne, somePayloads } from '../support/compose-segments.js'
import { ControlledView } from '../support/controlled-view.js'
import { type Random, random } from '../support/random.js'
import { collect, isSluiceError, sameRecords } from '../support/records.js'

function someLog() {
  return composeLog([framesOfOne(1, 100, 50), [somePayloads(101, 100, 3000)], framesOfOne(201, 300, 200)], 10_000)
}

/** Takes `count` records. */
async function take(iterator: AsyncIterator<LogRecord>, count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  while (records.length < count) {
    const result = await iterator.next()
    if (result.done) throw new Error(`ended after ${records.length} of ${count} records`)
    records.push(result.value)
  }
  return records
}

/** Lets all microtasks run that are due, and those that they bring. */
async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await null
}

test('history, then what becomes durable, to the end on close', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments, 150)
  const reader = new RecordReader(view)
  const iterator = reader.follow()
  const records = await take(iterator, 150)
  const pending = iterator.next()
  await settle()
  t.is(view.waiting, 1)
  view.advance(151)
  const result = await pending
  if (!result.done) records.push(result.value)
  view.advance(500)
  view.end('closed')
  const rest = await collect(iterator)
  t.is(rest.error, undefined)
  sameRecords(t, [...records, ...rest.records], segments, 1, 500)
  await reader.close()
  t.deepEqual(view.fileSystem.openPaths, [])
})

test('from may lie inside, at the end, or ahead', async (t) => {
  const segments = someLog()
  for (const from of [1, 130, 250, 251, 400]) {
    const view = new ControlledView(segments, 250)
    const following = collect(new RecordReader(view).follow({ from }))
    await settle()
    view.advance(300)
    await settle()
    view.advance(500)
    view.end('closed')
    const { records, error } = await following
    t.is(error, undefined)
    sameRecords(t, records, segments, from, 500)
  }
})

test('from below firstLsn is refused', async (t) => {
  const view = new ControlledView(someLog())
  view.trim(201)
  const { error } = await collect(new RecordReader(view).follow({ from: 200 }))
  isSluiceError(t, error, 'SLUICE_TRIMMED')
})

test('follows an empty log from its first record on, into segments that did not exist', async (t) => {
  const segments = someLog()
  const view = new ControlledView([], 0)
  const following = collect(new RecordReader(view).follow())
  for (const segment of segments) {
    await settle()
    view.put(segment)
    view.advance(segment.lastLsn)
  }
  view.end('closed')
  const { records, error } = await following
  t.is(error, undefined)
  sameRecords(t, records, segments, 1, 500)
})

test('ends at once on a closed log that it has read', async (t) => {
  const view = new ControlledView(someLog())
  view.end('closed')
  t.is((await collect(new RecordReader(view).follow({ from: 501 }))).error, undefined)
  t.is((await collect(new RecordReader(view).follow({ from: 490 }))).records.length, 11)
})

test("a failed log's error comes after the last durable record", async (t) => {
  const segments = someLog()
  const failure = new SluiceError('SLUICE_FAILED', 'a sync failed')
  for (const lateness of ['before', 'while waiting']) {
    const view = new ControlledView(segments, 300)
    if (lateness === 'before') view.end(failure)
    const following = collect(new RecordReader(view).follow({ from: 90 }))
    await settle(2000)
    view.durableLsn = 320
    view.end(failure)
    const { records, error } = await following
    t.is(error, failure)
    sameRecords(t, records, segments, 90, lateness === 'before' ? records.length + 89 : 320)
    t.true(records.length >= 211)
  }
})

test('damage ends it, after the good records', async (t) => {
  const segments = someLog()
  const frame = segments[2]?.frames[100]
  segments[2]?.bytes.fill(1, frame?.offset, (frame?.offset ?? 0) + 8)
  const { records, error } = await collect(new RecordReader(new ControlledView(segments)).follow())
  sameRecords(t, records, segments, 1, 300)
  isSluiceError(t, error, 'SLUICE_CORRUPT')
})

test('a slow follower holds two chunks and two ahead, and reads no more until it is asked', async (t) => {
  const segments = composeLog([framesOfOne(1, 20_000, 1000)])
  const view = new ControlledView(segments, 20_000)
  const iterator = new RecordReader(view).follow()
  const { fileSystem } = view
  let taken = 0
  while (taken < 20_000) {
    await take(iterator, 1)
    taken += 1
    if (taken % 100 === 0) {
      await settle()
      const ahead = fileSystem.bytesRead - taken * 1064
      t.true(ahead <= 4 * CHUNK_BYTES_MAX, `${ahead} bytes read ahead after ${taken} records`)
    }
  }
  t.is(fileSystem.readsNowMost, 2)
  t.true(fileSystem.bytesRead < 20_000 * 1064 * 1.01, 'nothing is read twice but the frames that a chunk cuts')
  await iterator.return()
})

test('where frames are too long for two chunks at once, that is tried once a segment', async (t) => {
  const segments = composeLog([framesOfOne(1, 40, 100_000), framesOfOne(41, 40, 100_000)])
  const view = new ControlledView(segments, 80)
  let ahead = 0
  view.fileSystem.beforeRead = ({ length }) => {
    if (length === CHUNK_BYTES_MAX - AHEAD_ROOM_BYTES) ahead += 1
  }
  await take(new RecordReader(view).follow(), 80)
  t.is(ahead, 2)
})

test('a follower waits for records only while somebody waits for it', async (t) => {
  const view = new ControlledView(someLog(), 200)
  const iterator = new RecordReader(view).follow()
  await take(iterator, 200)
  await settle()
  t.is(view.waiting, 0)
  const next = iterator.next()
  await settle()
  t.is(view.waiting, 1)
  await iterator.return()
  t.true((await next).done)
})

test('followers wait without reading, however many there are', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments, 200)
  const reader = new RecordReader(view)
  const following = Array.from({ length: 50 }, () => collect(reader.follow({ from: 201 })))
  await settle()
  t.is(view.waiting, 50)
  t.is(view.fileSystem.reads, 0)
  view.advance(500)
  view.end('closed')
  for (const { records } of await Promise.all(following)) sameRecords(t, records, segments, 201, 500)
})

test('a follower that gets record by record reads a little each time', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 2000, 100), sealed: false, zeros: 1 << 20 })
  const view = new ControlledView([segment], 0)
  const iterator = new RecordReader(view).follow()
  for (let lsn = 1; lsn <= 2000; lsn++) {
    const next = iterator.next()
    view.advance(lsn)
    t.is((await next).value?.lsn, lsn)
  }
  t.true(view.fileSystem.reads <= 2010, `${view.fileSystem.reads} reads`)
  t.true(view.fileSystem.bytesRead <= 2010 * 32 * 1024)
  await iterator.return()
})

/** Yields for a random number of microtasks, so that two sides meet at every possible point. */
async function dawdle(below: Random['below']): Promise<void> {
  for (let turns = below(12); turns > 0; turns--) await null
}

test('no gap and no repeat at the seam, however the log advances meanwhile', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  for (let round = 0; round < 300; round++) {
    let next = 1
    const segments = composeLog(
      Array.from({ length: 1 + below(4) }, () =>
        Array.from({ length: 1 + below(8) }, () => {
          const records = somePayloads(next, 1 + below(5), below(40))
          next += records.length
          return records
        }),
      ),
      below(2) * 20_000,
    )
    const frames = segments.flatMap((segment) => segment.frames.map((frame) => ({ segment, frame })))
    const last = next - 1
    const view = new ControlledView([], 0)
    const { fileSystem } = view
    fileSystem.beforeRead = () => dawdle(below)
    fileSystem.afterRead = () => dawdle(below)
    fileSystem.beforeOpen = () => dawdle(below)
    const reader = new RecordReader(view)
    const froms = Array.from({ length: 3 }, () => 1 + below(last + 3))
    const followers = froms.map((from) => collect(reader.follow({ from })))
    for (const { segment, frame } of frames) {
      await dawdle(below)
      // What is not durable yet is full of something else: a reader that looks there is found out.
      const bytes = Buffer.from(segment.bytes)
      bytes.fill(0xee, frame.offset + frame.bytes)
      view.put({ ...segment, bytes })
      await dawdle(below)
      view.advance(frame.lastLsn)
    }
    for (const segment of segments) view.put(segment)
    await dawdle(below)
    view.end('closed')
    for (const [index, { records, error }] of (await Promise.all(followers)).entries()) {
      t.is(error, undefined)
      sameRecords(t, records, segments, froms[index] ?? 0, Math.max(last, (froms[index] ?? 0) - 1))
    }
    await reader.close()
    t.deepEqual(fileSystem.openPaths, [])
  }
})
