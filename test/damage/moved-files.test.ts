import test from 'ava'
import { MARK_FILE, segmentFileName } from '../../src/format/file-names.js'
import { repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import { Random } from '../../src/testing/random.js'
import { BoundedFileSystem } from '../support/damage/bounded-file-system.js'
import { combinedDamages, first } from '../support/damage/combined-damages.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { movedFiles } from '../support/damage/damages.js'
import { LARGE_SHAPE, SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { DIRECTORY } from '../support/memory-log.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  test.serial(`${shape.name}: files swapped, doubled, renamed, removed, emptied, zeroed, exchanged`, async (t) => {
    const numbers = new Random(seed)
    const large = shape === LARGE_SHAPE
    const trials = sampled(alone(movedFiles(shape)), large ? 100 : 1, numbers)
    const tally = await tryDamages(shape, trials, { repairOneIn: 3, readOneIn: large ? 0 : 40 }, numbers)
    t.true(trialsIn(tally) > 20)
  })

  test.serial(`${shape.name}: two or three things at once`, async (t) => {
    const numbers = new Random(seed)
    const large = shape === LARGE_SHAPE
    const trials = first(combinedDamages(shape, numbers), large ? 3 : 25)
    const tally = await tryDamages(shape, trials, { repairOneIn: 1, readOneIn: large ? 0 : 10 }, numbers)
    t.is(trialsIn(tally), large ? 3 : 25)
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
