import { setImmediate as nextTurn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { EventEmitter } from 'eventemitter3'
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
