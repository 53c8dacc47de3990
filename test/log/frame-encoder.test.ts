import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { sealFrame } from '../../src/format/frame.js'
import { FrameEncoder } from '../../src/log/frame-encoder.js'
import { RingConsumer } from '../../src/ring/consumer.js'
import { createRingMemory, DRAFT_CHECKSUM_AT, DRAFT_CHECKSUMMED, DRAFT_FLAGS_AT } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'

const KIB = 1024

function trial() {
  const memory = createRingMemory(512 * KIB)
  const producer = new RingProducer(memory)
  const consumer = new RingConsumer(memory)
  const encoder = new FrameEncoder(producer, { maxRecords: 128, maxBytes: 256 * KIB })
  /** Hands over a frame with one record. Returns where it lies, and the checksum that the draft brings, if any. */
  const handOver = (bytes: number): { place: number; brought: number | undefined } => {
    const frame = encoder.begin(4 + bytes, 'durable')
    if (frame === undefined) throw new Error('the ring is full')
    encoder.put(frame, Buffer.alloc(bytes, `record ${bytes} `), bytes)
    encoder.handOver()
    const { place } = frame
    const brings = (producer.bytes.readUInt32LE(place + DRAFT_FLAGS_AT) & DRAFT_CHECKSUMMED) !== 0
    return { place, brought: brings ? producer.bytes.readUInt32LE(place + DRAFT_CHECKSUM_AT) : undefined }
  }
  return { producer, consumer, handOver }
}

test('a body is checksummed at once where the writer has not taken what came before, unless it is large', (t) => {
  const { producer, consumer, handOver } = trial()
  t.is(handOver(256).brought, undefined, 'the writer has nothing else to do')
  const { place, brought } = handOver(256)
  t.is(brought, checksum(producer.bytes.subarray(place + 56, place + 56 + 260)))
  t.is(handOver(64 * KIB).brought, undefined, 'a large one is left to the writer')
  t.not(handOver(64 * KIB - 4).brought, undefined)
  producer.show()
  consumer.take(consumer.available)
  t.is(handOver(256).brought, undefined, 'it has taken all')
})

test('a frame is sealed to the same bytes, whoever made the checksum of its body', (t) => {
  const { producer, handOver } = trial()
  handOver(1)
  for (const bytes of [0, 4, 256, 30_000]) {
    const { place, brought } = handOver(bytes)
    const one = Buffer.from(producer.bytes.subarray(place, place + 64 + bytes))
    const other = Buffer.from(one)
    t.not(brought, undefined)
    sealFrame(one, 0, 0x1234_5678, 40_960, 7, brought)
    sealFrame(other, 0, 0x1234_5678, 40_960, 7)
    t.deepEqual(one, other)
  }
})
