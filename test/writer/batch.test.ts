import test from 'ava'
import { frameBytesFor, writeFrameDraft } from '../../src/format/frame.js'
import { RingConsumer } from '../../src/ring/consumer.js'
import { writeDraftNotes } from '../../src/ring/draft-notes.js'
import { createRingMemory } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'
import { Batch, type BatchBounds } from '../../src/writer/batch.js'

interface FramePlan {
  readonly records?: number
  readonly bytes?: number
  readonly wantsWritten?: boolean
}

const BOUNDS: BatchBounds = {
  maxFrames: Number.POSITIVE_INFINITY,
  maxRecords: 1000,
  maxBytes: 1_000_000,
  roomBytes: 1_000_000,
  roomAfterRotationBytes: 1_000_000,
}

/** A ring with these frames; the first LSN is 1, and each is handed over a millisecond after the one before, from 1 on. */
function ringOf(frames: readonly FramePlan[]): RingConsumer {
  const memory = createRingMemory(64 * 1024)
  const producer = new RingProducer(memory)
  let firstLsn = 1
  for (const [index, { records = 1, bytes = 64, wantsWritten = false }] of frames.entries()) {
    const bodyBytes = bytes - 56
    const place = producer.begin(frameBytesFor(bodyBytes))
    writeFrameDraft(producer.bytes, place, { bodyBytes, recordCount: records, firstLsn, timestampMs: 1000 })
    writeDraftNotes(producer.bytes, place, { handedOverMs: index + 1, wantsWritten, checksum: undefined })
    producer.publish(frameBytesFor(bodyBytes))
    firstLsn += records
  }
  producer.show()
  return new RingConsumer(memory)
}

function collect(frames: readonly FramePlan[], bounds: Partial<BatchBounds> = {}): Batch {
  return Batch.collect(ringOf(frames), { ...BOUNDS, ...bounds })
}

test('a batch takes all that is there, and leaves it there until it is taken', (t) => {
  const ring = ringOf([{ records: 3 }, { records: 2, bytes: 128 }, { records: 4 }])
  const batch = Batch.collect(ring, BOUNDS)
  t.is(batch.places.length, 3)
  t.deepEqual([batch.records, batch.bytes, batch.firstLsn, batch.lastLsn], [9, 256, 1, 9])
  t.is(batch.handedOverMs, 1, 'that of its first frame')
  t.is(batch.endedBy, undefined)
  t.is(ring.available, 3)
  ring.take(1)
  const rest = Batch.collect(ring, BOUNDS)
  t.deepEqual([rest.records, rest.firstLsn, rest.lastLsn, rest.handedOverMs], [6, 4, 9, 2])
})

test('maxRecords: reached exactly, or not to be passed', (t) => {
  const frames = [{ records: 2 }, { records: 2 }, { records: 2 }]
  t.like(collect(frames, { maxRecords: 4 }), { records: 4, endedBy: 'records' })
  t.like(collect(frames, { maxRecords: 5 }), { records: 4, endedBy: 'records' })
  t.like(collect(frames, { maxRecords: 6 }), { records: 6, endedBy: 'records' })
  t.like(collect(frames, { maxRecords: 7 }), { records: 6, endedBy: undefined })
  t.like(collect(frames, { maxRecords: 1 }), { records: 2, endedBy: 'records' }, 'a larger frame is a batch of its own')
})

test('maxBytes: reached exactly, or not to be passed', (t) => {
  const frames = [{ bytes: 128 }, { bytes: 128 }, { bytes: 128 }]
  t.like(collect(frames, { maxBytes: 256 }), { bytes: 256, endedBy: 'bytes' })
  t.like(collect(frames, { maxBytes: 383 }), { bytes: 256, endedBy: 'bytes' })
  t.like(collect(frames, { maxBytes: 384 }), { bytes: 384, endedBy: 'bytes' })
  t.like(collect(frames, { maxBytes: 385 }), { bytes: 384, endedBy: undefined })
  t.like(collect(frames, { maxBytes: 1 }), { bytes: 128, endedBy: 'bytes' }, 'a larger frame is a batch of its own')
})

test('a batch ends where the segment does; one that begins a new segment, where that will', (t) => {
  const frames = [{ bytes: 128 }, { bytes: 128 }, { bytes: 128 }]
  t.like(collect(frames, { roomBytes: 300 }), { bytes: 256, endedBy: 'bytes' })
  t.like(collect(frames, { roomBytes: 128 }), { bytes: 128, endedBy: 'bytes' })
  t.like(collect(frames, { roomBytes: 100, roomAfterRotationBytes: 256 }), { bytes: 256, endedBy: 'bytes' })
  t.like(collect(frames, { roomBytes: 0 }), { bytes: 384, endedBy: undefined })
  t.like(collect(frames, { roomBytes: -50, roomAfterRotationBytes: 10 }), { bytes: 128, endedBy: 'bytes' })
})

test('maxFrames: one append a batch', (t) => {
  t.like(collect([{ records: 3 }, {}, {}], { maxFrames: 1 }), { records: 3, endedBy: undefined })
})

test('a batch knows whether somebody waits for its write alone', (t) => {
  t.false(collect([{}, {}]).wantsWritten)
  t.true(collect([{}, { wantsWritten: true }, {}]).wantsWritten)
  t.false(collect([{}, { wantsWritten: true }], { maxRecords: 1 }).wantsWritten, 'one that is not in it does not count')
})
