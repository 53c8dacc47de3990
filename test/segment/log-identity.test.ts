import test, { type ExecutionContext } from 'ava'
import { MARK_FILE, segmentFileName } from '../../src/format/file-names.js'
import { MarkFile } from '../../src/segment/mark-file.js'
import { recover } from '../../src/segment/recovery.js'
import { type LsnRange, repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import { type BuiltLog, buildLog, LOG_ID, type LogPlan, markFileBytes } from '../support/build-log.js'
import { THREE_SEGMENTS } from '../support/log-plans.js'
import type { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, memoryLog, segmentOf } from '../support/memory-log.js'
import { repaired } from '../support/repaired.js'

const FIRST = segmentFileName(1)
const SECOND = segmentFileName(4)
const THIRD = segmentFileName(7)
const QUARANTINE = `${DIRECTORY}/quarantine`

const OTHER_ID = Buffer.alloc(16, 7)
const UNMARKED = { ...THREE_SEGMENTS, mark: undefined }

/** A segment of another log, with this first LSN and three records. */
function stranger(firstLsn: number, logId = OTHER_ID): Buffer {
  const records = ['of another log', 'this one, too', 'and this']
  return segmentOf(buildLog({ logId, firstLsn, segments: [{ frames: [records] }] }), 0).bytes
}

/** Leaves only these files of a log's own. */
function only(log: BuiltLog, ...names: readonly string[]): void {
  for (const name of [...log.files.keys()]) if (name !== MARK_FILE && !names.includes(name)) log.files.delete(name)
}

/** Repairs it, and says whose log it is then, which LSNs it has, and which segments. */
function settles(
  t: ExecutionContext,
  plan: LogPlan,
  change: (log: BuiltLog) => void,
  expected: { logId: Buffer; left: readonly [number, number]; lost: readonly LsnRange[]; segments: readonly string[] },
): MemoryFileSystem {
  const { report, fs } = repaired(t, plan, change)
  t.deepEqual([report.firstLsn, report.lastLsn], expected.left)
  t.deepEqual(report.lost, expected.lost)
  const { logId } = recover(fs, DIRECTORY)
  t.is(logId.toString('hex'), expected.logId.toString('hex'))
  t.deepEqual(segmentsOf(fs), expected.segments)
  return fs
}

const decides = test.macro(settles)

function segmentsOf(fs: MemoryFileSystem): string[] {
  return fs.listSync(DIRECTORY).filter((name) => name.endsWith('.seg'))
}

test('verify found damage after a repair that left nothing but a stranger below the trim mark', (t) => {
  const plan = {
    firstLsn: 4,
    segments: [{ frames: [['four', 'five'], ['six']] }, { frames: [['seven'], ['eight', 'nine']] }],
    mark: { firstLsn: 5 },
  }
  const fs = settles(
    t,
    plan,
    (log) => {
      log.files.set(segmentFileName(3), stranger(7))
      segmentOf(log, 0).bytes.fill(0)
    },
    { logId: LOG_ID, left: [5, 4], lost: [{ firstLsn: 5, lastLsn: 9 }], segments: [] },
  )
  t.deepEqual(fs.bytesOf(`${QUARANTINE}/${segmentFileName(3)}.0`), stranger(7), 'opening would have removed it')
})

const LOST_ALL = { logId: LOG_ID, left: [1, 0], lost: [{ firstLsn: 1, lastLsn: 10 }], segments: [] } as const

test(
  'repair took the only segment that was left for the log, though the mark file is another’s',
  decides,
  THREE_SEGMENTS,
  (log) => {
    only(log)
    log.files.set(THIRD, stranger(7))
  },
  LOST_ALL,
)

test(
  'the mark file stands where all other segments have lost their headers, and a stranger its name',
  decides,
  THREE_SEGMENTS,
  (log) => {
    segmentOf(log, 0).bytes.fill(0)
    log.files.set(SECOND, stranger(4))
    log.files.set(THIRD, stranger(500))
  },
  LOST_ALL,
)

test(
  'the mark file stands beside two segments of two other logs',
  decides,
  THREE_SEGMENTS,
  (log) => {
    only(log)
    log.files.set(FIRST, stranger(1))
    log.files.set(SECOND, stranger(4, Buffer.alloc(16, 8)))
  },
  LOST_ALL,
)

test(
  'the mark file stands where one segment has its id, whatever name that has',
  decides,
  THREE_SEGMENTS,
  (log) => {
    only(log)
    for (const lsn of [1, 4, 7]) log.files.set(segmentFileName(lsn), stranger(lsn))
    log.files.set(segmentFileName(20), segmentOf(log, 2).bytes)
  },
  LOST_ALL,
)

test(
  'the mark file yields to two segments that agree, and what is damaged beside them is lost',
  decides,
  { ...THREE_SEGMENTS, mark: { logId: OTHER_ID } },
  (log) => flip(segmentOf(log, 1).bytes, 20),
  { logId: LOG_ID, left: [1, 3], lost: [{ firstLsn: 4, lastLsn: 10 }], segments: [FIRST] },
)

test('repair said that a whole mark file was moved, however long it was', (t) => {
  const { report, fs } = repaired(t, THREE_SEGMENTS, (log) => {
    const mark = markFileBytes({ ...markOf(log), logId: OTHER_ID })
    log.files.set(MARK_FILE, Buffer.concat([mark.subarray(0, 4200), Buffer.alloc(5000, 1)]))
  })
  t.like(report.changes[0], { kind: 'moved', file: MARK_FILE, bytes: 9200 })
  t.is(fs.bytesOf(`${QUARANTINE}/${MARK_FILE}.0`).length, 9200)
})

test('a mark file of another log, and nothing of it but one segment: that is kept aside, to be put back', (t) => {
  const { report, fs, built } = repaired(t, { segments: [{ frames: [['one']] }], mark: { logId: OTHER_ID } })
  t.like(report, { firstLsn: 1, lastLsn: 0, lost: [{ firstLsn: 1, lastLsn: 1 }] })
  const kept = fs.bytesOf(`${QUARANTINE}/${FIRST}.0`)
  t.deepEqual(kept, segmentOf(built, 0).bytes)
  fs.removeSync(`${DIRECTORY}/${MARK_FILE}`)
  fs.renameSync(`${QUARANTINE}/${FIRST}.0`, `${DIRECTORY}/${FIRST}`)
  t.like(recover(fs, DIRECTORY), { firstLsn: 1, lastLsn: 1, logId: LOG_ID })
})

test(
  'without a mark file a stranger under a wrong name, before all others, made the log its own',
  decides,
  UNMARKED,
  (log) => {
    log.files.delete(FIRST)
    log.files.set(segmentFileName(2), stranger(7))
  },
  { logId: LOG_ID, left: [2, 1], lost: [{ firstLsn: 2, lastLsn: 10 }], segments: [] },
)

test(
  'without a mark file the first segment does not outweigh two that agree',
  decides,
  UNMARKED,
  (log) => log.files.set(FIRST, stranger(1)),
  { logId: LOG_ID, left: [1, 0], lost: [{ firstLsn: 1, lastLsn: 10 }], segments: [] },
)

test('what lies below the trim mark alone is no damage, whosever it is: opening removes it', (t) => {
  const { fs } = memoryLog({ segments: [], mark: { firstLsn: 20, durableLsn: 19 } }, (log) => {
    for (const lsn of [1, 4]) log.files.set(segmentFileName(lsn), stranger(lsn))
  })
  const { ok, findings } = verifyLog(fs, DIRECTORY)
  t.true(ok)
  t.deepEqual(
    findings.map(({ kind }) => kind),
    ['leftover', 'leftover'],
  )
  t.like(recover(fs, DIRECTORY), { logId: LOG_ID, firstLsn: 20, lastLsn: 19 })
})

/** Ends the world before each call that changes something, in turn. */
function crashes(plan: LogPlan, change: (log: BuiltLog) => void, check: (left: MemoryFileSystem) => void): number {
  class Crash extends Error {}
  for (let callNumber = 0; ; callNumber++) {
    const { fs } = memoryLog(plan, change)
    let made = 0
    let crashed = false
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
    for (const left of [fs.afterProcessCrash(), fs.afterPowerCut()]) check(left)
    if (!crashed) return callNumber
  }
}

test('a crash at any call: strangers don’t outlive the last segment that spoke against them', (t) => {
  const change = (log: BuiltLog): void => {
    log.files.set(FIRST, stranger(1))
    log.files.set(SECOND, stranger(4))
  }
  const calls = crashes(THREE_SEGMENTS, change, (left) => {
    repairLog(left, DIRECTORY)
    t.true(verifyLog(left, DIRECTORY).ok)
    t.is(recover(left, DIRECTORY).logId.toString('hex'), LOG_ID.toString('hex'))
  })
  t.true(calls > 10)
})

test('a crash at any call: a mark file that two segments overruled goes before they do', (t) => {
  const change = (log: BuiltLog): void => {
    log.files.set(MARK_FILE, markFileBytes({ ...markOf(log), logId: OTHER_ID }))
    flip(segmentOf(log, 1).bytes, 4096 + 60)
  }
  const calls = crashes(THREE_SEGMENTS, change, (left) => {
    repairLog(left, DIRECTORY)
    t.true(verifyLog(left, DIRECTORY).ok)
    const { logId, firstLsn, lastLsn } = recover(left, DIRECTORY)
    t.deepEqual([logId.toString('hex'), firstLsn, lastLsn], [LOG_ID.toString('hex'), 1, 3])
  })
  t.true(calls > 10)
})

test('without a mark file one is made before anything goes: LSNs are not given anew where a crash cuts repair short', (t) => {
  const plan = { ...UNMARKED, firstLsn: 4 }
  crashes(
    plan,
    (log) => flip(segmentOf(log, 0).bytes, 4096 + 60),
    (left) => {
      repairLog(left, DIRECTORY)
      t.is(recover(left, DIRECTORY).firstLsn, 4)
      t.is(MarkFile.read(left, DIRECTORY).newest.kind, 'valid')
    },
  )
})

function markOf({ mark }: BuiltLog): NonNullable<BuiltLog['mark']> {
  if (mark === undefined) throw new RangeError('the log is built with a mark')
  return mark
}

test('after a repair that found another log’s mark file, readers have all that sealed segments prove to be durable', (t) => {
  const { fs, report } = repaired(t, { ...THREE_SEGMENTS, mark: { logId: OTHER_ID } })
  t.deepEqual(report.lost, [])
  const { newest } = MarkFile.read(fs, DIRECTORY)
  if (newest.kind !== 'valid') return t.fail(newest.kind)
  t.like(newest.mark, { durableLsn: 6, segmentFirstLsn: 4 }, 'the third segment may not have been synced to its end')
  t.true(report.changes.some((change) => change.kind === 'marked' && change.durableLsn === 6))
})
