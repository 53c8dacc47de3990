import test from 'ava'
import { fromErrorRecord } from '../../src/errors.js'
import { FrameEncoder } from '../../src/log/frame-encoder.js'
import { RingConsumer } from '../../src/ring/consumer.js'
import { createRingMemory } from '../../src/ring/layout.js'
import { RingProducer } from '../../src/ring/producer.js'
import type { WriterReport } from '../../src/ring/report.js'
import { recover } from '../../src/segment/recovery.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { Writer } from '../../src/writer/writer.js'
import type { WriterOptions } from '../../src/writer/writer-options.js'
import { callsOf, DIRECTORY, openPaths, putFiles, SEGMENT } from '../support/simulated-log.js'

interface Trial {
  readonly fileSystem: SimulatedFileSystem
  readonly writer: Writer
  readonly producer: RingProducer
  readonly consumer: RingConsumer
  readonly reports: WriterReport[]
  /** Hands over a frame with one record. */
  publish(text: string, ack?: 'durable' | 'written'): void
  /** Steps until there is nothing to do at once; returns what the last step said. */
  run(): ReturnType<Writer['step']>
}

function trial(options: Partial<WriterOptions> = {}): Trial {
  const fileSystem = new SimulatedFileSystem()
  putFiles(fileSystem, DIRECTORY, new Map())
  const recovered = recover(fileSystem, DIRECTORY)
  const memory = createRingMemory(64 * 1024)
  const producer = new RingProducer(memory)
  const encoder = new FrameEncoder(producer, { maxRecords: 1, maxBytes: 64 * 1024 })
  encoder.start(recovered.lastLsn, recovered.lastTimestampMs)
  const reports: WriterReport[] = []
  const all: WriterOptions = {
    directory: DIRECTORY,
    batch: { maxRecords: 1000, maxBytes: 64 * 1024, maxDelayMs: 0 },
    flush: { kind: 'batch' },
    directorySync: 'changed',
    segmentBytes: 16 * 1024,
    preparedSegments: 0,
    ...options,
  }
  const consumer = new RingConsumer(memory)
  const writer = Writer.open(fileSystem, all, recovered, consumer, {
    send: (report) => reports.push(report),
    foretell() {},
  })
  return {
    fileSystem,
    writer,
    producer,
    consumer,
    reports,
    publish(text, ack = 'durable') {
      const bytes = Buffer.byteLength(text)
      const frame = encoder.begin(4 + Math.ceil(bytes / 4) * 4, ack)
      if (frame === undefined) throw new Error('the ring is full')
      encoder.put(frame, text, bytes)
      encoder.handOver(false)
      producer.show()
    },
    run() {
      for (;;) {
        const step = writer.step()
        if (step !== 0) return step
      }
    },
  }
}

test('a batch is written, synced and reported, and then there is nothing to do', (t) => {
  const { publish, run, reports } = trial()
  publish('one')
  publish('two')
  t.is(run(), Number.POSITIVE_INFINITY)
  t.is(reports.length, 1)
  t.like(reports[0], { kind: 'progress', writtenLsn: 2, durableLsn: 2, batchRecords: 2, segmentFirstLsn: 1, syncs: 1 })
})

test('who waits for the write alone is told before the sync is made', (t) => {
  const { publish, run, reports, fileSystem } = trial()
  publish('begins a segment')
  run()
  const syncs = callsOf(fileSystem, 'datasyncSync', SEGMENT).length
  let reportsAtSync = -1
  fileSystem.onCall(({ call }) => {
    if (call === 'datasyncSync' && reportsAtSync === -1) reportsAtSync = reports.length
  })
  publish('written', 'written')
  run()
  t.is(reportsAtSync, 2)
  t.like(reports[1], { kind: 'progress', writtenLsn: 2, durableLsn: 1, batchRecords: 1, syncs: 0 })
  t.like(reports[2], { kind: 'progress', writtenLsn: 2, durableLsn: 2, batchRecords: 0, syncs: 1 })
  t.is(callsOf(fileSystem, 'datasyncSync', SEGMENT).length, syncs + 1)
})

test('directorySync always: deferred records of a segment that is sealed are told only once the directory is synced', (t) => {
  const { publish, run, reports, fileSystem } = trial({ flush: { kind: 'never' }, directorySync: 'always' })
  publish('begins a segment')
  publish('deferred')
  run()
  const told = (): number => reports.reduce((lsn, report) => (report.kind === 'progress' ? report.durableLsn : lsn), 0)
  const toldAtSyncs: number[] = []
  publish('deferred, too')
  run()
  const before = told()
  fileSystem.onCall(({ call }) => {
    if (call === 'syncDirectorySync') toldAtSyncs.push(told())
  })
  publish('L'.repeat(16_000))
  run()
  t.true(before < 3)
  t.is(told(), 4)
  t.deepEqual(toldAtSyncs, [before, 3], 'for what was deferred, and for the new segment')
})

test('a latched writer touches nothing any more, whatever it is asked', async (t) => {
  const { publish, run, reports, fileSystem, writer, producer } = trial()
  publish('durable')
  run()
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  publish('lost')
  t.is(run(), 'stopped')
  const last = reports.at(-1)
  t.like(last, { kind: 'failed', writtenLsn: 2, durableLsn: 1 })
  if (last?.kind === 'failed') t.like(fromErrorRecord(last.error), { code: 'EIO', syscall: 'fdatasync' })
  const { length } = fileSystem.calls
  publish('queued')
  producer.requestFlush(3)
  producer.requestTrim(1)
  producer.requestClose()
  t.is(writer.step(), 'stopped')
  writer.resume()
  t.is(writer.step(), 'stopped', 'only a rollback can be resumed')
  await writer.finish()
  t.is(fileSystem.calls.length, length)
  t.is(reports.length, 2)
  t.false(producer.signal(), 'and nobody starts a task for it')
  await writer.abandon()
  t.deepEqual(openPaths(fileSystem), [])
  t.true(fileSystem.calls.slice(length).every(({ call }) => call === 'closeSync'))
})

test('after a rollback it takes nothing until it is resumed, and then begins where the producer does', (t) => {
  const { publish, run, reports, fileSystem, writer, producer } = trial()
  publish('kept')
  run()
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  publish('lost')
  publish('lost as well')
  t.is(run(), 'stopped')
  t.like(reports.at(-1), { kind: 'rollback', lsn: 1 })
  publish('before it heard of it')
  t.is(writer.step(), 'stopped')
  t.is(reports.length, 2)
  producer.reset()
  producer.resume()
  writer.resume()
  t.is(run(), Number.POSITIVE_INFINITY)
  t.is(reports.length, 2, 'there is nothing in the ring')
  t.is(callsOf(fileSystem, 'truncateSync', SEGMENT).length, 1)
})

test('a writer that is asked to close makes all durable first, trims, and reports once', async (t) => {
  const { publish, run, reports, fileSystem, writer, producer } = trial({ flush: { kind: 'never' } })
  publish('begins a segment')
  publish('written', 'written')
  run()
  publish('x'.repeat(12_200), 'written')
  publish('behind', 'written')
  producer.requestTrim(3)
  producer.requestClose()
  t.is(run(), 'closing')
  await writer.finish()
  const kinds = reports.map(({ kind }) => kind)
  t.is(kinds.filter((kind) => kind === 'closed').length, 1)
  t.is(kinds.at(-1), 'closed')
  t.true(kinds.indexOf('trimmed') > 0)
  t.like(reports.at(-1), { durableLsn: 4 })
  t.deepEqual(openPaths(fileSystem), [])
  t.is(writer.step(), 'stopped')
  await writer.finish()
  await writer.abandon()
  t.is(reports.filter(({ kind }) => kind === 'closed').length, 1)
})

test('frames that come with the end, while the writer has just looked for some, are not left behind', async (t) => {
  const { publish, run, reports, writer, producer, consumer } = trial()
  publish('first')
  run()
  const { get } = Object.getOwnPropertyDescriptor(RingConsumer.prototype, 'available') ?? {}
  Object.defineProperty(consumer, 'available', {
    configurable: true,
    get() {
      const available: unknown = get?.call(consumer)
      Reflect.deleteProperty(consumer, 'available')
      publish('last')
      producer.requestClose()
      return available
    },
  })
  t.not(writer.step(), 'closing', 'it can’t know of the end and not of what comes before')
  t.is(run(), 'closing')
  await writer.finish()
  t.like(reports.at(-1), { kind: 'closed', durableLsn: 2 })
})

test('a writer says when it is to be stepped again: when a sync is due', (t) => {
  const { publish, run, writer } = trial({ flush: { kind: 'interval', everyMs: 60_000 } })
  publish('begins a segment')
  t.is(run(), Number.POSITIVE_INFINITY)
  publish('written')
  const step = run()
  t.true(typeof step === 'number' && step > 50_000 && step <= 60_000, String(step))
  t.true(Number(writer.step()) <= Number(step))
})
