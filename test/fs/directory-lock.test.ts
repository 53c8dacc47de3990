import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join, relative } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError, type SluiceErrorCode } from '../../src/errors.js'
import { claimDirectory } from '../../src/fs/directory-lock.js'
import { Claimant } from '../support/claimant.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingRoot, testWith } from '../support/tools.js'

async function refused(t: ExecutionContext, claim: Promise<unknown>, code: SluiceErrorCode): Promise<SluiceError> {
  const error = await t.throwsAsync(claim, { instanceOf: SluiceError, code })
  // ava has failed the test already where there is none.
  return error ?? new SluiceError(code, '')
}

async function claimAndRelease(directory: string): Promise<void> {
  const claim = await claimDirectory(directory)
  await claim.release()
}

test('of two processes the second is refused, and told who holds the lock', async (t) => {
  const directory = temporaryDirectory(t)
  const [holder, second] = [new Claimant(t), new Claimant(t)]
  await holder.claim(directory)
  const { message } = await refused(t, second.claim(directory), 'SLUICE_LOCKED')
  t.true(message.includes(directory), message)
  t.true(message.includes(`locked by process ${holder.pid} on host ${JSON.stringify(hostname())} since "20`), message)
})

test('of many processes at once exactly one gets the lock', async (t) => {
  const directory = temporaryDirectory(t)
  const claimants = Array.from({ length: 6 }, () => new Claimant(t))
  const outcomes = await Promise.allSettled(claimants.map((claimant) => claimant.claim(directory)))
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  t.deepEqual(
    reasons.map((reason) => reason.code),
    Array.from({ length: 5 }, () => 'SLUICE_LOCKED'),
  )
})

test('a holder killed by SIGKILL leaves no lock behind', async (t) => {
  const directory = temporaryDirectory(t)
  const [holder, next] = [new Claimant(t), new Claimant(t)]
  await holder.claim(directory)
  await holder.kill()
  await t.notThrowsAsync(next.claim(directory))
})

test('a holder that ends without releasing leaves no lock behind', async (t) => {
  const directory = temporaryDirectory(t)
  const holder = new Claimant(t)
  await holder.claim(directory)
  await holder.end()
  await t.notThrowsAsync(claimAndRelease(directory))
})

test("processes that the holder starts don't inherit the lock", async (t) => {
  const directory = temporaryDirectory(t)
  const holder = new Claimant(t)
  await holder.claim(directory)
  const bystander = await holder.spawnBystander(t)
  await holder.kill()
  await t.notThrowsAsync(claimAndRelease(directory))
  t.true(process.kill(bystander, 0), 'it is running still')
})

test('a second claim in the same process is refused, and told so', async (t) => {
  const directory = temporaryDirectory(t)
  const claim = await claimDirectory(directory)
  t.teardown(() => claim.release())
  const { message } = await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
  t.true(message.includes(`locked by this process (process ${process.pid}`), message)
})

test('of many claims in one process at once exactly one succeeds', async (t) => {
  const directory = temporaryDirectory(t)
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => claimDirectory(directory)))
  const claims = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  t.is(claims.length, 1)
  await claims[0]?.release()
})

test('a lock that was released can be taken again, here and elsewhere', async (t) => {
  const directory = temporaryDirectory(t)
  const other = new Claimant(t)
  await claimAndRelease(directory)
  await claimAndRelease(directory)
  await other.claim(directory)
  await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
  await other.release()
  await t.notThrowsAsync(claimAndRelease(directory))
})

test('releasing twice is once, and needs no folder', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const claim = await claimDirectory(directory)
  rmSync(directory, { recursive: true })
  await claim.release()
  await t.notThrowsAsync(claim.release())
})

test('releasing twice does not close a descriptor of somebody else', async (t) => {
  const directory = temporaryDirectory(t)
  const claim = await claimDirectory(directory)
  await claim.release()
  const next = await claimDirectory(directory)
  await claim.release()
  await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
  await next.release()
})

test('the lock file stays, readable by its owner only, and names the holder while there is one', async (t) => {
  const directory = temporaryDirectory(t)
  const lockFile = join(directory, 'lock')
  const claim = await claimDirectory(directory)
  t.is(statSync(lockFile).mode & 0o777, 0o600)
  const { ino } = statSync(lockFile)
  const { pid, host, since } = JSON.parse(readFileSync(lockFile, 'utf8'))
  t.deepEqual({ pid, host }, { pid: process.pid, host: hostname() })
  t.is(new Date(since).toISOString(), since)
  await claim.release()
  t.is(readFileSync(lockFile, 'utf8'), '')
  await claimAndRelease(directory)
  t.is(statSync(lockFile).ino, ino)
})

for (const [name, garbage] of [
  ['nothing', ''],
  ['half a record', '{"pid":12,"ho'],
  ['another kind of JSON', '[null, 7]'],
  ['a record with wrong types', '{"pid":"12","startTicks":1,"bootId":null,"host":{},"since":0}'],
  ['bytes that are no text', Buffer.from([0, 255, 254, 27, 91, 50, 74])],
  ['more than there should be', 'x'.repeat(1_000_000)],
] as const) {
  test(`a lock file that says ${name} is no obstacle`, async (t) => {
    const directory = temporaryDirectory(t)
    const lockFile = join(directory, 'lock')
    writeFileSync(lockFile, garbage)
    const claim = await claimDirectory(directory)
    t.is(JSON.parse(readFileSync(lockFile, 'utf8')).pid, process.pid)
    writeFileSync(lockFile, garbage)
    const { message } = await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
    t.true(message.endsWith('locked by a process that is not known: the lock file names none'), message)
    await claim.release()
  })
}

for (const [name, change, doubt] of [
  ['another host', { host: 'elsewhere' }, 'that is another host, or another container'],
  ['another boot', { bootId: 'of old' }, 'that was before this machine was last started'],
  ['a process that has ended', { pid: 2 ** 30 }, 'that process is not running any more'],
  ['a pid that was given out again', { startTicks: '1' }, 'that process is not running any more'],
] as const) {
  const linuxOnly = 'bootId' in change || 'startTicks' in change
  testWith(test, linuxOnly && process.platform !== 'linux' ? 'only Linux tells boots and reused pids' : undefined)(
    `the message doubts a lock file that names ${name}`,
    async (t) => {
      const directory = temporaryDirectory(t)
      const lockFile = join(directory, 'lock')
      const claim = await claimDirectory(directory)
      writeFileSync(lockFile, JSON.stringify({ ...JSON.parse(readFileSync(lockFile, 'utf8')), ...change }))
      const { message } = await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
      t.true(message.includes('by a process that is not known: the lock file names process '), message)
      t.true(message.endsWith(`, but ${doubt}`), message)
      await claim.release()
    },
  )
}

test('a symbolic link in the place of the lock file is refused, and what it leads to left alone', async (t) => {
  const directory = temporaryDirectory(t)
  const target = join(temporaryDirectory(t), 'target')
  writeFileSync(target, 'precious')
  symlinkSync(target, join(directory, 'lock'))
  const { message, cause } = await refused(t, claimDirectory(directory), 'SLUICE_LOCK_UNAVAILABLE')
  t.regex(message, /it is a symbolic link, which is never followed: remove it/)
  t.like(cause, { code: 'ELOOP' })
  t.is(readFileSync(target, 'utf8'), 'precious')
})

test('a folder in the place of the lock file is refused', async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'lock'))
  const error = await refused(t, claimDirectory(directory), 'SLUICE_LOCK_UNAVAILABLE')
  t.is(error.path, join(directory, 'lock'))
})

for (const [name, below] of [
  ['a file', ''],
  ['below a file', 'log'],
  ['far below a file', 'a/b/c'],
] as const) {
  test(`a directory that is ${name} is refused by its name`, async (t) => {
    const file = join(temporaryDirectory(t), 'file')
    writeFileSync(file, '')
    const { message } = await refused(t, claimDirectory(join(file, below)), 'SLUICE_INVALID_ARGUMENT')
    t.is(message, `${file} is not a folder`)
  })
}

test('a link to a folder that is not there is refused', async (t) => {
  const link = join(temporaryDirectory(t), 'link')
  symlinkSync('/nowhere/at/all', link)
  const { message } = await refused(t, claimDirectory(link), 'SLUICE_INVALID_ARGUMENT')
  t.true(message.includes(link), message)
})

test('what is no path is refused', async (t) => {
  await refused(t, claimDirectory(''), 'SLUICE_INVALID_ARGUMENT')
  await refused(t, claimDirectory('a\0b'), 'SLUICE_INVALID_ARGUMENT')
  await refused(t, claimDirectory(`/${'x'.repeat(300)}`), 'SLUICE_INVALID_ARGUMENT')
  // A caller without types can pass anything.
  await refused(t, claimDirectory(7 as unknown as string), 'SLUICE_INVALID_ARGUMENT')
})

for (const name of [
  'with spaces',
  'it\'s "$(quoted)"; `x`',
  'æøå-日本-🌊',
  'trailing/',
  './a/../b',
  '-n',
  'new\nline',
]) {
  test(`a directory named ${JSON.stringify(name)} is locked`, async (t) => {
    const root = temporaryDirectory(t)
    const claim = await claimDirectory(`${root}/${name}`)
    const { message } = await refused(t, claimDirectory(join(root, name)), 'SLUICE_LOCKED')
    t.regex(message, /by this process/)
    await claim.release()
  })
}

test('a relative path is resolved, and a path through a link names the same lock', async (t) => {
  const root = temporaryDirectory(t)
  const claim = await claimDirectory(relative(process.cwd(), join(root, 'log')))
  symlinkSync(join(root, 'log'), join(root, 'link'))
  await refused(t, claimDirectory(join(root, 'link')), 'SLUICE_LOCKED')
  await claim.release()
})

test.serial('folders that are missing are made for their owner only, however loose the umask', async (t) => {
  const root = temporaryDirectory(t)
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  await claimAndRelease(join(root, 'a/b/c'))
  for (const folder of ['a', 'a/b', 'a/b/c']) t.is(statSync(join(root, folder)).mode & 0o777, 0o700, folder)
})

test('a lock file that is replaced by another does not let two holders in', async (t) => {
  const directory = temporaryDirectory(t)
  const lockFile = join(directory, 'lock')
  const first = await claimDirectory(directory)
  // Against all advice. From now on the first holder's lock protects nothing, but the new file's lock is exclusive.
  rmSync(lockFile)
  const second = await claimDirectory(directory)
  await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
  await first.release()
  await refused(t, claimDirectory(directory), 'SLUICE_LOCKED')
  await second.release()
})

testWith(test, process.platform === 'linux' ? undefined : 'only Linux lists descriptors')(
  'failing leaves no descriptor open',
  async (t) => {
    const root = temporaryDirectory(t)
    writeFileSync(join(root, 'file'), '')
    mkdirSync(join(root, 'bad/lock'), { recursive: true })
    const claim = await claimDirectory(join(root, 'log'))
    await refused(t, claimDirectory(join(root, 'log')), 'SLUICE_LOCKED')
    await refused(t, claimDirectory(join(root, 'bad')), 'SLUICE_LOCK_UNAVAILABLE')
    await refused(t, claimDirectory(join(root, 'file')), 'SLUICE_INVALID_ARGUMENT')
    t.deepEqual(openFilesBelow(root), [join(root, 'log/lock')])
    await claim.release()
    t.deepEqual(openFilesBelow(root), [])
  },
)

function openFilesBelow(root: string): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // Listing the folder takes a descriptor itself, and other tests close theirs.
    }
  })
  return links.filter((link) => link.startsWith(root))
}

// Root may write everywhere, so another process gives up being root first.
const NOBODY = process.getuid?.() === 0 ? 65534 : undefined

test('without permission to write the lock file no lock can be had', async (t) => {
  const directory = temporaryDirectory(t)
  chmodSync(directory, 0o555)
  const error = await refused(t, new Claimant(t).claim(directory, NOBODY), 'SLUICE_LOCK_UNAVAILABLE')
  t.is(error.syscall, 'open')
  t.like(error.cause, { code: 'EACCES' })
})

test('without permission to make a folder the system’s error is told', async (t) => {
  const directory = temporaryDirectory(t)
  chmodSync(directory, 0o555)
  const error = await refused(t, new Claimant(t).claim(join(directory, 'log'), NOBODY), 'SLUICE_IO')
  t.is(error.syscall, 'mkdir')
  t.like(error.cause, { code: 'EACCES' })
})

testWith(test, missingRoot())('a folder whose parent may not be read can be claimed', async (t) => {
  const root = temporaryDirectory(t)
  mkdirSync(join(root, 'log'), { mode: 0o777 })
  chmodSync(join(root, 'log'), 0o777)
  chmodSync(root, 0o711)
  await t.notThrowsAsync(new Claimant(t).claim(join(root, 'log'), NOBODY))
})
