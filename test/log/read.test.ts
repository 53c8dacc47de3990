import test from 'ava'
import type { LogRecord } from '../../src/log/contract.js'
import { RecordReader } from '../../src/log/record-reader.js'
import { composeLog, composeSegment, framesOfOne, somePayloads } from '../support/compose-segments.js'
import { ControlledView } from '../support/controlled-view.js'
import { random } from '../support/random.js'
import { collect, isSluiceError, sameRecords } from '../support/records.js'

/** Five segments with 500 records in frames of all kinds. */
function someLog() {
  return composeLog(
    [
      framesOfOne(1, 100, 50),
      [somePayloads(101, 100, 3000)],
      framesOfOne(201, 1, 0),
      [...framesOfOne(202, 98, 5000), somePayloads(300, 101, 17)],
      framesOfOne(401, 100, 200),
    ],
    10_000,
  )
}

test('reads across segments, all of it by default', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  const { records, error } = await collect(reader.read())
  t.is(error, undefined)
  sameRecords(t, records, segments, 1, 500)
  await reader.close()
  t.deepEqual(view.fileSystem.openPaths, [])
})

test('from, to and limit bound it, alone and together', async (t) => {
  const segments = someLog()
  const reader = new RecordReader(new ControlledView(segments))
  for (const [options, first, last] of [
    [{ from: 1 }, 1, 500],
    [{ from: 101 }, 101, 500],
    [{ from: 150, to: 250 }, 150, 250],
    [{ from: 200, to: 202 }, 200, 202],
    [{ to: 1 }, 1, 1],
    [{ to: 10_000 }, 1, 500],
    [{ to: Number.MAX_SAFE_INTEGER }, 1, 500],
    [{ limit: 0 }, 1, 0],
    [{ limit: 1 }, 1, 1],
    [{ limit: Number.MAX_SAFE_INTEGER, from: 350 }, 350, 500],
    [{ limit: 150, from: 90 }, 90, 239],
    [{ limit: 150, from: 90, to: 100 }, 90, 100],
    [{ limit: 5, from: 90, to: 100 }, 90, 94],
    [{ from: 500 }, 500, 500],
    [{ from: 501 }, 501, 500],
    [{ from: Number.MAX_SAFE_INTEGER }, 501, 500],
    [{ from: 10, to: 9 }, 10, 9],
    [{ from: undefined, to: undefined, limit: undefined, signal: undefined }, 1, 500],
  ] as const) {
    // `undefined` is as good as absent for who writes JavaScript, whatever the types say.
    const { records, error } = await collect(reader.read(options as object))
    t.is(error, undefined)
    sameRecords(t, records, segments, first, last)
  }
})

test('random bounds over random logs', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  for (let round = 0; round < 30; round++) {
    let next = 1
    const plan = Array.from({ length: 1 + below(6) }, () =>
      Array.from({ length: 1 + below(30) }, () => {
        const [wanted, bytes] = [1 + below(below(4) === 0 ? 2000 : 4), below(below(5) === 0 ? 60_000 : 300)]
        const records = somePayloads(next, Math.min(wanted, Math.ceil(130_000 / (bytes + 4))), bytes)
        next += records.length
        return records
      }),
    )
    const segments = composeLog(plan, below(2) * 40_000)
    const last = segments.at(-1)?.lastLsn ?? 0
    const durable = 1 + below(last)
    const reader = new RecordReader(new ControlledView(segments, durable))
    for (let range = 0; range < 10; range++) {
      const from = 1 + below(last)
      const to = from + below(last)
      const { records, error } = await collect(reader.read({ from, to }))
      t.is(error, undefined)
      sameRecords(t, records, segments, from, Math.min(to, durable))
    }
    await reader.close()
  }
})

test('to and limit bound it wherever two chunks that are read together meet', async (t) => {
  const frames = Array.from({ length: 300 }, (_, index) => somePayloads(index * 100 + 1, 100, 100))
  const reader = new RecordReader(new ControlledView(composeLog([frames]), 30_000))
  for (let to = 60; to <= 30_000; to += 331) {
    const lsns: number[] = []
    for await (const { lsn } of reader.read(to % 2 === 0 ? { to } : { limit: to })) lsns.push(lsn)
    t.is(lsns.length, to)
    t.is(lsns.at(-1), to)
  }
  await reader.close()
})

test('ends at the durable LSN of the call', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments, 250)
  const reader = new RecordReader(view)
  const read = reader.read()
  view.advance(500)
  sameRecords(t, (await collect(read)).records, segments, 1, 250)
})

test('an empty log reads as empty', async (t) => {
  const reader = new RecordReader(new ControlledView([], 0))
  t.deepEqual(await collect(reader.read()), { records: [], error: undefined })
  t.deepEqual(await collect(reader.read({ from: 1 })), { records: [], error: undefined })
  t.is(await reader.get(1), undefined)
})

test('from below firstLsn is refused by the first next', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  view.trim(201)
  const reader = new RecordReader(view)
  for (const options of [{ from: 200 }, { from: 1, limit: 0 }, { from: 1, to: 300 }]) {
    const { records, error } = await collect(reader.read(options))
    t.is(records.length, 0)
    t.is(isSluiceError(t, error, 'SLUICE_TRIMMED').firstLsn, options.from)
  }
  sameRecords(t, (await collect(reader.read())).records, segments, 201, 500)
})

test('damage is an error after the good records before it', async (t) => {
  const segments = someLog()
  const damaged = segments[3]
  const frame = damaged?.frames[50]
  if (damaged === undefined || frame === undefined) throw new Error('there are five segments')
  damaged.bytes.writeUInt8(damaged.bytes.readUInt8(frame.offset + 100) ^ 4, frame.offset + 100)
  const reader = new RecordReader(new ControlledView(segments))
  const { records, error } = await collect(reader.read({ from: 30 }))
  sameRecords(t, records, segments, 30, frame.firstLsn - 1)
  const failure = isSluiceError(t, error, 'SLUICE_CORRUPT')
  t.like(failure, { segment: damaged.name, offset: frame.offset, firstLsn: frame.firstLsn, lastLsn: frame.lastLsn })
  await t.throwsAsync(reader.get(frame.firstLsn), { code: 'SLUICE_CORRUPT' })
  t.is((await reader.get(frame.lastLsn + 1))?.lsn, frame.lastLsn + 1)
})

test('a missing segment that was not trimmed is damage, at the bounds and in the middle', async (t) => {
  for (const missing of [1, 101, 202, 401]) {
    const segments = someLog()
    const view = new ControlledView(segments)
    view.removeFile(missing)
    const reader = new RecordReader(view)
    const { records, error } = await collect(reader.read())
    sameRecords(t, records, segments, 1, missing - 1)
    t.is(isSluiceError(t, error, 'SLUICE_CORRUPT').firstLsn, missing)
  }
})

test('a segment that is missing from the list is damage too', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments.filter((segment) => segment.firstLsn !== 202))
  const { records, error } = await collect(new RecordReader(view).read())
  sameRecords(t, records, segments, 1, 201)
  isSluiceError(t, error, 'SLUICE_CORRUPT')
})

test('early return leaves nothing open, whether or not something is being read', async (t) => {
  const view = new ControlledView(someLog())
  const reader = new RecordReader(view)
  for await (const record of reader.read()) {
    if (record.lsn === 150) break
  }
  const iterator = reader.read()
  const pending = iterator.next()
  const returned = iterator.return()
  t.deepEqual(await pending, { done: true, value: undefined })
  t.deepEqual(await returned, { done: true, value: undefined })
  t.is(view.fileSystem.readsNow, 0)
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
  await reader.close()
  t.deepEqual(view.fileSystem.openPaths, [])
})

test('nothing is read ahead for an iterator that has ended', async (t) => {
  const view = new ControlledView(someLog())
  const iterator = new RecordReader(view).read()
  const pending = iterator.next()
  await iterator.return()
  await pending
  t.is(view.fileSystem.reads, 2, 'header, first chunk')
})

test('an iterator that is forgotten half-way keeps nothing from being closed', async (t) => {
  const view = new ControlledView(someLog())
  const reader = new RecordReader(view)
  t.is((await reader.read().next()).value?.lsn, 1)
  await reader.close()
  t.deepEqual(view.fileSystem.openPaths, [])
})

test('many readers of many segments leave no more open than the pool keeps', async (t) => {
  const segments = composeLog(Array.from({ length: 20 }, (_, index) => framesOfOne(index * 50 + 1, 50, 1000)))
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  const reads = Array.from({ length: 15 }, (_, index) => collect(reader.read({ from: 1 + index * 66 })))
  for (const [index, { records }] of (await Promise.all(reads)).entries()) {
    sameRecords(t, records, segments, 1 + index * 66, 1000)
  }
  t.true(view.fileSystem.openPaths.length <= 8)
  await reader.close()
  t.deepEqual(view.fileSystem.openPaths, [])
})

test('calls of next that do not wait for each other are served in order', async (t) => {
  const segments = someLog()
  const iterator = new RecordReader(new ControlledView(segments)).read()
  const results = await Promise.all(Array.from({ length: 510 }, () => iterator.next()))
  const records = results.flatMap((result): LogRecord[] => (result.done ? [] : [result.value]))
  sameRecords(t, records, segments, 1, 500)
  t.true(results.slice(500).every((result) => result.done))
})

test('next for a record that was read is resolved already', async (t) => {
  const iterator = new RecordReader(new ControlledView(someLog())).read()
  await iterator.next()
  t.is((await Promise.race([iterator.next(), Promise.resolve(undefined)]))?.value?.lsn, 2)
})

test('the records are their own: nothing that is read later, or written by the caller, changes them', async (t) => {
  const segments = someLog()
  const reader = new RecordReader(new ControlledView(segments))
  const { records } = await collect(reader.read())
  for (const record of (await collect(reader.read())).records) record.data.fill(0)
  sameRecords(t, records, segments, 1, 500)
})

test('a segment whose first frame is composed with another nonce is damage', async (t) => {
  const [first] = someLog()
  const foreign = composeSegment({
    firstLsn: 1,
    frames: framesOfOne(1, 100, 50),
    sealed: true,
    nonce: Buffer.alloc(16),
  })
  if (first === undefined) throw new Error('there are five segments')
  foreign.bytes.copy(first.bytes, 4096, 4096)
  const { records, error } = await collect(new RecordReader(new ControlledView([first])).read())
  t.is(records.length, 0)
  isSluiceError(t, error, 'SLUICE_CORRUPT')
})

test('after close, new calls are refused and reading goes on', async (t) => {
  const segments = someLog()
  const view = new ControlledView(segments)
  const reader = new RecordReader(view)
  const iterator = reader.read()
  const first = await iterator.next()
  await reader.close()
  const rest = await collect(iterator)
  t.is(rest.error, undefined)
  sameRecords(t, [...(first.done ? [] : [first.value]), ...rest.records], segments, 1, 500)
  t.deepEqual(view.fileSystem.openPaths, [])
  isSluiceError(t, (await collect(reader.read())).error, 'SLUICE_CLOSED')
  isSluiceError(t, (await collect(reader.follow())).error, 'SLUICE_CLOSED')
  await t.throwsAsync(reader.get(1), { code: 'SLUICE_CLOSED' })
})

const reader = new RecordReader(new ControlledView([], 0))

const notLsns = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', 7n, null, {}, []]

test('get refuses at once what is no LSN, and shows it', (t) => {
  for (const lsn of [...notLsns, undefined]) {
    // The types forbid most of these: JavaScript doesn't.
    t.throws(() => void reader.get(lsn as number), { code: 'SLUICE_INVALID_ARGUMENT', message: /^lsn must be/ })
  }
  t.throws(() => void reader.get(-3), { message: 'lsn must be a whole number from 1 to 2^53-1, not -3' })
  t.throws(() => void reader.get('7' as unknown as number), { message: /not "7"$/ })
})

test('read and follow refuse at once what is no LSN', (t) => {
  for (const lsn of notLsns) {
    const options = { from: lsn } as object
    t.throws(() => reader.read(options), { code: 'SLUICE_INVALID_ARGUMENT', message: /^from must be/ })
    t.throws(() => reader.follow(options), { code: 'SLUICE_INVALID_ARGUMENT', message: /^from must be/ })
    t.throws(() => reader.read({ to: lsn } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^to must be/ })
  }
})

test('read refuses an impossible limit, and takes 0', (t) => {
  for (const limit of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
    t.throws(() => reader.read({ limit } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^limit must be/ })
  }
  t.notThrows(() => reader.read({ limit: 0 }))
})

test('a signal must be an AbortSignal', (t) => {
  for (const signal of [{}, { aborted: false }, new AbortController(), null, 'stop']) {
    t.throws(() => reader.read({ signal } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^signal must be/ })
    t.throws(() => reader.follow({ signal } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /^signal must be/ })
  }
})

test('options that do not exist are refused by name', (t) => {
  t.throws(() => reader.read({ form: 1 } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /no option form/ })
  t.throws(() => reader.follow({ to: 1 } as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /no option to/ })
  for (const options of [null, 5, 'from', [1]]) {
    // The types forbid these: JavaScript doesn't.
    t.throws(() => reader.read(options as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /must be an object/ })
    t.throws(() => reader.follow(options as object), { code: 'SLUICE_INVALID_ARGUMENT', message: /must be an object/ })
  }
})
