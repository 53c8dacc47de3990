import { getEventListeners } from 'node:events'
import test from 'ava'
import { collectGarbage } from '../../bench/collect-garbage.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import type { AckLevel } from '../../src/options.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { buildLog } from '../support/build-log.js'
import { collect } from '../support/records.js'
import {
  DIRECTORY,
  HALF_BYTES,
  LEAST_PENDING_BYTES,
  openBegun,
  openSimulated,
  putFiles,
  quiet,
  recoveredTexts,
  rejection,
  rejects,
  SOME_BYTES,
  textsOf,
  throws,
  watch,
} from '../support/simulated-log.js'

async function dataOf(log: Log): Promise<Buffer[]> {
  const { records, error } = await collect(log.read())
  if (error !== undefined) throw error
  return records.map((record) => record.data)
}

test('LSNs are dense from 1 on, in the order of the calls, whatever was called', async (t) => {
  const { log } = await openSimulated()
  t.is(log.nextLsn, 1)
  const one = log.append('a')
  t.is(log.nextLsn, 2, 'an LSN is given at once')
  const many = log.appendMany(['b', 'c', 'd'])
  const other = log.append(Buffer.from('e'))
  t.is(log.nextLsn, 6)
  t.deepEqual(await Promise.all([one, many, other]), [1, { first: 2, last: 4 }, 5])
  t.deepEqual(await textsOf(log), ['a', 'b', 'c', 'd', 'e'])
  await log.close()
})

test('LSN order is call order where some had to wait for room', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES })
  const large = 'x'.repeat(HALF_BYTES)
  const appends = [log.append(large), log.append(large), log.append(large), log.append('small')]
  t.is(log.stats().waiting, 2, 'the small one would fit, but not before the large one in front of it')
  const many = log.appendMany(['m', 'n'])
  t.deepEqual(await Promise.all(appends), [1, 2, 3, 4])
  t.deepEqual(await many, { first: 5, last: 6 })
  t.deepEqual((await textsOf(log)).slice(3), ['small', 'm', 'n'])
  await log.close()
})

for (const flush of ['batch', 'immediate', { everyRecords: 5, everyMs: 1 }] as const) {
  test(`acknowledgements of one level come in LSN order: flush ${JSON.stringify(flush)}`, async (t) => {
    const { log } = await openSimulated({ flush, maxPendingBytes: LEAST_PENDING_BYTES })
    const settled: Record<AckLevel, number[]> = { durable: [], written: [] }
    const appends: Promise<void>[] = []
    for (let index = 0; index < 300; index++) {
      const ack = index % 3 === 0 ? 'written' : 'durable'
      const note = (lsn: number): void => void settled[ack].push(lsn)
      if (index % 7 === 0) appends.push(log.appendMany(['p', 'q'], { ack }).then(({ first }) => note(first)))
      else appends.push(log.append('r'.repeat(index % 50), { ack }).then(note))
    }
    t.true(log.stats().waiting > 0)
    await Promise.all(appends)
    for (const lsns of Object.values(settled)) {
      t.deepEqual(
        lsns,
        lsns.toSorted((one, other) => one - other),
      )
    }
    t.is(log.nextLsn - 1, 300 + 43)
    await log.close()
  })
}

test('the buffer is the caller’s again as soon as append returns, also while it waits for room', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES })
  const buffer = Buffer.alloc(HALF_BYTES)
  const appends: Promise<number>[] = []
  for (const letter of 'abcd') {
    buffer.fill(letter)
    appends.push(log.append(buffer))
  }
  t.is(log.stats().waiting, 2)
  const pair = [Buffer.from('e'), Buffer.from('f')]
  const many = log.appendMany(pair)
  for (const part of [buffer, ...pair]) part.fill('!')
  pair.length = 0
  await Promise.all([...appends, many])
  t.deepEqual(await many, { first: 5, last: 6 })
  const found = await textsOf(log)
  t.deepEqual(
    found.map((text) => text.slice(0, 1)),
    [...'abcdef'],
  )
  t.true(found.slice(0, 4).every((text) => text === text.charAt(0).repeat(HALF_BYTES)))
  await log.close()
})

test('what is appended is read back byte for byte', async (t) => {
  const { log, fileSystem } = await openSimulated()
  const whole = Buffer.from('0123456789')
  const given: (string | Uint8Array)[] = [
    '',
    new Uint8Array(0),
    'zażółć gęślą jaźń',
    '😀 𝄞',
    '\u0000\uffff\ufeff',
    whole.subarray(3, 7),
    new Uint8Array(whole.buffer, whole.byteOffset + 1, 3),
    Buffer.from([0, 255, 128, 10]),
    new Uint8Array(new SharedArrayBuffer(5)).fill(7),
    ...[1, 2, 3, 4, 5, 7, 8, 9].map((length) => 'z'.repeat(length)),
    'y'.repeat(100_000),
  ]
  await Promise.all(given.map((data) => log.append(data)))
  const expected = given.map((data) => (typeof data === 'string' ? Buffer.from(data) : Buffer.from(data)))
  t.deepEqual(await dataOf(log), expected)
  await log.close()
  const { log: reopened } = await openSimulated({}, fileSystem)
  t.deepEqual(await dataOf(reopened), expected)
  await reopened.close()
})

test('what is no Uint8Array and no well-formed string is refused at once, and takes no LSN', async (t) => {
  const { log } = await openSimulated()
  const refused: unknown[] = [
    'a lone \ud800 surrogate',
    '\udc00',
    new Uint16Array(2),
    new Uint8ClampedArray(2),
    new DataView(new ArrayBuffer(2)),
    new ArrayBuffer(2),
    [1, 2],
    { length: 0 },
    17,
    null,
    undefined,
    true,
    10n,
    Symbol.iterator,
    () => 'x',
  ]
  for (const data of refused) {
    throws(t, () => log.append(data as string), { code: 'SLUICE_INVALID_ARGUMENT' }) // The wrong types are the point.
    throws(t, () => log.appendMany(['fine', data as string]), { code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.is(log.nextLsn, 1)
  await log.close()
})

test('append options that are unknown or of the wrong type are refused by name', async (t) => {
  const { log } = await openSimulated()
  const refused: [unknown, string][] = [
    [{ ak: 'written' }, 'ak'],
    [{ ack: 'synced' }, '"synced"'],
    [{ ack: null }, 'null'],
    [{ signal: {} }, 'signal'],
    [null, 'null'],
    ['written', '"written"'],
  ]
  for (const [options, mentions] of refused) {
    const wrong = options as { ack: 'written' } // The wrong types are the point.
    throws(t, () => log.append('x', wrong), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
    throws(t, () => log.appendMany(['x'], wrong), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  t.is(log.nextLsn, 1)
  t.is(await log.append('x', {}), 1)
  t.is(await log.append('x', undefined), 2)
  await log.close()
})

test('a record of exactly maxRecordBytes fits, and one byte more does not', async (t) => {
  for (const options of [{ maxRecordBytes: 1000 }, { maxPendingBytes: LEAST_PENDING_BYTES }] satisfies LogOptions[]) {
    const { log } = await openSimulated(options)
    const most = 'maxRecordBytes' in options ? 1000 : 4096
    const wide = 'é'.repeat(most / 2)
    await log.append(wide)
    await log.append(Buffer.alloc(most))
    await log.appendMany([Buffer.alloc(most / 2), Buffer.alloc(most / 2)])
    const tooLarge = { code: 'SLUICE_RECORD_TOO_LARGE', mentions: String(most) } as const
    throws(t, () => log.append(`${wide}e`), tooLarge)
    throws(t, () => log.append(Buffer.alloc(most + 1)), tooLarge)
    throws(t, () => log.appendMany([Buffer.alloc(most), 'e']), tooLarge)
    t.is(log.nextLsn, 5)
    t.is((await textsOf(log))[0], wide)
    await log.close()
  }
})

test('timestamps never go back, neither with the clock nor over a reopening', async (t) => {
  const { log, fileSystem } = await openSimulated()
  const realNow = Date.now
  let nowMs = 1_000_000
  Date.now = () => nowMs
  t.teardown(() => {
    Date.now = realNow
  })
  await log.append('a')
  nowMs -= 5000
  await log.append('b')
  nowMs += 5001
  await log.append('c')
  nowMs = 5
  await log.append('d')
  await log.close()
  const { log: reopened } = await openSimulated({}, fileSystem)
  await reopened.append('e')
  nowMs = 2_000_000
  await reopened.append('f')
  const { records } = await collect(reopened.read())
  t.deepEqual(
    records.map((record) => record.timestamp),
    [1_000_000, 1_000_000, 1_000_001, 1_000_001, 1_000_001, 2_000_000],
  )
  await reopened.close()
})

test('firstLsn, nextLsn and durableLsn say where the log stands', async (t) => {
  const { log, fileSystem } = await openSimulated({ flush: { everyMs: 3_600_000 } })
  t.deepEqual([log.firstLsn, log.nextLsn, log.durableLsn, log.status], [1, 1, 0, 'open'])
  await log.append('begins a segment', { ack: 'written' })
  t.is(log.durableLsn, 1, 'a new segment is durable before anything in it is acknowledged')
  await log.append('b', { ack: 'written' })
  t.deepEqual([log.firstLsn, log.nextLsn, log.durableLsn], [1, 3, 1])
  t.is(await log.flush(), 2)
  t.is(log.durableLsn, 2)
  await log.close()
  t.deepEqual([log.firstLsn, log.nextLsn, log.durableLsn, log.status], [1, 3, 2, 'closed'])
  const { log: reopened } = await openSimulated({}, fileSystem)
  t.deepEqual([reopened.firstLsn, reopened.nextLsn, reopened.durableLsn], [1, 3, 2])
  t.is(await reopened.flush(), 2, 'with nothing to make durable it says what is')
  await reopened.close()
})

test('only a signal that is aborted before there is room ends an append', async (t) => {
  const { log } = await openBegun({ maxPendingBytes: LEAST_PENDING_BYTES })
  const reason = new Error('not any more')
  t.is(await rejection(log.append('x', { signal: AbortSignal.abort(reason) })), reason)
  t.is(await rejection(log.appendMany(['x'], { signal: AbortSignal.abort(reason) })), reason)
  t.is(log.nextLsn, 2)

  const controller = new AbortController()
  const { signal } = controller
  const large = 'l'.repeat(HALF_BYTES)
  const some = 's'.repeat(SOME_BYTES)
  const accepted = log.append(large, { signal })
  const other = log.append(large, { signal })
  const waiting = [log.append(some, { signal }), log.appendMany([some], { signal })].map(watch)
  const behind = log.append(some)
  t.is(log.stats().waiting, 3)
  controller.abort(reason)
  t.is(log.stats().waiting, 1)
  t.deepEqual(await Promise.all([accepted, other, behind]), [2, 3, 4])
  const gaveUp = { kind: 'rejected', error: reason }
  t.deepEqual(
    waiting.map(({ settled }) => settled),
    [gaveUp, gaveUp],
  )
  t.deepEqual(await textsOf(log), ['the first', large, large, some])
  t.is(log.stats().waitingBytes, 0)
  await log.close()
})

test('one that waited and was accepted does not listen to its signal any more', async (t) => {
  const { log } = await openSimulated({ maxPendingBytes: LEAST_PENDING_BYTES })
  const controller = new AbortController()
  const { signal } = controller
  const listeners = () => getEventListeners(signal, 'abort').length
  const large = 'l'.repeat(HALF_BYTES)
  const appends = [large, large, large].map((data) => log.append(data, { signal }))
  t.is(listeners(), 1)
  await Promise.all(appends)
  t.is(listeners(), 0)
  controller.abort()
  t.is(log.durableLsn, 3)
  await log.close()
})

test('when the first in line gives up, those behind it that fit are accepted', async (t) => {
  const { log } = await openBegun({ flush: { everyMs: 3_600_000 }, maxPendingBytes: LEAST_PENDING_BYTES })
  const pending = watch(log.append('p'.repeat(HALF_BYTES)))
  await quiet()
  const controller = new AbortController()
  const large = rejection(log.append('l'.repeat(4096), { signal: controller.signal }))
  const small = watch(log.append('s'.repeat(SOME_BYTES), { ack: 'written' }))
  t.is(log.stats().waiting, 2, 'no sync is due for an hour, and so no room comes by itself')
  controller.abort()
  await large
  await quiet()
  t.deepEqual(small.settled, { kind: 'resolved', value: 3 })
  t.is(pending.settled, undefined)
  await log.close()
})

test('an append after close() is refused, and what was accepted before is durable', async (t) => {
  const { log, fileSystem } = await openSimulated()
  const accepted = log.append('accepted')
  const closed = log.close()
  await rejects(t, log.append('late'), { code: 'SLUICE_CLOSED' })
  await rejects(t, log.appendMany(['late']), { code: 'SLUICE_CLOSED' })
  t.is(await accepted, 1)
  await closed
  await rejects(t, log.append('later'), { code: 'SLUICE_CLOSED' })
  t.deepEqual(await recoveredTexts(fileSystem.crash({ keep: 'none' })), ['accepted'])
})

const LAST = Number.MAX_SAFE_INTEGER

test('LSNs go up to 2^53 - 1: appended, read, trimmed and recovered like any other, and refused past it', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { files } = buildLog({ firstLsn: LAST - 6, segments: [{ frames: [['a', 'b'], ['c']] }] })
  putFiles(fileSystem, DIRECTORY, files)
  const options = { segmentBytes: 16 * 1024 }
  const { log } = await openSimulated(options, fileSystem)
  t.deepEqual([log.firstLsn, log.durableLsn, log.nextLsn], [LAST - 6, LAST - 4, LAST - 3])
  const past = { code: 'SLUICE_INVALID_ARGUMENT', mentions: '2^53 - 1' } as const
  throws(t, () => log.appendMany(['1', '2', '3', '4', '5']), past)
  t.deepEqual(await log.appendMany(['d', 'e']), { first: LAST - 3, last: LAST - 2 })
  t.is(await log.append('f'.repeat(12_150)), LAST - 1, 'in a segment of its own')
  t.is(await log.append('g'), LAST)
  for (let attempt = 0; attempt < 3; attempt++) {
    throws(t, () => log.append('h'), past)
    throws(t, () => log.appendMany(['h']), past)
  }
  t.is(log.durableLsn, LAST)
  t.is(await log.flush(), LAST)
  t.is((await log.get(LAST))?.data.toString(), 'g')
  t.is((await textsOf(log)).length, 7)
  await log.trim(LAST)
  t.is(log.firstLsn, LAST - 1)
  await log.close()

  const { log: reopened } = await openSimulated(options, fileSystem.crash({ keep: 'none' }))
  t.deepEqual([reopened.firstLsn, reopened.durableLsn], [LAST - 1, LAST])
  throws(t, () => reopened.append('h'), past)
  t.deepEqual(await textsOf(reopened), ['f'.repeat(12_150), 'g'])
  await rejects(t, reopened.get(LAST - 2), { code: 'SLUICE_TRIMMED' })
  await reopened.close()
})

test('an appendMany that is pending, or waits, keeps none of the memory that its records were cut from', async (t) => {
  const { log } = await openBegun({ flush: { everyMs: 3_600_000 }, maxPendingBytes: LEAST_PENDING_BYTES })
  const slabs: WeakRef<ArrayBuffer>[] = []
  const appendOfSlab = (): Promise<unknown> => {
    const slab = new ArrayBuffer(100_000)
    slabs.push(new WeakRef(slab))
    return log.appendMany([new Uint8Array(slab, 0, 10), new Uint8Array(slab, 10, 10)])
  }
  const appends = [appendOfSlab(), log.append('p'.repeat(HALF_BYTES)), log.append('q'.repeat(HALF_BYTES))]
  appends.push(appendOfSlab())
  t.is(log.stats().waiting, 1)
  await quiet()
  collectGarbage()
  t.deepEqual(
    slabs.map((slab) => slab.deref()),
    [undefined, undefined],
  )
  await log.close()
  await Promise.allSettled(appends)
})
