import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { FRAME_HEADER_BYTES, sealFrame } from '../../src/format/frame.js'
import { encodeSegmentFooter } from '../../src/format/segment-footer.js'
import { FORMAT_VERSION, SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import type { LogRecord } from '../../src/log/contract.js'
import { AHEAD_ROOM_BYTES } from '../../src/segment/frame-window.js'
import { CHUNK_BYTES_MAX, type RecordBatch, TWO_CHUNKS_BYTES } from '../../src/segment/record-batch.js'
import type { FramePosition } from '../../src/segment/segment-index.js'
import { CHUNK_BYTES_MIN, SegmentReader } from '../../src/segment/segment-reader.js'
import {
  type ComposedSegment,
  composeFrame,
  composeSegment,
  filesOf,
  framesOfOne,
  LOG_ID,
  sixteenBytes,
  somePayloads,
} from '../support/compose-segments.js'
import { random } from '../support/random.js'
import { Gate, ReadingFileSystem } from '../support/reading-file-system.js'
import { isSluiceError, sameRecords } from '../support/records.js'

const directory = '/log'
/** What is read at a time: little, and two chunks. */
const SIZES = [CHUNK_BYTES_MIN, TWO_CHUNKS_BYTES]

async function opened(segment: ComposedSegment, fileSystem = new ReadingFileSystem(filesOf(directory, [segment]))) {
  const { firstLsn } = segment
  return { fileSystem, reader: await SegmentReader.open({ fileSystem, directory, firstLsn, logId: LOG_ID }) }
}

/** All records from `fromLsn` to `lastLsn`, so many bytes at a time, and the error that ended it. */
async function readOn(
  reader: SegmentReader,
  segment: ComposedSegment,
  fromLsn: number,
  lastLsn: number,
  bytes = CHUNK_BYTES_MIN,
) {
  const records: LogRecord[] = []
  const take = (batch: RecordBatch | undefined) => {
    for (let record = batch?.next(); record !== undefined; record = batch?.next()) records.push(record)
  }
  try {
    let position: FramePosition = await reader.locate(fromLsn, { lastLsn, sealed: isSealed(segment) })
    for (let lsn = fromLsn; lsn <= lastLsn; ) {
      const chunk = await reader.records(position, lsn, lastLsn, bytes)
      take(chunk.batch)
      take(chunk.secondBatch)
      position = chunk.next
      lsn = chunk.lastLsn + 1
    }
    return { records, error: undefined }
  } catch (error) {
    return { records, error }
  }
}

/** The frame of `lsn` in a sealed segment. */
async function get(reader: SegmentReader, lsn: number, lastLsn: number) {
  return reader.frame(await reader.locate(lsn, { lastLsn, sealed: true }), lsn)
}

function isSealed(segment: ComposedSegment): boolean {
  return segment.bytes.length > segment.endOffset && segment.bytes[segment.endOffset] !== 0
}

function flipBit(bytes: Buffer, at: number, bit = 0): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
}

const mixedFrames = [
  somePayloads(10, 3, 100),
  [Buffer.alloc(0)],
  [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(0), Buffer.from('abcde')],
  somePayloads(18, 5000, 9),
  [Buffer.alloc(700_000, 'large')],
  somePayloads(5019, 40, 20_000),
  somePayloads(5059, 2, 8),
]

for (const sealed of [true, false]) {
  const kind = sealed ? 'sealed' : 'tail'

  test(`${kind}: gives all records of small, empty, large and many-record frames`, async (t) => {
    const segment = composeSegment({ firstLsn: 10, frames: mixedFrames, sealed, zeros: 100_000 })
    const { reader } = await opened(segment)
    for (const bytes of SIZES) {
      const { records, error } = await readOn(reader, segment, 10, segment.lastLsn, bytes)
      t.is(error, undefined)
      sameRecords(t, records, [segment], 10, segment.lastLsn)
    }
  })

  test(`${kind}: begins and ends inside frames`, async (t) => {
    const segment = composeSegment({ firstLsn: 10, frames: mixedFrames, sealed, zeros: 100_000 })
    const { reader } = await opened(segment)
    for (const [from, last] of [
      [11, 11],
      [12, 14],
      [1500, 5018],
      [5018, 5020],
      [5030, 5060],
    ] as const) {
      for (const bytes of SIZES) {
        const { records, error } = await readOn(reader, segment, from, last, bytes)
        t.is(error, undefined)
        sameRecords(t, records, [segment], from, last)
      }
    }
  })

  test(`${kind}: finds the frame of any LSN`, async (t) => {
    const segment = composeSegment({ firstLsn: 10, frames: mixedFrames, sealed, zeros: 100_000 })
    const { reader } = await opened(segment)
    for (const lsn of [5060, 10, 14, 5018, 2000, 5019, 5058]) {
      const found = await reader.frame(await reader.locate(lsn, { lastLsn: segment.lastLsn, sealed }), lsn)
      t.true(found.header.firstLsn <= lsn && found.header.lastLsn >= lsn)
    }
  })
}

test('reads on after short reads', async (t) => {
  const segment = composeSegment({ firstLsn: 10, frames: mixedFrames, sealed: true })
  const { reader, fileSystem } = await opened(segment)
  fileSystem.shortReadBytes = 1013
  for (const bytes of SIZES) {
    const { records, error } = await readOn(reader, segment, 10, segment.lastLsn, bytes)
    t.is(error, undefined)
    sameRecords(t, records, [segment], 10, segment.lastLsn)
  }
})

test('two chunks come at once, wherever the border between them falls in a frame', async (t) => {
  // One frame ends at the border or has the room before it; then all of a page before it, a byte more than the room, and less than a header.
  for (const beyond of [0, 8, FRAME_HEADER_BYTES, 4096, AHEAD_ROOM_BYTES, AHEAD_ROOM_BYTES + 8]) {
    const before = CHUNK_BYTES_MAX - beyond - 64
    const frames = [[Buffer.alloc(before - FRAME_HEADER_BYTES + 64 - 8, 'b')], ...framesOfOne(2, 20, 39_992)]
    const segment = composeSegment({ firstLsn: 1, frames, sealed: false })
    t.is(segment.frames[1]?.offset, SEGMENT_HEADER_BYTES + CHUNK_BYTES_MAX - beyond)
    const { reader } = await opened(segment)
    const { records, error } = await readOn(reader, segment, 1, 21, TWO_CHUNKS_BYTES)
    t.is(error, undefined)
    sameRecords(t, records, [segment], 1, 21)
    const begin = { firstLsn: 1, offset: SEGMENT_HEADER_BYTES }
    const { secondBatch } = await reader.records(begin, 1, 21, TWO_CHUNKS_BYTES)
    t.is(secondBatch !== undefined, beyond <= AHEAD_ROOM_BYTES, `${beyond} bytes before the border`)
  }
})

test('what is wanted may end inside of any frame near the border of two chunks', async (t) => {
  const frames = Array.from({ length: 60 }, (_, index) => somePayloads(index * 100 + 1, 100, 100))
  const segment = composeSegment({ firstLsn: 1, frames, sealed: true })
  const border = SEGMENT_HEADER_BYTES + CHUNK_BYTES_MAX
  const { reader } = await opened(segment)
  const near = segment.frames.filter(({ offset }) => Math.abs(border - offset) < 2 * AHEAD_ROOM_BYTES)
  t.true(near.length > 8)
  for (const { firstLsn } of near) {
    for (const lastLsn of [firstLsn - 1, firstLsn, firstLsn + 50, firstLsn + 98, firstLsn + 99]) {
      const { records, error } = await readOn(reader, segment, 1, lastLsn, TWO_CHUNKS_BYTES)
      t.is(error, undefined)
      sameRecords(t, records, [segment], 1, lastLsn)
    }
  }
})

test('a first chunk that came short is no reason to believe what the second has not joined to it', async (t) => {
  const frames = Array.from({ length: 60 }, (_, index) => somePayloads(index * 10 + 1, 10, 1000))
  const segment = composeSegment({ firstLsn: 1, frames, sealed: true })
  const { reader, fileSystem } = await opened(segment)
  // The first alone, then the second alone, then both.
  for (const isShort of [
    (length: number) => length === CHUNK_BYTES_MAX,
    (length: number) => length < CHUNK_BYTES_MAX,
    () => true,
  ]) {
    for (const missing of [12_000, 7_000]) {
      fileSystem.mostOf = ({ length }) => (isShort(length) ? length - missing : length)
      const { records, error } = await readOn(reader, segment, 1, 600, TWO_CHUNKS_BYTES)
      t.is(error, undefined)
      sameRecords(t, records, [segment], 1, 600)
    }
  }
})

test('a frame that is longer than the second chunk is read by itself', async (t) => {
  const small = framesOfOne(1, 247, 992)
  const frames = [...small, ...framesOfOne(248, 3, 300_000)]
  const segment = composeSegment({ firstLsn: 1, frames, sealed: true })
  const long = segment.frames[247]?.offset ?? 0
  const border = SEGMENT_HEADER_BYTES + CHUNK_BYTES_MAX
  t.true(long < border && long > border - AHEAD_ROOM_BYTES, `${border - long}`)
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 1, 250, TWO_CHUNKS_BYTES)
  t.is(error, undefined)
  sameRecords(t, records, [segment], 1, 250)
})

test('where there is no memory for a second chunk, one is read', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 600, 1000), sealed: true })
  const { reader } = await opened(segment)
  const begin = await reader.locate(1, { lastLsn: 600, sealed: true })
  const allocate = Buffer.allocUnsafeSlow
  let asked = 0
  Buffer.allocUnsafeSlow = (bytes) => {
    // The second chunk's is asked for first.
    if (bytes === CHUNK_BYTES_MAX && asked++ === 0) throw new RangeError('Array buffer allocation failed')
    return allocate(bytes)
  }
  try {
    const { secondBatch, lastLsn } = await reader.records(begin, 1, 600, TWO_CHUNKS_BYTES)
    t.is(secondBatch, undefined)
    t.true(lastLsn > 200)
  } finally {
    Buffer.allocUnsafeSlow = allocate
  }
})

test('damage at the border of two chunks is told after the good records before it', async (t) => {
  const compose = () => composeSegment({ firstLsn: 1, frames: framesOfOne(1, 600, 1000), sealed: true })
  const border = SEGMENT_HEADER_BYTES + CHUNK_BYTES_MAX
  const across = compose().frames.findIndex(({ offset, bytes }) => offset < border && offset + bytes > border)
  for (const index of [across - 1, across, across + 1, across + 100]) {
    for (const at of [20, FRAME_HEADER_BYTES + 500]) {
      const segment = compose()
      const frame = segment.frames[index]
      if (frame === undefined) throw new Error('there is such a frame')
      flipBit(segment.bytes, frame.offset + at)
      const { reader } = await opened(segment)
      const { records, error } = await readOn(reader, segment, 1, 600, TWO_CHUNKS_BYTES)
      sameRecords(t, records, [segment], 1, frame.firstLsn - 1)
      t.is(isSluiceError(t, error, 'SLUICE_CORRUPT').offset, frame.offset)
    }
  }
})

test('a second chunk that can’t be read is asked for by itself, and only then told', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 600, 1000), sealed: true })
  for (const failures of [1, 2]) {
    const { reader, fileSystem } = await opened(segment)
    let left = failures
    fileSystem.beforeRead = ({ position }) => {
      if (position > CHUNK_BYTES_MAX / 2 && position < CHUNK_BYTES_MAX * 1.5 && left-- > 0) throw new Error('EIO')
    }
    const { records, error } = await readOn(reader, segment, 1, 600, TWO_CHUNKS_BYTES)
    sameRecords(t, records, [segment], 1, records.length)
    if (failures === 1) t.is(records.length, 600)
    else t.regex(isSluiceError(t, error, 'SLUICE_IO').message, /EIO/)
    await reader.close()
    t.is(fileSystem.readsNow, 0)
  }
})

test('refuses a segment whose header is damaged, foreign, misnamed, cut short or newer, and closes the file', async (t) => {
  const compose = () => composeSegment({ firstLsn: 10, frames: [[Buffer.from('a')]], sealed: true })
  const damaged = compose()
  flipBit(damaged.bytes, 60)
  const foreign = composeSegment({ firstLsn: 10, frames: [], sealed: false, logId: sixteenBytes('other') })
  const misnamed = composeSegment({ firstLsn: 11, frames: [], sealed: false })
  const newer = compose()
  newer.bytes.writeUInt16LE(FORMAT_VERSION + 1, 12)
  newer.bytes.writeUInt32LE(checksum(newer.bytes.subarray(12, 128)), 8)
  const cases = [
    [damaged.bytes, 'SLUICE_CORRUPT'],
    [foreign.bytes, 'SLUICE_CORRUPT'],
    [misnamed.bytes, 'SLUICE_CORRUPT'],
    [compose().bytes.subarray(0, 100), 'SLUICE_CORRUPT'],
    [Buffer.alloc(0), 'SLUICE_CORRUPT'],
    [newer.bytes, 'SLUICE_UNSUPPORTED_FORMAT'],
  ] as const
  for (const [bytes, code] of cases) {
    const fileSystem = new ReadingFileSystem(new Map([[`${directory}/${compose().name}`, bytes]]))
    const error = await t.throwsAsync(SegmentReader.open({ fileSystem, directory, firstLsn: 10, logId: LOG_ID }))
    t.is(isSluiceError(t, error, code).segment, '0000000000000010.seg')
    t.deepEqual(fileSystem.openPaths, [])
  }
})

test('an I/O error is SLUICE_IO, with its cause', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 10, 8), sealed: false })
  const { reader, fileSystem } = await opened(segment)
  const cause = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' })
  fileSystem.beforeRead = () => {
    throw cause
  }
  const { error } = await readOn(reader, segment, 1, 10)
  const failure = isSluiceError(t, error, 'SLUICE_IO')
  t.is(failure.cause, cause)
  t.is(failure.errno, -5)
  const missing = await t.throwsAsync(SegmentReader.open({ fileSystem, directory, firstLsn: 2 }))
  isSluiceError(t, missing, 'SLUICE_IO')
})

test('a flipped bit in a header or body gives the good records before it, then names segment, offset and LSNs', async (t) => {
  for (const sealed of [true, false]) {
    for (const [frameIndex, at] of [
      [0, 0],
      [0, 100],
      [3, 20],
      [3, FRAME_HEADER_BYTES + 30_000],
      [4, FRAME_HEADER_BYTES + 600_000],
      [6, FRAME_HEADER_BYTES + 5],
    ] as const) {
      const segment = composeSegment({ firstLsn: 10, frames: mixedFrames, sealed, zeros: 5000 })
      const frame = segment.frames[frameIndex]
      if (frame === undefined) throw new Error('there is such a frame')
      flipBit(segment.bytes, frame.offset + at)
      const { reader } = await opened(segment)
      const bytes = at % 100 === 0 ? CHUNK_BYTES_MIN : TWO_CHUNKS_BYTES
      const { records, error } = await readOn(reader, segment, 10, segment.lastLsn, bytes)
      sameRecords(t, records, [segment], 10, frame.firstLsn - 1)
      const failure = isSluiceError(t, error, 'SLUICE_CORRUPT')
      t.is(failure.segment, segment.name)
      t.is(failure.offset, frame.offset)
      t.is(failure.firstLsn, frame.firstLsn)
      // A body that is damaged concerns its frame; behind a damaged header nobody knows where the next frame begins.
      t.is(failure.lastLsn, at < FRAME_HEADER_BYTES ? segment.lastLsn : frame.lastLsn)
    }
  }
})

test('no flipped bit ever changes what is read: it is an error, or it does not matter', async (t) => {
  const frames = [
    [Buffer.from('one'), Buffer.alloc(0)],
    [Buffer.from('three')],
    [Buffer.from('four'), Buffer.from('5')],
  ]
  const pristine = composeSegment({ firstLsn: 1, frames, sealed: true })
  let errors = 0
  for (let at = SEGMENT_HEADER_BYTES; at < pristine.bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const segment = composeSegment({ firstLsn: 1, frames, sealed: true })
      flipBit(segment.bytes, at, bit)
      const { reader } = await opened(segment)
      const { records, error } = await readOn(reader, pristine, 1, 5)
      sameRecords(t, records, [pristine], 1, records.length)
      if (error === undefined) t.is(records.length, 5)
      else isSluiceError(t, error, 'SLUICE_CORRUPT')
      errors += error === undefined ? 0 : 1
      for (const lsn of [1, 5]) {
        const found = await get(reader, lsn, 5).catch((failure) => isSluiceError(t, failure, 'SLUICE_CORRUPT'))
        if (at >= pristine.endOffset) t.true('header' in found, 'the footer is not needed')
      }
    }
  }
  // Only padding and the footer may change without harm: all the rest of the frames is under a checksum.
  const padding = pristine.frames.length * 4
  t.true(errors >= (pristine.endOffset - SEGMENT_HEADER_BYTES - padding) * 8, `${errors} errors`)
})

test('random damage is never returned as data', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  for (let round = 0; round < 60; round++) {
    const frames = Array.from({ length: 1 + below(40) }, () =>
      Array.from({ length: 1 + below(5) }, () => Buffer.alloc(below(3000), below(256))),
    )
    const pristine = composeSegment({ firstLsn: 7, frames, sealed: below(2) === 0, zeros: below(9000) })
    const segment = { ...pristine, bytes: Buffer.from(pristine.bytes) }
    const at = SEGMENT_HEADER_BYTES + below(pristine.endOffset - SEGMENT_HEADER_BYTES)
    const { bytes } = segment
    const end = Math.min(bytes.length, at + 1 + below(5000))
    const other = SEGMENT_HEADER_BYTES + below(at - SEGMENT_HEADER_BYTES + 1)
    if (below(2) === 0) bytes.fill(below(256), at, end)
    else bytes.copyWithin(at, other, other + end - at)
    const from = 7 + below(pristine.records.length)
    const { reader } = await opened(segment)
    const { records, error } = await readOn(reader, pristine, from, pristine.lastLsn, SIZES[below(2)])
    sameRecords(t, records, [pristine], from, from + records.length - 1)
    if (error === undefined) t.is(records.length, pristine.lastLsn - from + 1)
    else isSluiceError(t, error, 'SLUICE_CORRUPT')
  }
})

test('an error is told once the second chunk was read, too: then the file may be closed', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 600, 1000), sealed: true })
  flipBit(segment.bytes, SEGMENT_HEADER_BYTES + 20)
  const { reader, fileSystem } = await opened(segment)
  const gate = new Gate()
  fileSystem.beforeRead = ({ position }) => (position > CHUNK_BYTES_MAX ? gate.pass() : undefined)
  let isTold = false
  const begin = { firstLsn: 1, offset: SEGMENT_HEADER_BYTES }
  const reading = reader.records(begin, 1, 600, TWO_CHUNKS_BYTES).catch((error: unknown) => {
    isTold = true
    return error
  })
  await gate.arrived
  await new Promise((resolve) => setImmediate(resolve))
  t.false(isTold)
  gate.open()
  isSluiceError(t, await reading, 'SLUICE_CORRUPT')
})

test('a frame from elsewhere in the segment is no frame here', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 10, 8), sealed: true })
  const [, second, third] = segment.frames
  if (second === undefined || third === undefined) throw new Error('there are ten frames')
  segment.bytes.copy(segment.bytes, third.offset, second.offset, second.offset + second.bytes)
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 1, 10)
  t.is(records.length, 2)
  t.is(isSluiceError(t, error, 'SLUICE_CORRUPT').offset, third.offset)
})

test('a valid frame with other LSNs than its place asks for is damage', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 10, 8), sealed: false })
  const third = segment.frames[2]
  if (third === undefined) throw new Error('there are ten frames')
  const nonceChecksum = checksum(sixteenBytes('nonce 1'))
  const place = { firstLsn: 4, timestampMs: 1, nonceChecksum, offset: third.offset }
  composeFrame([Buffer.alloc(8)], place).copy(segment.bytes, third.offset)
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 1, 10)
  t.is(records.length, 2)
  t.is(isSluiceError(t, error, 'SLUICE_CORRUPT').firstLsn, 3)
})

test("a body whose lengths don't add up under a good checksum is damage, and none of it is returned", async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 3, 8), sealed: false })
  const second = segment.frames[1]
  if (second === undefined) throw new Error('there are three frames')
  const body = segment.bytes.subarray(second.offset + FRAME_HEADER_BYTES)
  body.writeUInt32LE(4, 0)
  sealFrame(segment.bytes, second.offset, checksum(sixteenBytes('nonce 1')), second.offset, 1)
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 1, 3)
  t.is(records.length, 1)
  t.regex(isSluiceError(t, error, 'SLUICE_CORRUPT').message, /add up/)
})

test('a frame that says more than the file has takes no memory', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: [[Buffer.alloc(900_000)]], sealed: false })
  const cut = { ...segment, bytes: segment.bytes.subarray(0, 50_000) }
  const { reader, fileSystem } = await opened(cut)
  fileSystem.beforeRead = ({ length }) => t.true(length <= CHUNK_BYTES_MAX)
  const { error } = await readOn(reader, segment, 1, 1)
  t.regex(isSluiceError(t, error, 'SLUICE_CORRUPT').message, /the file ends before/)
})

test('a file that ends where a durable frame should be is damaged', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 3, 8), sealed: false })
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 1, 4)
  t.is(records.length, 3)
  t.is(isSluiceError(t, error, 'SLUICE_CORRUPT').firstLsn, 4)
  await t.throwsAsync(reader.locate(5, { lastLsn: 5, sealed: false }), { message: /the file ends/ })
})

test('zeros where a durable frame should be are damage; zeros behind the last durable one are nothing', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 3, 8), sealed: false, zeros: 4096 })
  const { reader } = await opened(segment)
  t.is((await readOn(reader, segment, 1, 3)).error, undefined)
  isSluiceError(t, (await readOn(reader, segment, 1, 4)).error, 'SLUICE_CORRUPT')
})

test('frames behind the last durable one are not looked at, whatever they are', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 9, 8), sealed: false })
  segment.bytes.fill(0xff, segment.frames[5]?.offset)
  const { reader } = await opened(segment)
  const { records, error } = await readOn(reader, segment, 2, 5)
  t.is(error, undefined)
  sameRecords(t, records, [segment], 2, 5)
})

test('what was cut off and written anew behind the durable end is read as it is now', async (t) => {
  const before = composeSegment({
    firstLsn: 1,
    frames: [...framesOfOne(1, 3, 8), [Buffer.from('gone')]],
    sealed: false,
  })
  const after = composeSegment({
    firstLsn: 1,
    frames: [...framesOfOne(1, 3, 8), ...framesOfOne(4, 5, 30)],
    sealed: false,
  })
  const { reader, fileSystem } = await opened(before)
  t.is((await readOn(reader, before, 1, 3)).records.length, 3)
  fileSystem.put(`${directory}/${after.name}`, after.bytes)
  const { records, error } = await readOn(reader, after, 4, 7)
  t.is(error, undefined)
  sameRecords(t, records, [after], 4, 7)
  const reach = { lastLsn: 8, sealed: false }
  t.is((await reader.frame(await reader.locate(8, reach), 8)).header.firstLsn, 8, 'what is gone was not indexed')
})

test('a sealed segment is found in by its footer, a damaged footer costs only reads', async (t) => {
  const frames = framesOfOne(1, 2000, 1000)
  const whole = composeSegment({ firstLsn: 1, frames, sealed: true })
  const damaged = composeSegment({ firstLsn: 1, frames, sealed: true })
  flipBit(damaged.bytes, damaged.endOffset + 80)
  const readsOf = async (segment: ComposedSegment, lsn: number) => {
    const { reader, fileSystem } = await opened(segment)
    const found = await get(reader, lsn, 2000)
    t.is(found.header.firstLsn, lsn)
    return fileSystem.reads
  }
  t.is(await readsOf(whole, 1990), 4, 'header, trailer, footer, frame')
  t.true((await readsOf(damaged, 1990)) > 20)
})

test('a footer that says nonsense under a good checksum is not believed', async (t) => {
  const frames = framesOfOne(1, 200, 1000)
  const other = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 100, 2000), sealed: true })
  const segment = composeSegment({ firstLsn: 1, frames, sealed: false })
  const footer = encodeSegmentFooter(
    {
      firstLsn: 1,
      lastLsn: 200,
      mark: 200,
      firstTimestampMs: 0,
      lastTimestampMs: 0,
      frameCount: 200,
      entryLsns: other.index.lsns.toReversed(),
      entryOffsets: other.index.offsets,
    },
    checksum(sixteenBytes('nonce 1')),
    segment.endOffset,
  )
  const { reader } = await opened({ ...segment, bytes: Buffer.concat([Uint8Array.from(segment.bytes), footer]) })
  for (const lsn of [1, 50, 200]) {
    const found = await get(reader, lsn, 200)
    t.is(found.header.firstLsn, lsn)
  }
})

test('the headers of a tail are scanned once, by however many ask, and reading on extends the index', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 2000, 1000), sealed: false })
  const { reader, fileSystem } = await opened(segment)
  const reach = { lastLsn: 2000, sealed: false }
  await Promise.all([1500, 1500, 900, 1499].map((lsn) => reader.locate(lsn, reach)))
  const reads = fileSystem.reads
  t.true(reads <= 1 + Math.ceil((1500 * 1064) / 60_000), `${reads} reads`)
  await Promise.all([1, 700, 1500].map((lsn) => reader.locate(lsn, reach)))
  t.is(fileSystem.reads, reads)
  await readOn(reader, segment, 1500, 2000)
  const after = fileSystem.reads
  t.true((await reader.locate(2000, reach)).firstLsn > 1980)
  t.is(fileSystem.reads, after)
})

test('get goes past a damaged body, and with a footer past a damaged header', async (t) => {
  const segment = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 200, 1000), sealed: true })
  flipBit(segment.bytes, (segment.frames[100]?.offset ?? 0) + FRAME_HEADER_BYTES + 9)
  flipBit(segment.bytes, (segment.frames[20]?.offset ?? 0) + 9)
  const { reader } = await opened(segment)
  for (const lsn of [20, 100, 102, 200]) t.is((await get(reader, lsn, 200)).header.firstLsn, lsn)
  await t.throwsAsync(get(reader, 21, 200), { code: 'SLUICE_CORRUPT' })
  await t.throwsAsync(get(reader, 101, 200), { code: 'SLUICE_CORRUPT' })
})
