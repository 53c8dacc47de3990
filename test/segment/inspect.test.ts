import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { inspectLog } from '../../src/segment/inspect.js'
import { recover } from '../../src/segment/recovery.js'
import { LOG_ID } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

test('a sound log at a glance', (t) => {
  const { fs, built } = memoryLog(THREE_SEGMENTS, (log) => log.files.set('mark.tmp', Buffer.from('half')))
  fs.beforeChange = (call) => t.fail(`inspect makes a call that changes something: ${call}`)
  const report = inspectLog(fs, DIRECTORY)
  t.is(report.logId, LOG_ID.toString('hex'))
  t.like(report.mark, { kind: 'valid', mark: { durableLsn: 10, sequence: 7 } })
  t.is(report.markSlots?.length, 2)
  t.deepEqual(report.temporaries, ['mark.tmp'])
  t.deepEqual(report.quarantined, [])
  const [first, , third] = report.segments
  t.deepEqual(first, {
    name: segmentOf(built, 0).name,
    bytes: segmentOf(built, 0).bytes.length,
    sealed: true,
    firstLsn: 1,
    lastLsn: 3,
    records: 3,
    frames: 2,
    endOffset: segmentOf(built, 0).endOffset,
    createdMs: 1000,
    firstTimestampMs: 1000,
    lastTimestampMs: 1001,
  })
  t.like(third, { sealed: false, firstLsn: 7, lastLsn: 10, records: 4, frames: 3, lastTimestampMs: 1006 })
  t.is(fs.openFiles, 0)
})

test('what recovery kept aside is listed', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 2).offset + 60)
  })
  const { report } = recover(fs, DIRECTORY)
  const { name } = segmentOf(built, 2)
  const { quarantined, segments } = inspectLog(fs, DIRECTORY)
  t.deepEqual(quarantined, [{ name: `${name}.${report.torn?.offset}`, bytes: report.torn?.bytes ?? 0 }])
  t.like(segments[2], { sealed: true, lastLsn: 9 })
})

test('an empty folder, and one that is missing', (t) => {
  t.deepEqual(inspectLog(new MemoryFileSystem('/', DIRECTORY), DIRECTORY), {
    logId: undefined,
    markSlots: undefined,
    mark: { kind: 'none' },
    segments: [],
    quarantined: [],
    temporaries: [],
  })
  const error = t.throws(() => inspectLog(new MemoryFileSystem('/'), DIRECTORY), { instanceOf: SluiceError })
  t.like(error, { code: 'SLUICE_IO', syscall: 'scandir' })
})

test('damaged segments say what the problem is', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => {
    flip(segmentOf(log, 0).bytes, 20)
    replaceFile(log, segmentOf(log, 1), segmentOf(log, 1).bytes.subarray(0, segmentOf(log, 1).endOffset - 1))
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset)
  })
  const [first, second, third] = inspectLog(fs, DIRECTORY).segments
  t.like(first, { firstLsn: 1, records: 0, problem: 'its header is damaged: the header checksum does not match' })
  t.like(second, { sealed: false, firstLsn: 4, lastLsn: 5 })
  t.regex(second?.problem ?? '', /^offset 4168: the frame says 64 bytes/)
  t.like(third, { lastLsn: 7, problem: 'offset 4168: no frame: wrong magic' })
})

test('a large footer is read whole', (t) => {
  const frames = Array.from({ length: 300 }, () => [Buffer.alloc(17_000)])
  const { fs } = memoryLog({ segments: [{ frames, sealed: true }] })
  t.like(inspectLog(fs, DIRECTORY).segments[0], { sealed: true, frames: 300, lastLsn: 300 })
})
