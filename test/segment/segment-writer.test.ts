import test from 'ava'
import { segmentFileName } from '../../src/format/file-names.js'
import { frameBodyIsValid, readFrameHeader } from '../../src/format/frame.js'
import { readSegmentFooter } from '../../src/format/segment-footer.js'
import { readSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { PageWriter } from '../../src/segment/page-writer.js'
import { SegmentIndex } from '../../src/segment/segment-index.js'
import { FailedSync, type SegmentMedium, SegmentWriter } from '../../src/segment/segment-writer.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { buildFrame, LOG_ID } from '../support/build-log.js'
import { callsOf, DIRECTORY, openPaths, putFiles } from '../support/simulated-log.js'

const KIB = 1024
const FIRST_LSN = 11
const PATH = `${DIRECTORY}/${segmentFileName(FIRST_LSN)}`
const BEGINNING = { logId: LOG_ID, firstLsn: FIRST_LSN, previousEndOffset: 5000, mark: 10, createdMs: 1234 }

function folder(): SimulatedFileSystem {
  const fileSystem = new SimulatedFileSystem()
  putFiles(fileSystem, DIRECTORY, new Map())
  return fileSystem
}

function medium(fileSystem: SimulatedFileSystem): SegmentMedium {
  return { fileSystem, directory: DIRECTORY, access: 'direct', pages: new PageWriter(fileSystem) }
}

function begin(fileSystem: SimulatedFileSystem): SegmentWriter {
  const { segment, temporaryPath } = SegmentWriter.begin(medium(fileSystem), BEGINNING, undefined)
  segment.writeOut()
  segment.publish(DIRECTORY, temporaryPath)
  return segment
}

/** Appends a frame with one record, as the writer does. */
function append(segment: SegmentWriter, firstLsn: number, text: string): void {
  const { nonceChecksum, offset } = segment
  const timestampMs = 1000 + firstLsn
  const frame = buildFrame({ records: [text] }, { firstLsn, timestampMs, mark: firstLsn - 1, nonceChecksum, offset })
  segment.noteFrame(firstLsn, offset, timestampMs)
  segment.put(frame, 0, frame.length)
  segment.writeOut()
}

function bytesOf(fileSystem: SimulatedFileSystem, path = PATH): Buffer {
  const fd = fileSystem.openSync(path, 'read')
  const bytes = Buffer.alloc(fileSystem.sizeSync(fd))
  fileSystem.readSync(fd, bytes, 0, bytes.length, 0)
  fileSystem.closeSync(fd)
  return bytes
}

/** The first LSNs of the valid frames from the beginning on, and where they end. */
function framesOf(bytes: Buffer, segment: SegmentWriter): { lsns: number[]; end: number } {
  const lsns: number[] = []
  let at = SEGMENT_HEADER_BYTES
  for (;;) {
    const result = readFrameHeader(bytes, at, segment.nonceChecksum, at, bytes.length - at)
    if (result.kind !== 'valid') return { lsns, end: at }
    const { header } = result
    if (!frameBodyIsValid(bytes, at + 56, header, segment.nonceChecksum, at)) return { lsns, end: at }
    lsns.push(header.firstLsn)
    at += header.frameBytes
  }
}

test('a segment begins under a temporary name, with a header that says where it belongs', (t) => {
  const fileSystem = folder()
  const { segment, temporaryPath } = SegmentWriter.begin(medium(fileSystem), BEGINNING, undefined)
  segment.writeOut()
  t.deepEqual(fileSystem.listSync(DIRECTORY), [`${segmentFileName(FIRST_LSN)}.tmp`])
  t.is(segment.offset, SEGMENT_HEADER_BYTES)
  const { createdMs, firstLsn, mark, previousEndOffset } = BEGINNING
  t.like(readSegmentHeader(bytesOf(fileSystem, temporaryPath)), {
    kind: 'valid',
    header: { createdMs, firstLsn, mark, previousEndOffset, previousLastLsn: 10 },
  })
  segment.publish(DIRECTORY, temporaryPath)
  t.deepEqual(fileSystem.listSync(DIRECTORY), [segmentFileName(FIRST_LSN)])
  const other = SegmentWriter.begin(medium(fileSystem), BEGINNING, undefined)
  t.not(other.segment.nonceChecksum, segment.nonceChecksum, 'each has a nonce of its own')
  other.segment.discard(other.temporaryPath)
  segment.close()
  t.deepEqual(fileSystem.listSync(DIRECTORY), [segmentFileName(FIRST_LSN)])
  t.deepEqual(openPaths(fileSystem), [])
})

test('a segment begun in a prepared file keeps its zeros ahead', (t) => {
  const fileSystem = folder()
  const path = `${DIRECTORY}/prepared-1.tmp`
  const fd = fileSystem.openSync(path, 'create')
  fileSystem.writeSync(fd, Buffer.alloc(64 * KIB), 0, 64 * KIB, 0)
  const { segment, temporaryPath } = SegmentWriter.begin(medium(fileSystem), BEGINNING, {
    fd,
    path,
    zeroedBytes: 64 * KIB,
  })
  t.is(temporaryPath, path)
  t.is(segment.zeroedAheadBytes, 60 * KIB)
  append(segment, 11, 'x'.repeat(4 * KIB - 60))
  t.is(segment.zeroedAheadBytes, 56 * KIB)
  t.is(fileSystem.sizeSync(fd), 64 * KIB)
  segment.close()
})

test('short writes are carried on', (t) => {
  const fileSystem = folder()
  for (const nth of [1, 2, 3, 5]) fileSystem.inject({ call: 'writeSync', short: 600, nth })
  const segment = begin(fileSystem)
  append(segment, 11, 'eleven'.repeat(50))
  append(segment, 12, 'twelve'.repeat(50))
  t.deepEqual(framesOf(bytesOf(fileSystem), segment).lsns, [11, 12])
})

test('a cut takes back all since the checkpoint: bytes, index and footer', (t) => {
  const fileSystem = folder()
  const segment = begin(fileSystem)
  append(segment, 11, 'kept')
  segment.sync()
  const { checkpoint } = segment
  const lost = 'lost'.repeat(5000)
  append(segment, 12, lost)
  append(segment, 13, lost)
  fileSystem.inject({ call: 'writeSync', short: 100, error: 'ENOSPC' })
  t.throws(() => append(segment, 14, lost), { code: 'ENOSPC' })
  const before = fileSystem.calls.length
  segment.cutBack(checkpoint)
  t.deepEqual(
    fileSystem.calls.slice(before).map(({ call }) => call),
    ['truncateSync', 'datasyncSync', 'readSync'],
  )
  t.is(segment.offset, checkpoint.offset)
  t.is(bytesOf(fileSystem).length, checkpoint.offset)
  append(segment, 12, 'another')
  segment.seal(12, 11)
  const bytes = bytesOf(fileSystem)
  const { lsns, end } = framesOf(bytes, segment)
  t.deepEqual(lsns, [11, 12])
  const result = readSegmentFooter(bytes.subarray(end), segment.nonceChecksum, end)
  if (result.kind !== 'valid') throw new Error(result.reason)
  t.deepEqual(result.footer, {
    firstLsn: 11,
    lastLsn: 12,
    mark: 11,
    firstTimestampMs: 1011,
    lastTimestampMs: 1012,
    frameCount: 2,
    entryLsns: [11],
    entryOffsets: [SEGMENT_HEADER_BYTES],
  })
  segment.close()
})

test('after a cut no power cut brings back what was taken', (t) => {
  const fileSystem = folder()
  const segment = begin(fileSystem)
  append(segment, 11, 'kept')
  segment.sync()
  fileSystem.syncDirectorySync(DIRECTORY)
  const { checkpoint } = segment
  for (const lsn of [12, 13, 14]) append(segment, lsn, 'lost'.repeat(200))
  segment.cutBack(checkpoint)
  for (let seed = 0; seed < 50; seed++) {
    const bytes = bytesOf(fileSystem.stateAfterCrash({ seed }))
    t.deepEqual(framesOf(bytes, segment).lsns, [11])
    t.is(bytes.length, checkpoint.offset)
  }
})

test('a sync that fails is a FailedSync, which nobody takes for a full disk', (t) => {
  const fileSystem = folder()
  const segment = begin(fileSystem)
  append(segment, 11, 'x')
  const { checkpoint } = segment
  for (const call of [
    () => segment.sync(),
    () => segment.cutBack(checkpoint),
    () => segment.zeroFill(64 * KIB),
    () => segment.seal(11, 11),
  ]) {
    fileSystem.inject({ call: 'datasyncSync', error: 'ENOSPC' })
    const error = t.throws(call, { instanceOf: FailedSync })
    t.like(error.cause, { code: 'ENOSPC' })
    t.false('code' in error)
  }
})

test('zeros ahead come in slices of 256 KiB, up to the end of the segment, each synced', (t) => {
  const fileSystem = folder()
  const segment = begin(fileSystem)
  const most = 1100 * KIB
  const sizes: number[] = []
  while (segment.zeroFill(most + 17)) sizes.push(bytesOf(fileSystem).length / KIB - 4)
  t.deepEqual(sizes, [256, 512, 768, 1024, 1096])
  t.is(callsOf(fileSystem, 'datasyncSync', /seg$/).length, 5)
  t.is(segment.zeroedAheadBytes, most - SEGMENT_HEADER_BYTES)
  append(segment, 11, 'x'.repeat(10_000))
  t.is(bytesOf(fileSystem).length, most, 'frames take the place of zeros')
  segment.trimZeros()
  t.is(bytesOf(fileSystem).length, segment.offset)
  t.is(segment.zeroedAheadBytes, 0)
  segment.trimZeros()
  t.is(callsOf(fileSystem, 'truncateSync', /seg$/).length, 1)
})

test('zeros that don’t fit are dropped, and no more are tried', (t) => {
  const fileSystem = folder()
  const segment = begin(fileSystem)
  append(segment, 11, 'x')
  fileSystem.capacityBytes = 100 * KIB
  t.throws(() => segment.zeroFill(1024 * KIB), { code: 'ENOSPC' })
  segment.dropZeros()
  t.is(bytesOf(fileSystem).length, 8 * KIB, 'the page that the frame ends in is whole')
  t.false(segment.zeroFill(1024 * KIB))
})

test('a segment that is continued takes frames where the others end, and its footer counts all of them', (t) => {
  const fileSystem = folder()
  const begun = begin(fileSystem)
  append(begun, 11, 'eleven')
  begun.zeroFill(16 * KIB)
  begun.close()
  const found = readSegmentHeader(bytesOf(fileSystem))
  if (found.kind !== 'valid') throw new Error(found.kind)
  const position = {
    firstLsn: FIRST_LSN,
    nonce: found.header.nonce,
    endOffset: begun.offset,
    fileBytes: 16 * KIB,
    frameCount: 1,
    firstTimestampMs: 1011,
    index: new SegmentIndex([11], [SEGMENT_HEADER_BYTES]),
  }
  const segment = SegmentWriter.resume(medium(fileSystem), position, 1011)
  t.is(segment.zeroedAheadBytes, 16 * KIB - begun.offset)
  append(segment, 12, 'twelve')
  segment.seal(12, 11)
  segment.close()
  const bytes = bytesOf(fileSystem)
  const { lsns, end } = framesOf(bytes, segment)
  t.deepEqual(lsns, [11, 12])
  t.like(readSegmentFooter(bytes.subarray(end), segment.nonceChecksum, end), {
    kind: 'valid',
    footerBytes: bytes.length - end,
    footer: { frameCount: 2, firstTimestampMs: 1011, lastTimestampMs: 1012 },
  })
})
