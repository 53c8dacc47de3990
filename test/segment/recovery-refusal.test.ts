import test, { type ExecutionContext } from 'ava'
import { SluiceError, type SluiceErrorDetails } from '../../src/errors.js'
import { segmentFileName } from '../../src/format/file-names.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { recover } from '../../src/segment/recovery.js'
import type { BuiltLog, LogPlan } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, makeNewer, THREE_SEGMENTS } from '../support/log-plans.js'
import type { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

function refused(t: ExecutionContext, fs: MemoryFileSystem, code: string, details: SluiceErrorDetails = {}): void {
  const before = fs.files()
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError })
  t.like(error, { code, ...details })
  t.deepEqual(fs.files(), before, 'what is refused is not touched')
  t.is(fs.openFiles, 0, 'no descriptor stays open')
}

const corrupt = test.macro((t, plan: LogPlan, change: (built: BuiltLog) => void, details: SluiceErrorDetails) => {
  refused(t, memoryLog(plan, change).fs, 'SLUICE_CORRUPT', details)
})

test(
  'corrupt: a frame that the mark file covers',
  corrupt,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60),
  { segment: segmentFileName(7), offset: 4168, firstLsn: 8, lastLsn: 10 },
)

test(
  'corrupt: zeros instead of a durable frame',
  corrupt,
  THREE_SEGMENTS,
  (log) => segmentOf(log, 2).bytes.fill(0, frameOf(segmentOf(log, 2), 1).offset),
  { segment: segmentFileName(7), offset: 4168, firstLsn: 8, lastLsn: 10 },
)

test(
  'corrupt: a later frame behind the hole holds the mark',
  corrupt,
  { ...THREE_SEGMENTS, mark: { durableLsn: 6 } },
  (log) => flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60),
  { segment: segmentFileName(7), offset: 4168, firstLsn: 8, lastLsn: 9 },
)

test(
  'corrupt: a footer behind the hole holds the mark',
  corrupt,
  { segments: [{ frames: [['one'], ['two']], sealed: true }], mark: { durableLsn: 0 } },
  (log) => segmentOf(log, 0).bytes.fill(0, frameOf(segmentOf(log, 0), 1).offset, segmentOf(log, 0).endOffset),
  { segment: segmentFileName(1), offset: 4160, firstLsn: 2, lastLsn: 2 },
)

test(
  'corrupt: a later frame that is itself cut short still holds the mark',
  corrupt,
  { segments: [{ frames: [['one'], ['two'], ['three']] }], mark: { durableLsn: 0 } },
  (log) => {
    const segment = segmentOf(log, 0)
    flip(segment.bytes, frameOf(segment, 1).offset)
    replaceFile(log, segment, segment.bytes.subarray(0, frameOf(segment, 2).offset + 56))
  },
  { firstLsn: 2, lastLsn: 2 },
)

test(
  'corrupt: the first frame of the last segment was durable',
  corrupt,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 2).bytes, SEGMENT_HEADER_BYTES + 8),
  { segment: segmentFileName(7), offset: SEGMENT_HEADER_BYTES, firstLsn: 7, lastLsn: 10 },
)

test(
  'corrupt: a named segment with a bad header',
  corrupt,
  THREE_SEGMENTS,
  (log) => flip(segmentOf(log, 1).bytes, 60),
  { segment: segmentFileName(4), offset: 0, firstLsn: 4, lastLsn: 6 },
)

test(
  'corrupt: the last segment with a bad header, though nothing in it was marked',
  corrupt,
  LAST_SEGMENT_UNMARKED,
  (log) => flip(segmentOf(log, 2).bytes, 60),
  { segment: segmentFileName(7), offset: 0, firstLsn: 7, lastLsn: 7 },
)

test(
  'corrupt: a file that ends in its header',
  corrupt,
  THREE_SEGMENTS,
  (log) => replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, 4095)),
  { segment: segmentFileName(7), offset: 0 },
)

test(
  'corrupt: an empty file with a segment’s name',
  corrupt,
  THREE_SEGMENTS,
  (log) => replaceFile(log, segmentOf(log, 2), Buffer.alloc(0)),
  { segment: segmentFileName(7), offset: 0 },
)

test(
  'corrupt: a segment in the middle is missing',
  corrupt,
  THREE_SEGMENTS,
  (log) => log.files.delete(segmentFileName(4)),
  { segment: segmentFileName(1), firstLsn: 4, lastLsn: 6 },
)

test(
  'corrupt: the successor of a sealed segment is missing',
  corrupt,
  THREE_SEGMENTS,
  (log) => log.files.delete(segmentFileName(7)),
  { segment: segmentFileName(4), firstLsn: 7, lastLsn: 10 },
)

test('corrupt: the first segment is missing', corrupt, THREE_SEGMENTS, (log) => log.files.delete(segmentFileName(1)), {
  segment: segmentFileName(4),
  firstLsn: 1,
  lastLsn: 3,
})

test(
  'corrupt: all segments are missing',
  corrupt,
  THREE_SEGMENTS,
  (log) => {
    for (const segment of log.segments) log.files.delete(segment.name)
  },
  { firstLsn: 1, lastLsn: 10 },
)

test(
  'corrupt: a sealed segment was cut short',
  corrupt,
  THREE_SEGMENTS,
  (log) =>
    replaceFile(log, segmentOf(log, 1), segmentOf(log, 1).bytes.subarray(0, frameOf(segmentOf(log, 1), 1).offset)),
  { segment: segmentFileName(4), firstLsn: 6, lastLsn: 6 },
)

test(
  'corrupt: two segments overlap',
  corrupt,
  {
    segments: [{ frames: [['one'], ['two'], ['three']] }, { frames: [['four']] }],
  },
  (log) => {
    const other = memoryLog({ firstLsn: 3, segments: [{ frames: [['three'], ['four']] }] }).built
    log.files.delete(segmentFileName(4))
    log.files.set(segmentFileName(3), segmentOf(other, 0).bytes)
  },
  { segment: segmentFileName(1), firstLsn: 3 },
)

test(
  'corrupt: a segment of another log',
  corrupt,
  THREE_SEGMENTS,
  (log) => {
    const other = memoryLog({ ...THREE_SEGMENTS, logId: Buffer.alloc(16, 7) }).built
    log.files.set(segmentFileName(4), segmentOf(other, 1).bytes)
  },
  { segment: segmentFileName(4), offset: 0 },
)

test(
  'corrupt: the mark file of another log',
  corrupt,
  { ...THREE_SEGMENTS, mark: { logId: Buffer.alloc(16, 7) } },
  () => {},
  { segment: segmentFileName(1), offset: 0 },
)

test(
  'corrupt: a name that contradicts its header',
  corrupt,
  THREE_SEGMENTS,
  (log) => {
    log.files.set(segmentFileName(8), segmentOf(log, 2).bytes)
    log.files.delete(segmentFileName(7))
  },
  { segment: segmentFileName(8), offset: 0 },
)

test(
  'corrupt: a header that names another end of its predecessor',
  corrupt,
  {
    segments: [{ frames: [['one']] }, { frames: [['two']], header: { previousEndOffset: 4168 } }],
  },
  () => {},
  { segment: segmentFileName(1), offset: 4160 },
)

test('corrupt: a damaged mark file, and no segment', (t) => {
  const { fs } = memoryLog({ segments: [], mark: { sequence: 1, durableLsn: 0 } }, (log) => {
    log.files.set('mark', Buffer.alloc(8192, 1))
  })
  refused(t, fs, 'SLUICE_CORRUPT')
})

test('a damaged footer of a sealed segment is no reason to refuse the log', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => flip(segmentOf(log, 1).bytes, segmentOf(log, 1).endOffset + 24))
  t.is(recover(fs, DIRECTORY).lastLsn, 10)
})

test('unsupported: a newer version in any header, also below the trim mark', (t) => {
  for (const mark of [{}, { firstLsn: 7 }]) {
    const { fs } = memoryLog({ ...THREE_SEGMENTS, mark }, (log) => makeNewer(segmentOf(log, 0).bytes))
    refused(t, fs, 'SLUICE_UNSUPPORTED_FORMAT', { segment: segmentFileName(1) })
  }
})

test('unsupported: a newer version in either slot of the mark file', (t) => {
  for (const slot of [0, 4096]) {
    const { fs } = memoryLog(THREE_SEGMENTS, (log) => {
      const bytes = log.files.get('mark')?.subarray(slot) ?? Buffer.alloc(0)
      makeNewer(bytes)
    })
    refused(t, fs, 'SLUICE_UNSUPPORTED_FORMAT')
  }
})
