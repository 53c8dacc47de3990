import test, { type ExecutionContext } from 'ava'
import { segmentFileName } from '../../src/format/file-names.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import type { Finding } from '../../src/segment/finding.js'
import { type VerifyReport, verifyLog } from '../../src/segment/verify.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, makeNewer, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

const FIRST = segmentFileName(1)
const SECOND = segmentFileName(4)
const THIRD = segmentFileName(7)

function verified(t: ExecutionContext, plan: LogPlan, change: (log: BuiltLog) => void = () => {}): VerifyReport {
  const { fs } = memoryLog(plan, change)
  const before = fs.files()
  fs.beforeChange = (call) => t.fail(`verify makes a call that changes something: ${call}`)
  const report = verifyLog(fs, DIRECTORY)
  t.deepEqual(fs.files(), before, 'not a byte is changed')
  t.is(fs.openFiles, 0)
  return report
}

/** A plan, what spoils it, what has to be found, and the last LSN that is whole. */
const finds = test.macro(
  (t, plan: LogPlan, change: (log: BuiltLog) => void, wanted: readonly Finding[], lastLsn: number) => {
    const { findings, ok, lastLsn: found } = verified(t, plan, change)
    t.deepEqual(findings, wanted)
    t.is(found, lastLsn)
    t.is(ok, !wanted.some(({ kind }) => kind === 'corrupt' || kind === 'unsupported'))
  },
)

test('an empty folder is a log without a record', (t) => {
  const report = verifyLog(new MemoryFileSystem('/', DIRECTORY), DIRECTORY)
  t.deepEqual(report, {
    ok: true,
    findings: [],
    firstLsn: 1,
    lastLsn: 0,
    records: 0,
    segments: 0,
    bytes: 0,
    durableLsn: 0,
  })
})

test('a sound log', (t) => {
  const report = verified(t, THREE_SEGMENTS)
  const bytes = memoryLog(THREE_SEGMENTS).built.segments.reduce((sum, segment) => sum + segment.bytes.length, 0)
  t.deepEqual(report, {
    ok: true,
    findings: [],
    firstLsn: 1,
    lastLsn: 10,
    records: 10,
    segments: 3,
    bytes,
    durableLsn: 10,
  })
})

test(
  'a torn tail is told, and is no damage',
  finds,
  LAST_SEGMENT_UNMARKED,
  (log) => flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60),
  [
    {
      kind: 'torn',
      segment: THIRD,
      offset: 4168,
      bytes: 143,
      firstLsn: 8,
      reason: 'the frame body checksum does not match',
    },
  ],
  7,
)

test(
  'a last segment that is torn from its first frame on',
  finds,
  LAST_SEGMENT_UNMARKED,
  (log) => replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, SEGMENT_HEADER_BYTES + 1)),
  [
    {
      kind: 'torn',
      segment: THIRD,
      offset: 0,
      bytes: 4097,
      firstLsn: 7,
      reason: 'there is not one valid frame in it',
    },
  ],
  6,
)

test(
  'one flipped bit in a sealed segment: only that frame is lost to reading, and all behind it to repair',
  finds,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 0).bytes, SEGMENT_HEADER_BYTES + 60),
  [
    {
      kind: 'corrupt',
      segment: FIRST,
      offset: SEGMENT_HEADER_BYTES,
      firstLsn: 1,
      lastLsn: 1,
      reason: 'the frame body checksum does not match',
    },
  ],
  0,
)

test(
  'two damaged places in one segment are two findings',
  finds,
  { segments: [{ frames: [['one'], ['two'], ['three'], ['four'], ['five']] }, { frames: [['six']] }] },
  (log) => {
    flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 1).offset)
    flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 3).offset + 60)
  },
  [
    {
      kind: 'corrupt',
      segment: FIRST,
      offset: frameOffset(1),
      firstLsn: 2,
      lastLsn: 2,
      reason: 'no frame: wrong magic',
    },
    {
      kind: 'corrupt',
      segment: FIRST,
      offset: 4096 + 64 + 64 + 72,
      firstLsn: 4,
      lastLsn: 4,
      reason: 'the frame body checksum does not match',
    },
  ],
  1,
)

test(
  'damage at the end of a sealed segment reaches to its successor',
  finds,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 0).bytes, frameOf(segmentOf(log, 0), 1).offset + 60),
  [
    {
      kind: 'corrupt',
      segment: FIRST,
      offset: frameOffset(1),
      firstLsn: 2,
      lastLsn: 3,
      reason: 'the frame body checksum does not match',
    },
  ],
  1,
)

test(
  'a durable frame at the end of the last segment',
  finds,
  THREE_SEGMENTS,
  (log) => segmentOf(log, 2).bytes.fill(0, frameOf(segmentOf(log, 2), 2).offset),
  [
    {
      kind: 'corrupt',
      segment: THIRD,
      offset: frameOf(segmentOf(memoryLog(THREE_SEGMENTS).built, 2), 2).offset,
      firstLsn: 10,
      lastLsn: 10,
      reason: 'there are only zeros from here on',
    },
  ],
  9,
)

test(
  'the successor of a sealed segment is missing',
  finds,
  THREE_SEGMENTS,
  (log) => log.files.delete(THIRD),
  [
    {
      kind: 'corrupt',
      segment: SECOND,
      offset: segmentOf(memoryLog(THREE_SEGMENTS).built, 1).endOffset,
      firstLsn: 7,
      lastLsn: 10,
      reason: 'the segment is sealed here, and the one after it is missing',
    },
  ],
  6,
)

test('segments that are missing in the middle, or overlap', (t) => {
  const gap = verified(t, THREE_SEGMENTS, (log) => log.files.delete(SECOND))
  t.like(gap.findings, [{ kind: 'corrupt', segment: FIRST, firstLsn: 4, lastLsn: 6 }])
  t.is(gap.lastLsn, 3)
  const overlap = verified(t, THREE_SEGMENTS, (log) => {
    const other = memoryLog({ firstLsn: 3, segments: [{ frames: [['three']] }] }).built
    log.files.set(segmentFileName(3), segmentOf(other, 0).bytes)
  })
  t.like(overlap.findings[0], { kind: 'corrupt', segment: FIRST, firstLsn: 3, lastLsn: 3 })
  t.false(overlap.ok)
})

test('the first segments are missing, and nothing says that they were trimmed', (t) => {
  const { findings, firstLsn, lastLsn } = verified(t, THREE_SEGMENTS, (log) => log.files.delete(FIRST))
  t.deepEqual(findings, [
    { kind: 'corrupt', firstLsn: 1, lastLsn: 3, reason: `the first segment, ${SECOND}, begins behind them` },
  ])
  t.deepEqual([firstLsn, lastLsn], [4, 10])
})

test('all segments are missing', (t) => {
  const { findings } = verified(t, THREE_SEGMENTS, (log) => {
    for (const { name } of log.segments) log.files.delete(name)
  })
  t.like(findings, [{ kind: 'corrupt', firstLsn: 1, lastLsn: 10 }])
})

test('bad headers, foreign segments and wrong names', (t) => {
  const bad = verified(t, THREE_SEGMENTS, (log) => flip(segmentOf(log, 1).bytes, 20))
  t.like(bad.findings, [{ kind: 'corrupt', segment: SECOND, offset: 0, firstLsn: 4, lastLsn: 6 }])
  t.is(bad.lastLsn, 3)
  const foreign = verified(t, THREE_SEGMENTS, (log) => {
    const other = memoryLog({ ...THREE_SEGMENTS, logId: Buffer.alloc(16, 7) }).built
    log.files.set(THIRD, segmentOf(other, 2).bytes)
  })
  t.like(foreign.findings, [{ kind: 'corrupt', segment: THIRD, offset: 0, firstLsn: 7, lastLsn: 10 }])
  const name = verified(t, THREE_SEGMENTS, (log) => {
    log.files.delete(THIRD)
    log.files.set(segmentFileName(8), segmentOf(log, 2).bytes)
  })
  t.like(name.findings[1], { kind: 'corrupt', segment: segmentFileName(8), offset: 0 })
})

test('the mark file is of another log', (t) => {
  const { findings, lastLsn } = verified(t, { ...THREE_SEGMENTS, mark: { logId: Buffer.alloc(16, 7) } })
  t.like(findings, [{ kind: 'corrupt', reason: 'the mark file is of another log than every segment' }])
  t.is(lastLsn, 10)
})

test('records that do not add up, under good checksums', (t) => {
  const broken = { records: ['a', 'b'], brokenRecords: true }
  const middle = verified(t, { segments: [{ frames: [['one'], broken, ['four']] }, { frames: [['five']] }] })
  const reason = 'the record lengths in the frame do not add up'
  t.like(middle.findings, [
    { kind: 'corrupt', segment: FIRST, offset: frameOffset(1), firstLsn: 2, lastLsn: 3, reason },
  ])
  const unmarked = { ...broken, mark: 0 }
  const last = verified(t, { segments: [{ frames: [['one'], unmarked] }], mark: { durableLsn: 0 } })
  t.like(last.findings, [{ kind: 'corrupt', firstLsn: 2, lastLsn: 3, reason }])
})

test('footers that are damaged, missing, or contradict the frames', (t) => {
  const offset = segmentOf(memoryLog(THREE_SEGMENTS).built, 0).endOffset
  const where = { kind: 'corrupt', segment: FIRST, offset } as const
  const damaged = verified(t, THREE_SEGMENTS, (log) => flip(segmentOf(log, 0).bytes, offset + 30))
  t.deepEqual(damaged.findings, [{ ...where, reason: 'the footer checksum does not match' }])
  t.is(damaged.lastLsn, 10, 'no record is lost by it')
  const missing = verified(t, THREE_SEGMENTS, (log) => {
    replaceFile(log, segmentOf(log, 0), segmentOf(log, 0).bytes.subarray(0, offset))
  })
  t.deepEqual(missing.findings, [{ ...where, reason: 'there is no footer' }])
  const lies = [
    { lastLsn: 4 },
    { firstLsn: 2, entryLsns: [2] },
    { frameCount: 1 },
    { firstTimestampMs: 1 },
    { lastTimestampMs: 9999 },
    { entryOffsets: [4104] },
    { entryLsns: [2] },
    { entryLsns: [1, 2], entryOffsets: [4096, 4160] },
  ]
  for (const footer of lies) {
    const [first, ...rest] = THREE_SEGMENTS.segments
    const { findings, ok } = verified(t, { segments: [{ frames: first?.frames ?? [], footer }, ...rest] })
    t.like(findings, [where], JSON.stringify(footer))
    t.false(ok)
  }
})

test('a header that names another end of its predecessor', (t) => {
  const segments = [{ frames: [['one']] }, { frames: [['two']], header: { previousEndOffset: 4168 } }]
  const { findings, lastLsn } = verified(t, { segments })
  t.like(findings, [{ kind: 'corrupt', segment: segmentFileName(2), offset: 0 }])
  t.is(lastLsn, 1)
})

test('timestamps that go back from one segment to the next', (t) => {
  const segments = [{ frames: [['one']] }, { frames: [{ records: ['two'], timestampMs: 5 }] }]
  const { findings } = verified(t, { segments })
  const reason = 'its first timestamp 5 lies before 1000, the last one before it'
  t.like(findings, [{ kind: 'corrupt', segment: segmentFileName(2), reason }])
})

test('a mark whose end offset is not where its LSN ends', (t) => {
  const { findings } = verified(t, { ...THREE_SEGMENTS, mark: { durableLsn: 9 } })
  t.like(findings, [{ kind: 'corrupt', segment: THIRD }])
  const { offset } = frameOf(segmentOf(memoryLog(THREE_SEGMENTS).built, 2), 2)
  t.deepEqual(verified(t, { ...THREE_SEGMENTS, mark: { durableLsn: 9, endOffset: offset } }).findings, [])
})

test('newer versions are unsupported, not corrupt', (t) => {
  const segment = verified(t, THREE_SEGMENTS, (log) => makeNewer(segmentOf(log, 2).bytes))
  t.like(segment.findings, [{ kind: 'unsupported', file: THIRD, version: 2 }])
  t.false(segment.ok)
  const mark = verified(t, THREE_SEGMENTS, (log) => makeNewer(log.files.get('mark') ?? Buffer.alloc(0)))
  t.like(mark.findings, [{ kind: 'unsupported', file: 'mark', version: 2 }])
})

test('leftovers and damaged slots of the mark file are told, and are no damage', (t) => {
  const { findings, ok } = verified(t, { ...THREE_SEGMENTS, mark: { firstLsn: 7 } }, (log) => {
    log.files.set('mark.tmp', Buffer.from('half'))
    flip(segmentOf(log, 0).bytes, 5000)
    flip(log.files.get('mark') ?? Buffer.alloc(0), 4096 + 40)
  })
  t.true(ok)
  t.deepEqual(findings, [
    { kind: 'mark-slot', slot: 1, reason: 'its checksum does not match' },
    { kind: 'leftover', file: FIRST, reason: 'it lies wholly below the trim mark' },
    { kind: 'leftover', file: SECOND, reason: 'it lies wholly below the trim mark' },
    { kind: 'leftover', file: 'mark.tmp', reason: 'it was never part of the log' },
  ])
  const without = verified(t, { ...THREE_SEGMENTS, mark: undefined })
  t.deepEqual(without.findings, [{ kind: 'mark-slot', reason: 'there is no mark file' }])
  t.true(without.ok)
})

test('a damaged mark file without a segment', (t) => {
  const { findings } = verified(t, { segments: [] }, (log) => log.files.set('mark', Buffer.alloc(8192, 1)))
  t.like(findings, [{ kind: 'corrupt' }])
})

/** Where the n-th frame begins, while those before it hold one record of at most four bytes. */
function frameOffset(n: number): number {
  return SEGMENT_HEADER_BYTES + n * 64
}
