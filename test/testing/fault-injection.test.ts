import test from 'ava'
import type { Fault } from '../../src/testing/fault.js'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.js'
import { durableFile, outcomes, sector, sectorsOf, textOf, writeText } from '../support/simulated-files.js'

function started(): { readonly fs: SimulatedFileSystem; readonly fd: number } {
  const fs = new SimulatedFileSystem()
  return { fs, fd: durableFile(fs, '/file', sector('a')) }
}

const CALLS: readonly (readonly [Fault['call'], string, (fs: SimulatedFileSystem, fd: number) => unknown])[] = [
  ['openSync', 'open', (fs) => fs.openSync('/file', 'read')],
  ['closeSync', 'close', (fs, fd) => fs.closeSync(fd)],
  ['readSync', 'read', (fs, fd) => fs.readSync(fd, Buffer.alloc(1), 0, 1, 0)],
  ['writeSync', 'write', (fs, fd) => fs.writeSync(fd, Buffer.alloc(1), 0, 1, 0)],
  ['datasyncSync', 'fdatasync', (fs, fd) => fs.datasyncSync(fd)],
  ['truncateSync', 'ftruncate', (fs, fd) => fs.truncateSync(fd, 0)],
  ['sizeSync', 'fstat', (fs, fd) => fs.sizeSync(fd)],
  ['listSync', 'scandir', (fs) => fs.listSync('/')],
  ['makeDirectorySync', 'mkdir', (fs) => fs.makeDirectorySync('/folder')],
  ['renameSync', 'rename', (fs) => fs.renameSync('/file', '/other')],
  ['removeSync', 'unlink', (fs) => fs.removeSync('/file')],
  ['syncDirectorySync', 'fsync', (fs) => fs.syncDirectorySync('/')],
  ['open', 'open', (fs) => fs.open('/file')],
  ['list', 'scandir', (fs) => fs.list('/')],
  ['write', 'write', (fs, fd) => fs.write(fd, Buffer.alloc(1), 0, 1, 0)],
  ['datasync', 'fdatasync', (fs, fd) => fs.datasync(fd)],
  ['rename', 'rename', (fs) => fs.rename('/file', '/other')],
  ['remove', 'unlink', (fs) => fs.remove('/file')],
  ['syncDirectory', 'fsync', (fs) => fs.syncDirectory('/')],
]

for (const [call, syscall, perform] of CALLS) {
  test(`${call} fails once with the error that was injected, and is noted with it`, async (t) => {
    const { fs, fd } = started()
    fs.inject({ call, error: 'EIO' })
    const error = await t.throwsAsync<NodeJS.ErrnoException>(async () => perform(fs, fd), { code: 'EIO' })
    t.is(error?.syscall, syscall)
    t.true((error?.errno ?? 0) < 0)
    t.like(fs.calls.at(-1), { call, error: 'EIO' })
    if (call === 'closeSync') return // The descriptor is closed all the same.
    t.is(sectorsOf(fs, '/file'), 'a')
    await t.notThrowsAsync(async () => perform(fs, fd))
  })
}

test('the reads of a file opened in the background fail as well', async (t) => {
  const { fs } = started()
  const file = await fs.open('/file')
  for (const call of ['read', 'size', 'close'] as const) fs.inject({ call, error: 'EIO' })
  await t.throwsAsync(() => file.read(Buffer.alloc(1), 0, 1, 0), { code: 'EIO' })
  t.is(await file.read(Buffer.alloc(1), 0, 1, 0), 1)
  await t.throwsAsync(() => file.size(), { code: 'EIO' })
  await t.throwsAsync(() => file.close(), { code: 'EIO' })
  await t.notThrowsAsync(() => file.close())
})

test('a claim that fails says that no lock can be had', async (t) => {
  const { fs } = started()
  fs.inject({ call: 'claim', error: 'EROFS' })
  const error = await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_LOCK_UNAVAILABLE' })
  t.like(error?.cause, { code: 'EROFS' })
  t.deepEqual(fs.listSync('/'), ['file'])
  await t.notThrowsAsync(fs.claim('/log'))
})

test('a claim fails where a folder can not be made or synced, or is no folder', async (t) => {
  const { fs } = started()
  fs.inject({ call: 'makeDirectorySync', error: 'EACCES' })
  await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_IO' })
  fs.inject({ call: 'makeDirectorySync', error: 'ENOSPC' })
  await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_DISK_FULL' })
  fs.inject({ call: 'syncDirectorySync', error: 'EIO', nth: 2 })
  await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_IO' })
  fs.inject({ call: 'openSync', path: /lock$/, error: 'EACCES' })
  await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_LOCK_UNAVAILABLE' })
  fs.inject({ call: 'openSync', path: /lock$/, error: 'ENOSPC' })
  await t.throwsAsync(fs.claim('/log'), { code: 'SLUICE_DISK_FULL' })
  await t.throwsAsync(fs.claim('/file'), { code: 'SLUICE_INVALID_ARGUMENT' })
  await t.notThrowsAsync(fs.claim('/log'))
})

test('a fault waits for its nth call, and stays when it is not for once', (t) => {
  const { fs } = started()
  fs.inject({ call: 'listSync', error: 'EIO', nth: 3 })
  const attempts = (): string[] =>
    [1, 2, 3, 4, 5].map(() => {
      try {
        fs.listSync('/')
        return 'fine'
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : '?'
      }
    })
  t.deepEqual(attempts(), ['fine', 'fine', 'EIO', 'fine', 'fine'])
  const remove = fs.inject({ call: 'listSync', error: 'ENOMEM', nth: 2, once: false })
  t.deepEqual(attempts(), ['fine', 'ENOMEM', 'ENOMEM', 'ENOMEM', 'ENOMEM'])
  remove()
  t.deepEqual(attempts(), ['fine', 'fine', 'fine', 'fine', 'fine'])
})

test('of several faults the first one injected is met, and each counts for itself', (t) => {
  const { fs } = started()
  fs.inject({ call: 'listSync', error: 'EIO' })
  fs.inject({ call: 'listSync', error: 'ENOMEM' })
  fs.inject({ call: 'listSync', error: 'EMFILE', nth: 3 })
  for (const code of ['EIO', 'ENOMEM', 'EMFILE']) t.throws(() => fs.listSync('/'), { code })
  t.notThrows(() => fs.listSync('/'))
})

test('a fault can be for some paths only, also of descriptors and after renames', (t) => {
  const { fs, fd } = started()
  const other = durableFile(fs, '/other', 'x')
  fs.inject({ call: 'writeSync', path: /\.log$/g, error: 'EIO', once: false })
  t.notThrows(() => writeText(fs, fd, 'b'))
  fs.renameSync('/file', '/file.log')
  t.throws(() => writeText(fs, fd, 'c'), { code: 'EIO' })
  t.throws(() => writeText(fs, fd, 'c'), { code: 'EIO' })
  t.notThrows(() => writeText(fs, other, 'c'))
  fs.inject({ call: 'renameSync', path: (path) => path === '/target', error: 'EXDEV' })
  t.throws(() => fs.renameSync('/other', '/target'), { code: 'EXDEV' })
})

test('faults that make no sense are refused', (t) => {
  const { fs } = started()
  const code = 'SLUICE_INVALID_ARGUMENT'
  t.throws(() => fs.inject({ call: 'writeSync' }), { code })
  t.throws(() => fs.inject({ call: 'writeSync', short: -1 }), { code })
  t.throws(() => fs.inject({ call: 'renameSync', short: 1 }), { code })
  t.throws(() => fs.inject({ call: 'writeSync', error: 'EIO', nth: 0 }), { code })
  t.throws(() => fs.inject({ call: 'write', delayMs: -1 }), { code })
  t.throws(() => fs.inject({ call: 'write', delayMs: Number.NaN }), { code })
  t.throws(() => fs.inject({ call: 'write', hold: false }), { code })
  t.throws(() => fs.inject({ call: 'writeSync', hold: true }), { code, message: /can't be held/ })
})

test('writes and reads can be short', async (t) => {
  const { fs, fd } = started()
  fs.inject({ call: 'writeSync', short: 2 })
  t.is(fs.writeSync(fd, Buffer.from('bbbb'), 0, 4, 0), 2)
  t.regex(textOf(fs, '/file') ?? '', /^bba+$/)
  fs.inject({ call: 'write', short: 0 })
  t.is(await fs.write(fd, Buffer.from('cccc'), 0, 4, 0), 0)
  fs.inject({ call: 'readSync', short: 3 })
  const buffer = Buffer.alloc(5, '.')
  t.is(fs.readSync(fd, buffer, 0, 5, 0), 3)
  t.is(buffer.toString(), 'bba..')
  t.is(fs.readSync(fd, buffer, 0, 5, 0), 5)
  fs.inject({ call: 'writeSync', short: 100 })
  t.is(fs.writeSync(fd, Buffer.from('dd'), 0, 2, 0), 2, 'shorter than the fault already')
})

test('a write that fails has written nothing, or as much as the fault says', (t) => {
  const { fs, fd } = started()
  fs.inject({ call: 'writeSync', error: 'EIO' })
  t.throws(() => writeText(fs, fd, 'bbbb'), { code: 'EIO' })
  t.is(sectorsOf(fs, '/file'), 'a')
  fs.inject({ call: 'writeSync', error: 'ENOSPC', short: 3 })
  t.throws(() => writeText(fs, fd, 'bbbb'), { code: 'ENOSPC' })
  t.regex(textOf(fs, '/file') ?? '', /^bbba+$/)
})

for (const call of ['datasyncSync', 'datasync'] as const) {
  const datasync = async (fs: SimulatedFileSystem, fd: number): Promise<void> => fs[call](fd)

  test(`after a failed ${call} the data is seen, but a later sync that succeeds proves nothing`, async (t) => {
    const { fs, fd } = started()
    writeText(fs, fd, sector('b'), 512)
    fs.inject({ call, error: 'EIO' })
    await t.throwsAsync(() => datasync(fs, fd), { code: 'EIO' })
    t.is(sectorsOf(fs, '/file'), 'ab')
    await datasync(fs, fd)
    t.is(sectorsOf(fs, '/file'), 'ab')
    const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file')
    // The size went with the second sync, the data with neither, unless the first one wrote it before it failed.
    t.deepEqual(outcomes(fs, observe), ['a.', 'ab'])
    writeText(fs, fd, sector('c'), 1024)
    await datasync(fs, fd)
    t.deepEqual(outcomes(fs, observe), ['a.c', 'abc'])
    writeText(fs, fd, sector('b'), 512)
    t.deepEqual(outcomes(fs, observe), ['a.c', 'abc'])
    await datasync(fs, fd)
    t.deepEqual(outcomes(fs, observe), ['abc'])
  })

  for (const error of ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR']) {
    for (const access of ['cached', 'direct'] as const) {
      test(`a ${call} that failed can't be made good by repeating it: ${error}, ${access} access`, async (t) => {
        const { fs } = started()
        const fd = fs.openSync('/file', 'write', access)
        const bytes = Buffer.alloc(512, 'b') // At the beginning of its memory, as direct access asks for.
        fs.writeSync(fd, bytes, 0, 512, 0)
        fs.inject({ call, error })
        await t.throwsAsync(() => datasync(fs, fd), { code: error })
        await datasync(fs, fd)
        t.is(sectorsOf(fs, '/file'), 'b', 'the pages stay readable')
        const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file')
        t.deepEqual(outcomes(fs, observe), ['a', 'b'], 'the second one proves nothing')
        t.is(observe(fs.stateAfterCrash({ keep: 'none' })), 'a')
        fs.writeSync(fd, bytes, 0, 512, 0)
        await datasync(fs, fd)
        t.deepEqual(outcomes(fs, observe), ['b'], 'written anew it is durable')
      })
    }
  }
}

test('what was cut off after a failed sync does not come back once the cut was synced', (t) => {
  const { fs, fd } = started()
  writeText(fs, fd, sector('b').repeat(2), 512)
  fs.inject({ call: 'datasyncSync', error: 'ENOSPC' })
  t.throws(() => fs.datasyncSync(fd), { code: 'ENOSPC' })
  fs.truncateSync(fd, 512)
  fs.inject({ call: 'datasyncSync', error: 'ENOSPC' })
  t.throws(() => fs.datasyncSync(fd), { code: 'ENOSPC' })
  fs.datasyncSync(fd)
  fs.truncateSync(fd, 1536)
  fs.datasyncSync(fd)
  const observe = (after: SimulatedFileSystem): string => sectorsOf(after, '/file')
  t.deepEqual(outcomes(fs, observe), ['a..'])
  writeText(fs, fd, sector('c'), 1536)
  t.deepEqual(outcomes(fs, observe), ['a..', 'a...', 'a..c'])
  t.deepEqual(outcomes(fs.killProcess(), observe), ['a..', 'a...', 'a..c'])
})

test('a failed sync of a file touches no other file', (t) => {
  const { fs, fd } = started()
  const other = durableFile(fs, '/other', sector('x'))
  writeText(fs, fd, sector('b'))
  writeText(fs, other, sector('y'))
  fs.inject({ call: 'datasyncSync', path: /file$/, error: 'EIO' })
  t.throws(() => fs.datasyncSync(fd), { code: 'EIO' })
  fs.datasyncSync(other)
  fs.datasyncSync(fd)
  t.deepEqual(
    outcomes(fs, (after) => sectorsOf(after, '/file') + sectorsOf(after, '/other')),
    ['ay', 'by'],
  )
})

test("after a failed sync of a folder its names are seen, but a later sync doesn't make them durable", (t) => {
  const { fs, fd } = started()
  fs.datasyncSync(fd)
  fs.renameSync('/file', '/new')
  fs.inject({ call: 'syncDirectorySync', error: 'EIO' })
  t.throws(() => fs.syncDirectorySync('/'), { code: 'EIO' })
  t.deepEqual(fs.listSync('/'), ['new'])
  fs.syncDirectorySync('/')
  const observe = (after: SimulatedFileSystem): string => after.listSync('/').sort().join()
  t.deepEqual(outcomes(fs, observe), ['', 'file', 'file,new', 'new'])
  fs.renameSync('/new', '/file')
  fs.syncDirectorySync('/')
  t.deepEqual(outcomes(fs, observe), ['file'])
})

test('a full disk: writes are short, then fail; overwriting, cutting and removing free or need no room', (t) => {
  const fs = new SimulatedFileSystem({ capacityBytes: 1000 })
  const first = fs.openSync('/first', 'create')
  const second = fs.openSync('/second', 'create')
  const write = (fd: number, bytes: number, position: number): number =>
    fs.writeSync(fd, Buffer.alloc(bytes, 1), 0, bytes, position)
  t.is(write(first, 600, 0), 600)
  t.is(write(second, 600, 0), 400)
  t.throws(() => write(second, 200, 400), { code: 'ENOSPC' })
  t.throws(() => write(second, 1, 5000), { code: 'ENOSPC' }, 'a hole takes room as well')
  t.is(write(second, 200, 200), 200)
  t.is(write(second, 200, 300), 100, 'the part that overwrites')
  t.is(fs.sizeSync(second), 400)
  fs.truncateSync(first, 500)
  t.is(write(second, 200, 400), 100)
  fs.removeSync('/first')
  t.throws(() => write(second, 1, 500), { code: 'ENOSPC' }, 'a removed file that is open takes room')
  fs.closeSync(first)
  t.is(write(second, 500, 500), 500)
  fs.capacityBytes += 10
  t.is(write(second, 500, 1000), 10)
  const after = fs.crash()
  t.is(after.capacityBytes, 1010)
})

test('a full quota says EDQUOT, a full disk ENOSPC: that of the two which is met first', (t) => {
  const fs = new SimulatedFileSystem({ capacityBytes: 1000, quotaBytes: 600 })
  const fd = fs.openSync('/file', 'create')
  const write = (bytes: number, position: number): number =>
    fs.writeSync(fd, Buffer.alloc(bytes, 1), 0, bytes, position)
  t.is(write(700, 0), 600)
  t.throws(() => write(1, 600), { code: 'EDQUOT' })
  fs.quotaBytes = 2000
  t.is(write(500, 600), 400)
  t.throws(() => write(1, 1000), { code: 'ENOSPC' })
  t.like(fs.killProcess(), { capacityBytes: 1000, quotaBytes: 2000 })
})

test('open files are known by their paths', async (t) => {
  const fs = new SimulatedFileSystem()
  const fd = fs.openSync('/a', 'create')
  const file = await fs.open('/a')
  fs.renameSync('/a', '/b')
  t.deepEqual(fs.openPaths, ['/b', '/b'])
  fs.inject({ call: 'closeSync', error: 'EIO' })
  t.throws(() => fs.closeSync(fd), { code: 'EIO' })
  t.deepEqual(fs.openPaths, ['/b'])
  await file.close()
  t.deepEqual(fs.openPaths, [])
})

test('direct access is in whole sectors, as on a disk', (t) => {
  const fileSystem = new SimulatedFileSystem()
  const fd = fileSystem.openSync('/file', 'create', 'direct')
  const bytes = Buffer.alloc(8192, 1)
  t.is(fileSystem.writeSync(fd, bytes, 512, 4096, 1024), 4096)
  for (const [offset, length, position] of [
    [1, 512, 0],
    [0, 511, 0],
    [0, 512, 100],
  ] as const) {
    t.throws(() => fileSystem.writeSync(fd, bytes, offset, length, position), { code: 'EINVAL' })
    t.throws(() => fileSystem.readSync(fd, bytes, offset, length, position), { code: 'EINVAL' })
  }
  t.is(fileSystem.readSync(fd, bytes, 0, 8192, 0), 5120)
  const cached = fileSystem.openSync('/file', 'write')
  t.is(fileSystem.writeSync(cached, bytes, 1, 511, 100), 511)
})

test('a short transfer with direct access does whole sectors, and one at least', (t) => {
  for (const [short, done] of [
    [1, 512],
    [512, 512],
    [1500, 1024],
    [9000, 4096],
  ] as const) {
    const fileSystem = new SimulatedFileSystem()
    const fd = fileSystem.openSync('/file', 'create', 'direct')
    fileSystem.inject({ call: 'writeSync', short })
    t.is(fileSystem.writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, 0), done)
    t.is(fileSystem.sizeSync(fd), done)
  }
  const full = new SimulatedFileSystem({ capacityBytes: 1100 })
  const fd = full.openSync('/file', 'create', 'direct')
  t.is(full.writeSync(fd, Buffer.alloc(4096), 0, 4096, 0), 1024)
  t.throws(() => full.writeSync(fd, Buffer.alloc(4096), 0, 4096, 1024), { code: 'ENOSPC' })
})
