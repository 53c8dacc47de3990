import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { BOUNDS, judge, median } from '../support/soak/judgement.js'
import { Ledger } from '../support/soak/ledger.js'
import { missingProc, openFilesBelow, type Resources, sampleResources } from '../support/soak/resources.js'
import { numberOf, soakRecord } from '../support/soak/soak-record.js'
import { type Stretch, StretchCheck } from '../support/soak/stretch.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

// A check that can't fail is none: here each check of the soak sees what it is there for.

const MIB = 2 ** 20
const FLAT: Resources = {
  rss: 150 * MIB,
  heapUsed: 20 * MIB,
  external: 5 * MIB,
  arrayBuffers: 4 * MIB,
  descriptors: 30,
  threads: 12,
  disk: 20 * MIB,
  readerRss: 70 * MIB,
  readerDescriptors: 20,
}

/** The names of the resources that are said to grow. */
function growing(sampleAt: (index: number) => Partial<Resources>, count = 600): string[] | undefined {
  const verdicts = judge(Array.from({ length: count }, (_, index) => ({ ...FLAT, ...sampleAt(index) })))
  return verdicts?.flatMap(({ name, ok }) => (ok ? [] : [name]))
}

test('resources that stay as they are, rise at first, or rise for a moment, are flat', (t) => {
  t.deepEqual(
    growing(() => ({})),
    [],
  )
  t.deepEqual(
    growing((index) => ({ rss: index < 60 ? index * 10 * MIB : FLAT.rss })),
    [],
  )
  t.deepEqual(
    growing((index) => ({ descriptors: index % 100 === 0 ? 500 : 30, disk: index % 50 === 0 ? 500 * MIB : FLAT.disk })),
    [],
  )
})

// The keys of BOUNDS are those of Resources, by its type.
for (const name of Object.keys(BOUNDS) as (keyof Resources)[]) {
  test(`a leak is seen: ${name}`, (t) => {
    const { growth } = BOUNDS[name]
    const leak = (index: number) => ({ [name]: FLAT[name] + (index * 2 * (growth + 1)) / 600 })
    t.deepEqual(growing(leak), [name])
  })
}

test('one descriptor, or one thread, that stays behind with each reopening is seen', (t) => {
  t.deepEqual(
    growing((index) => ({ descriptors: 30 + Math.floor(index / 60) })),
    ['descriptors'],
  )
  t.deepEqual(
    growing((index) => ({ threads: 12 + Math.floor(index / 60) })),
    ['threads'],
  )
})

test('a few samples are not judged', (t) => {
  t.is(
    growing((index) => ({ descriptors: index }), 20),
    undefined,
  )
})

test('the median is the middle', (t) => {
  t.is(median([3, 1, 2]), 2)
  t.is(median([4, 1, 3, 2]), 2.5)
})

testWith(test, missingProc())('descriptors, threads, disk and memory are really counted', (t) => {
  const directory = temporaryDirectory(t)
  const before = sampleResources(directory, process.pid)
  t.true(before.rss > before.heapUsed && before.heapUsed > 0 && before.threads > 1)
  const path = join(directory, 'leak')
  writeFileSync(path, Buffer.alloc(MIB, 1))
  t.deepEqual(openFilesBelow(directory), [])
  const fds = Array.from({ length: 5 }, () => openSync(path, 'r'))
  const after = sampleResources(directory, process.pid)
  t.is(openFilesBelow(directory).length, 5)
  for (const fd of fds) closeSync(fd)
  t.true(after.descriptors >= before.descriptors + 5)
  t.true(after.readerDescriptors >= before.readerDescriptors + 5)
  t.true(after.disk >= before.disk + MIB)
})

const SIZES = [0, 5, 12, 100, 3_000]
/** Records numbered from 1 on, each with its own number as its LSN. */
const records = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    lsn: index + 1,
    data: soakRecord(index + 1, SIZES[index % SIZES.length] ?? 0),
    timestamp: 0,
  }))

test('a reader that gets every record finds nothing wrong, however it cuts them up', (t) => {
  const violations: string[] = []
  const ledger = new Ledger((violation) => violations.push(violation), 64)
  const check = new StretchCheck(1)
  // More than the ledger remembers.
  for (const record of records(1_000)) {
    check.take(record)
    if (record.lsn % 7 === 0) ledger.compare(check.cut())
    ledger.acknowledge(record.lsn, [checksum(record.data)], 'durable')
  }
  ledger.compare(check.cut())
  t.deepEqual({ violations, uncompared: ledger.uncompared }, { violations: [], uncompared: 0 })
  t.is(ledger.completeLsn, 1_000)
})

test('a reader that misses a record, or gets one twice, or out of order, is found out at once', (t) => {
  const [first, second, third] = records(3)
  if (first === undefined || second === undefined || third === undefined) return t.fail()
  for (const order of [
    [first, third],
    [first, first],
    [second, first],
  ]) {
    const check = new StretchCheck(order[0]?.lsn ?? 0)
    const takeAll = () => {
      for (const record of order) check.take(record)
    }
    t.throws(takeAll, { message: /should have/ })
  }
  // The same record again under the next LSN.
  const [, , , fourth, fifth] = records(5)
  if (fourth === undefined || fifth === undefined) return t.fail()
  const check = new StretchCheck(4)
  check.take(fourth)
  t.throws(() => check.take({ ...fourth, lsn: 5 }), { message: /LSN 5 has number 4/ })
})

test('a record with a bit that flipped is found out', (t) => {
  const data = soakRecord(9, 500)
  t.is(numberOf({ lsn: 1, data }), 9)
  data[400] = (data[400] ?? 0) ^ 4
  t.throws(() => numberOf({ lsn: 1, data }), { message: /LSN 1 has other bytes/ })
})

/** What the ledger says of a reader that got these records after 20 were acknowledged. */
function said(stretch: Stretch): string[] {
  const violations: string[] = []
  const ledger = new Ledger((violation) => violations.push(violation))
  for (const { lsn, data } of records(20)) ledger.acknowledge(lsn, [checksum(data)], 'durable')
  ledger.compare(stretch)
  return violations
}

function stretchOf(changed: (lsn: number, data: Buffer) => Buffer): Stretch {
  const check = new StretchCheck(3)
  for (const record of records(20).slice(2)) check.take({ ...record, data: changed(record.lsn, record.data) })
  return check.cut() ?? { from: 0, to: 0, sum: 0 }
}

test('records that are too small for a number, and are others than were acknowledged, are found out', (t) => {
  t.deepEqual(said(stretchOf((_, data) => data)), [])
  // LSNs 6, 11 and 16 have no byte, LSNs 7, 12 and 17 have five.
  t.is(said(stretchOf((lsn, data) => (lsn === 6 ? Buffer.from('x') : data))).length, 1)
  t.is(said(stretchOf((lsn, data) => (lsn === 7 ? soakRecord(12, 5) : data))).length, 1)
  const swapped = new Map([
    [7, soakRecord(12, 5)],
    [12, soakRecord(7, 5)],
  ])
  t.is(said(stretchOf((lsn, data) => swapped.get(lsn) ?? data)).length, 1)
})

test('an acknowledgement that is doubled, out of order, or never comes, is found out', (t) => {
  const violations: string[] = []
  const ledger = new Ledger((violation) => violations.push(violation))
  ledger.acknowledge(1, [7], 'durable')
  ledger.acknowledge(1, [7], 'written')
  t.deepEqual(violations.splice(0), ['LSN 1 was acknowledged twice'])
  ledger.acknowledge(3, [7], 'durable')
  ledger.compare({ from: 1, to: 3, sum: 0 })
  t.is(ledger.completeLsn, 1)
  t.is(ledger.uncompared, 1)
  ledger.acknowledge(2, [7], 'durable')
  t.deepEqual(violations.splice(0), ['LSN 2 was acknowledged as durable behind 3'])
  t.is(ledger.completeLsn, 3)
  t.is(ledger.agrees(2, 7), true)
  t.is(ledger.agrees(2, 8), false)
  t.is(ledger.agrees(4, 8), undefined)
})

test('a reader that is too far behind to be checked is found out', (t) => {
  const violations: string[] = []
  const ledger = new Ledger((violation) => violations.push(violation), 8)
  for (const { lsn, data } of records(20)) ledger.acknowledge(lsn, [checksum(data)], 'durable')
  ledger.compare({ from: 5, to: 6, sum: 0 })
  t.deepEqual(violations, ['a reader is so far behind that LSNs 5 to 6 are forgotten'])
})
