import test from 'ava'
import { SimulatedCrashError, SimulatedFileSystem } from '../../src/testing/index.js'
import { durableFile, sector, sectorsOf } from '../support/simulated-files.js'
import { quiet, watch } from '../support/simulated-log.js'

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
