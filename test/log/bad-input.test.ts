import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { writeLogFiles } from '../support/log-files.js'
import { LEAST_PENDING_BYTES } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

// Whoever writes JavaScript is not told by a compiler: here a log is called as by them.

/** Any value, as the type that is wanted. */
function as<Type>(value: unknown): Type {
  return value as Type // That is the point.
}

const INVALID = { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT' }

async function someLog(t: ExecutionContext, options: LogOptions = {}): Promise<Log> {
  const log = await openLog(temporaryDirectory(t), { maxRecordBytes: 1000, ...options })
  t.teardown(() => log.close())
  await log.appendMany(['1', '2', '3'])
  return log
}

/** Asserts that the call throws at once, names what it refuses, and leaves the log as it was. */
function refuses(t: ExecutionContext, log: Log, named: RegExp, call: () => unknown, code = INVALID.code): void {
  const { nextLsn, status } = log
  t.throws(call, { instanceOf: SluiceError, code, message: named })
  t.like(log, { nextLsn, status })
}

const NO_DATA: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /undefined/],
  [null, /null/],
  [7, /7/],
  [7n, /7n/],
  [true, /true/],
  [Symbol('data'), /Symbol\(data\)/],
  [{ length: 3 }, /an object of Object/],
  [[1, 2, 3], /an array/],
  [new ArrayBuffer(8), /an object of ArrayBuffer/],
  [new DataView(new ArrayBuffer(8)), /an object of DataView/],
  [new Uint16Array(4), /an object of Uint16Array/],
  [Object.create(null), /an object of no class/],
  [Object.create(Uint8Array.prototype), /data must be a Uint8Array/],
  [new Proxy(new Uint8Array(3), {}), /data must be a Uint8Array/],
  [() => 'data', /a function/],
  ['lone \uD800 surrogate', /lone surrogate/],
  ['\uDC00', /lone surrogate/],
]

test('data that is none is refused at once', async (t) => {
  const log = await someLog(t)
  for (const [data, named] of NO_DATA) {
    refuses(t, log, named, () => log.append(as(data)))
    refuses(t, log, named, () => log.appendMany(['good', as(data)]))
  }
  for (const list of [undefined, null, 'text', Buffer.from('text'), new Set(['x']), { 0: 'x', length: 1 }, []]) {
    refuses(t, log, /must be an array of records, not /, () => log.appendMany(as(list)))
  }
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is refused here.
  refuses(t, log, /undefined/, () => log.appendMany(as(['x', , 'y'])))
  t.is(await log.append('4'), 4)
})

test('data that is too large is refused at once', async (t) => {
  const log = await someLog(t)
  const tooLarge = 'SLUICE_RECORD_TOO_LARGE'
  refuses(t, log, /1001 bytes .* maxRecordBytes allows 1000/, () => log.append(Buffer.alloc(1001)), tooLarge)
  refuses(t, log, /1002 bytes/, () => log.append('æ'.repeat(501)), tooLarge)
  refuses(t, log, /1500 bytes/, () => log.appendMany([Buffer.alloc(750), 'x'.repeat(750)]), tooLarge)
  t.is(await log.append(Buffer.alloc(1000)), 4)
  t.deepEqual(await log.appendMany(['æ'.repeat(250), Buffer.alloc(500)]), { first: 5, last: 6 })
})

test('data of every good kind is stored', async (t) => {
  const log = await someLog(t)
  const bytes = Uint8Array.of(1, 2, 3, 4, 5)
  const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(7)
  const data = ['', '\0', '\uFEFFæ🌊', bytes, bytes.subarray(1, 3), Buffer.alloc(0), new Uint8ClampedArray(2), shared]
  const good = data.filter((record) => typeof record === 'string' || record instanceof Uint8Array)
  const { first, last } = await log.appendMany(as(good))
  t.is(last - first + 1, good.length)
  for (const [index, record] of good.entries()) {
    t.deepEqual((await log.get(first + index))?.data, Buffer.from(record))
  }
})

test('code of the caller’s that runs while data is looked at may append, and comes before it', async (t) => {
  const log = await someLog(t)
  let asked = 0
  const appended: Promise<number>[] = []
  const records = ['a', 'b']
  Object.defineProperty(records, 0, {
    get() {
      asked += 1
      appended.push(log.append(`asked ${asked}`))
      return 'a'.repeat(asked)
    },
  })
  const many = log.appendMany(records)
  const detached = new Uint8Array(100).fill(7)
  const options = {
    get ack() {
      appended.push(log.append('options'))
      structuredClone(detached.buffer, { transfer: [detached.buffer] })
      return 'durable' as const
    },
  }
  t.throws(() => log.append(detached, options), { ...INVALID, message: /transferred/ })
  t.is(asked, 1)
  t.deepEqual(await many, { first: 5, last: 6 })
  t.deepEqual(await Promise.all(appended), [4, 7])
  const stored = []
  for await (const { data } of log.read({ from: 4 })) stored.push(data.toString())
  t.deepEqual(stored, ['asked 1', 'a', 'b', 'options'])
})

test('of data that says it has more bytes than it has, or fewer, all that it has is stored', async (t) => {
  const log = await someLog(t)
  class Liar extends Uint8Array {
    override get length(): number {
      return 50
    }
  }
  for (const bytes of [0, 3, 100, 900]) {
    const data = new Liar(bytes).fill(7)
    const lsn = await log.append(data)
    const { last } = await log.appendMany(['x', data])
    for (const one of [lsn, last]) t.deepEqual((await log.get(one))?.data, Buffer.alloc(bytes, 7))
  }
  refuses(t, log, /1001 bytes/, () => log.append(new Liar(1001)), 'SLUICE_RECORD_TOO_LARGE')
  // One that runs code of its own where it is looked at, and says what is true.
  const within: Promise<number>[] = []
  class Busy extends Uint8Array {
    override get length(): number {
      within.push(log.append('within'))
      return 100
    }
    override get byteOffset(): number {
      within.push(log.append('while it is copied'))
      return super.byteOffset
    }
    override subarray(): never {
      throw new Error('nobody asks for a part')
    }
  }
  const busy = await log.append(new Busy(100).fill(7))
  t.deepEqual(within, [], 'nobody asks')
  t.deepEqual((await log.get(busy))?.data, Buffer.alloc(100, 7))
})

test('a view of memory that became too short is refused at once', async (t) => {
  const log = await someLog(t)
  // The types don't know what Node 20 does.
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer
  const memory = new Resizable(100, { maxByteLength: 200 }) as ArrayBuffer & { resize(bytes: number): void }
  const data = new Uint8Array(memory, 50, 50)
  memory.resize(10)
  refuses(t, log, /too short/, () => log.append(data))
  refuses(t, log, /too short/, () => log.appendMany(['x', data]))
  t.is(await log.append(new Uint8Array(memory, 10)), 4)
})

test('nothing that a signal has made its own is asked', async (t) => {
  const log = await someLog(t, { maxPendingBytes: LEAST_PENDING_BYTES })
  const { signal } = new AbortController()
  for (const name of ['aborted', 'addEventListener', 'removeEventListener']) {
    Object.defineProperty(signal, name, {
      get() {
        throw new Error(`${name} was asked for`)
      },
    })
  }
  t.is(await log.append('x', { signal }), 4)
  // More than there is room for: some wait, with the signal.
  const many = Array.from({ length: 12 }, () => log.append('x'.repeat(1000), { signal }))
  t.true(log.stats().waiting > 0)
  t.is((await Promise.all(many)).at(-1), 16)
  refuses(t, log, /AbortSignal/, () => log.append('x', { signal: as(Object.create(AbortSignal.prototype)) }))
})

test('an array whose iterator gives nothing is an empty one', async (t) => {
  const log = await someLog(t)
  const records = ['x']
  records[Symbol.iterator] = () => [][Symbol.iterator]()
  refuses(t, log, /an empty one/, () => log.appendMany(records))
})

test('options of an append that are none are refused at once', async (t) => {
  const log = await someLog(t)
  const controller = new AbortController()
  for (const [options, named] of [
    [null, /null/],
    ['durable', /"durable"/],
    [7, /7/],
    [{ ack: 'yes' }, /ack must be 'durable' or 'written', not "yes"/],
    [{ ack: null }, /null/],
    [{ acknowledge: 'durable' }, /no option acknowledge; there are signal, ack/],
    [{ signal: controller }, /signal must be an AbortSignal, not an object of AbortController/],
    [{ signal: null }, /null/],
  ] as const) {
    refuses(t, log, named, () => log.append('x', as(options)))
    refuses(t, log, named, () => log.appendMany(['x'], as(options)))
  }
})

const NO_LSNS = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n, null, {}, [1]]

test('what is no LSN is refused at once', async (t) => {
  const log = await someLog(t)
  for (const lsn of NO_LSNS) {
    refuses(t, log, /lsn must be a whole number/, () => log.get(as(lsn)))
    refuses(t, log, /beforeLsn must be a whole number/, () => log.trim(as(lsn)))
    refuses(t, log, /from must be a whole number/, () => log.read({ from: as(lsn) }))
    refuses(t, log, /to must be a whole number/, () => log.read({ to: as(lsn) }))
    refuses(t, log, /from must be a whole number/, () => log.follow({ from: as(lsn) }))
  }
  refuses(t, log, /lsn/, () => log.get(as(undefined)))
  refuses(t, log, /beforeLsn/, () => log.trim(as(undefined)))
  refuses(t, log, /limit/, () => log.read({ limit: -1 }))
  for (const options of [null, 7, 'from', [], { From: 1 }, { signal: {} }]) {
    refuses(t, log, /./, () => log.read(as(options)))
    refuses(t, log, /./, () => log.follow(as(options)))
  }
})

test('LSNs beyond all that is there are no error, but for trim', async (t) => {
  const log = await someLog(t)
  for (const lsn of [4, 1000, Number.MAX_SAFE_INTEGER]) {
    t.is(await log.get(lsn), undefined)
    t.true((await log.read({ from: lsn })[Symbol.asyncIterator]().next()).done)
    let read = 0
    for await (const _ of log.read({ to: lsn })) read++
    t.is(read, 3)
  }
  refuses(t, log, /from 1 to nextLsn, 4, not 5/, () => log.trim(5))
  refuses(t, log, /from 1 to nextLsn, 4, not 9007199254740991/, () => log.trim(Number.MAX_SAFE_INTEGER))
  await log.trim(4)
  const ahead = log.follow({ from: 5 })[Symbol.asyncIterator]()
  const fifth = ahead.next()
  await log.appendMany(['4', '5'])
  t.is((await fifth).value?.lsn, 5)
})

test('LSNs end at 2^53 - 1', async (t) => {
  const directory = temporaryDirectory(t)
  const last = Number.MAX_SAFE_INTEGER
  writeLogFiles(directory, { firstLsn: last - 3, segments: [{ frames: [['the first of the last']] }] })
  const log = await openLog(directory)
  t.teardown(() => log.close())
  t.like(log, { firstLsn: last - 3, nextLsn: last - 2, durableLsn: last - 3 })
  refuses(t, log, /LSNs end at 2\^53 - 1/, () => log.appendMany(['a', 'b', 'c', 'd']))
  t.deepEqual(await log.appendMany(['a', 'b']), { first: last - 2, last: last - 1 })
  const lastAppend = log.append('the last')
  refuses(t, log, /LSNs end at 2\^53 - 1/, () => log.append('one too many'))
  t.is(await lastAppend, last)
  refuses(t, log, /LSNs end at 2\^53 - 1/, () => log.append('one too many'))
  t.is((await log.get(last))?.data.toString(), 'the last')
  const texts: string[] = []
  for await (const { data } of log.read()) texts.push(data.toString())
  t.deepEqual(texts, ['the first of the last', 'a', 'b', 'the last'])
  await log.close()
  const full = await openLog(directory)
  t.teardown(() => full.close())
  t.like(full, { nextLsn: last + 1, durableLsn: last })
  refuses(t, full, /LSNs end at 2\^53 - 1/, () => full.append('one too many'))
  t.is((await full.get(last))?.data.toString(), 'the last')
})

test('what is no directory, and what are no options, is refused at once, and nothing is made', async (t) => {
  const directory = `${temporaryDirectory(t)}/log`
  for (const path of [undefined, null, 7, '', '\0', `${directory}\0`, {}, [directory], Buffer.from(directory)]) {
    t.throws(() => openLog(as(path)), INVALID)
    await t.throwsAsync(openLogReader(as(path)), INVALID)
  }
  await t.throwsAsync(async () => openLog(as(new URL(`file://${directory}`))), INVALID)
  for (const options of [null, 7, 'batch', [], { flushEvery: 1 }, { fileSystem: 'node' }, { workerUrl: './w.js' }]) {
    t.throws(() => openLog(directory, as(options)), { instanceOf: SluiceError, code: 'SLUICE_INVALID_OPTION' })
  }
  await t.throwsAsync(openLogReader(directory), INVALID, 'there is still no folder')
})
