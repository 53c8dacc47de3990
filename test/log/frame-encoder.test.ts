import { randomBytes } from 'node:crypto'
import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { FRAME_HEADER_BYTES, recordBytes, sealFrame } from '../../src/format/frame.js'
import { encodeBody, FrameEncoder } from '../../src/log/frame-encoder.js'
import type { PendingFrame } from '../../src/log/pending-frame.js'
import { readDraftNotes } from '../../src/ring/draft-notes.js'
import { createRingMemory } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'

const KIB = 1024

function trial() {
  const memory = createRingMemory(512 * KIB)
  const producer = new RingProducer(memory)
  const encoder = new FrameEncoder(producer, { maxRecords: 128, maxBytes: 256 * KIB })
  /** Hands over a frame with one record. Returns where it lies, and the checksum that the draft brings, if any. */
  const handOver = (bytes: number, checksum: boolean): { place: number; brought: number | undefined } => {
    const frame = encoder.begin(4 + bytes, 'durable')
    if (frame === undefined) throw new Error('the ring is full')
    encoder.put(frame, Buffer.alloc(bytes, `record ${bytes} `), bytes)
    encoder.handOver(checksum)
    const { place } = frame
    return { place, brought: readDraftNotes(producer.bytes, place).checksum }
  }
  return { producer, encoder, handOver }
}

test('a draft brings a checksum where that was asked for', (t) => {
  const { handOver } = trial()
  t.is(handOver(256, false).brought, undefined)
  t.not(handOver(256, true).brought, undefined)
})

test('a frame is sealed to the same bytes, whoever made the checksum of its body', (t) => {
  const { producer, handOver } = trial()
  for (const bytes of [0, 4, 256, 30_000]) {
    const { place, brought } = handOver(bytes, true)
    const one = Buffer.from(producer.bytes.subarray(place, place + 64 + bytes))
    const other = Buffer.from(one)
    t.is(brought, checksum(producer.bytes.subarray(place + 56, place + 60 + bytes)))
    sealFrame(one, 0, 0x1234_5678, 40_960, 7, brought)
    sealFrame(other, 0, 0x1234_5678, 40_960, 7)
    t.deepEqual(one, other)
  }
})

type Records = readonly (Uint8Array | string)[]

function sizesOf(records: Records): number[] {
  return records.map((record) => (typeof record === 'string' ? Buffer.byteLength(record) : record.length))
}

/** The body that a frame with these records has to have. */
function expectedBody(records: Records): Buffer {
  return encodeBody(
    records,
    sizesOf(records).reduce((sum, size) => sum + recordBytes(size), 0),
  )
}

/** What `put` puts into a new frame that is then handed over: its body as it lies in the ring. */
function bodyOf({ producer, encoder }: ReturnType<typeof trial>, put: (frame: PendingFrame) => void): Buffer {
  const frame = encoder.begin(200 * KIB, 'durable')
  if (frame === undefined) throw new Error('the ring is full')
  put(frame)
  encoder.handOver(false)
  const at = frame.place + FRAME_HEADER_BYTES
  const body = Buffer.from(producer.bytes.subarray(at, at + frame.bodyBytes))
  producer.release(undefined)
  return body
}

const random = (size: number, at: number): Buffer => randomBytes(size + (at % 8)).subarray(at % 8)
const MIXES: Readonly<Record<string, Records>> = {
  'small ones': Array.from({ length: 60 }, (_, at) => random(at, at)),
  'more small ones than are gathered at a time': Array.from({ length: 127 }, (_, at) => random(250 + (at % 9), at)),
  'large ones': [5000, 2045, 70_001].map(random),
  'large ones between small ones': [3, 5000, 4, 4, 2044, 2045, 1, 16_384, 0, 7].map(random),
  'sizes around that from which they are not gathered': [2040, 2041, 2043, 2044, 2045, 2047, 2048, 2049].map(random),
  'as many as just fill the memory they are gathered in': [...Array(8).fill(2044), 1, ...Array(8).fill(2044)].map(
    random,
  ),
  texts: ['', 'a', 'plain text', 'ümläut €', 'x'.repeat(2045), 'ü'.repeat(3000), '🙂', 'y'.repeat(7)],
}

for (const [title, records] of Object.entries(MIXES)) {
  test(`a frame's body has each record with its length and its padding: ${title}`, (t) => {
    const parts = trial()
    // What was there before must not shine through.
    parts.producer.bytes.fill(0xff)
    bodyOf(parts, (frame) => parts.encoder.putMany(frame, Array(60).fill(Buffer.alloc(255, 0xff)), Array(60).fill(255)))
    t.deepEqual(
      bodyOf(parts, (frame) => parts.encoder.putMany(frame, records, sizesOf(records))),
      expectedBody(records),
    )
  })
}

test('records that waited come behind those that did not, whatever their sizes', (t) => {
  const parts = trial()
  const [before, waited, after] = [[3, 100].map(random), [5, 3000, 7].map(random), [1, 4000, 2].map(random)] as const
  const body = bodyOf(parts, (frame) => {
    parts.encoder.putMany(frame, before, sizesOf(before))
    parts.encoder.putBody(frame, expectedBody(waited), waited.length)
    parts.encoder.putMany(frame, after, sizesOf(after))
    t.is(frame.recordCount, 8)
  })
  t.deepEqual(body, expectedBody([...before, ...waited, ...after]))
})

test('what was put into a frame that is given up is in none, and nowhere near', (t) => {
  const given = Buffer.alloc(1000, 'given up')
  for (const giveUp of ['abandon', 'rollBack'] as const) {
    const { encoder, producer } = trial()
    const begin = (): PendingFrame => {
      const frame = encoder.begin(2000, 'durable')
      if (frame === undefined) throw new Error('the ring is full')
      return frame
    }
    encoder.put(begin(), given, given.length)
    t.truthy(giveUp === 'abandon' ? encoder.abandon() : encoder.rollBack(0))
    producer.bytes.fill(0xff)
    encoder.put(begin(), 'first', 5)
    encoder.handOver(false)
    const second = begin()
    encoder.put(second, given, given.length)
    giveUp === 'abandon' ? encoder.abandon() : encoder.rollBack(1)
    const third = begin()
    encoder.put(third, 'third', 5)
    encoder.handOver(false)
    const bodyAt = third.place + FRAME_HEADER_BYTES
    t.deepEqual(producer.bytes.subarray(bodyAt, bodyAt + third.bodyBytes), expectedBody(['third']))
    if (giveUp === 'rollBack') continue // Nothing lies in the ring then.
    t.deepEqual(producer.bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 12), expectedBody(['first']))
  }
})

test('the LSNs go up by one a record, gathered or not', (t) => {
  const parts = trial()
  for (const records of Object.values(MIXES)) {
    const { nextLsn } = parts.encoder
    bodyOf(parts, (frame) => parts.encoder.putMany(frame, records, sizesOf(records)))
    t.is(parts.encoder.nextLsn, nextLsn + records.length)
  }
})

test('data that has fewer bytes than it says is refused, small or large', (t) => {
  const { encoder } = trial()
  for (const size of [100, 5000]) {
    const frame = encoder.begin(8000, 'durable')
    t.throws(() => frame !== undefined && encoder.put(frame, Buffer.alloc(size - 1), size), { instanceOf: RangeError })
    t.is(frame?.recordCount, 0)
    encoder.abandon()
  }
})

const CUT_SHORT: Readonly<Record<string, Records>> = {
  'small ones': [3, 100, 7].map(random),
  'a large one among them': [3, 5000, 7].map(random),
  'more than are gathered at a time': Array(20).fill(2000).map(random),
}

for (const [title, records] of Object.entries(CUT_SHORT)) {
  test(`of records the last of which has fewer bytes than it says, none is put: ${title}`, (t) => {
    const parts = trial()
    const [before, after] = [[3, 100].map(random), [1, 4000, 2].map(random)] as const
    const body = bodyOf(parts, (frame) => {
      parts.encoder.putMany(frame, before, sizesOf(before))
      const { nextLsn } = parts.encoder
      const cut = () => parts.encoder.putMany(frame, [...records, Buffer.alloc(9)], [...sizesOf(records), 10])
      t.throws(cut, { instanceOf: RangeError })
      t.is(parts.encoder.nextLsn, nextLsn)
      t.is(frame.recordCount, 2)
      parts.encoder.putMany(frame, after, sizesOf(after))
      t.is(frame.recordCount, 5)
    })
    t.deepEqual(body, expectedBody([...before, ...after]))
  })
}

test('a frame into which nothing could be put is not handed over', (t) => {
  const parts = trial()
  const { encoder, producer } = parts
  producer.bytes.fill(0xff)
  t.truthy(encoder.begin(100, 'durable'))
  t.false(encoder.openTakes(8, 'durable'), 'it is as old as what could not be put')
  t.is(encoder.handOver(true), undefined)
  t.is(encoder.open, undefined)
  t.deepEqual(
    bodyOf(parts, (frame) => encoder.put(frame, 'first', 5)),
    expectedBody(['first']),
  )
})

test('a body of records that wait is encoded only where they are as long as they were', (t) => {
  for (const [bytes, bodyBytes] of [
    [8, 8],
    [4, 12],
    [12, 8],
  ] as const) {
    t.throws(() => encodeBody([Buffer.alloc(bytes)], bodyBytes), { instanceOf: RangeError })
  }
  t.is(encodeBody([Buffer.alloc(4)], 8).length, 8)
})
