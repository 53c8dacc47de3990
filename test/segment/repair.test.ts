import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { segmentFileName } from '../../src/format/file-names.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { MarkFile } from '../../src/segment/mark-file.js'
import { recover } from '../../src/segment/recovery.js'
import { type LsnRange, repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, makeNewer, THREE_SEGMENTS } from '../support/log-plans.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'
import { repaired } from '../support/repaired.js'

const FIRST = segmentFileName(1)
const SECOND = segmentFileName(4)
const THIRD = segmentFileName(7)
const QUARANTINE = '/log/quarantine'

/** A plan, what damages it, the first and last LSN that stay, and those that are lost. */
const keeps = test.macro(
  (
    t,
    plan: LogPlan,
    change: (log: BuiltLog) => void,
    left: readonly [firstLsn: number, lastLsn: number],
    lost: readonly LsnRange[],
  ) => {
    const { report } = repaired(t, plan, change)
    t.deepEqual([report.firstLsn, report.lastLsn], left)
    t.deepEqual(report.lost, lost)
    t.true(report.damaged)
  },
)

test('a sound log is left alone, and so is a torn tail', (t) => {
  for (const change of [() => {}, tear]) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, change)
    const before = fs.files()
    const { damaged, lost, changes } = repairLog(fs, DIRECTORY)
    t.deepEqual([damaged, lost, changes], [false, [], []])
    t.deepEqual(fs.files(), before)
  }
})

test('a damaged frame in the middle: that segment is cut there, the later ones are moved away', (t) => {
  const { report, fs, built } = repaired(t, THREE_SEGMENTS, (log) => {
    flip(segmentOf(log, 1).bytes, frameOf(segmentOf(log, 1), 1).offset + 60)
  })
  const { offset } = frameOf(segmentOf(built, 1), 1)
  const { bytes } = segmentOf(built, 1)
  t.deepEqual(report.changes, [
    { kind: 'moved', file: THIRD, bytes: segmentOf(built, 2).bytes.length, keptIn: `${QUARANTINE}/${THIRD}.0` },
    {
      kind: 'cut',
      segment: SECOND,
      offset,
      bytes: bytes.length - offset,
      keptIn: `${QUARANTINE}/${SECOND}.${offset}`,
    },
    { kind: 'marked', durableLsn: 5, firstLsn: 1 },
  ])
  t.deepEqual(report.lost, [{ firstLsn: 6, lastLsn: 10 }])
  t.deepEqual(fs.bytesOf(`${QUARANTINE}/${THIRD}.0`), segmentOf(built, 2).bytes)
  t.deepEqual(fs.bytesOf(`${QUARANTINE}/${SECOND}.${offset}`), bytes.subarray(offset))
  const { slots } = MarkFile.read(fs, DIRECTORY)
  for (const slot of slots) t.like(slot, { mark: { durableLsn: 5, segmentFirstLsn: 4, endOffset: offset } })
})

test(
  'a damaged first frame of a segment: all of the segment goes',
  keeps,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 1).bytes, SEGMENT_HEADER_BYTES + 60),
  [1, 3],
  [{ firstLsn: 4, lastLsn: 10 }],
)

test(
  'a durable frame at the very end',
  keeps,
  THREE_SEGMENTS,
  (log) => replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, -8)),
  [1, 9],
  [{ firstLsn: 10, lastLsn: 10 }],
)

test(
  'zeros instead of durable frames: the segment is sealed, and never written on',
  keeps,
  THREE_SEGMENTS,
  (log) => segmentOf(log, 2).bytes.fill(0, frameOf(segmentOf(log, 2), 1).offset),
  [1, 7],
  [{ firstLsn: 8, lastLsn: 10 }],
)

test(
  'a bad header',
  keeps,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 1).bytes, 20),
  [1, 3],
  [{ firstLsn: 4, lastLsn: 10 }],
)

test(
  'a bad header of the first segment: nothing can be kept',
  keeps,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 0).bytes, 20),
  [1, 0],
  [{ firstLsn: 1, lastLsn: 10 }],
)

test(
  'a missing segment in the middle',
  keeps,
  THREE_SEGMENTS,
  (log) => log.files.delete(SECOND),
  [1, 3],
  [{ firstLsn: 4, lastLsn: 10 }],
)

test(
  'a missing last segment',
  keeps,
  THREE_SEGMENTS,
  (log) => log.files.delete(THIRD),
  [1, 6],
  [{ firstLsn: 7, lastLsn: 10 }],
)

test(
  'no segment is left',
  keeps,
  THREE_SEGMENTS,
  (log) => {
    for (const { name } of log.segments) log.files.delete(name)
  },
  [1, 0],
  [{ firstLsn: 1, lastLsn: 10 }],
)

test(
  'missing first segments, that no trim mark excuses: the log begins behind them, and they are lost',
  keeps,
  THREE_SEGMENTS,
  (log) => log.files.delete(FIRST),
  [4, 10],
  [{ firstLsn: 1, lastLsn: 3 }],
)

test(
  'missing first segments, and damage behind them: both are lost',
  keeps,
  THREE_SEGMENTS,
  (log) => {
    log.files.delete(FIRST)
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60)
  },
  [4, 7],
  [
    { firstLsn: 1, lastLsn: 3 },
    { firstLsn: 8, lastLsn: 10 },
  ],
)

test(
  'records above the mark count as lost, where anything valid tells of them',
  keeps,
  LAST_SEGMENT_UNMARKED,
  (log) => flip(segmentOf(log, 1).bytes, frameOf(segmentOf(log, 1), 1).offset + 60),
  [1, 5],
  [{ firstLsn: 6, lastLsn: 10 }],
)

test(
  'a segment of another log goes, and tells nothing about what is lost',
  keeps,
  THREE_SEGMENTS,
  (log) => {
    const other = memoryLog({ ...THREE_SEGMENTS, logId: Buffer.alloc(16, 7), firstLsn: 500 }).built
    log.files.set(segmentFileName(500), segmentOf(other, 0).bytes)
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset)
  },
  [1, 9],
  [{ firstLsn: 10, lastLsn: 10 }],
)

test(
  'records that do not add up',
  keeps,
  { segments: [{ frames: [['one'], { records: ['two', 'three'], brokenRecords: true }, ['four']] }] },
  () => {},
  [1, 1],
  [{ firstLsn: 2, lastLsn: 4 }],
)

test(
  'damage below and above a trim mark inside of a segment',
  keeps,
  { ...THREE_SEGMENTS, mark: { firstLsn: 5 } },
  (log) => flip(segmentOf(log, 1).bytes, SEGMENT_HEADER_BYTES + 60),
  [5, 4],
  [{ firstLsn: 5, lastLsn: 10 }],
)

test(
  'repair gave up records before a segment under a wrong name, as if that name said where they end',
  keeps,
  { ...THREE_SEGMENTS, mark: { firstLsn: 5 } },
  (log) => {
    log.files.delete(FIRST)
    log.files.delete(THIRD)
    log.files.set(segmentFileName(5), segmentOf(log, 2).bytes)
  },
  [5, 6],
  [{ firstLsn: 7, lastLsn: 10 }],
)

test('opening removed records above the trim mark with a file behind them that only has a name below it', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: { firstLsn: 6, durableLsn: 5, segmentFirstLsn: 4 } }, (log) => {
    log.files.delete(THIRD)
    log.files.set(segmentFileName(5), Buffer.from('no segment'))
  })
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_CORRUPT')
  repairLog(fs, DIRECTORY)
  t.like(recover(fs, DIRECTORY), { firstLsn: 6, lastLsn: 6 })
})

test(
  'a header that names another end of its predecessor',
  keeps,
  { segments: [{ frames: [['one']] }, { frames: [['two']], header: { previousEndOffset: 4168 } }] },
  () => {},
  [1, 1],
  [{ firstLsn: 2, lastLsn: 2 }],
)

test('a damaged footer is made anew, and no record is lost', (t) => {
  const { report, fs, built } = repaired(t, THREE_SEGMENTS, (log) => {
    flip(segmentOf(log, 0).bytes, segmentOf(log, 0).endOffset + 30)
  })
  t.deepEqual(report.lost, [])
  t.is(report.lastLsn, 10)
  t.like(report.changes, [{ kind: 'cut', segment: FIRST, offset: segmentOf(built, 0).endOffset }, { kind: 'marked' }])
  const original = memoryLog(THREE_SEGMENTS).built
  const footer = fs.bytesOf(`/log/${FIRST}`)
  t.is(footer.length, segmentOf(original, 0).bytes.length)
})

test('a mark file of another log is moved away, and the segments are kept', (t) => {
  const { report, fs } = repaired(t, { ...THREE_SEGMENTS, mark: { logId: Buffer.alloc(16, 7) } })
  t.is(report.lastLsn, 10)
  t.like(report.changes[0], { kind: 'moved', file: 'mark', keptIn: `${QUARANTINE}/mark.0` })
  t.deepEqual(fs.listSync(QUARANTINE), ['mark.0'])
})

test('a mark whose end offset is wrong is noted anew', (t) => {
  const { report } = repaired(t, { ...THREE_SEGMENTS, mark: { endOffset: 4096 } })
  t.deepEqual(report.changes, [{ kind: 'marked', durableLsn: 10, firstLsn: 1 }])
})

test('a damaged mark file without a segment is made anew', (t) => {
  const { report } = repaired(t, { segments: [] }, (log) => log.files.set('mark', Buffer.alloc(8192, 1)))
  t.like(report, { firstLsn: 1, lastLsn: 0, lost: [] })
})

test('the mark is never noted higher than what was durable', (t) => {
  const { report } = repaired(t, {
    ...LAST_SEGMENT_UNMARKED,
    mark: { durableLsn: 6, segmentFirstLsn: 4, endOffset: 1 },
  })
  t.like(report.changes.at(-1), { kind: 'marked', durableLsn: 6 })
  t.is(report.lastLsn, 10)
})

test('what was kept aside before is not overwritten', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => flip(segmentOf(log, 0).bytes, SEGMENT_HEADER_BYTES))
  fs.makeDirectorySync(QUARANTINE)
  fs.put(`${QUARANTINE}/${THIRD}.0`, Buffer.from('kept before'))
  const { changes } = repairLog(fs, DIRECTORY)
  t.like(changes[0], { file: THIRD, keptIn: `${QUARANTINE}/${THIRD}.0.2` })
  t.is(fs.bytesOf(`${QUARANTINE}/${THIRD}.0`).toString(), 'kept before')
})

test('a newer version is refused', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => {
    makeNewer(segmentOf(log, 2).bytes)
    flip(segmentOf(log, 0).bytes, SEGMENT_HEADER_BYTES)
  })
  const before = fs.files()
  const error = t.throws(() => repairLog(fs, DIRECTORY), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_UNSUPPORTED_FORMAT')
  t.deepEqual(fs.files(), before)
})

test('a crash at any call of a repair: doing it again ends the same', (t) => {
  class Crash extends Error {}
  const change = (log: BuiltLog): void => flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 1).offset + 60)
  let callNumber = 0
  for (let crashed = true; crashed; callNumber++) {
    const { fs } = memoryLog(THREE_SEGMENTS, change)
    let made = 0
    crashed = false
    fs.beforeChange = () => {
      if (made++ < callNumber) return
      crashed = true
      throw new Crash()
    }
    try {
      repairLog(fs, DIRECTORY)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
    for (const state of [fs.afterProcessCrash(), fs.afterPowerCut()]) {
      repairLog(state, DIRECTORY)
      t.true(verifyLog(state, DIRECTORY).ok, `after a crash at call ${callNumber}`)
      const log = recover(state, DIRECTORY)
      t.deepEqual([log.firstLsn, log.lastLsn], [1, 1], `after a crash at call ${callNumber}`)
      t.deepEqual(state.listSync(QUARANTINE).sort(), [`${FIRST}.4160`, `${SECOND}.0`, `${THIRD}.0`])
    }
  }
  t.true(callNumber > 10)
})

function tear(log: BuiltLog): void {
  flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
}
