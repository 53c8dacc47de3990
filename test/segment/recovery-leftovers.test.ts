import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { segmentFileName } from '../../src/format/file-names.js'
import { readMarkFile, writeMarkSlot } from '../../src/format/mark.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { MarkFile } from '../../src/segment/mark-file.js'
import { recover } from '../../src/segment/recovery.js'
import { LOG_ID, type LogPlan } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

test('trimmed: segments wholly below the trim mark are removed', (t) => {
  const { fs, built } = memoryLog({ ...THREE_SEGMENTS, mark: { firstLsn: 7 } })
  const log = recover(fs, DIRECTORY)
  t.deepEqual(log.segments, [7])
  t.like(log, { firstLsn: 7, lastLsn: 10 })
  t.like(log.report, { records: 4, segments: 1, removedFiles: [segmentOf(built, 0).name, segmentOf(built, 1).name] })
  t.deepEqual(fs.afterPowerCut().listSync(DIRECTORY).sort(), [segmentFileName(7), 'mark'])
})

test('trimmed: also when they are damaged, foreign or gapped', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: { firstLsn: 7 } }, (log) => {
    log.files.delete(segmentFileName(4))
    segmentOf(log, 0).bytes.fill(0)
    log.files.set(segmentFileName(2), Buffer.from('nonsense'))
  })
  const { report, segments } = recover(fs, DIRECTORY)
  t.deepEqual(segments, [7])
  t.deepEqual(report.removedFiles, [segmentFileName(1), segmentFileName(2)])
})

test('trimmed: a segment that the trim mark lies inside of stays', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: { firstLsn: 5 } })
  const log = recover(fs, DIRECTORY)
  t.deepEqual(log.segments, [4, 7])
  t.like(log.report, { firstLsn: 5, records: 6 })
})

test('trimmed: a log of which everything was trimmed goes on behind it', (t) => {
  const plan: LogPlan = { segments: [{ frames: [['one'], ['two']], sealed: true }], mark: { firstLsn: 3 } }
  const all = recover(memoryLog(plan).fs, DIRECTORY)
  t.like(all, { firstLsn: 3, lastLsn: 2, active: undefined })
  t.deepEqual(all.previous, { lastLsn: 2, endOffset: 0 })
  t.deepEqual(all.report.removedFiles, [segmentFileName(1)])
  t.is(all.report.records, 0)
  const damaged = memoryLog(plan, (log) => segmentOf(log, 0).bytes.fill(1))
  t.like(recover(damaged.fs, DIRECTORY), { firstLsn: 3, lastLsn: 2 })
  const gone = memoryLog(plan, (log) => log.files.delete(segmentFileName(1)))
  t.like(recover(gone.fs, DIRECTORY), { firstLsn: 3, lastLsn: 2 })
})

test('trimmed: damage in a last segment is not excused while anything above the trim mark was durable', (t) => {
  const plan: LogPlan = { segments: [{ frames: [['one'], ['two'], ['three']] }], mark: { firstLsn: 2 } }
  const { fs } = memoryLog(plan, (log) => flip(segmentOf(log, 0).bytes, SEGMENT_HEADER_BYTES + 60))
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError })
  t.like(error, { code: 'SLUICE_CORRUPT', firstLsn: 1, lastLsn: 3 })
})

test('trimmed: what was trimmed was durable, whatever else the mark file says', (t) => {
  const frames = ['one', 'two', 'three'].map((record) => ({ records: [record], mark: 0 }))
  const plan: LogPlan = { segments: [{ frames }], mark: { firstLsn: 3, durableLsn: 0 } }
  const { fs } = memoryLog(plan, (log) => flip(segmentOf(log, 0).bytes, SEGMENT_HEADER_BYTES + 64 + 60))
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError })
  t.like(error, { code: 'SLUICE_CORRUPT', firstLsn: 2, lastLsn: 2 })
})

test('no mark file: a header says that all before it is durable', (t) => {
  const { fs, built } = memoryLog({ ...LAST_SEGMENT_UNMARKED, mark: undefined }, (log) => {
    replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, SEGMENT_HEADER_BYTES))
  })
  const { lastLsn, report } = recover(fs, DIRECTORY)
  t.is(lastLsn, 6)
  t.is(report.torn?.segment, segmentOf(built, 2).name)
  t.is(report.rewrittenRecords, 0)
})

test('no mark file: the marks in the segments are the evidence', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: undefined })
  const log = recover(fs, DIRECTORY)
  t.like(log, { logId: LOG_ID, firstLsn: 1, lastLsn: 10, markSequence: 2 })
  t.is(log.report.rewrittenRecords, 1, 'the last frame: nothing says that it was durable')
  const marked = readMarkFile(fs.afterPowerCut().bytesOf('/log/mark'))
  t.like(marked, { mark: { logId: LOG_ID, durableLsn: 10, firstLsn: 1 } })
})

test('no mark file: the first segment begins the log', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: undefined }, (log) => log.files.delete(segmentFileName(1)))
  t.like(recover(fs, DIRECTORY), { firstLsn: 4, lastLsn: 10 })
})

test('a mark file without a valid slot is made anew', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => log.files.set('mark', Buffer.from('damaged')))
  t.is(recover(fs, DIRECTORY).markSequence, 2)
  t.is(MarkFile.read(fs, DIRECTORY).newest.kind, 'valid')
})

test('one damaged slot of the mark file: the other one counts', (t) => {
  const { fs, built } = memoryLog(THREE_SEGMENTS, (log) => {
    const bytes = log.files.get('mark') ?? Buffer.alloc(0)
    flip(bytes, 40)
    if (log.mark !== undefined) writeMarkSlot(bytes.subarray(4096), { ...log.mark, sequence: 6, durableLsn: 9 })
  })
  const log = recover(fs, DIRECTORY)
  t.is(log.markSequence, 7)
  t.is(log.report.rewrittenRecords, 1)
  t.is(segmentOf(built, 2).lastLsn, 10)
})

test('temporary files are removed, all other names left alone', (t) => {
  const { fs } = memoryLog(THREE_SEGMENTS, (log) => {
    log.files.set(`${segmentFileName(11)}.tmp`, Buffer.from('half a segment'))
    log.files.set('mark.tmp', Buffer.from('half a mark'))
    log.files.set('notes.txt', Buffer.from('mine'))
    log.files.set('1.seg', Buffer.from('no name of ours'))
  })
  const { report } = recover(fs, DIRECTORY)
  t.deepEqual(report.removedFiles, [`${segmentFileName(11)}.tmp`, 'mark.tmp'])
  const left = fs.afterPowerCut().listSync(DIRECTORY)
  t.true(left.includes('notes.txt') && left.includes('1.seg'))
  t.false(left.some((name) => name.endsWith('.tmp')))
})

test('a new log in a folder that a crashed first open left behind', (t) => {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  fs.put('/log/mark.tmp', Buffer.from('half'))
  t.is(recover(fs, DIRECTORY).lastLsn, 0)
  t.deepEqual(fs.listSync(DIRECTORY), ['mark'])
})
