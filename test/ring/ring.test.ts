import test from 'ava'
import { SluiceError, toErrorRecord } from '../../src/errors.js'
import { frameBytesFor } from '../../src/format/frame.js'
import { RingConsumer } from '../../src/ring/consumer.js'
import { createRingMemory, REPORT_SLOTS } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'
import { BATCH_CAUSES, type WriterReport } from '../../src/ring/report.js'
import { ReportReceiver, ReportSender } from '../../src/ring/report-channel.js'
import { random } from '../support/random.js'

function ringOf(capacityBytes: number): { producer: RingProducer; consumer: RingConsumer } {
  const memory = createRingMemory(capacityBytes)
  return { producer: new RingProducer(memory), consumer: new RingConsumer(memory) }
}

function stamp(producer: RingProducer, place: number, frameBytes: number, stampOf: number): void {
  producer.bytes.fill(stampOf & 0xff, place, place + frameBytes)
}

const MIB = 1024 * 1024
/** From 4 MiB on the ring goes round early, as soon as there is room at its beginning. */
const RINGS = [
  { name: 'a small ring', capacityBytes: 4096, bodyWords: 900, rounds: 20_000 },
  { name: 'a ring that goes round early', capacityBytes: 12 * MIB, bodyWords: 400_000, rounds: 4000 },
]

for (const { name, capacityBytes, bodyWords, rounds } of RINGS)
  test(`${name}: the consumer finds the frames that were published, in order, each in one piece`, (t) => {
    const numbers = random()
    t.log(`seed ${numbers.seed}`)
    const { producer, consumer } = ringOf(capacityBytes)
    let early = 0
    let head = 0
    const inFlight: { place: number; frameBytes: number; mark: number }[] = []
    let published = 0
    let shown = 0
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      if (numbers.below(2) === 0) {
        const frameBytes = frameBytesFor(4 + numbers.below(bodyWords) * 4)
        const place = producer.begin(frameBytes)
        if (place === -1) {
          refused++
          producer.show()
          shown = inFlight.length
          t.true(inFlight.length > 0, 'an empty ring takes every frame up to its capacity')
          continue
        }
        for (const other of inFlight) {
          const apart = place + frameBytes <= other.place || other.place + other.frameBytes <= place
          if (!apart) t.fail(`a frame at ${place} overlaps one at ${other.place}`)
        }
        if (place === 0 && published > 0 && head + frameBytes <= capacityBytes) early++
        head = place + frameBytes
        stamp(producer, place, frameBytes, published)
        producer.publish(frameBytes)
        inFlight.push({ place, frameBytes, mark: published & 0xff })
        published++
        if (numbers.below(2) === 0) {
          producer.show()
          shown = inFlight.length
        }
        if (consumer.available !== shown) t.fail(`${consumer.available} frames are seen, and ${shown} were shown`)
      } else if (consumer.available > 0) {
        const taken = 1 + numbers.below(consumer.available)
        for (let index = 0; index < taken; index++) {
          const expected = inFlight[index]
          const place = consumer.placeOf(index)
          if (place !== expected?.place) t.fail(`frame ${index} lies at ${place}, not at ${expected?.place}`)
          if (consumer.bytes[place] !== expected?.mark) t.fail(`the frame at ${place} was overwritten`)
          if (consumer.bytes[place + (expected?.frameBytes ?? 0) - 1] !== expected?.mark)
            t.fail('its end was overwritten')
        }
        consumer.take(taken)
        shown -= taken
        for (let index = 0; index < taken; index++) {
          inFlight.shift()
          producer.release(inFlight[0]?.place)
        }
      }
    }
    t.true(published > 1000)
    t.true(refused > 20, 'the ring was full now and then')
    t.is(early > 0, capacityBytes > 4 * MIB, 'it went round with room left at its end')
  })

test('an empty ring takes a frame of its whole capacity, wherever the last one ended', (t) => {
  const { producer, consumer } = ringOf(4096)
  for (const frameBytes of [64, 4096, 1000, 4096, 4088, 4096]) {
    t.not(producer.begin(frameBytes), -1)
    producer.publish(frameBytes)
    producer.show()
    t.is(consumer.available, 1)
    consumer.take(1)
    producer.release(undefined)
  }
})

test('a frame grows as long as it does not reach the oldest one in use', (t) => {
  const { producer, consumer } = ringOf(1024)
  producer.begin(512)
  producer.publish(512)
  t.is(producer.begin(64), 512)
  t.true(producer.canGrow(512))
  t.false(producer.canGrow(520))
  producer.publish(448)
  consumer.take(1)
  t.is(producer.begin(128), -1)
  producer.release(512)
  t.is(producer.begin(128), 0)
  t.true(producer.canGrow(512))
  t.false(producer.canGrow(520))
})

for (const [name, request] of [
  ['flushed', (producer: RingProducer) => producer.requestFlush(1)],
  ['closed', (producer: RingProducer) => producer.requestClose()],
] as const)
  test(`what is to be ${name} is seen by whoever sees that it is`, (t) => {
    const { producer, consumer } = ringOf(1024)
    producer.begin(64)
    producer.publish(64)
    t.is(consumer.available, 0)
    request(producer)
    t.is(consumer.available, 1)
  })

test('a frame counts as taken from the moment that its outcome is uncertain', (t) => {
  const { producer, consumer } = ringOf(1024)
  producer.begin(64)
  const first = producer.publish(64)
  producer.begin(64)
  const second = producer.publish(64)
  t.false(producer.isTaken(first))
  consumer.take(1)
  t.true(producer.isTaken(first))
  t.false(producer.isTaken(second))
})

test('news between the look for work and the end of a task keeps the task going, or starts another: never neither', (t) => {
  const { producer, consumer } = ringOf(1024)
  t.true(producer.signal(), 'no task runs: the producer has to start one')
  t.false(producer.signal(), 'one was asked for')
  const before = consumer.signalCount
  t.false(producer.signal())
  t.false(consumer.goIdle(before), 'there was news: the task goes on')
  t.true(consumer.goIdle(consumer.signalCount), 'there was none: it ends')
  t.true(producer.signal(), 'and the next news starts another')
})

test('a stopped writer is not started again until the producer resumes it', (t) => {
  const { producer, consumer } = ringOf(1024)
  t.true(producer.signal())
  consumer.stop()
  t.false(producer.signal())
  producer.resume()
  t.true(producer.signal())
})

test('requests cross the ring', (t) => {
  const { producer, consumer } = ringOf(1024)
  t.is(consumer.flushTarget, 0)
  producer.requestFlush(Number.MAX_SAFE_INTEGER)
  producer.requestTrim(2 ** 40 + 1)
  t.is(consumer.flushTarget, Number.MAX_SAFE_INTEGER)
  t.is(consumer.trimTarget, 2 ** 40 + 1)
  t.false(consumer.closeRequested)
  producer.requestClose()
  t.true(consumer.closeRequested)
})

const progress: WriterReport = {
  kind: 'progress',
  writtenLsn: 2 ** 50 + 1,
  durableLsn: 2 ** 50,
  batchRecords: 3,
  batchBytes: 1000,
  cause: 'delay',
  waitMs: 0.5,
  writeMs: 0.25,
  syncMs: 1.5,
  sealSyncMs: 2.5,
  sealSyncs: 1,
  syncs: 2,
  directorySyncMs: 0.125,
  directorySyncs: 1,
  segmentFirstLsn: 77,
  batchOffset: 4096,
}

test('every kind of report comes out as it went in', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const receiver = new ReportReceiver(memory)
  const error = toErrorRecord(
    new SluiceError('SLUICE_IO', 'no', { cause: Object.assign(new Error('EIO: x'), { code: 'EIO', errno: -5 }) }),
  )
  const reports: WriterReport[] = [
    ...BATCH_CAUSES.map((cause) => ({ ...progress, cause })),
    { kind: 'rollback', lsn: 5, error },
    { kind: 'trimmed', firstLsn: 9 },
    { kind: 'trim-failed', firstLsn: 9, error },
    { kind: 'closed', durableLsn: 8 },
    { kind: 'prepared', bytes: 2 ** 36, settled: true },
    { kind: 'prepared', bytes: 0, settled: false },
    { kind: 'failed', writtenLsn: 9, durableLsn: 8, error },
  ]
  const received: WriterReport[] = []
  for (const report of reports) {
    sender.send(report)
    receiver.drain((arrived) => received.push(arrived))
  }
  t.deepEqual(received, reports)
})

test('one message tells of all reports that were not read yet', (t) => {
  const memory = createRingMemory(1024)
  let messages = 0
  const sender = new ReportSender(memory, () => messages++)
  const receiver = new ReportReceiver(memory)
  sender.send(progress)
  sender.send(progress)
  t.is(messages, 1)
  let read = 0
  receiver.drain(() => read++)
  t.is(read, 2)
  sender.send(progress)
  t.is(messages, 2)
})

test('the slots go round', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const receiver = new ReportReceiver(memory)
  const lsns: number[] = []
  const expected: number[] = []
  for (let lsn = 1; lsn <= REPORT_SLOTS * 3; lsn++) {
    sender.send({ kind: 'trimmed', firstLsn: lsn })
    expected.push(lsn)
    if (lsn % 700 === 0 || lsn === REPORT_SLOTS * 3) {
      receiver.drain((report) => lsns.push(report.kind === 'trimmed' ? report.firstLsn : -1))
    }
  }
  t.deepEqual(lsns, expected)
})

test('an error whose text is too long for the shared memory loses its cause, not its code', (t) => {
  const memory = createRingMemory(1024)
  const sender = new ReportSender(memory, () => {})
  const error = { name: 'Error', message: 'short', code: 'EIO', cause: { name: 'Error', message: 'x'.repeat(100_000) } }
  sender.send({ kind: 'failed', writtenLsn: 1, durableLsn: 0, error })
  let code: string | undefined
  new ReportReceiver(memory).drain((report) => {
    if (report.kind === 'failed') code = report.error.code
  })
  t.is(code, 'EIO')
})
