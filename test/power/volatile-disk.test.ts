import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Random } from '../../src/testing/random.js'
import { AckBoard } from '../slow/power/ack-board.js'
import { Generations, LoadRecords } from '../slow/power/load-record.js'
import { CUT_MANNERS, type CutManner, type DiskImage, SECTOR_BYTES, VolatileDisk } from '../slow/power/volatile-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const DISK_BYTES = 64 * SECTOR_BYTES

class MemoryImage implements DiskImage {
  readonly bytes: Buffer

  constructor(bytes = Buffer.alloc(DISK_BYTES)) {
    this.bytes = bytes
  }

  read(target: Uint8Array, offset: number): void {
    target.set(this.bytes.subarray(offset, offset + target.length))
  }

  write(source: Uint8Array, offset: number): void {
    this.bytes.set(source, offset)
  }
}

function newDisk(): { disk: VolatileDisk; durable: MemoryImage; seen: MemoryImage } {
  const durable = new MemoryImage()
  const seen = new MemoryImage()
  return { disk: new VolatileDisk(seen, durable), durable, seen }
}

function sectors(count: number, value: number): Buffer {
  return Buffer.alloc(count * SECTOR_BYTES, value)
}

function cut(disk: VolatileDisk, durable: MemoryImage, manner: CutManner, seed = 1): { left: Buffer; missing: number } {
  const copy = new MemoryImage(Buffer.from(durable.bytes))
  const missing = disk.cut(copy, manner, new Random(seed))
  return { left: copy.bytes, missing }
}

test('what was written is seen at once, and survives only a flush', (t) => {
  const { disk, durable } = newDisk()
  const read = Buffer.alloc(SECTOR_BYTES)
  disk.write(sectors(1, 7), SECTOR_BYTES)
  disk.read(read, SECTOR_BYTES)
  t.deepEqual(read, sectors(1, 7))
  t.is(cut(disk, durable, 'lost').left.indexOf(7), -1)
  disk.flush()
  t.is(cut(disk, durable, 'lost').left.indexOf(7), SECTOR_BYTES)
  t.is(disk.unflushedWrites, 0)
})

test('the disk keeps a copy of what it is given, and goes on after a cut', (t) => {
  const { disk, durable } = newDisk()
  const data = sectors(1, 1)
  disk.write(data, 0)
  data.fill(9)
  t.is(cut(disk, durable, 'kept').left[0], 1)
  t.is(disk.unflushedWrites, 1)
  disk.flush()
  t.is(durable.bytes[0], 1)
})

/** Whatever the manner, what was flushed and not written again since is there. */
function keepsWhatWasFlushed(t: ExecutionContext, manner: CutManner): void {
  const random = new Random(11)
  for (let round = 0; round < 60; round++) {
    const { disk, durable, seen } = newDisk()
    // Of each sector: what it may hold after a cut.
    const possible = Array.from({ length: 64 }, () => [0])
    for (let step = 1; step < 30; step++) {
      if (random.below(5) === 0) {
        disk.flush()
        for (const values of possible) values.splice(0, values.length - 1)
      } else {
        const first = random.below(60)
        const count = 1 + random.below(4)
        disk.write(sectors(count, step), first * SECTOR_BYTES)
        for (const values of possible.slice(first, first + count)) values.push(step)
      }
    }
    const { left } = cut(disk, durable, manner, round)
    for (const [sector, values] of possible.entries()) {
      const found = left.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES)
      const value = found[0] ?? -1
      if (!found.every((byte) => byte === value)) t.fail(`sector ${sector} is torn, round ${round}`)
      if (!values.includes(value)) t.fail(`sector ${sector} holds ${value}, and not one of ${values}, round ${round}`)
      if (manner === 'lost' && value !== values[0]) t.fail(`sector ${sector} was written without a flush`)
      if (manner === 'kept' && value !== seen.bytes[sector * SECTOR_BYTES]) t.fail(`sector ${sector} was not kept`)
    }
  }
  t.pass()
}

for (const manner of CUT_MANNERS) test(`a cut keeps what was flushed: ${manner}`, keepsWhatWasFlushed, manner)

test('each manner leaves what the others do not', (t) => {
  const { disk, durable } = newDisk()
  for (let sector = 0; sector < 8; sector++) disk.write(sectors(2, 1 + sector), 2 * sector * SECTOR_BYTES)
  const outcomes = (manner: CutManner): string[] =>
    Array.from({ length: 200 }, (_, seed) => {
      const { left } = cut(disk, durable, manner, seed)
      return Array.from({ length: 16 }, (_, sector) => (left[sector * SECTOR_BYTES] === 0 ? '-' : 'x')).join('')
    })
  t.deepEqual(new Set(outcomes('lost')), new Set(['-'.repeat(16)]))
  t.deepEqual(new Set(outcomes('kept')), new Set(['x'.repeat(16)]))
  t.is(new Set(outcomes('prefix')).size, 9)
  t.true(outcomes('prefix').every((left) => /^(xx)*-*$/.test(left)))
  t.true(outcomes('subset').every((left) => /^(xx|--)*$/.test(left)))
  t.true(outcomes('subset').some((left) => /-x/.test(left)))
  t.true(outcomes('torn').some((left) => !/^(xx|--)*$/.test(left)))
})

test('a cut counts the writes that are missing, and the same seed makes the same cut', (t) => {
  const { disk, durable } = newDisk()
  for (let sector = 0; sector < 8; sector++) disk.write(sectors(1, 1), sector * SECTOR_BYTES)
  for (const manner of CUT_MANNERS) {
    const { left, missing } = cut(disk, durable, manner, 5)
    const there = Array.from({ length: 8 }, (_, sector) => left[sector * SECTOR_BYTES] ?? 0).reduce((a, b) => a + b)
    t.is(missing, 8 - there, manner)
    t.deepEqual(cut(disk, durable, manner, 5), { left, missing })
  }
})

test('what one side notes is there at once for the other one, and never goes back', (t) => {
  const path = join(temporaryDirectory(t), 'board')
  const reader = AckBoard.create(path)
  const writer = AckBoard.open(path)
  t.deepEqual(reader.read(), { durable: 0, written: 0, accepted: 0, trimmed: 0, trimTarget: 0 })
  writer.raise('durable', 5)
  writer.raise('durable', 4)
  writer.raise('accepted', 2 ** 32 - 1)
  writer.raise('trimTarget', 3)
  t.deepEqual(reader.read(), { durable: 5, written: 0, accepted: 2 ** 32 - 1, trimmed: 0, trimTarget: 3 })
  writer.close()
  reader.close()
})

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
