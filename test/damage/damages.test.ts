import test from 'ava'
import { MARK_FILE, segmentFileName } from '../../src/format/file-names.js'
import { repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import { Random } from '../../src/testing/random.js'
import { AllocationWatch } from '../support/damage/allocation-watch.js'
import { BoundExceeded, BoundedFileSystem } from '../support/damage/bounded-file-system.js'
import { combinedDamages, first } from '../support/damage/combined-damages.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { BLOCK_BYTES, bodyBits, cuts, headerBits, movedFiles, spoiltBlocks } from '../support/damage/damages.js'
import { LARGE_SHAPE, SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { DIRECTORY } from '../support/memory-log.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

// What holds the tests of damage to their bounds can itself fail: this shows it.

test.serial('a buffer that is too large is noticed, whoever allocates it', (t) => {
  const watch = new AllocationWatch()
  try {
    Buffer.allocUnsafeSlow(70_000)
    Buffer.alloc(50_000, 1)
    t.is(watch.mostBytes, 70_000)
  } finally {
    watch.end()
  }
  Buffer.alloc(90_000)
  t.is(watch.mostBytes, 70_000)
})

test.serial('a read that no file can fill is refused, and so are calls without end', (t) => {
  const fs = new BoundedFileSystem(new Map([['a', Buffer.alloc(1000)]]))
  const fd = fs.openSync(`${DIRECTORY}/a`, 'read')
  t.throws(() => fs.readSync(fd, Buffer.alloc(300_000), 0, 300_000, 0), { instanceOf: BoundExceeded })
  t.throws(
    () => {
      for (;;) fs.readSync(fd, Buffer.alloc(1), 0, 1, 0)
    },
    { instanceOf: BoundExceeded },
  )
  fs.renew()
  t.is(fs.readSync(fd, Buffer.alloc(1), 0, 1, 0), 1)
})

// Each length, and each bit: `npm run test:damage -- --every-bit`.

const MANY_LENGTHS = shapeNamed('one segment')

test.serial(`${MANY_LENGTHS.name}: cut at one length in five`, async (t) => {
  const numbers = new Random(seed)
  const segments = new Map([...MANY_LENGTHS.files].filter(([name]) => name !== MARK_FILE))
  const some = sampled(alone(cuts({ ...MANY_LENGTHS, files: segments })), 5, numbers)
  const tally = await tryDamages(MANY_LENGTHS, some, { repairOneIn: 20, readOneIn: 200 }, numbers)
  const lengths = [...segments.values()].reduce((sum, bytes) => sum + bytes.length, 0)
  t.true(trialsIn(tally) > lengths / 10)
})

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  test.serial(`${shape.name}: files cut at sectors, and around all that begins or ends`, async (t) => {
    const numbers = new Random(seed)
    const some = sampled(alone(cuts(shape, 512)), shape === LARGE_SHAPE ? 20 : 4, numbers)
    const tally = await tryDamages(shape, some, { repairOneIn: 4, readOneIn: shape === LARGE_SHAPE ? 0 : 30 }, numbers)
    t.true(trialsIn(tally) > 1)
  })
}

const MANY_BITS = shapeNamed('sealed, sealed, last')

test.serial(`${MANY_BITS.name}: one bit in twenty of every header`, async (t) => {
  const numbers = new Random(seed)
  const tally = await tryDamages(
    MANY_BITS,
    sampled(alone(headerBits(MANY_BITS)), 20, numbers),
    { repairOneIn: 8, readOneIn: 80 },
    numbers,
  )
  const headers = tally.get('bit of a segment header')
  t.deepEqual([...(headers?.keys() ?? [])], ['refused'])
  t.true(trialsIn(tally) > 300)
})

for (const shape of SMALL_SHAPES) {
  test.serial(`${shape.name}: some bits of headers and bodies`, async (t) => {
    const numbers = new Random(seed)
    const depth = { repairOneIn: 4, readOneIn: 30 }
    const headers = sampled(alone(headerBits(shape)), 200, numbers)
    const tally = await tryDamages(shape, headers, depth, numbers)
    await tryDamages(shape, alone(bodyBits(shape, numbers, 2)), depth, numbers, tally)
    t.true(trialsIn(tally) > 10)
  })
}

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  test.serial(`${shape.name}: files swapped, doubled, renamed, removed, emptied, zeroed, exchanged`, async (t) => {
    const numbers = new Random(seed)
    const large = shape === LARGE_SHAPE
    const trials = sampled(alone(movedFiles(shape)), large ? 200 : 1, numbers)
    const tally = await tryDamages(shape, trials, { repairOneIn: 3, readOneIn: large ? 0 : 40 }, numbers)
    t.true(trialsIn(tally) > 20)
  })

  test.serial(`${shape.name}: two or three things at once`, async (t) => {
    const numbers = new Random(seed)
    const large = shape === LARGE_SHAPE
    const trials = first(combinedDamages(shape, numbers), large ? 3 : 12)
    const tally = await tryDamages(shape, trials, { repairOneIn: 1, readOneIn: large ? 0 : 10 }, numbers)
    t.is(trialsIn(tally), large ? 3 : 12)
  })
}

const CHAIN = shapeNamed('sealed, sealed, last')
const STRAY = segmentFileName(5)

test('repair gave up everything behind a stray file amid an intact chain: it is moved aside, and nothing is lost', (t) => {
  for (const stray of [Buffer.from('no segment'), Buffer.alloc(0), CHAIN.foreign]) {
    const fs = new BoundedFileSystem(new Map([...CHAIN.files, [STRAY, stray]]))
    const { findings } = verifyLog(fs, DIRECTORY)
    t.like(findings, [{ kind: 'corrupt', segment: STRAY, offset: 0 }])
    t.is(findings.length, 1)
    const { changes, lost, firstLsn, lastLsn } = repairLog(fs, DIRECTORY)
    const keptIn = `${DIRECTORY}/quarantine/${STRAY}.0`
    t.deepEqual(changes[0], { kind: 'moved', file: STRAY, bytes: stray.length, keptIn })
    t.deepEqual(lost, [])
    t.deepEqual([firstLsn, lastLsn], [1, 10])
    t.deepEqual(fs.bytesOf(keptIn), stray)
    t.true(verifyLog(fs, DIRECTORY).ok)
  }
})

test('a file with a segment’s name behind a predecessor that is damaged is no stray: nothing proves it', (t) => {
  const first = Buffer.from(CHAIN.files.get(segmentFileName(4)) ?? Buffer.alloc(0))
  first.writeUInt8(first.readUInt8(4200) ^ 1, 4200)
  const files = new Map([...CHAIN.files, [segmentFileName(4), first], [STRAY, Buffer.from('no segment')]])
  const { lost, lastLsn } = repairLog(new BoundedFileSystem(files), DIRECTORY)
  t.is(lastLsn, 3)
  t.deepEqual(lost, [{ firstLsn: 4, lastLsn: 10 }])
})

test('repair kept silent about the records of a segment under another’s name', (t) => {
  const shape = shapeNamed('last segment unmarked')
  const files = new Map(shape.files)
  const last = files.get(segmentFileName(7)) ?? Buffer.alloc(0)
  files.delete(segmentFileName(7))
  files.set(segmentFileName(8), last)
  const report = repairLog(new BoundedFileSystem(files), DIRECTORY)
  t.deepEqual(report.lost, [{ firstLsn: 7, lastLsn: 10 }])
  files.delete(MARK_FILE)
  t.deepEqual(repairLog(new BoundedFileSystem(files), DIRECTORY).lost, [{ firstLsn: 7, lastLsn: 10 }])
})

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  const large = shape === LARGE_SHAPE
  for (const unit of ['sector', 'page'] as const) {
    test.serial(`${shape.name}: a ${unit} of zeros, ones, noise, or from elsewhere`, async (t) => {
      const numbers = new Random(seed)
      const oneIn = unit === 'page' ? (large ? 16 : 2) : large ? 120 : 6
      const trials = sampled(alone(spoiltBlocks(shape, numbers, BLOCK_BYTES[unit])), oneIn, numbers)
      const tally = await tryDamages(shape, trials, { repairOneIn: 4, readOneIn: large ? 0 : 25 }, numbers)
      t.true(trialsIn(tally) > 1)
    })
  }
}
