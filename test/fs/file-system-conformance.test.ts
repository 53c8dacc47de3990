import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { FileSystem } from '../../src/fs/file-system.js'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A number that no descriptor has. */
const NO_FD = 1_000_000

interface Subject {
  readonly name: string
  /** A file system, and a folder in it that is there and empty. */
  start(t: ExecutionContext): { readonly fs: FileSystem; readonly root: string }
}

const subjects: readonly Subject[] = [
  { name: 'node', start: (t) => ({ fs: nodeFileSystem, root: temporaryDirectory(t) }) },
  {
    name: 'simulated',
    start: () => {
      const fs = new SimulatedFileSystem()
      fs.makeDirectorySync('/root')
      return { fs, root: '/root' }
    },
  },
]

/** Registers the test once for each file system. */
function each(title: string, check: (t: ExecutionContext, fs: FileSystem, root: string) => void | Promise<void>): void {
  for (const subject of subjects) {
    test(`${subject.name}: ${title}`, (t) => {
      const { fs, root } = subject.start(t)
      return check(t, fs, root)
    })
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function createFile(fs: FileSystem, path: string, text = ''): void {
  const fd = fs.openSync(path, 'create')
  if (text !== '') fs.writeSync(fd, bytes(text), 0, text.length, 0)
  fs.closeSync(fd)
}

function contents(fs: FileSystem, path: string): string {
  const fd = fs.openSync(path, 'read')
  const buffer = Buffer.alloc(fs.sizeSync(fd) + 10)
  const length = fs.readSync(fd, buffer, 0, buffer.length, 0)
  fs.closeSync(fd)
  return buffer.toString('utf8', 0, length)
}

function fails(t: ExecutionContext, code: string, call: () => unknown): void {
  const error = t.throws<NodeJS.ErrnoException>(call, { code })
  t.is(typeof error?.errno, 'number')
  t.is(typeof error?.syscall, 'string')
}

async function rejects(t: ExecutionContext, code: string, call: () => Promise<unknown>): Promise<void> {
  // Called in here, so that throwing instead of rejecting is found.
  let promise: Promise<unknown>
  t.notThrows(() => {
    promise = call()
  })
  const error = await t.throwsAsync<NodeJS.ErrnoException>(() => promise, { code })
  t.is(typeof error?.errno, 'number')
  t.is(typeof error?.syscall, 'string')
}

each('what is written can be read again', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  t.is(fs.sizeSync(fd), 0)
  t.is(fs.writeSync(fd, bytes('xxhello, worldxx'), 2, 12, 0), 12)
  t.is(fs.sizeSync(fd), 12)
  const buffer = Buffer.alloc(20, '.')
  t.is(fs.readSync(fd, buffer, 3, 5, 7), 5)
  t.is(buffer.toString(), '...world............')
  fs.closeSync(fd)
  t.is(contents(fs, join(root, 'file')), 'hello, world')
})

each('reads past the end are short, and empty at the end', (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'abc')
  const fd = fs.openSync(join(root, 'file'), 'read')
  const buffer = Buffer.alloc(10, '.')
  t.is(fs.readSync(fd, buffer, 0, 10, 1), 2)
  t.is(buffer.toString(), 'bc........')
  t.is(fs.readSync(fd, buffer, 0, 10, 3), 0)
  t.is(fs.readSync(fd, buffer, 0, 10, 1_000_000), 0)
  t.is(buffer.toString(), 'bc........')
  fs.closeSync(fd)
})

each('writing beyond the end leaves zeros before', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  fs.writeSync(fd, bytes('a'), 0, 1, 0)
  fs.writeSync(fd, bytes('b'), 0, 1, 2000)
  const buffer = Buffer.alloc(3000, 1)
  t.is(fs.readSync(fd, buffer, 0, 3000, 0), 2001)
  t.deepEqual(buffer.subarray(0, 2001), Buffer.concat([Buffer.from('a'), Buffer.alloc(1999), Buffer.from('b')]))
  fs.closeSync(fd)
})

each('bytes are written from shared memory, and read into it', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  const shared = new Uint8Array(new SharedArrayBuffer(5000))
  shared.fill(7, 100, 4100)
  t.is(fs.writeSync(fd, shared, 100, 4000, 512), 4000)
  const target = new Uint8Array(new SharedArrayBuffer(5000))
  t.is(fs.readSync(fd, target, 0, 5000, 0), 4512)
  t.deepEqual(Buffer.from(target), Buffer.concat([Buffer.alloc(512), Buffer.alloc(4000, 7), Buffer.alloc(488)]))
  fs.closeSync(fd)
})

each('what was written is not changed by changing the buffer', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  const buffer = Buffer.alloc(1024, 'a')
  fs.writeSync(fd, buffer, 0, 1024, 0)
  buffer.fill('b')
  fs.closeSync(fd)
  t.is(contents(fs, join(root, 'file')), 'a'.repeat(1024))
})

each('a large file of zeros, with data in it', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  const zeros = Buffer.alloc(1 << 20)
  for (let i = 0; i < 4; i++) t.is(fs.writeSync(fd, zeros, 0, zeros.length, i * zeros.length), zeros.length)
  fs.writeSync(fd, bytes('here'), 0, 4, 3_000_001)
  fs.writeSync(fd, zeros, 0, 2, 3_000_001)
  t.is(fs.sizeSync(fd), 4 << 20)
  const buffer = Buffer.alloc(4 << 20, 1)
  t.is(fs.readSync(fd, buffer, 0, buffer.length, 0), 4 << 20)
  t.is(buffer.toString('latin1', 3_000_000, 3_000_006), '\0\0\0re\0')
  t.is(buffer.indexOf('r'), 3_000_003)
  fs.closeSync(fd)
})

each('truncating cuts off, and what is added later are zeros', (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'a'.repeat(1500))
  const fd = fs.openSync(join(root, 'file'), 'write')
  fs.truncateSync(fd, 600)
  t.is(fs.sizeSync(fd), 600)
  fs.truncateSync(fd, 1400)
  t.is(contents(fs, join(root, 'file')), 'a'.repeat(600) + '\0'.repeat(800))
  fs.truncateSync(fd, 0)
  fs.writeSync(fd, bytes('b'), 0, 1, 700)
  t.is(contents(fs, join(root, 'file')), `${'\0'.repeat(700)}b`)
  fs.closeSync(fd)
})

each('two descriptors of a file see the same', (t, fs, root) => {
  const first = fs.openSync(join(root, 'file'), 'create')
  const second = fs.openSync(join(root, 'file'), 'write')
  t.not(first, second)
  fs.writeSync(first, bytes('ab'), 0, 2, 0)
  fs.writeSync(second, bytes('c'), 0, 1, 1)
  t.is(contents(fs, join(root, 'file')), 'ac')
  fs.truncateSync(second, 1)
  t.is(fs.sizeSync(first), 1)
  fs.closeSync(second)
  t.is(fs.sizeSync(first), 1)
  fs.closeSync(first)
})

each('creating a file that is there, and opening one that is not, fail', (t, fs, root) => {
  createFile(fs, join(root, 'file'))
  fails(t, 'EEXIST', () => fs.openSync(join(root, 'file'), 'create'))
  fails(t, 'ENOENT', () => fs.openSync(join(root, 'none'), 'read'))
  fails(t, 'ENOENT', () => fs.openSync(join(root, 'none'), 'write'))
  fails(t, 'ENOENT', () => fs.openSync(join(root, 'none/file'), 'create'))
  fails(t, 'ENOTDIR', () => fs.openSync(join(root, 'file/file'), 'create'))
})

each('errors name the path', (t, fs, root) => {
  const path = join(root, 'none')
  for (const call of [() => fs.openSync(path, 'read'), () => fs.listSync(path), () => fs.removeSync(path)]) {
    t.throws(call, { code: 'ENOENT', message: /^ENOENT: no such file or directory, / })
    t.like(t.throws(call), { path })
  }
  t.like(
    t.throws(() => fs.renameSync(path, join(root, 'to'))),
    { path, dest: join(root, 'to') },
  )
})

each('a descriptor for reading refuses writes and cuts', (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'a')
  const fd = fs.openSync(join(root, 'file'), 'read')
  fails(t, 'EBADF', () => fs.writeSync(fd, bytes('b'), 0, 1, 0))
  fails(t, 'EINVAL', () => fs.truncateSync(fd, 0))
  t.notThrows(() => fs.datasyncSync(fd))
  fs.closeSync(fd)
  t.is(contents(fs, join(root, 'file')), 'a')
})

each('every call refuses what is no descriptor', async (t, fs) => {
  const buffer = Buffer.alloc(1)
  fails(t, 'EBADF', () => fs.closeSync(NO_FD))
  fails(t, 'EBADF', () => fs.readSync(NO_FD, buffer, 0, 1, 0))
  fails(t, 'EBADF', () => fs.writeSync(NO_FD, buffer, 0, 1, 0))
  fails(t, 'EBADF', () => fs.datasyncSync(NO_FD))
  fails(t, 'EBADF', () => fs.truncateSync(NO_FD, 0))
  fails(t, 'EBADF', () => fs.sizeSync(NO_FD))
  await rejects(t, 'EBADF', () => fs.write(NO_FD, buffer, 0, 1, 0))
  await rejects(t, 'EBADF', () => fs.datasync(NO_FD))
})

each('parts outside of the buffer are refused', async (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  const buffer = Buffer.alloc(10)
  for (const [offset, length] of [
    [11, 0],
    [-1, 5],
    [0, 11],
    [6, 5],
    [0, -1],
  ] as const) {
    t.throws(() => fs.writeSync(fd, buffer, offset, length, 0), { code: 'ERR_OUT_OF_RANGE' })
    await t.throwsAsync(() => fs.write(fd, buffer, offset, length, 0), { code: 'ERR_OUT_OF_RANGE' })
  }
  t.throws(() => fs.readSync(fd, buffer, 0, 11, 0), { code: 'ERR_OUT_OF_RANGE' })
  t.is(fs.sizeSync(fd), 0)
  fs.closeSync(fd)
})

each('a folder lists its files and folders', async (t, fs, root) => {
  t.deepEqual(fs.listSync(root), [])
  createFile(fs, join(root, 'b'))
  createFile(fs, join(root, 'a b'))
  fs.makeDirectorySync(join(root, 'c'))
  createFile(fs, join(root, 'c/not here'))
  t.deepEqual(fs.listSync(root).sort(), ['a b', 'b', 'c'])
  t.deepEqual((await fs.list(root)).sort(), ['a b', 'b', 'c'])
  fails(t, 'ENOENT', () => fs.listSync(join(root, 'none')))
  fails(t, 'ENOTDIR', () => fs.listSync(join(root, 'b')))
  await rejects(t, 'ENOENT', () => fs.list(join(root, 'none')))
})

each('making a folder that is there is no error, unless it is a file', (t, fs, root) => {
  fs.makeDirectorySync(join(root, 'folder'))
  createFile(fs, join(root, 'folder/file'), 'kept')
  t.notThrows(() => fs.makeDirectorySync(join(root, 'folder')))
  t.is(contents(fs, join(root, 'folder/file')), 'kept')
  fails(t, 'EEXIST', () => fs.makeDirectorySync(join(root, 'folder/file')))
  fails(t, 'ENOTDIR', () => fs.makeDirectorySync(join(root, 'folder/file/below')))
  fails(t, 'ENOENT', () => fs.makeDirectorySync(join(root, 'none/below')))
})

each('renaming moves a file, and replaces what is there', (t, fs, root) => {
  createFile(fs, join(root, 'old'), 'old')
  createFile(fs, join(root, 'new'), 'new')
  const fd = fs.openSync(join(root, 'new'), 'write')
  fs.renameSync(join(root, 'new'), join(root, 'old'))
  t.deepEqual(fs.listSync(root), ['old'])
  t.is(contents(fs, join(root, 'old')), 'new')
  fs.writeSync(fd, bytes('now'), 0, 3, 0)
  fs.closeSync(fd)
  t.is(contents(fs, join(root, 'old')), 'now')
  fs.makeDirectorySync(join(root, 'folder'))
  fs.renameSync(join(root, 'old'), join(root, 'folder/old'))
  t.deepEqual(fs.listSync(root), ['folder'])
  t.is(contents(fs, join(root, 'folder/old')), 'now')
})

each('removing in the background does the same', async (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'x')
  await fs.remove(join(root, 'file'))
  t.deepEqual(fs.listSync(root), [])
  await rejects(t, 'ENOENT', () => fs.remove(join(root, 'file')))
  fs.makeDirectorySync(join(root, 'folder'))
  await t.throwsAsync(() => fs.remove(join(root, 'folder')))
})

each('renaming in the background does the same', async (t, fs, root) => {
  createFile(fs, join(root, 'old'), 'old')
  createFile(fs, join(root, 'new'), 'new')
  await fs.rename(join(root, 'new'), join(root, 'old'))
  await fs.syncDirectory(root)
  t.deepEqual(fs.listSync(root), ['old'])
  t.is(contents(fs, join(root, 'old')), 'new')
  await rejects(t, 'ENOENT', () => fs.rename(join(root, 'none'), join(root, 'other')))
  await rejects(t, 'ENOENT', () => fs.rename(join(root, 'old'), join(root, 'none/old')))
  await rejects(t, 'ENOENT', () => fs.syncDirectory(join(root, 'none')))
  t.deepEqual(fs.listSync(root), ['old'])
})

each('renames that make no sense are refused', (t, fs, root) => {
  createFile(fs, join(root, 'file'))
  fs.makeDirectorySync(join(root, 'folder'))
  const rename = (from: string, to: string): void => fs.renameSync(join(root, from), join(root, to))
  fails(t, 'ENOENT', () => rename('none', 'other'))
  fails(t, 'ENOENT', () => rename('file', 'none/file'))
  fails(t, 'ENOTDIR', () => rename('folder', 'file'))
  fails(t, 'EINVAL', () => rename('folder', 'folder/below'))
  t.throws(() => rename('file', 'folder'))
  t.notThrows(() => rename('file', 'file'))
  t.deepEqual(fs.listSync(root).sort(), ['file', 'folder'])
})

each('removing removes the name: an open file lives on', async (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'still here')
  const fd = fs.openSync(join(root, 'file'), 'write')
  const reader = await fs.open(join(root, 'file'))
  fs.removeSync(join(root, 'file'))
  t.deepEqual(fs.listSync(root), [])
  fails(t, 'ENOENT', () => fs.removeSync(join(root, 'file')))
  fs.writeSync(fd, bytes('S'), 0, 1, 0)
  const buffer = Buffer.alloc(20)
  t.is(await reader.read(buffer, 0, 20, 0), 10)
  t.is(buffer.toString('utf8', 0, 10), 'Still here')
  await reader.close()
  fs.closeSync(fd)
  createFile(fs, join(root, 'file'), 'another')
  t.is(contents(fs, join(root, 'file')), 'another')
  fs.makeDirectorySync(join(root, 'folder'))
  t.throws(() => fs.removeSync(join(root, 'folder')))
})

each('syncing files and folders', (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  fs.writeSync(fd, bytes('a'), 0, 1, 0)
  t.notThrows(() => fs.datasyncSync(fd))
  fs.closeSync(fd)
  t.notThrows(() => fs.syncDirectorySync(root))
  if (process.platform === 'win32') return
  fails(t, 'ENOENT', () => fs.syncDirectorySync(join(root, 'none')))
  fails(t, 'ENOTDIR', () => fs.syncDirectorySync(join(root, 'file')))
})

each('a file opened for asynchronous reading', async (t, fs, root) => {
  createFile(fs, join(root, 'file'), 'hello')
  const file = await fs.open(join(root, 'file'))
  t.is(await file.size(), 5)
  const buffer = Buffer.alloc(8, '.')
  t.is(await file.read(buffer, 1, 3, 2), 3)
  t.is(buffer.toString(), '.llo....')
  t.is(await file.read(buffer, 0, 8, 5), 0)
  const both = await Promise.all([file.read(buffer, 0, 2, 0), file.read(buffer, 4, 4, 3)])
  t.deepEqual(both, [2, 2])
  t.is(buffer.toString(), 'helolo..')
  await t.throwsAsync(() => file.read(buffer, 0, 9, 0), { code: 'ERR_OUT_OF_RANGE' })
  await file.close()
  await t.notThrowsAsync(() => file.close())
  await rejects(t, 'EBADF', () => file.read(buffer, 0, 1, 0))
  await rejects(t, 'EBADF', () => file.size())
  await rejects(t, 'ENOENT', () => fs.open(join(root, 'none')))
})

each('closing waits for the reads under way, and refuses new ones at once', async (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  const size = 1 << 20
  fs.writeSync(fd, Buffer.alloc(size, 'x'), 0, size, 0)
  fs.closeSync(fd)
  const file = await fs.open(join(root, 'file'))
  const settled: string[] = []
  const buffers = Array.from({ length: 20 }, () => Buffer.alloc(size))
  const reads = buffers.map(async (buffer) => {
    t.is(await file.read(buffer, 0, size, 0), size)
    settled.push('read')
  })
  const closed = file.close().then(() => settled.push('closed'))
  await rejects(t, 'EBADF', () => file.read(Buffer.alloc(1), 0, 1, 0))
  await Promise.all([...reads, closed])
  t.deepEqual(settled, [...Array(20).fill('read'), 'closed'])
  t.true(buffers.every((buffer) => buffer.equals(Buffer.alloc(size, 'x'))))
})

each('writing and syncing in the background', async (t, fs, root) => {
  const fd = fs.openSync(join(root, 'file'), 'create')
  t.is(await fs.write(fd, bytes('hello'), 1, 3, 2), 3)
  await fs.datasync(fd)
  fs.closeSync(fd)
  t.is(contents(fs, join(root, 'file')), '\0\0ell')
})

each('a claim makes folders, holds others off, and ends with its release', async (t, fs, root) => {
  const directory = join(root, 'a/b')
  const claim = await fs.claim(directory)
  t.deepEqual(fs.listSync(directory), ['lock'])
  const { message } = (await t.throwsAsync(fs.claim(directory), { code: 'SLUICE_LOCKED' })) ?? {}
  t.regex(message ?? '', /this process/)
  await t.throwsAsync(fs.claim(`${root}/./a//b/`), { code: 'SLUICE_LOCKED' })
  const other = await fs.claim(join(root, 'a'))
  await claim.release()
  await t.notThrowsAsync(claim.release())
  const again = await fs.claim(directory)
  await claim.release()
  await t.throwsAsync(fs.claim(directory), { code: 'SLUICE_LOCKED' })
  await again.release()
  await other.release()
})

each('of many claims at once exactly one succeeds', async (t, fs, root) => {
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => fs.claim(join(root, 'log'))))
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') await outcome.value.release()
    else t.is(outcome.reason.code, 'SLUICE_LOCKED')
  }
})

each('what is no folder can not be claimed', async (t, fs, root) => {
  createFile(fs, join(root, 'file'))
  for (const path of [join(root, 'file'), join(root, 'file/below'), join(root, 'file/far/below')]) {
    const { message } = (await t.throwsAsync(fs.claim(path), { code: 'SLUICE_INVALID_ARGUMENT' })) ?? {}
    t.is(message, `${join(root, 'file')} is not a folder`)
  }
  await t.throwsAsync(fs.claim(''), { code: 'SLUICE_INVALID_ARGUMENT' })
})
