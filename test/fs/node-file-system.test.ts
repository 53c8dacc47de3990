import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { copyBytes } from '../../src/fs/copy-bytes.js'
import type { FileSystem, OpenMode } from '../../src/fs/file-system.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { readAtLeast, readFully, writeFully } from '../../src/fs/transfer.js'
import { Preparation } from '../../src/segment/preparation.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { type Random, random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingTool, testWith } from '../support/tools.js'

test.serial('files and folders are for their owner only, however loose the umask', (t) => {
  const root = temporaryDirectory(t)
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  nodeFileSystem.closeSync(nodeFileSystem.openSync(join(root, 'file'), 'create'))
  nodeFileSystem.makeDirectorySync(join(root, 'folder'))
  t.is(statSync(join(root, 'file')).mode & 0o777, 0o600)
  t.is(statSync(join(root, 'folder')).mode & 0o777, 0o700)
})

testWith(test, process.platform === 'win32' ? 'there is no /dev/urandom' : undefined)(
  'closing waits for a read that takes long',
  async (t) => {
    const file = await nodeFileSystem.open('/dev/urandom')
    const settled: string[] = []
    const read = file.read(Buffer.alloc(1 << 24), 0, 1 << 24, 0).then(() => settled.push('read'))
    const closed = file.close().then(() => settled.push('closed'))
    await Promise.all([read, closed])
    t.deepEqual(settled, ['read', 'closed'])
  },
)

const SYNCING = `
  import { nodeFileSystem as fs } from '${new URL('../../src/fs/node-file-system.js', import.meta.url).href}'
  const fd = fs.openSync(process.argv[1] + '/file', 'create')
  fs.datasyncSync(fd)
  await fs.datasync(fd)
  fs.syncDirectorySync(process.argv[1])
  await fs.syncDirectory(process.argv[1])
`

testWith(test, missingTool('strace', '-o', '/dev/null', 'true'))(
  'syncs reach the system, each by its own call',
  (t) => {
    const root = temporaryDirectory(t)
    const trace = join(temporaryDirectory(t), 'trace')
    const strace = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-s', '4096', '-o', trace]
    execFileSync('strace', [...strace, process.execPath, '--input-type=module', '-e', SYNCING, root])
    const calls = readFileSync(trace, 'utf8').matchAll(/(\w+)\(\d+<([^>]*)>/g)
    t.deepEqual(
      [...calls].map(([, call, path]) => `${call} ${path}`),
      [`fdatasync ${root}/file`, `fdatasync ${root}/file`, `fsync ${root}`, `fsync ${root}`],
    )
  },
)

const ROUNDS = 60
const CALLS_A_ROUND = 120
const FILES = ['a', 'b', 'folder/c', 'folder/d', 'a/below']
const NAMES = [...FILES, 'folder', 'none/e']
/** Opening a folder for reading succeeds with some systems and fails with others. */
const MODES: readonly OpenMode[] = ['write', 'create']

/** A call, to be made of any file system: descriptors are told by their place in the order of their opening. */
type Call = (fs: FileSystem, root: string, fds: (number | undefined)[]) => unknown

function randomCall(random: Random, opened: number): { readonly title: string; readonly call: Call } {
  const of = <T>(choices: readonly T[]): T => choices[random.below(choices.length)] as T // Within its bounds.
  const place = random.below(Math.max(1, opened))
  const [path, other] = [of(NAMES), of(NAMES)]
  const length = random.below(of([4, 600, 3000])) + 1
  const position = random.below(of([4, 2000, 9000]))
  const fill = random.below(3)
  const descriptor = (fds: (number | undefined)[]): number => fds[place] ?? 1_000_000
  switch (random.below(12)) {
    case 0:
    case 1: {
      const [file, mode] = [of(FILES), of(MODES)]
      return { title: `open ${file} ${mode}`, call: (fs, root, fds) => fds.push(fs.openSync(join(root, file), mode)) }
    }
    case 2:
      return {
        title: `close ${place}`,
        call: (fs, _, fds) => {
          const fd = descriptor(fds)
          fds[place] = undefined
          fs.closeSync(fd)
        },
      }
    case 3:
      return {
        title: `truncate ${place} to ${position}`,
        call: (fs, _, fds) => fs.truncateSync(descriptor(fds), position),
      }
    case 4:
      return {
        title: `rename ${path} ${other}`,
        call: (fs, root) => fs.renameSync(join(root, path), join(root, other)),
      }
    case 5:
      return { title: `remove ${path}`, call: (fs, root) => fs.removeSync(join(root, path)) }
    case 6:
      return { title: `make ${path}`, call: (fs, root) => fs.makeDirectorySync(join(root, path)) }
    case 7:
      return { title: `list ${path}`, call: (fs, root) => fs.listSync(join(root, path)).sort() }
    case 8:
      return { title: `size of ${place}`, call: (fs, _, fds) => fs.sizeSync(descriptor(fds)) }
    case 9:
    case 10:
      return {
        title: `write ${length} of ${fill} at ${position} to ${place}`,
        call: (fs, _, fds) => fs.writeSync(descriptor(fds), Buffer.alloc(length, fill), 0, length, position),
      }
    default:
      return {
        title: `read ${length} at ${position} of ${place}`,
        call: (fs, _, fds) => {
          const buffer = Buffer.alloc(length, 9)
          return [fs.readSync(descriptor(fds), buffer, 0, length, position), buffer.toString('base64')]
        },
      }
  }
}

function outcomeOf(call: () => unknown): string {
  try {
    return JSON.stringify(call()) ?? 'done'
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException // Anything else fails the comparison.
    return `${code} ${syscall}`
  }
}

testWith(test, process.platform === 'linux' ? undefined : 'error codes are compared with those of Linux')(
  'the simulated file system answers as the real one, whatever it is asked',
  (t) => {
    const numbers = random()
    t.log(`SLUICE_SEED=${numbers.seed}`)
    for (let round = 0; round < ROUNDS; round++) {
      const simulated = new SimulatedFileSystem()
      simulated.makeDirectorySync('/root')
      const root = temporaryDirectory(t)
      const nodeFds: (number | undefined)[] = []
      const simulatedFds: (number | undefined)[] = []
      const titles: string[] = []
      for (let i = 0; i < CALLS_A_ROUND; i++) {
        const { title, call } = randomCall(numbers, nodeFds.length)
        titles.push(title)
        const expected = outcomeOf(() => {
          const result = call(nodeFileSystem, root, nodeFds)
          return title.startsWith('open') ? 'opened' : result
        })
        const actual = outcomeOf(() => {
          const result = call(simulated, '/root', simulatedFds)
          return title.startsWith('open') ? 'opened' : result
        })
        if (expected !== actual) t.is(actual, expected, titles.join('\n'))
      }
      for (const fd of nodeFds) if (fd !== undefined) nodeFileSystem.closeSync(fd)
    }
    t.pass()
  },
)

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

const SOURCE_BYTES = 4096

function source(memory: ArrayBufferLike): Buffer {
  const bytes = Buffer.from(memory)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff
  return bytes
}

for (const [name, make] of [
  ['memory of its own', (bytes: number) => new ArrayBuffer(bytes)],
  ['shared memory', (bytes: number) => new SharedArrayBuffer(bytes)],
] as const) {
  test(`from and to ${name}: exactly these bytes, however many`, (t) => {
    const from = source(make(SOURCE_BYTES))
    for (const length of [0, 1, 3, 143, 144, 145, 256, 1000, 1023, 1024, 1025, SOURCE_BYTES - 5]) {
      // As the source lies within words of 8 bytes, and otherwise.
      for (const to of [13, 9]) {
        const target = Buffer.from(make(SOURCE_BYTES + 16)).fill(0xee)
        copyBytes(from, 5, length, target, to)
        t.true(target.subarray(to, to + length).equals(from.subarray(5, 5 + length)), `${length} bytes to ${to}`)
        t.true(target.subarray(0, to).every((byte) => byte === 0xee))
        t.true(target.subarray(to + length).every((byte) => byte === 0xee))
      }
    }
  })
}

test('a Uint8Array that is a part of its memory is copied from where it begins', (t) => {
  const memory = source(new ArrayBuffer(SOURCE_BYTES))
  const part = new Uint8Array(memory.buffer, 100, 500)
  const target = Buffer.alloc(500)
  copyBytes(part, 0, part.length, target, 0)
  t.true(target.equals(memory.subarray(100, 600)))
})

test('more bytes than there are is an error, and nothing is copied', (t) => {
  const target = Buffer.alloc(2000)
  for (const length of [11, 1000]) {
    t.throws(() => copyBytes(Buffer.alloc(20, 1), 10, length, target, 0), { instanceOf: RangeError })
  }
  t.true(target.every((byte) => byte === 0))
})
