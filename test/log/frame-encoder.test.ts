import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { sealFrame } from '../../src/format/frame.js'
import { FrameEncoder } from '../../src/log/frame-encoder.js'
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
  return { producer, handOver }
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
