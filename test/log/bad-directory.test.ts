import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError, type SluiceErrorCode } from '../../src/errors.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { treeOf, writeLogFiles } from '../support/log-files.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingAccess, missingRoot, missingTool, testWith } from '../support/tools.js'

/** Somebody who is not root, and whom no file belongs to. */
const NOBODY = 65534

async function refused(t: ExecutionContext, directory: string, code: SluiceErrorCode): Promise<string> {
  const error = await t.throwsAsync(openLog(directory), { instanceOf: SluiceError, code })
  return error?.message ?? ''
}

/** Opens, appends, closes, opens again and reads. */
async function isUsable(t: ExecutionContext, directory: string): Promise<void> {
  const log = await openLog(directory)
  await log.append('x')
  await log.close()
  const again = await openLog(directory)
  t.is((await again.get(1))?.data.toString(), 'x')
  await again.close()
}

test('a file, or what lies below one, is no directory for a log', async (t) => {
  const file = join(temporaryDirectory(t), 'file')
  writeFileSync(file, 'precious')
  for (const path of [file, `${file}/`, join(file, 'log'), join(file, 'far', 'below')]) {
    t.is(await refused(t, path, 'SLUICE_INVALID_ARGUMENT'), `${file} is not a folder`)
    await t.throwsAsync(openLogReader(path), { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.is(readFileSync(file, 'utf8'), 'precious')
})

test('a reader makes nothing where there is no log', async (t) => {
  const directory = temporaryDirectory(t)
  for (const path of [directory, join(directory, 'log')]) {
    await t.throwsAsync(openLogReader(path), { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.deepEqual(treeOf(directory), {})
})

for (const name of [
  'with spaces',
  ' ',
  'æøå 日本 🌊',
  'it\'s "$(quoted)"; `x` \\ %20 #1?',
  'new\nline',
  '-n',
  'a/./b/../c//d/',
  'x'.repeat(255),
]) {
  test(`a directory named ${JSON.stringify(name.slice(0, 40))} can hold a log`, async (t) => {
    await isUsable(t, `${temporaryDirectory(t)}/${name}`)
  })
}

test('a name that no file system takes is refused', async (t) => {
  const directory = temporaryDirectory(t)
  await refused(t, join(directory, 'x'.repeat(256)), 'SLUICE_INVALID_ARGUMENT')
  t.deepEqual(treeOf(directory), {})
})

test('a link to a folder is as good as the folder, a link to nowhere is refused', async (t) => {
  const root = temporaryDirectory(t)
  mkdirSync(join(root, 'log'))
  symlinkSync(join(root, 'log'), join(root, 'link'))
  await isUsable(t, join(root, 'link'))
  const log = await openLog(join(root, 'log'))
  t.is(log.durableLsn, 1)
  await log.close()
  symlinkSync(join(root, 'nowhere'), join(root, 'lost'))
  await refused(t, join(root, 'lost'), 'SLUICE_INVALID_ARGUMENT')
  symlinkSync('loop', join(root, 'loop'))
  await refused(t, join(root, 'loop'), 'SLUICE_INVALID_ARGUMENT')
})

test('files of others in the folder are left alone, whatever their names', async (t) => {
  const directory = temporaryDirectory(t)
  const names = [
    'notes.txt',
    '.hidden',
    'notes.tmp',
    'mark.bak',
    'marks.tmp',
    'lock.tmp',
    '1.seg',
    '00000000000000001.seg',
    '0000000000000000.seg',
    '9999999999999999.seg',
    '0000000000000001.seg~',
    '0000000000000001.SEG',
    'prepared-x.tmp',
    'folder.tmp/0000000000000001.seg',
    'folder/mark.tmp',
    'quarantine/notes.tmp',
    'quarantine/0000000000000001.seg.4096',
  ]
  for (const name of names) {
    mkdirSync(join(directory, name, '..'), { recursive: true })
    writeFileSync(join(directory, name), `of ${name}`)
  }
  const theirs = (tree: Record<string, unknown>) => names.map((name) => [name, tree[name]])
  const before = theirs(treeOf(directory))
  const log = await openLog(directory, { segmentBytes: 16 * 1024 })
  for (let index = 0; index < 5; index++) await log.append(Buffer.alloc(10_000))
  await log.trim(4)
  await log.close()
  await isUsable(t, join(directory, 'folder', 'log'))
  const again = await openLog(directory)
  t.like(again.recovery, { firstLsn: 4, lastLsn: 5, removedFiles: [] })
  await again.close()
  t.deepEqual(theirs(treeOf(directory)), before)
})

testWith(test, missingRoot() ?? missingAccess())(
  'a directory that may not be written to is refused, and can be read',
  async (t) => {
    const directory = temporaryDirectory(t)
    writeLogFiles(directory, { segments: [{ frames: [['a', 'b']] }] })
    chmodSync(directory, 0o755)
    const asNobody = async () => (await new FixtureProcess(t, 'open-and-read', [directory, `${NOBODY}`]).end()).lines
    const before = treeOf(directory)
    const [write, why, read] = await asNobody()
    t.is(write, 'write: SLUICE_LOCK_UNAVAILABLE open EACCES')
    t.regex(why ?? '', /lock file can't be opened for writing: .* the log must lie where this process may write/)
    t.is(read, 'read: 2 records')
    t.deepEqual(treeOf(directory), before)

    // The lock may be had, and nothing else.
    writeFileSync(join(directory, 'lock'), '')
    chownSync(join(directory, 'lock'), NOBODY, NOBODY)
    const [noMark, whyNoMark] = await asNobody()
    t.is(noMark, 'write: SLUICE_IO open EACCES')
    t.regex(whyNoMark ?? '', new RegExp(`recovering the log in ${directory}`))

    // Nor may it be read where only its owner may.
    chmodSync(join(directory, 'mark'), 0o600)
    t.regex((await asNobody()).join('\n'), /^read: SLUICE_IO open EACCES$/m)
    chmodSync(directory, 0o700)
    const lines = (await asNobody()).join('\n')
    t.regex(lines, /^write: SLUICE_(IO|LOCK_UNAVAILABLE) \w+ EACCES$/m)
    t.regex(lines, /^read: SLUICE_IO open EACCES$/m)
  },
)

// In mounts of the process's own: they are gone when it is.
const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private']

testWith(test, missingRoot() ?? missingTool('unshare', ...OWN_MOUNTS.slice(1), 'true'))(
  'a read-only file system is refused, and can be read',
  async (t) => {
    const [source, mountPoint] = [temporaryDirectory(t), temporaryDirectory(t)]
    writeLogFiles(source, { segments: [{ frames: [['a', 'b']] }, { frames: [['c']] }] })
    const mounting = 'mount -t tmpfs none "$1" && cp "$0"/* "$1" && mount -o remount,ro "$1" && shift && exec "$@"'
    const wrapper = [...OWN_MOUNTS, 'sh', '-c', mounting, source, mountPoint]
    const ending = await new FixtureProcess(t, 'open-and-read', [mountPoint], { wrapper }).end()
    const [write, why, read] = ending.lines
    t.is(write, 'write: SLUICE_LOCK_UNAVAILABLE open EROFS', ending.complaints)
    t.regex(why ?? '', /read-only file system/)
    t.is(read, 'read: 3 records')
    t.deepEqual(treeOf(mountPoint), {})
  },
)
