import { setImmediate as nextTurn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { EventEmitter } from 'eventemitter3'
import fc from 'fast-check'
import { LineSplitter } from '../../src/cli/line-splitter.js'
import { type FedLog, RecordFeed } from '../../src/cli/record-feed.js'
import { SluiceError } from '../../src/errors.js'
import type { Log, LogEvents } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'

const RECORD_BYTES = 1000

/** Record number `index`, which says so. */
function record(index: number): Buffer {
  return Buffer.alloc(RECORD_BYTES, `${index}.`)
}

function records(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => record(index))
}

async function simulatedLog(t: ExecutionContext, fileSystem: SimulatedFileSystem): Promise<Log> {
  const log = await openLog('/log', { fileSystem })
  t.teardown(() => log.close())
  return log
}

/** Asserts that the log holds the first records that were put, and no others. */
async function holdsPrefix(t: ExecutionContext, log: Log): Promise<void> {
  let index = 0
  for await (const { lsn, data } of log.read()) {
    t.is(lsn, index + 1)
    if (!data.equals(record(index))) t.fail(`LSN ${lsn} is another record`)
    index++
  }
  t.is(log.durableLsn, index)
}

test('everything that was put is durable after drain', async (t) => {
  const log = await simulatedLog(t, new SimulatedFileSystem())
  const feed = new RecordFeed(log)
  await feed.put(records(20_000))
  await feed.drain()
  t.is(log.durableLsn, 20_000)
  await holdsPrefix(t, log)
})

test('puts wait while too much is on its way', async (t) => {
  const log = await simulatedLog(t, new SimulatedFileSystem())
  const feed = new RecordFeed(log)
  let pendingBytesMax = 0
  const put = feed.put(records(30_000))
  log.on('commit', () => {
    pendingBytesMax = Math.max(pendingBytesMax, log.stats().pendingBytes)
  })
  await put
  await feed.drain()
  t.is(log.durableLsn, 30_000)
  t.is(log.stats().waiting, 0)
  t.true(pendingBytesMax <= 9_000_000, `${pendingBytesMax} bytes were pending`)
})

test('a full disk ends the feed: nothing is appended behind what was not written, though there is room again', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await simulatedLog(t, fileSystem)
  const feed = new RecordFeed(log)
  await feed.put(records(100))
  await feed.drain()
  fileSystem.inject({ call: 'writeSync', path: /\.seg$/, nth: 3, error: 'ENOSPC' })
  const error = await t.throwsAsync(
    feed.put(records(30_000).slice(100)).then(() => feed.drain()),
    {
      instanceOf: SluiceError,
    },
  )
  t.is(error?.code, 'SLUICE_DISK_FULL')
  t.true(log.durableLsn > 100 && log.durableLsn < 30_000, String(log.durableLsn))
  await holdsPrefix(t, log)
  await t.throwsAsync(feed.put([record(0)]), { is: error })
})

test('a log that latches itself with nothing in flight ends the feed', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog('/log', { fileSystem, flush: 'never' })
  t.teardown(() => log.close())
  const feed = new RecordFeed(log)
  // The first one is synced together with its segment's header, whatever the policy.
  await feed.put([record(0)])
  await feed.drain()
  await feed.put([record(1)])
  await feed.drain()
  fileSystem.inject({ call: 'datasyncSync', error: 'EIO' })
  await t.throwsAsync(log.flush())
  const error = await t.throwsAsync(feed.put([record(2)]), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_FAILED')
})

/** A log whose appends are settled by hand. */
class ManualLog extends EventEmitter<LogEvents> implements FedLog {
  readonly appends: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []

  appendMany(): Promise<{ readonly first: number; readonly last: number }> {
    return new Promise((resolve, reject) => {
      this.appends.push({ resolve: () => resolve({ first: 1, last: 1 }), reject })
    })
  }
}

test('between a rollback and the first rejection nothing is appended', async (t) => {
  const log = new ManualLog()
  const feed = new RecordFeed(log)
  const put = feed.put(records(30_000))
  await nextTurn()
  const appended = log.appends.length
  t.true(appended > 1)
  log.emit('rollback', 0)
  // There is room now.
  for (const append of log.appends.slice(0, -1)) append.resolve()
  await nextTurn()
  t.is(log.appends.length, appended)
  const full = new Error('the disk is full')
  log.appends.at(-1)?.reject(full)
  await t.throwsAsync(put, { is: full })
  t.is(log.appends.length, appended)
})

test('what fails first is what is told, though the log says later that it is latched', async (t) => {
  const log = new ManualLog()
  const feed = new RecordFeed(log)
  await feed.put(records(100))
  const drained = feed.drain()
  log.emit('failed', new SluiceError('SLUICE_FAILED', 'latched'))
  const [first, ...later] = log.appends.map((append, index) => ({ append, error: new Error(`append ${index}`) }))
  first?.append.reject(first.error)
  for (const { append, error } of later) append.reject(error)
  await t.throwsAsync(drained, { message: 'append 0' })
})

/** The lines that a splitter finds in these chunks. */
function split(chunks: readonly Uint8Array[], maxLineBytes = 1000): Buffer[] {
  const splitter = new LineSplitter(maxLineBytes)
  const lines: Buffer[] = []
  for (const chunk of chunks) splitter.split(Buffer.from(chunk), (line) => lines.push(line))
  const rest = splitter.rest()
  return rest === undefined ? lines : [...lines, rest]
}

test('lines are the same however the bytes are cut into chunks', (t) => {
  const byte = fc.oneof(fc.constant(10), fc.nat(255))
  const chunks = fc.array(
    fc.uint8Array({ maxLength: 20 }).chain((bytes) => fc.array(byte).map((more) => [...bytes, ...more])),
  )
  fc.assert(
    fc.property(chunks, (pieces) => {
      const text = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString('latin1')
      const wanted = text.split('\n')
      if (wanted.at(-1) === '') wanted.pop()
      const found = split(
        pieces.map((piece) => Buffer.from(piece)),
        100_000,
      )
      t.deepEqual(
        found.map((line) => line.toString('latin1')),
        wanted,
      )
    }),
  )
})

test('a line is as long as the limit, and not longer, whole or in pieces', (t) => {
  const limit = 4
  t.is(split([Buffer.from('1234\n')], limit).length, 1)
  t.is(split([Buffer.from('12'), Buffer.from('34')], limit).length, 1)
  for (const pieces of [['12345\n'], ['12345'], ['123', '45\n'], ['1234', '5'], ['123', '45']]) {
    const error = t.throws(
      () =>
        split(
          pieces
            .map((piece) => Buffer.from(`a\nb\n${piece}`))
            .slice(0, 1)
            .concat(pieces.slice(1).map((piece) => Buffer.from(piece))),
          limit,
        ),
      {
        instanceOf: SluiceError,
      },
    )
    t.is(error?.code, 'SLUICE_RECORD_TOO_LARGE')
    t.regex(error?.message ?? '', /^line 3 /)
  }
})

test('lines that came in pieces do not share memory', (t) => {
  const lines = split(['ab', 'c\nde', 'f\ngh', 'i\n'].map((text) => Buffer.from(text)))
  t.deepEqual(lines.map(String), ['abc', 'def', 'ghi'])
})

test('a line that comes byte by byte is not copied for each byte', (t) => {
  const splitter = new LineSplitter(2 ** 24)
  const byte = Buffer.from('x')
  const bytes = 2 ** 20
  for (let at = 0; at < bytes; at++) splitter.split(byte, () => t.fail())
  t.is(splitter.rest()?.length, bytes)
})
