import test from 'ava'
import { readAtLeast, readFully, writeFully } from '../../src/fs/transfer.js'
import { Preparation } from '../../src/segment/preparation.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'

const BYTES = Buffer.from('0123456789')

function opened(): { readonly fs: SimulatedFileSystem; readonly fd: number } {
  const fs = new SimulatedFileSystem()
  return { fs, fd: fs.openSync('/file', 'create') }
}

function contents(fs: SimulatedFileSystem): string {
  const fd = fs.openSync('/file', 'read')
  const bytes = Buffer.alloc(100)
  return bytes.toString('latin1', 0, readFully(fs, fd, bytes, 0, 100, 0))
}

test('a write that is short, or interrupted, is gone on with', (t) => {
  const { fs, fd } = opened()
  fs.inject({ call: 'writeSync', short: 3 })
  fs.inject({ call: 'writeSync', error: 'EINTR', nth: 2 })
  fs.inject({ call: 'writeSync', error: 'EINTR', nth: 3 })
  writeFully(fs, fd, BYTES, 0, BYTES.length, 0)
  t.is(contents(fs), '0123456789')
  t.deepEqual(
    fs.calls.filter(({ call }) => call === 'writeSync').map(({ position, error }) => [position, error]),
    [
      [0, undefined],
      [3, 'EINTR'],
      [3, 'EINTR'],
      [3, undefined],
    ],
  )
})

test('a read that is short, or interrupted, is gone on with', async (t) => {
  const { fs, fd } = opened()
  writeFully(fs, fd, BYTES, 0, BYTES.length, 0)
  for (const call of ['readSync', 'read'] as const) {
    fs.inject({ call, short: 3, once: false })
    fs.inject({ call, error: 'EINTR', nth: 2 })
  }
  const bytes = Buffer.alloc(20)
  t.is(readFully(fs, fd, bytes, 0, 20, 0), 10)
  t.is(bytes.toString('latin1', 0, 10), '0123456789')
  const file = await fs.open('/file')
  t.is(await readAtLeast(file, bytes, 10, 0, 10), 10)
  t.is(bytes.toString('latin1', 10), '0123456789')
})

test('zeros that are written in the background are gone on with as well', async (t) => {
  const { fs } = opened()
  fs.inject({ call: 'write', error: 'EINTR', nth: 2 })
  fs.inject({ call: 'write', short: 700 })
  const preparation = new Preparation(fs, '/prepared', 1024 * 1024, 'direct')
  await preparation.settled
  t.is(preparation.failure, undefined)
  t.is(preparation.take()?.zeroedBytes, 1024 * 1024)
})

test('a transfer that is interrupted for ever fails, and hangs nobody', async (t) => {
  const { fs, fd } = opened()
  writeFully(fs, fd, BYTES, 0, BYTES.length, 0)
  const file = await fs.open('/file')
  for (const call of ['writeSync', 'readSync', 'read', 'write'] as const) {
    fs.inject({ call, error: 'EINTR', once: false })
  }
  const bytes = Buffer.alloc(20)
  t.throws(() => writeFully(fs, fd, BYTES, 0, 10, 0), { code: 'EINTR' })
  t.throws(() => readFully(fs, fd, bytes, 0, 10, 0), { code: 'EINTR' })
  await t.throwsAsync(readAtLeast(file, bytes, 0, 0, 10), { code: 'EINTR' })
  const preparation = new Preparation(fs, '/prepared', 1024 * 1024, 'direct')
  await preparation.settled
  t.like(preparation.failure, { code: 'EINTR' })
})

test('a write that takes nothing fails, and hangs nobody', (t) => {
  const { fs, fd } = opened()
  fs.inject({ call: 'writeSync', short: 0, once: false })
  t.throws(() => writeFully(fs, fd, BYTES, 0, 10, 0), { code: 'EIO' })
})
