import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { readMarkFile } from '../../src/format/mark.js'
import { readSegmentFooter } from '../../src/format/segment-footer.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { recover } from '../../src/segment/recovery.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { LAST_FRAMES_UNMARKED, LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

test('an empty folder becomes a new log', (t) => {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  const log = recover(fs, DIRECTORY)
  t.like(log, { markSequence: 1, firstLsn: 1, lastLsn: 0, lastTimestampMs: 0, active: undefined })
  t.deepEqual(log.segments, [])
  t.deepEqual(log.previous, { lastLsn: 0, endOffset: 0 })
  t.is(log.logId.length, 16)
  t.like(log.report, { firstLsn: 1, lastLsn: 0, records: 0, segments: 0, cleanShutdown: true, torn: undefined })
  const mark = readMarkFile(fs.afterPowerCut().bytesOf('/log/mark'))
  t.like(mark, { kind: 'valid', mark: { logId: log.logId, sequence: 1, durableLsn: 0, firstLsn: 1, closed: false } })
})

test('a new log is the same log when it is opened again', (t) => {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  const first = recover(fs, DIRECTORY)
  const second = recover(fs, DIRECTORY)
  t.deepEqual(second.logId, first.logId)
  t.like(second, { lastLsn: 0, firstLsn: 1, markSequence: 1 })
})

test('a new log whose directory could not be synced is begun anew, with its id', (t) => {
  const fs = new SimulatedFileSystem()
  fs.makeDirectorySync(DIRECTORY)
  fs.syncDirectorySync('/')
  fs.inject({ call: 'syncDirectorySync', path: /log$/, error: 'EIO' })
  t.throws(() => recover(fs, DIRECTORY), { code: 'SLUICE_IO' })
  const { logId } = recover(fs, DIRECTORY)
  const after = fs.crash({ keep: 'none' })
  t.deepEqual(after.listSync(DIRECTORY), ['mark'])
  t.deepEqual(recover(after, DIRECTORY).logId, logId)
})

test('clean: nothing behind the last frame', (t) => {
  const { fs, built } = memoryLog(THREE_SEGMENTS)
  const before = fs.bytesOf(`/log/${segmentOf(built, 2).name}`)
  const log = recover(fs, DIRECTORY)
  const { nonce, endOffset, bytes } = segmentOf(built, 2)
  t.like(log, { firstLsn: 1, lastLsn: 10, lastTimestampMs: 1006 })
  t.deepEqual(log.segments, [1, 4, 7])
  t.like(log.active, { firstLsn: 7, nonce, endOffset, fileBytes: bytes.length, frameCount: 3, firstTimestampMs: 1004 })
  t.deepEqual(log.active?.index.lsns, [7])
  t.deepEqual(log.active?.index.offsets, [SEGMENT_HEADER_BYTES])
  t.like(log.report, { records: 10, segments: 3, rewrittenRecords: 0, torn: undefined, removedFiles: [] })
  t.deepEqual(fs.bytesOf(`/log/${segmentOf(built, 2).name}`), before)
  t.is(fs.openFiles, 0)
})

test('clean: only zeros behind the last frame', (t) => {
  const segments = [{ frames: [['one'], ['two']], zeros: 3_000_000 }]
  const { fs, built } = memoryLog({ segments })
  const { active, report } = recover(fs, DIRECTORY)
  const { endOffset, bytes } = segmentOf(built, 0)
  t.like(active, { endOffset, fileBytes: bytes.length })
  t.is(report.torn, undefined)
})

for (const zeros of [1, 7, 8, 55, 56, 57]) {
  test(`clean: ${zeros} zero bytes behind the last frame`, (t) => {
    const { fs } = memoryLog({ segments: [{ frames: [['one']], zeros }] })
    t.is(recover(fs, DIRECTORY).report.torn, undefined)
  })
}

test('clean: a log that was closed says so, and notes that it is open again', (t) => {
  const { fs } = memoryLog({ ...THREE_SEGMENTS, mark: { closed: true } })
  t.true(recover(fs, DIRECTORY).report.cleanShutdown)
  const marked = readMarkFile(fs.afterPowerCut().bytesOf('/log/mark'))
  t.like(marked, { kind: 'valid', mark: { closed: false, sequence: 8, durableLsn: 10, segmentFirstLsn: 7 } })
})

test('clean: the last segment is sealed, and its successor was never begun', (t) => {
  const segments = [{ frames: [['one']] }, { frames: [['two'], ['three']], sealed: true }]
  const { fs, built } = memoryLog({ segments })
  const log = recover(fs, DIRECTORY)
  t.is(log.active, undefined)
  t.deepEqual(log.previous, { lastLsn: 3, endOffset: segmentOf(built, 1).endOffset })
  t.deepEqual(log.segments, [1, 2])
  t.is(log.lastTimestampMs, 1002)
})

test('clean: a footer that was not yet the end of its file becomes it', (t) => {
  const { fs, built } = memoryLog({ segments: [{ frames: [['one']], sealed: true, zeros: 10_000 }] })
  const log = recover(fs, DIRECTORY)
  t.is(log.active, undefined)
  t.is(log.report.torn, undefined)
  const { name, bytes } = segmentOf(built, 0)
  t.deepEqual(fs.afterPowerCut().bytesOf(`/log/${name}`), bytes.subarray(0, bytes.length - 10_000))
})

for (const [what, plan, rewritten] of [
  ['frames above the mark', LAST_FRAMES_UNMARKED, 3],
  ['all frames of a segment that no mark covers', LAST_SEGMENT_UNMARKED, 4],
] as const) {
  test(`P12: ${what} are written again, and durable before the mark says so`, (t) => {
    const { fs, built } = memoryLog(plan)
    const { name, bytes, frames } = segmentOf(built, 2)
    // A sync failed before the crash: the page cache has the frames, marked as clean, and the disk doesn't.
    fs.putOnDiskOnly(`/log/${name}`, bytes.subarray(0, frames[1]?.offset))
    const states: MemoryFileSystem[] = []
    fs.beforeChange = () => states.push(fs.afterPowerCut())
    const log = recover(fs, DIRECTORY)
    t.is(log.report.rewrittenRecords, rewritten)
    t.false(log.report.cleanShutdown)
    states.push(fs.afterPowerCut())
    for (const state of states) {
      const marked = readMarkFile(state.bytesOf('/log/mark'))
      const durable = marked.kind === 'valid' && marked.mark.durableLsn === 10
      if (durable) t.deepEqual(state.bytesOf(`/log/${name}`), bytes)
    }
    t.deepEqual(fs.afterPowerCut().bytesOf(`/log/${name}`), bytes)
    t.is(recover(fs.afterPowerCut(), DIRECTORY).report.rewrittenRecords, 0)
  })
}

test('P12: of a sealed last segment the frames and the footer are written again', (t) => {
  const segments = [{ frames: [['one'], { records: ['two'], mark: 1 }], sealed: true, footer: { mark: 1 } }]
  const { fs, built } = memoryLog({ segments, mark: { durableLsn: 1 } })
  const { name, bytes, frames } = segmentOf(built, 0)
  fs.putOnDiskOnly(`/log/${name}`, bytes.subarray(0, frames[1]?.offset))
  t.is(recover(fs, DIRECTORY).report.rewrittenRecords, 1)
  t.deepEqual(fs.afterPowerCut().bytesOf(`/log/${name}`), bytes)
})

test('P12: frames larger than the window are written again', (t) => {
  const big = Buffer.alloc(2_500_000, 'b')
  const frames = [['one'], { records: ['two'], mark: 1 }, { records: [big], mark: 1 }, { records: ['four'], mark: 1 }]
  const { fs, built } = memoryLog({ segments: [{ frames }], mark: { durableLsn: 1 } })
  const { name, bytes } = segmentOf(built, 0)
  fs.putOnDiskOnly(`/log/${name}`, bytes.subarray(0, 5000))
  fs.transferBytesMax = 1000
  t.is(recover(fs, DIRECTORY).report.rewrittenRecords, 3)
  // Of megabytes a comparison that could tell each byte apart takes seconds.
  t.true(fs.afterPowerCut().bytesOf(`/log/${name}`).equals(bytes))
})

test('torn: the last frame was cut short', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    const { bytes } = segmentOf(log, 2)
    replaceFile(log, segmentOf(log, 2), bytes.subarray(0, bytes.length - 5))
  })
  const segment = segmentOf(built, 2)
  const { offset } = frameOf(segment, 2)
  const log = recover(fs, DIRECTORY)
  t.like(log, { lastLsn: 9, lastTimestampMs: 1005, active: undefined })
  t.deepEqual(log.previous, { lastLsn: 9, endOffset: offset })
  const keptIn = `/log/quarantine/${segment.name}.${offset}`
  t.like(log.report.torn, { segment: segment.name, offset, keptIn })
  t.is(log.report.torn?.reason, 'the frame says 64 bytes, but the file has 59 left')
  const after = fs.afterPowerCut()
  // The record's padding is zeros: trailing zeros are not worth keeping.
  const kept = after.bytesOf(keptIn)
  t.deepEqual(kept, segment.bytes.subarray(offset, offset + kept.length))
  t.is(log.report.torn?.bytes, kept.length)
  const footer = after.bytesOf(`/log/${segment.name}`).subarray(offset)
  t.like(readSegmentFooter(footer, segment.nonceChecksum, offset), {
    kind: 'valid',
    footerBytes: footer.length,
    footer: { firstLsn: 7, lastLsn: 9, mark: 6, frameCount: 2, firstTimestampMs: 1004, lastTimestampMs: 1005 },
  })
  t.like(readMarkFile(after.bytesOf('/log/mark')), { mark: { durableLsn: 9, segmentFirstLsn: 7, endOffset: offset } })
})

test('torn: later valid frames go too, for nobody was told of them', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    flip(segmentOf(log, 2).bytes, frameOf(segmentOf(log, 2), 1).offset + 60)
  })
  const { offset } = frameOf(segmentOf(built, 2), 1)
  const { lastLsn, report, active } = recover(fs, DIRECTORY)
  t.is(lastLsn, 7)
  t.is(active, undefined)
  t.like(report.torn, { offset, reason: 'the frame body checksum does not match' })
  t.deepEqual(fs.bytesOf(report.torn?.keptIn ?? ''), segmentOf(built, 2).bytes.subarray(offset, -1))
})

test('torn: zeros where a frame was due, and a frame behind them', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    const { offset, bytes } = frameOf(segmentOf(log, 2), 1)
    segmentOf(log, 2).bytes.fill(0, offset, offset + bytes.length)
  })
  const { lastLsn, report } = recover(fs, DIRECTORY)
  t.is(lastLsn, 7)
  t.is(report.torn?.offset, frameOf(segmentOf(built, 2), 1).offset)
  t.regex(report.torn?.reason ?? '', /zeros, with other bytes behind them/)
})

test('torn: something behind a valid footer', (t) => {
  const { fs } = memoryLog({ segments: [{ frames: [['one']], sealed: true }] }, (log) => {
    replaceFile(log, segmentOf(log, 0), Buffer.concat([segmentOf(log, 0).bytes, Buffer.from('something')]))
  })
  const { report, active, lastLsn } = recover(fs, DIRECTORY)
  t.is(report.torn?.reason, 'there are other bytes behind the footer')
  t.is(active, undefined)
  t.is(lastLsn, 1)
  t.is(recover(fs, DIRECTORY).report.torn, undefined)
})

test('torn: a footer that contradicts the frames is written anew', (t) => {
  const { fs, built } = memoryLog({
    segments: [{ frames: [['one'], ['two']], sealed: true, footer: { frameCount: 3 } }],
  })
  const { report, active } = recover(fs, DIRECTORY)
  t.is(report.torn?.reason, 'the footer contradicts the frames before it')
  t.is(active, undefined)
  const { name, nonceChecksum, endOffset } = segmentOf(built, 0)
  const footer = readSegmentFooter(fs.bytesOf(`/log/${name}`).subarray(endOffset), nonceChecksum, endOffset)
  t.like(footer, { kind: 'valid', footer: { frameCount: 2 } })
})

test('torn: an LSN that was not due, and a timestamp that goes back, end the valid frames', (t) => {
  const gap = memoryLog({
    segments: [{ frames: [['one'], { records: ['x'], firstLsn: 3, mark: 1 }] }],
    mark: { durableLsn: 1 },
  })
  t.is(recover(gap.fs, DIRECTORY).report.torn?.reason, 'the frame begins with LSN 3 where 2 was due')
  const back = memoryLog({
    segments: [{ frames: [['one'], { records: ['x'], timestampMs: 5 }] }],
    mark: { durableLsn: 1 },
  })
  t.is(recover(back.fs, DIRECTORY).report.torn?.reason, "the frame's timestamp 5 lies before 1000")
})

test('torn from the first frame on: the file goes, and its sealed predecessor is the tail', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    flip(segmentOf(log, 2).bytes, SEGMENT_HEADER_BYTES + 60)
  })
  const { name, bytes } = segmentOf(built, 2)
  const log = recover(fs, DIRECTORY)
  t.like(log, { lastLsn: 6, active: undefined, lastTimestampMs: 1003 })
  t.deepEqual(log.segments, [1, 4])
  t.deepEqual(log.previous, { lastLsn: 6, endOffset: segmentOf(built, 1).endOffset })
  const keptIn = `/log/quarantine/${name}.0`
  t.like(log.report.torn, { segment: name, offset: 0, keptIn })
  const after = fs.afterPowerCut()
  t.deepEqual(after.bytesOf(keptIn), bytes.subarray(0, bytes.length - 1))
  t.false(after.listSync(DIRECTORY).includes(name))
  t.like(readMarkFile(after.bytesOf('/log/mark')), { mark: { durableLsn: 6, segmentFirstLsn: 4 } })
})

test('torn from the first frame on: without a predecessor the log is empty', (t) => {
  const segments = [{ frames: [{ records: ['one'], mark: 0 }] }]
  const { fs } = memoryLog({ segments, mark: { durableLsn: 0 } }, (log) => {
    replaceFile(log, segmentOf(log, 0), segmentOf(log, 0).bytes.subarray(0, SEGMENT_HEADER_BYTES))
  })
  const log = recover(fs, DIRECTORY)
  t.like(log, { firstLsn: 1, lastLsn: 0, active: undefined })
  t.deepEqual(log.segments, [])
  t.deepEqual(log.previous, { lastLsn: 0, endOffset: 0 })
  t.is(recover(fs, DIRECTORY).lastLsn, 0)
})

test('torn from the first frame on: a predecessor that lost its footer gets a new one', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    flip(segmentOf(log, 2).bytes, SEGMENT_HEADER_BYTES + 60)
    flip(segmentOf(log, 1).bytes, segmentOf(log, 1).endOffset)
  })
  const log = recover(fs, DIRECTORY)
  t.is(log.active, undefined)
  t.is(log.lastLsn, 6)
  t.is(fs.bytesOf(`/log/${segmentOf(built, 1).name}`).length, segmentOf(built, 1).bytes.length)
  t.is(fs.listSync('/log/quarantine').length, 2)
})

test('bytes kept earlier are never overwritten by different ones', (t) => {
  const { fs, built } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
    replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, -9))
  })
  const { name } = segmentOf(built, 2)
  const { offset } = frameOf(segmentOf(built, 2), 2)
  fs.makeDirectorySync('/log/quarantine')
  fs.put(`/log/quarantine/${name}.${offset}`, Buffer.from('of an older tear'))
  const { report } = recover(fs, DIRECTORY)
  t.is(report.torn?.keptIn, `/log/quarantine/${name}.${offset}.2`)
  t.is(fs.bytesOf(`/log/quarantine/${name}.${offset}`).toString(), 'of an older tear')
})

test('a failing call surfaces with its cause, and leaves things so that a retry works', (t) => {
  const codes = { ENOSPC: 'SLUICE_DISK_FULL', EDQUOT: 'SLUICE_DISK_FULL', EIO: 'SLUICE_IO' }
  for (const [code, expected] of Object.entries(codes)) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
      replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, -9))
    })
    const cause = Object.assign(new Error(`${code}: write`), { code, errno: -28, syscall: 'write' })
    fs.beforeChange = (call) => {
      if (call === 'write') throw cause
    }
    const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError })
    t.like(error, { code: expected, cause, errno: -28, syscall: 'write' })
    t.is(fs.openFiles, 0)
    fs.beforeChange = () => {}
    t.is(recover(fs, DIRECTORY).lastLsn, 9)
  }
})
