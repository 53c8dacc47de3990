import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { checksum } from '../../src/format/checksum.js'
import { MARK_FILE_BYTES, MARK_SLOT_OFFSETS } from '../../src/format/mark.js'
import { FORMAT_VERSION } from '../../src/format/segment-header.js'
import { inspectLog } from '../../src/segment/inspect.js'
import { listSegments, readExtent } from '../../src/segment/log-extent.js'
import { recover } from '../../src/segment/recovery.js'
import { LOG_ID } from '../support/build-log.js'
import { composeMark, composeSegment, filesOf, framesOfOne } from '../support/compose-segments.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'
import { ReadingFileSystem, systemError } from '../support/reading-file-system.js'
import { isSluiceError } from '../support/records.js'
import { MARK, openSimulated, DIRECTORY as SIMULATED_DIRECTORY } from '../support/simulated-log.js'

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

const directory = '/log'
const markPath = `${directory}/mark`
const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 3, 8), sealed: false })

/** A mark file with both slots. */
function bothSlots(even: number, odd: number): Buffer {
  const file = composeMark({ sequence: even, durableLsn: even * 10 })
  composeMark({ sequence: odd, durableLsn: odd * 10 }).copy(file, 0, 0, MARK_SLOT_OFFSETS[1])
  return file
}

test('the newest valid slot counts, whichever it is', async (t) => {
  const fileSystem = new ReadingFileSystem()
  for (const [even, odd] of [
    [2, 3],
    [4, 3],
  ] as const) {
    fileSystem.put(markPath, bothSlots(even, odd))
    t.is((await readExtent(fileSystem, directory)).durableLsn, Math.max(even, odd) * 10)
  }
  const torn = bothSlots(4, 3)
  torn.fill(1, MARK_SLOT_OFFSETS[1] + 40, MARK_SLOT_OFFSETS[1] + 60)
  fileSystem.put(markPath, torn)
  t.is((await readExtent(fileSystem, directory)).durableLsn, 30)
  fileSystem.put(markPath, bothSlots(4, 3).subarray(0, 128))
  t.is((await readExtent(fileSystem, directory)).durableLsn, 30, 'a file that is cut short')
  t.deepEqual(fileSystem.openPaths, [])
})

test('two slots that look torn are read again, a few times', async (t) => {
  const fileSystem = new ReadingFileSystem(new Map([[markPath, Buffer.alloc(MARK_FILE_BYTES, 7)]]))
  fileSystem.beforeRead = () => {
    if (fileSystem.reads === 3) fileSystem.put(markPath, bothSlots(4, 3))
  }
  t.is((await readExtent(fileSystem, directory)).durableLsn, 40)
  t.is(fileSystem.reads, 3)
})

test('two slots that stay torn are damage', async (t) => {
  const fileSystem = new ReadingFileSystem(new Map([[markPath, Buffer.alloc(MARK_FILE_BYTES, 7)]]))
  isSluiceError(t, await readExtent(fileSystem, directory).catch((error) => error), 'SLUICE_CORRUPT')
  t.deepEqual(fileSystem.openPaths, [])
})

test('segments without a mark file, or with an empty one, are damage', async (t) => {
  for (const mark of [undefined, Buffer.alloc(0), Buffer.alloc(MARK_FILE_BYTES)]) {
    const fileSystem = new ReadingFileSystem(filesOf(directory, [segment], mark))
    isSluiceError(t, await readExtent(fileSystem, directory).catch((error) => error), 'SLUICE_CORRUPT')
  }
})

test('no folder, a file in its place, or nothing of a log in it: invalid', async (t) => {
  const empty = new ReadingFileSystem(new Map([[`${directory}/notes.txt`, Buffer.alloc(1)]]))
  const unborn = new ReadingFileSystem(new Map([[markPath, Buffer.alloc(0)]]))
  const file = new ReadingFileSystem()
  file.beforeOpen = (path) => {
    throw systemError('ENOTDIR', 'open', path)
  }
  for (const fileSystem of [new ReadingFileSystem(), empty, unborn, file]) {
    const error = await readExtent(fileSystem, directory).catch((failure) => failure)
    t.regex(isSluiceError(t, error, 'SLUICE_INVALID_ARGUMENT').message, /\/log/)
  }
})

test('a newer version is unsupported, not damage', async (t) => {
  const newer = composeMark({ durableLsn: 5 })
  const slot = newer.subarray(MARK_SLOT_OFFSETS[0])
  slot.writeUInt16LE(FORMAT_VERSION + 1, 12)
  slot.writeUInt32LE(checksum(slot.subarray(12, 128)), 8)
  const fileSystem = new ReadingFileSystem(new Map([[markPath, newer]]))
  isSluiceError(t, await readExtent(fileSystem, directory).catch((error) => error), 'SLUICE_UNSUPPORTED_FORMAT')
})

test('other errors are SLUICE_IO, with their cause', async (t) => {
  const fileSystem = new ReadingFileSystem(new Map([[markPath, composeMark({ durableLsn: 5 })]]))
  const cause = systemError('EACCES', 'open', markPath)
  fileSystem.beforeOpen = () => {
    throw cause
  }
  fileSystem.beforeList = fileSystem.beforeOpen
  t.is(isSluiceError(t, await readExtent(fileSystem, directory).catch((error) => error), 'SLUICE_IO').cause, cause)
  t.is(isSluiceError(t, await listSegments(fileSystem, directory).catch((error) => error), 'SLUICE_IO').cause, cause)
})

test('segments are listed in order, other names are passed over', async (t) => {
  const names = ['0000000000000100.seg', '0000000000000020.seg', '0000000000000003.seg', 'mark', 'lock']
  const others = ['0000000000000000.seg', '3.seg', '0000000000000200.seg.tmp', '9999999999999999.seg']
  const files = new Map([...names, ...others].map((name) => [`${directory}/${name}`, Buffer.alloc(0)]))
  t.deepEqual(await listSegments(new ReadingFileSystem(files), directory), [3, 20, 100])
})

test('a short read of the mark file is gone on with', async (t) => {
  const { log, fileSystem } = await openSimulated()
  await log.append('noted')
  await log.close()
  fileSystem.inject({ call: 'read', path: MARK, short: 100, once: false })
  fileSystem.inject({ call: 'read', path: MARK, nth: 2, error: 'EINTR' })
  t.like(await readExtent(fileSystem, SIMULATED_DIRECTORY), { firstLsn: 1, durableLsn: 1 })
  t.deepEqual(fileSystem.openPaths, [])
})
