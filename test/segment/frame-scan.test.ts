import test from 'ava'
import { checksum, writeUint64 } from '../../src/format/checksum.js'
import { MAX_FRAME_BYTES, sealFrame, writeFrameDraft } from '../../src/format/frame.js'
import { SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { FileWindow, WINDOW_BYTES } from '../../src/segment/file-window.js'
import { FrameScan, type ScanEnd } from '../../src/segment/frame-scan.js'
import { findLaterEvidence } from '../../src/segment/later-evidence.js'
import { CHUNK_BYTES_MAX } from '../../src/segment/record-batch.js'
import { CHUNK_BYTES_MIN, SegmentReader } from '../../src/segment/segment-reader.js'
import { type BuiltSegment, buildLog, type SegmentPlan } from '../support/build-log.js'
import { composeSegment, filesOf, framesOfOne, somePayloads } from '../support/compose-segments.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, flip, frameOf, segmentOf } from '../support/memory-log.js'
import { ReadingFileSystem } from '../support/reading-file-system.js'

const FOUR_FRAMES: SegmentPlan = { frames: [['one'], ['two', 'three'], ['four'], ['five']] }

function build(plan: SegmentPlan): BuiltSegment {
  return segmentOf(buildLog({ segments: [plan] }), 0)
}

function windowOn(bytes: Buffer, windowBytes = WINDOW_BYTES): FileWindow {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  fs.put('/log/segment', bytes)
  const window = new FileWindow(fs, windowBytes)
  window.move(fs.openSync('/log/segment', 'read'), bytes.length)
  return window
}

function scan(
  segment: BuiltSegment,
  bytes = segment.bytes,
  windowBytes = WINDOW_BYTES,
): { lsns: number[]; end: ScanEnd } {
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: segment.firstLsn, timestampMs: 0 }
  const frames = new FrameScan(windowOn(bytes, windowBytes), segment.nonceChecksum, start)
  const lsns: number[] = []
  for (let frame = frames.next(); frame !== undefined; frame = frames.next()) lsns.push(frame.header.firstLsn)
  return { lsns, end: frames.finish() }
}

test('frames come in order, and the scan says how it ended', (t) => {
  t.deepEqual(scan(build(FOUR_FRAMES)), { lsns: [1, 2, 4, 5], end: { kind: 'end' } })
  t.deepEqual(scan(build({ ...FOUR_FRAMES, zeros: 100 })), { lsns: [1, 2, 4, 5], end: { kind: 'zeros' } })
  const sealed = scan(build({ ...FOUR_FRAMES, sealed: true }))
  t.like(sealed.end, { kind: 'sealed', endsFile: true, footer: { firstLsn: 1, lastLsn: 5, frameCount: 4 } })
  t.like(scan(build({ ...FOUR_FRAMES, sealed: true, zeros: 1 })).end, { kind: 'sealed', endsFile: false })
})

test('a frame is yielded with its place in the buffer', (t) => {
  const segment = build({ frames: [['one'], [Buffer.alloc(5000, 'x')], ['three']] })
  const window = windowOn(segment.bytes, 4200)
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: 1, timestampMs: 0 }
  const frames = new FrameScan(window, segment.nonceChecksum, start)
  for (const { offset, bytes } of segment.frames) {
    const frame = frames.next()
    t.is(frame?.offset, offset)
    const at = frame?.at ?? 0
    t.deepEqual(window.buffer.subarray(at, at + bytes.length), bytes)
  }
  t.is(frames.next(), undefined)
  t.is(frames.next(), undefined, 'once it has ended, it stays so')
})

test('the window may be smaller than a frame, and reads may be short', (t) => {
  const records = Array.from({ length: 50 }, (_, index) => [Buffer.alloc(index * 37, index)])
  const segment = build({ frames: records, zeros: 500 })
  for (const windowBytes of [64, 100, 1000, 4096, 100_000]) {
    const { lsns, end } = scan(segment, segment.bytes, windowBytes)
    t.is(lsns.length, 50, `window of ${windowBytes}`)
    t.is(end.kind, 'zeros')
  }
})

test('a frame of another segment does not pass', (t) => {
  const log = buildLog({ segments: [FOUR_FRAMES, FOUR_FRAMES] })
  const segment = segmentOf(log, 0)
  const bytes = Buffer.from(segment.bytes)
  frameOf(segmentOf(log, 1), 1).bytes.copy(bytes, frameOf(segment, 1).offset)
  const { lsns, end } = scan(segment, bytes)
  t.deepEqual(lsns, [1])
  t.deepEqual(end, { kind: 'invalid', reason: 'the frame header checksum does not match' })
})

test('a frame copied to another offset does not pass', (t) => {
  const segment = build(FOUR_FRAMES)
  const bytes = Buffer.from(segment.bytes)
  frameOf(segment, 2).bytes.copy(bytes, frameOf(segment, 3).offset)
  t.deepEqual(scan(segment, bytes), {
    lsns: [1, 2, 4],
    end: { kind: 'invalid', reason: 'the frame header checksum does not match' },
  })
})

test('a copy of a frame inside a payload does not pass, also where the frame around it is damaged', (t) => {
  const donor = frameOf(build(FOUR_FRAMES), 0).bytes
  // Four bytes of length stand before the copy, and four more bring it to a multiple of 8.
  const payload = Buffer.concat([Buffer.alloc(4), donor, donor, donor])
  const segment = build({ frames: [['one'], [payload], ['three']] })
  t.deepEqual(scan(segment).lsns, [1, 2, 3])
  const { offset } = frameOf(segment, 1)
  flip(segment.bytes, offset)
  t.deepEqual(scan(segment).lsns, [1])
  const later = findLaterEvidence(windowOn(segment.bytes), segment.nonceChecksum, offset)
  t.like(later, { frameHeaders: 1, lastLsn: 3, mark: 2 })
})

test('a scan at every multiple of 8 finds the marks behind a hole', (t) => {
  const filler = Array.from({ length: 40 }, () => [Buffer.alloc(301, 'SLFR')])
  const segment = build({ frames: [['one'], ...filler, { records: ['marked'], mark: 17 }], zeros: 3000 })
  const { offset } = frameOf(segment, 1)
  segment.bytes.fill(0xff, offset, frameOf(segment, -1).offset)
  for (const windowBytes of [64, 100, 1000, 5000, 1_000_000]) {
    const later = findLaterEvidence(windowOn(segment.bytes, windowBytes), segment.nonceChecksum, offset)
    const last = frameOf(segment, -1)
    const contentEnd = last.offset + last.bytes.length - 6
    t.deepEqual(later, { frameHeaders: 1, lastLsn: 42, mark: 17, contentEnd }, `window of ${windowBytes}`)
  }
})

test('a footer behind a hole is found by the end of the content', (t) => {
  const segment = build({ ...FOUR_FRAMES, sealed: true, zeros: 5000, footer: { mark: 3 } })
  const { offset } = frameOf(segment, 1)
  segment.bytes.fill(0, offset, segment.endOffset)
  for (const windowBytes of [64, 100, 1000, 1_000_000]) {
    const later = findLaterEvidence(windowOn(segment.bytes, windowBytes), segment.nonceChecksum, offset)
    t.like(later, { frameHeaders: 0, lastLsn: 5, mark: 3, contentEnd: segment.bytes.length - 5000 })
  }
})

test('a length that the file cannot hold is not believed, and no memory taken for it', (t) => {
  const segment = build({ frames: [['one']], zeros: 1000 })
  const offset = segment.endOffset
  writeFrameDraft(segment.bytes, offset, { bodyBytes: 8, recordCount: 1, firstLsn: 2, timestampMs: 2000 })
  segment.bytes.writeUInt32LE(MAX_FRAME_BYTES, offset + 8)
  sealFrame(segment.bytes, offset, segment.nonceChecksum, offset, 1)
  const window = windowOn(segment.bytes, 256)
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: 1, timestampMs: 0 }
  const end = new FrameScan(window, segment.nonceChecksum, start).finish()
  t.deepEqual(end, { kind: 'invalid', reason: `the frame says ${MAX_FRAME_BYTES} bytes, but the file has 1000 left` })
  t.is(window.buffer.length, 256)
})

test('a damaged length is not believed, for the header checksum comes first', (t) => {
  const segment = build({ frames: [['one'], ['two']], zeros: 100_000 })
  segment.bytes.writeUInt32LE(80_000, frameOf(segment, 1).offset + 8)
  const window = windowOn(segment.bytes, 256)
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: 1, timestampMs: 0 }
  t.is(new FrameScan(window, segment.nonceChecksum, start).finish().kind, 'invalid')
  t.is(window.buffer.length, 256)
})

test('no footer is longer than its frames allow', (t) => {
  const segment = build({ frames: [['one']], sealed: true, zeros: 100_000 })
  segment.bytes.writeUInt32LE(90_000, segment.endOffset + 8)
  const window = windowOn(segment.bytes, 256)
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: 1, timestampMs: 0 }
  const end = new FrameScan(window, segment.nonceChecksum, start).finish()
  t.deepEqual(end, { kind: 'invalid', reason: 'the footer says 90000 bytes, where 592 can be' })
  t.is(window.buffer.length, 256)
})

test('a trailer that claims most of the file takes no memory', (t) => {
  const segment = build({ frames: [['one']], zeros: 100_000 })
  const trailer = Buffer.from([0, 0, 0, 0, 0x53, 0x4c, 0x46, 0x45])
  trailer.writeUInt32LE(90_000, 0)
  const bytes = Buffer.concat([segment.bytes, trailer])
  const window = windowOn(bytes, 256)
  t.is(findLaterEvidence(window, segment.nonceChecksum, segment.endOffset).lastLsn, 0)
  t.is(window.buffer.length, 256)
})

test('a scan can begin at a frame in the middle', (t) => {
  const segment = build(FOUR_FRAMES)
  const { offset } = frameOf(segment, 2)
  const start = { offset, lsn: 4, timestampMs: 0 }
  const frames = new FrameScan(windowOn(segment.bytes), segment.nonceChecksum, start)
  t.is(frames.next()?.header.firstLsn, 4)
  t.is(frames.finish().kind, 'end')
  t.is(frames.nextLsn, 6)
})

test('LSNs beyond what a number can hold are no LSNs', (t) => {
  const segment = build({ frames: [['one']] })
  const { offset } = frameOf(segment, 0)
  writeUint64(segment.bytes, Number.MAX_SAFE_INTEGER, offset + 24)
  segment.bytes.writeUInt32LE(2, offset + 16)
  sealFrame(segment.bytes, offset, checksum(segment.nonce), offset, 0)
  t.deepEqual(scan(segment).end, { kind: 'invalid', reason: 'the frame header contradicts itself' })
})

const directory = '/log'

/** What a small copy keeps alive at most: Node's pool of small buffers, of 8 KiB in Node 20 and 64 KiB in Node 24. */
const SMALL_BYTES = Buffer.poolSize

/** What the records of one chunk keep alive. */
async function heldBytes(frames: Buffer[][], lastLsn: number, chunkBytes: number, zeros = 1 << 20): Promise<number[]> {
  const segment = composeSegment({ firstLsn: 1, frames, sealed: false, zeros })
  const fileSystem = new ReadingFileSystem(filesOf(directory, [segment]))
  const reader = await SegmentReader.open({ fileSystem, directory, firstLsn: 1 })
  const { batch } = await reader.records(await reader.locate(1, { lastLsn, sealed: false }), 1, lastLsn, chunkBytes)
  const held: number[] = []
  for (let record = batch.next(); record !== undefined; record = batch.next()) held.push(record.data.buffer.byteLength)
  return held
}

test('a record keeps at most one chunk alive', async (t) => {
  const held = await heldBytes(framesOfOne(1, 5000, 100), 5000, CHUNK_BYTES_MAX)
  t.true(held.length > 1000)
  t.true(Math.max(...held) <= CHUNK_BYTES_MAX)
})

test('a few records do not keep a chunk alive', async (t) => {
  for (const zeros of [0, 1 << 20]) {
    const held = await heldBytes(framesOfOne(1, 3, 2000), 3, CHUNK_BYTES_MIN, zeros)
    t.is(held.length, 3)
    t.true(Math.max(...held) <= SMALL_BYTES, `${Math.max(...held)} bytes`)
  }
})

test('a small record does not keep a large frame alive', async (t) => {
  const held = await heldBytes([somePayloads(1, 3000, 1000)], 3000, CHUNK_BYTES_MIN)
  t.is(held.length, 3000)
  t.true(Math.max(...held) <= SMALL_BYTES, `${Math.max(...held)} bytes`)
})

test('a large record is not copied out of its frame', async (t) => {
  const [held] = await heldBytes([[Buffer.alloc(3_000_000)]], 1, CHUNK_BYTES_MIN)
  t.true(held !== undefined && held > 3_000_000 && held < 3_000_200)
})
