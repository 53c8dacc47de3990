import test from 'ava'
import { SimulatedCrashError, SimulatedFileSystem } from '../../src/testing/index.js'
import { Random } from '../../src/testing/random.js'
import { durableFile, outcomes, sector, sectorsOf, textOf, writeText } from '../support/simulated-files.js'
import { quiet, watch } from '../support/simulated-log.js'

test('what was written survives the process, but is no more durable than before', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', sector('a').repeat(2)), sector('b'), 512)
  writeText(fs, fs.openSync('/new', 'create'), 'n')
  const next = fs.killProcess()
  t.is(sectorsOf(next, '/file'), 'ab')
  t.is(textOf(next, '/new'), 'n')
  const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file') + sectorsOf(after, '/new')
  t.deepEqual(outcomes(next, observe), ['aa-', 'aa.', 'aa', 'aan', 'ab-', 'ab.', 'ab', 'abn'].sort())
  next.datasyncSync(next.openSync('/file', 'read'))
  next.syncDirectorySync('/')
  next.datasyncSync(next.openSync('/new', 'read'))
  t.deepEqual(outcomes(next, observe), ['abn'])
})

test('what the next process does comes after what the one before did', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a').repeat(3))
  fs.truncateSync(fd, 512)
  const next = fs.killProcess()
  writeText(next, next.openSync('/file', 'write'), sector('b'), 512)
  const seen = outcomes(next, (after) => sectorsOf(after, '/file'))
  t.true(seen.includes('ab'))
  t.false(seen.includes('aa'), 'the truncation came before the size')
})

test('after a failed sync the next process can not make durable by a sync what it did not write', (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', sector('a'))
  writeText(fs, fd, sector('b'))
  fs.inject({ call: 'datasyncSync', error: 'EIO' })
  t.throws(() => fs.datasyncSync(fd))
  const next = fs.killProcess()
  t.is(sectorsOf(next, '/file'), 'b')
  const again = next.openSync('/file', 'write')
  next.datasyncSync(again)
  const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file')
  t.deepEqual(outcomes(next, observe), ['a', 'b'])
  writeText(next, again, sector('b'))
  next.datasyncSync(again)
  t.deepEqual(outcomes(next, observe), ['b'])
})

for (const end of ['crash', 'killProcess'] as const) {
  test(`after ${end} the old file system is of no use, and changes nothing any more`, async (t) => {
    const fs = new SimulatedFileSystem()
    const fd = durableFile(fs, '/file', sector('a'))
    const reader = await fs.open('/file')
    const claim = await fs.claim('/log')
    const next = fs[end]()
    const buffer = Buffer.alloc(512, 'b')
    t.throws(() => fs.writeSync(fd, buffer, 0, 512, 0), { code: 'EBADF' })
    t.throws(() => fs.readSync(fd, buffer, 0, 512, 0), { code: 'EBADF' })
    t.throws(() => fs.datasyncSync(fd), { code: 'EBADF' })
    await t.throwsAsync(() => fs.write(fd, buffer, 0, 512, 0), { code: 'EBADF' })
    await t.throwsAsync(() => reader.read(buffer, 0, 512, 0), { code: 'EBADF' })
    t.throws(() => fs.removeSync('/file'), { instanceOf: SimulatedCrashError, code: 'SIMULATED_CRASH' })
    await t.throwsAsync(() => fs.claim('/other'), { instanceOf: SimulatedCrashError })
    t.is(sectorsOf(next, '/file'), 'a')
    t.throws(() => next.readSync(fd, buffer, 0, 512, 0), { code: 'EBADF' })
    const second = await next.claim('/log')
    await t.notThrowsAsync(claim.release(), 'a lock of the past')
    await t.throwsAsync(next.claim('/log'), { code: 'SLUICE_LOCKED' })
    await second.release()
  })
}

test('one moment can be crashed again and again', (t) => {
  const fs = new SimulatedFileSystem()
  writeText(fs, durableFile(fs, '/file', sector('a')), sector('b'))
  const seen = new Set(Array.from({ length: 50 }, (_, seed) => sectorsOf(fs.crash({ seed }), '/file')))
  t.deepEqual([...seen].sort(), ['a', 'b'])
})

test('faults, and the count of calls to a stop, end with the process', (t) => {
  const fs = new SimulatedFileSystem()
  fs.inject({ call: 'listSync', error: 'EIO', once: false })
  fs.crashAfter(2)
  t.throws(() => fs.listSync('/'), { code: 'EIO' })
  t.throws(() => fs.listSync('/'), { code: 'SIMULATED_CRASH' })
  const next = fs.killProcess()
  t.is(next.stoppedAt, undefined)
  t.deepEqual(next.calls, [])
  t.notThrows(() => next.listSync('/'))
})

test('the world stops at the nth call, which has no effect, nor have later ones', async (t) => {
  const fs = new SimulatedFileSystem()
  const fd = durableFile(fs, '/file', 'a')
  fs.crashAfter(3)
  fs.makeDirectorySync('/made')
  fs.syncDirectorySync('/')
  t.is(fs.stoppedAt, undefined)
  const count = fs.calls.length
  t.throws(() => fs.renameSync('/file', '/renamed'), { instanceOf: SimulatedCrashError })
  t.deepEqual(fs.stoppedAt, { call: 'renameSync', path: '/file', to: '/renamed' })
  t.throws(() => fs.removeSync('/file'), { code: 'SIMULATED_CRASH' })
  t.throws(() => fs.writeSync(fd, Buffer.alloc(1), 0, 1, 0), { code: 'SIMULATED_CRASH' })
  await t.throwsAsync(() => fs.datasync(fd), { code: 'SIMULATED_CRASH' })
  t.is(fs.calls.length, count)
  t.is(fs.stoppedAt?.call, 'renameSync')
  t.deepEqual(fs.killProcess().listSync('/').sort(), ['file', 'made'])
  t.deepEqual(fs.crash().listSync('/').sort(), ['file', 'made'])
})

test('a write at which the world stops may be done in part', (t) => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const fs = new SimulatedFileSystem({ seed })
    const fd = durableFile(fs, '/file', 'aaa')
    fs.crashAfter(1)
    t.throws(() => writeText(fs, fd, 'bbb'), { instanceOf: SimulatedCrashError })
    seen.add(textOf(fs.killProcess(), '/file') ?? '-')
  }
  t.deepEqual([...seen].sort(), ['aaa', 'baa', 'bba', 'bbb'])
})

test('what is no number of calls is refused', (t) => {
  for (const n of [0, -1, 1.5])
    t.throws(() => new SimulatedFileSystem().crashAfter(n), { code: 'SLUICE_INVALID_ARGUMENT' })
})

test('every call is noted, with what it was asked', async (t) => {
  const fs = new SimulatedFileSystem()
  const fd = fs.openSync('/a', 'create')
  fs.writeSync(fd, Buffer.alloc(10), 2, 5, 7)
  fs.renameSync('/a', '/b')
  await fs.datasync(fd)
  t.throws(() => fs.removeSync('/none'))
  const file = await fs.open('/b')
  await file.read(Buffer.alloc(4), 0, 4, 8)
  await file.close()
  fs.closeSync(fd)
  const other = fd + 1
  t.deepEqual(fs.calls, [
    { call: 'openSync', path: '/a', mode: 'create' },
    { call: 'writeSync', path: '/a', fd, position: 7, bytes: 5 },
    { call: 'renameSync', path: '/a', to: '/b' },
    { call: 'datasync', path: '/b', fd },
    { call: 'removeSync', path: '/none', error: 'ENOENT' },
    { call: 'open', path: '/b' },
    { call: 'read', path: '/b', fd: other, position: 8, bytes: 4 },
    { call: 'close', path: '/b', fd: other },
    { call: 'closeSync', path: '/b', fd },
  ])
})

test('a listener sees each call before it has an effect, and can crash every moment of one run', (t) => {
  const fs = new SimulatedFileSystem()
  const states: string[] = []
  const end = fs.onCall(({ call }) => {
    states.push(`${call} ${sectorsOf(fs.stateAfterCrash({ keep: 'none' }), '/file')}`)
  })
  const fd = fs.openSync('/file', 'create')
  fs.syncDirectorySync('/')
  writeText(fs, fd, sector('a'))
  fs.datasyncSync(fd)
  fs.sizeSync(fd)
  end()
  fs.closeSync(fd)
  t.deepEqual(states, ['openSync -', 'syncDirectorySync -', 'writeSync ', 'datasyncSync ', 'sizeSync a'])
})

test('the folders that a claim makes survive a power cut, whenever the process before was killed', async (t) => {
  const calls = 12 // More than the claim makes.
  for (let stop = 1; stop <= calls; stop++) {
    const fs = new SimulatedFileSystem({ seed: stop })
    fs.crashAfter(stop)
    await fs.claim('/a/b/c').catch(() => {})
    const next = fs.killProcess()
    const claim = await next.claim('/a/b/c')
    const fd = next.openSync('/a/b/c/data', 'create')
    next.syncDirectorySync('/a/b/c')
    for (let seed = 0; seed < 30; seed++) t.is(sectorsOf(next.stateAfterCrash({ seed }), '/a/b/c/data'), '')
    next.closeSync(fd)
    await claim.release()
  }
})

test('asynchronous calls take effect in the order in which they are made', async (t) => {
  const fs = new SimulatedFileSystem()
  const fd = fs.openSync('/file', 'create')
  const settled: number[] = []
  const writes = [1, 2, 3].map((n) => fs.write(fd, Buffer.alloc(4, n), 0, 4, 0).then(() => settled.push(n)))
  const synced = fs.datasync(fd).then(() => settled.push(4))
  t.is(textOf(fs, '/file'), '\x03\x03\x03\x03')
  await Promise.all([...writes, synced])
  t.deepEqual(settled, [1, 2, 3, 4])
})

function started(): { readonly fs: SimulatedFileSystem; readonly fd: number } {
  const fs = new SimulatedFileSystem()
  return { fs, fd: durableFile(fs, '/file', sector('a')) }
}

const bytes = Buffer.from(sector('b'))

test('a call that is held takes effect, and settles, once it is let go; others pass it', async (t) => {
  const { fs, fd } = started()
  const letGo = fs.inject({ call: 'write', hold: true })
  const held = watch(fs.write(fd, bytes, 0, 512, 512))
  t.like(fs.calls.at(-1), { call: 'write', position: 512 }, 'it was made')
  t.is(await fs.write(fd, bytes, 0, 512, 1024), 512)
  await quiet()
  t.is(held.settled, undefined)
  t.is(sectorsOf(fs, '/file'), 'a.b')
  letGo()
  await quiet()
  t.deepEqual(held.settled, { kind: 'resolved', value: 512 })
  t.is(sectorsOf(fs, '/file'), 'abb')
})

test('a fault for good holds every call until it is taken out', async (t) => {
  const { fs } = started()
  const letGo = fs.inject({ call: 'list', hold: true, once: false })
  const held = [fs.list('/'), fs.list('/')].map(watch)
  await quiet()
  t.deepEqual(
    held.map(({ settled }) => settled),
    [undefined, undefined],
  )
  letGo()
  await quiet()
  t.true(held.every(({ settled }) => settled?.kind === 'resolved'))
  t.deepEqual(await fs.list('/'), ['file'])
})

test('every asynchronous call can be held, and can fail once it is let go', async (t) => {
  const { fs, fd } = started()
  const file = await fs.open('/file')
  const perform = {
    open: () => fs.open('/file'),
    read: () => file.read(Buffer.alloc(1), 0, 1, 0),
    size: () => file.size(),
    list: () => fs.list('/'),
    write: () => fs.write(fd, bytes, 0, 512, 0),
    datasync: () => fs.datasync(fd),
    rename: () => fs.rename('/file', '/other'),
    remove: () => fs.remove('/other'),
    syncDirectory: () => fs.syncDirectory('/'),
    claim: () => fs.claim('/log'),
    close: () => file.close(),
  } as const
  for (const [call, make] of Object.entries(perform)) {
    const letGo = fs.inject({ call: call as keyof typeof perform, hold: true, error: 'EIO' }) // The keys of `perform`.
    const held = watch(make())
    await quiet()
    t.is(held.settled, undefined, call)
    letGo()
    await quiet()
    t.is(held.settled?.kind, 'rejected', call)
    t.like(fs.calls.at(-1), { call, ...(call === 'claim' ? {} : { error: 'EIO' }) })
  }
  t.is(sectorsOf(fs, '/file'), 'a')
})

test('a call that is held while its file is closed finds no file any more', async (t) => {
  const { fs, fd } = started()
  const letGo = fs.inject({ call: 'write', hold: true })
  const held = watch(fs.write(fd, bytes, 0, 512, 0))
  fs.closeSync(fd)
  letGo()
  await quiet()
  t.like(held.settled, { kind: 'rejected', error: { code: 'EBADF' } })
})

test('no call stays held when the world stops, or ends', async (t) => {
  for (const end of ['crash', 'killProcess', 'crashAfter'] as const) {
    const { fs, fd } = started()
    fs.inject({ call: 'write', hold: true })
    const held = watch(fs.write(fd, bytes, 0, 512, 0))
    if (end === 'crashAfter') {
      fs.crashAfter(1)
      t.throws(() => fs.listSync('/'), { instanceOf: SimulatedCrashError })
    } else fs[end]()
    await quiet()
    t.true(held.settled?.kind === 'rejected' && held.settled.error instanceof SimulatedCrashError, end)
    t.is(sectorsOf(fs.stateAfterCrash({ keep: 'all' }), '/file'), 'a', 'it did nothing')
  }
})

test('a slow call comes later than those that were made after it', async (t) => {
  const { fs, fd } = started()
  fs.inject({ call: 'datasync', delayMs: 1 })
  const order: string[] = []
  const slow = fs.datasync(fd).then(() => order.push('slow'))
  await fs.datasync(fd)
  order.push('fast')
  await slow
  t.deepEqual(order, ['fast', 'slow'])
})

test('a slow synchronous call blocks its thread', (t) => {
  const { fs, fd } = started()
  const { wait } = Atomics
  const waitedMs: unknown[] = []
  Object.defineProperty(Atomics, 'wait', { value: (...given: unknown[]) => waitedMs.push(given[3]) })
  t.teardown(() => Object.defineProperty(Atomics, 'wait', { value: wait }))
  fs.inject({ call: 'datasyncSync', delayMs: 20 })
  fs.datasyncSync(fd)
  fs.datasyncSync(fd)
  t.deepEqual(waitedMs, [20])
})

test('the same seed gives the same numbers, for ever', (t) => {
  const random = new Random(42)
  t.deepEqual(
    Array.from({ length: 3 }, () => random.next()),
    [4093052395, 1542978525, 2980210069],
  )
})

test('other seeds give other numbers, also seeds that are alike', (t) => {
  const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => new Random(seed).next()))
  t.true(firsts.size > 9_990)
})

test('numbers stay below their limit, and reach all below it', (t) => {
  const random = new Random(7)
  const seen = new Set(Array.from({ length: 1000 }, () => random.below(5)))
  t.deepEqual([...seen].sort(), [0, 1, 2, 3, 4])
  t.is(new Random(1).below(1), 0)
})

test('a chance is as good as it says', (t) => {
  const random = new Random(7)
  const hits = Array.from({ length: 10_000 }, () => random.chance(0.25)).filter(Boolean).length
  t.true(hits > 2_300 && hits < 2_700, String(hits))
  t.false(random.chance(0))
  t.true(random.chance(1))
})
