import test from 'ava'
import type { Log, LogRecord } from '../../src/log/contract.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { type Random, random } from '../support/random.js'
import { collect, isSluiceError } from '../support/records.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const KIB = 1024
/** Small segments: a few thousand records make dozens of them. */
const tuning = { segmentBytes: 16 * KIB }

/** The bytes that the record with this LSN has. */
function payload(lsn: number): Buffer {
  return Buffer.alloc((lsn * 7919) % 400, `record ${lsn};`)
}

/** Appends up to `lastLsn`, one by one and many at once, and flushes now and then. */
async function appendUpTo(log: Log, lastLsn: number, below: Random['below']): Promise<void> {
  while (log.nextLsn <= lastLsn) {
    const count = Math.min(1 + below(below(8) === 0 ? 200 : 6), lastLsn - log.nextLsn + 1)
    const data = Array.from({ length: count }, (_, index) => payload(log.nextLsn + index))
    const done = below(2) === 0 ? log.appendMany(data) : Promise.all(data.map((bytes) => log.append(bytes)))
    if (below(4) === 0) await done
  }
  await log.flush()
}

function wrongAt(records: readonly LogRecord[], firstLsn: number): number | undefined {
  const index = records.findIndex(({ lsn, data }, at) => lsn !== firstLsn + at || !data.equals(payload(lsn)))
  return index < 0 ? undefined : firstLsn + index
}

test('followers here and outside get all that is appended, across many segments', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const directory = temporaryDirectory(t)
  const log = await openLog(directory, tuning)
  const outside = await openLogReader(directory)
  const last = 6000
  const froms = [1, 1, 2500, 5999]
  const inner = froms.map((from) => collect(log.follow({ from })))
  const outer = froms.map(async (from) => {
    const records: LogRecord[] = []
    for await (const record of outside.follow({ from })) {
      records.push(record)
      if (record.lsn === last) break
    }
    return records
  })
  await appendUpTo(log, last, below)
  for (const [index, records] of (await Promise.all(outer)).entries()) {
    const from = froms[index] ?? 0
    t.is(records.length, last - from + 1)
    t.is(wrongAt(records, from), undefined)
  }
  for (let count = 0; count < 300; count++) {
    const lsn = 1 + below(last)
    for (const record of [await log.get(lsn), await outside.get(lsn)]) {
      t.true(record !== undefined && record.lsn === lsn && record.data.equals(payload(lsn)))
    }
  }
  await log.close()
  for (const [index, { records, error }] of (await Promise.all(inner)).entries()) {
    const from = froms[index] ?? 0
    t.is(error, undefined)
    t.is(records.length, last - from + 1)
    t.is(wrongAt(records, from), undefined)
  }
  await outside.close()
})

test('readers that a trim overtakes are refused; what they got is right', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const directory = temporaryDirectory(t)
  const log = await openLog(directory, tuning)
  const outside = await openLogReader(directory)
  await appendUpTo(log, 1000, below)
  await outside.refresh()
  const followers: { from: number; following: ReturnType<typeof collect> }[] = []
  for (let round = 1; round <= 12; round++) {
    const from = log.firstLsn + below(300)
    const reads = [collect(log.read({ from })), collect(outside.read({ from }))]
    followers.push({ from, following: collect(outside.follow({ from })) })
    const gets = Array.from({ length: 20 }, () => {
      const lsn = from + below(300)
      const got = (record: LogRecord | undefined) => record === undefined || record.data.equals(payload(lsn))
      return (below(2) === 0 ? log : outside).get(lsn).then(got, (error) => isSluiceError(t, error, 'SLUICE_TRIMMED'))
    })
    const trimmed = log.trim(Math.min(log.durableLsn, log.firstLsn + below(600)))
    await appendUpTo(log, log.nextLsn + 400, below)
    await trimmed
    t.true((await Promise.all(gets)).every((result) => result !== false))
    for (const { records, error } of await Promise.all(reads)) {
      t.is(wrongAt(records, from), undefined)
      if (error !== undefined) isSluiceError(t, error, 'SLUICE_TRIMMED')
    }
    await outside.refresh()
    t.is(outside.firstLsn, log.firstLsn)
    t.is(outside.durableLsn, log.durableLsn)
    t.is((await outside.get(outside.firstLsn))?.lsn, log.firstLsn)
  }
  t.true(log.firstLsn > 1)
  await log.close()
  await outside.close()
  for (const { from, following } of followers) {
    const { records, error } = await following
    t.is(wrongAt(records, from), undefined)
    if (error !== undefined) isSluiceError(t, error, 'SLUICE_TRIMMED')
    else t.is(records.length, outside.durableLsn - from + 1)
  }
})

test('a reader outside stays right over closing and opening the log', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const directory = temporaryDirectory(t)
  await (await openLog(directory, tuning)).close()
  const outside = await openLogReader(directory)
  const iterator = outside.follow()[Symbol.asyncIterator]()
  let next = 1
  for (let round = 0; round < 5; round++) {
    const log = await openLog(directory, tuning)
    await appendUpTo(log, next + 299, below)
    await log.close()
    for (; next <= 300 * (round + 1); next++) {
      const result = await iterator.next()
      t.true(result.value?.lsn === next && result.value.data.equals(payload(next)))
    }
  }
  await outside.close()
  t.true((await iterator.next()).done)
})
