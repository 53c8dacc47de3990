import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { segmentFileName } from '../../src/format/file-names.js'
import { FRAME_HEADER_BYTES } from '../../src/format/frame.js'
import { readMarkFile, writeMarkSlot } from '../../src/format/mark.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { MarkFile } from '../../src/segment/mark-file.js'
import { recover } from '../../src/segment/recovery.js'
import type { Fault, SimulatedFileSystem } from '../../src/testing/index.js'
import { type BuiltLog, LOG_ID, type LogPlan } from '../support/build-log.js'
import { logOnSimulatedDisk } from '../support/log-on-simulated-disk.js'
import { LAST_FRAMES_UNMARKED, LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'
import { MARK, openSimulated, rejects, DIRECTORY as SIMULATED_DIRECTORY } from '../support/simulated-log.js'

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

/** The bytes of a header that are checked; zeros up to the frames follow. */
const CHECKED_HEADER_BYTES = 128

function isCorrupt(t: ExecutionContext, what: string, change: (built: BuiltLog) => void): void {
  const { fs } = memoryLog(THREE_SEGMENTS, change)
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError }, what)
  t.is(error?.code, 'SLUICE_CORRUPT', what)
  t.is(typeof error?.segment, 'string', what)
  t.is(typeof error?.offset, 'number', what)
  t.is(typeof error?.firstLsn, 'number', what)
}

test('a flipped bit in any byte of any header is corrupt', (t) => {
  for (let at = 0; at < CHECKED_HEADER_BYTES; at++) {
    for (const n of [0, 1, 2]) {
      isCorrupt(t, `segment ${n}, byte ${at}`, (log) => flip(segmentOf(log, n).bytes, at, at % 8))
    }
  }
})

test('a flipped bit in any byte of a frame that a mark covers is corrupt', (t) => {
  for (const n of [0, 1, 2]) {
    const { offset, bytes } = frameOf(segmentOf(memoryLog(THREE_SEGMENTS).built, 2), n)
    // The bytes that round a frame up to a multiple of 8 say nothing, and are not checked.
    const bodyEnd = FRAME_HEADER_BYTES + bytes.readUInt32LE(12)
    for (let at = 0; at < bodyEnd; at++) {
      const place = offset + at
      isCorrupt(t, `frame ${n}, byte ${at}`, (log) => flip(segmentOf(log, 2).bytes, place, at % 8))
    }
  }
})

test('a cut at any length of the last frame: corrupt where a mark covers it, torn where none does', (t) => {
  const segment = segmentOf(memoryLog(THREE_SEGMENTS).built, 2)
  const { offset, bytes } = frameOf(segment, -1)
  for (let length = 0; length < bytes.length; length++) {
    const cut = (log: BuiltLog): void => {
      replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, offset + length))
    }
    isCorrupt(t, `${length} bytes left`, cut)
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, cut)
    const { lastLsn, active, report } = recover(fs, DIRECTORY)
    t.is(lastLsn, 9, `${length} bytes left`)
    t.is(report.torn?.offset, length === 0 ? undefined : offset)
    t.is(active === undefined, length > 0, 'what had a tear is not written on')
    t.is(recover(fs.afterPowerCut(), DIRECTORY).lastLsn, 9)
  }
})

test('a cut of the last segment at any length', (t) => {
  const { bytes, frames } = segmentOf(memoryLog(LAST_SEGMENT_UNMARKED).built, 2)
  for (let length = 4096; length <= bytes.length; length++) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) =>
      replaceFile(log, segmentOf(log, 2), bytes.subarray(0, length)),
    )
    const whole = frames.filter((frame) => frame.offset + frame.bytes.length <= length)
    t.is(recover(fs, DIRECTORY).lastLsn, whole.at(-1)?.lastLsn ?? 6, `${length} bytes left`)
  }
})

test('zeros from any place of the last frame on', (t) => {
  const { offset, bytes } = frameOf(segmentOf(memoryLog(LAST_SEGMENT_UNMARKED).built, 2), -1)
  for (let from = 0; from < FRAME_HEADER_BYTES + 7; from++) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
      segmentOf(log, 2).bytes.fill(0, offset + from, offset + bytes.length)
    })
    const { lastLsn, report } = recover(fs, DIRECTORY)
    t.is(lastLsn, 9, `zeros from ${from} on`)
    t.is(report.torn === undefined, from === 0)
  }
})

test('a full disk while the torn tail is kept aside leaves no half copy behind', (t) => {
  const torn = (): SimulatedFileSystem =>
    logOnSimulatedDisk(
      LAST_FRAMES_UNMARKED,
      (built) => {
        segmentOf(built, 2).bytes.fill('torn', segmentOf(built, 2).frames[1]?.offset)
      },
      1,
    )
  const full: Partial<Fault>[] = [
    { error: 'ENOSPC' },
    { error: 'ENOSPC', short: 20 },
    { call: 'datasyncSync', error: 'EDQUOT' },
  ]
  for (const fault of full) {
    const fileSystem = torn()
    fileSystem.inject({ call: 'writeSync', path: /quarantine.*tmp$/, ...fault })
    const error = t.throws(() => recover(fileSystem, DIRECTORY), { instanceOf: SluiceError })
    t.is(error?.code, 'SLUICE_DISK_FULL')
    t.deepEqual(fileSystem.listSync(`${DIRECTORY}/quarantine`), [])
    t.deepEqual(fileSystem.openPaths, [])
    t.like(recover(fileSystem, DIRECTORY), { lastLsn: 7 })
    t.is(fileSystem.listSync(`${DIRECTORY}/quarantine`).length, 1)
  }
})

test('what fails is told, not that what it had begun could not be removed', (t) => {
  const fileSystem = logOnSimulatedDisk(
    LAST_FRAMES_UNMARKED,
    (built) => {
      segmentOf(built, 2).bytes.fill('torn', segmentOf(built, 2).frames[1]?.offset)
    },
    1,
  )
  fileSystem.inject({ call: 'writeSync', path: /quarantine.*tmp$/, error: 'ENOSPC' })
  fileSystem.inject({ call: 'removeSync', path: /quarantine.*tmp$/, error: 'EIO', nth: 2 })
  const error = t.throws(() => recover(fileSystem, DIRECTORY), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_DISK_FULL')
  t.like(recover(fileSystem, DIRECTORY), { lastLsn: 7 })
})

test('a mark file that was made while the sync of the directory failed is made once more', (t) => {
  const fileSystem = logOnSimulatedDisk({ ...THREE_SEGMENTS, mark: undefined }, undefined, 1)
  fileSystem.inject({ call: 'renameSync', path: MARK, error: 'EIO' })
  t.throws(() => recover(fileSystem, DIRECTORY), { instanceOf: SluiceError })
  // Behind the rename, so that it is the mark's name that the sync is for.
  const undo = fileSystem.onCall(({ call, to }) => {
    if (call === 'renameSync' && to !== undefined && MARK.test(to)) {
      fileSystem.inject({ call: 'syncDirectorySync', error: 'EIO' })
    }
  })
  t.throws(() => recover(fileSystem, DIRECTORY), { instanceOf: SluiceError })
  undo()
  t.true(fileSystem.listSync(DIRECTORY).includes('mark'))
  const found = recover(fileSystem, DIRECTORY)
  t.is(found.lastLsn, 10)
  t.true(fileSystem.stateAfterCrash({ keep: 'none' }).listSync(DIRECTORY).includes('mark'), 'its name is durable now')
})

test('a reader sees what a mark file tells that was made once more', async (t) => {
  const { log, fileSystem } = await openSimulated()
  await log.append('noted')
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'ENOSPC' })
  await log.append('not noted')
  const reader = await openLogReader(SIMULATED_DIRECTORY, { fileSystem })
  t.is(reader.durableLsn, 1)
  // The log ends without a closing mark.
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'EIO' })
  await log.close()
  recover(fileSystem, SIMULATED_DIRECTORY)
  t.is(await reader.refresh(), 2)
  await reader.close()
  await rejects(t, reader.refresh(), { code: 'SLUICE_CLOSED' })
})
