import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { Claimant } from '../support/claimant.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { missingRoot, missingTool, testWith } from '../support/tools.js'

const onLinux = testWith(test, process.platform === 'linux' ? undefined : 'only Linux locks with the flock program')

/** A folder for PATH whose `flock` is this shell script. */
function pathWithFlock(t: ExecutionContext, script: string): string {
  const folder = temporaryDirectory(t)
  writeFileSync(join(folder, 'flock'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'flock'), 0o755)
  return folder
}

/** The machine's own one, for scripts that run it. */
function realFlock(): string {
  const folders = (process.env['PATH'] ?? '').split(':')
  return `${folders.find((folder) => missingTool(`${folder}/flock`, '--version') === undefined) ?? '/usr/bin'}/flock`
}

async function unavailable(t: ExecutionContext, path: string, message: RegExp): Promise<void> {
  await t.throwsAsync(new Claimant(t, { path }).claim(temporaryDirectory(t)), {
    instanceOf: SluiceError,
    code: 'SLUICE_LOCK_UNAVAILABLE',
    message,
  })
}

onLinux('without a flock program in PATH no lock can be had, and the message says what to install', async (t) => {
  await unavailable(t, temporaryDirectory(t), /no flock program in PATH.*install util-linux/)
  await unavailable(t, '', /no flock program in PATH/)
})

onLinux('a flock program that only a relative PATH leads to is not run', async (t) => {
  const folder = pathWithFlock(t, 'exit 0')
  const claimant = new Claimant(t, { path: '.::flock', cwd: folder })
  await t.throwsAsync(claimant.claim(temporaryDirectory(t)), { code: 'SLUICE_LOCK_UNAVAILABLE', message: /no flock/ })
})

onLinux('a flock program that complains means no lock, and its complaint is passed on', async (t) => {
  await unavailable(t, pathWithFlock(t, 'echo "No locks available" >&2; exit 71'), /status 71\): No locks available/)
  await unavailable(t, pathWithFlock(t, 'echo "flock: Bad descriptor" >&2; exit 1'), /status 1\): flock: Bad/)
  await unavailable(t, pathWithFlock(t, 'exit 70'), /status 70\): it says nothing/)
  await unavailable(t, pathWithFlock(t, 'kill -KILL $$'), /signal SIGKILL/)
})

onLinux("a flock program that can't be started means no lock", async (t) => {
  const folder = temporaryDirectory(t)
  writeFileSync(join(folder, 'flock'), '#!/no/such/interpreter\n')
  chmodSync(join(folder, 'flock'), 0o755)
  await unavailable(t, folder, /can't be started: .*ENOENT/)
})

onLinux('a flock program that takes no lock is found out', async (t) => {
  await unavailable(t, pathWithFlock(t, 'exit 0'), /keeps nobody out/)
})

onLinux('a lock file that is replaced while it is being locked is locked again', async (t) => {
  const directory = temporaryDirectory(t)
  const path = pathWithFlock(
    t,
    // Once: the new file stays.
    `cd "${directory}"; [ -e replaced ] || { rm lock; : > lock; : > replaced; }; exec ${realFlock()} "$@"`,
  )
  await new Claimant(t, { path }).claim(directory)
  t.true(existsSync(join(directory, 'replaced')))
  await t.throwsAsync(new Claimant(t).claim(directory), { code: 'SLUICE_LOCKED', message: /locked by process / })
})

onLinux('a lock that nobody says to hold may end in a moment: it is asked for again, and not for ever', async (t) => {
  const directory = temporaryDirectory(t)
  const counted = (held: number): string =>
    pathWithFlock(
      t,
      `cd "${directory}"; echo x >> asked; [ "$(wc -l < asked)" -gt ${held} ] || exit 1; exec ${realFlock()} "$@"`,
    )
  const asked = (): number => readFileSync(join(directory, 'asked'), 'utf8').length / 2
  await t.throwsAsync(new Claimant(t, { path: `${counted(4)}:${process.env['PATH']}` }).claim(directory), {
    code: 'SLUICE_LOCKED',
  })
  t.is(asked(), 4)
  await new Claimant(t, { path: `${counted(7)}:${process.env['PATH']}` }).claim(directory)
  t.is(asked(), 8, 'the fourth time it was free')
  const third = new Claimant(t, { path: `${counted(0)}:${process.env['PATH']}` })
  await t.throwsAsync(third.claim(directory), { code: 'SLUICE_LOCKED', message: /locked by process / })
  t.is(asked(), 9, 'where somebody says that he holds it, he does')
})

onLinux('a lock file that is replaced each time can not be locked', async (t) => {
  const directory = temporaryDirectory(t)
  const path = pathWithFlock(t, `cd "${directory}"; rm lock; : > lock; exec ${realFlock()} "$@"`)
  await t.throwsAsync(new Claimant(t, { path }).claim(directory), {
    code: 'SLUICE_LOCK_UNAVAILABLE',
    message: /replaced again and again/,
  })
})

testWith(test, missingTool('mkfifo', '--version'))('a pipe in the place of the lock file is refused', async (t) => {
  const directory = temporaryDirectory(t)
  execFileSync('mkfifo', [join(directory, 'lock')])
  await t.throwsAsync(new Claimant(t).claim(directory), {
    code: 'SLUICE_LOCK_UNAVAILABLE',
    message: /is not a regular file: remove it/,
  })
})

onLinux('the flock program gets the lock file, and nothing else of this process', async (t) => {
  const directory = temporaryDirectory(t)
  // What it prints comes back as its complaint, as there is a name that ls can't list. The last link is ls's own.
  const files = new Claimant(t, { path: pathWithFlock(t, 'exec /bin/ls -l /proc/self/fd /no/such/name >&2') })
  const listed = await t.throwsAsync(files.claim(directory), { code: 'SLUICE_LOCK_UNAVAILABLE' })
  const links = [...(listed?.message.matchAll(/(\d+) -> (\/\S+)/g) ?? [])].map(([, fd, file]) => `${fd} ${file}`)
  t.deepEqual(links.slice(0, 2), ['0 /dev/null', `3 ${join(directory, 'lock')}`])
  t.is(links.length, 3, listed?.message)
  t.regex(listed?.message ?? '', /\b2 -> (socket|pipe):/)

  const surroundings = new Claimant(t, { path: pathWithFlock(t, 'pwd >&2; set >&2; exit 1') })
  const told = await t.throwsAsync(surroundings.claim(directory), { code: 'SLUICE_LOCK_UNAVAILABLE' })
  t.regex(told?.message ?? '', /status 1\): \/$/m)
  t.regex(told?.message ?? '', /^LC_ALL='?C'?$/m)
  t.notRegex(told?.message ?? '', /^(HOME|NODE_CHANNEL_FD)=/m)
})

testWith(test, missingTool('strace', '-o', '/dev/null', 'true'))(
  'the entry of each folder that is made is synced before the next one is made',
  async (t) => {
    const root = temporaryDirectory(t)
    const trace = join(temporaryDirectory(t), 'trace')
    mkdirSync(join(root, 'a'))
    const wrapper = ['strace', '-f', '-y', '-e', 'trace=mkdir,mkdirat,fsync', '-s', '4096', '-o', trace]
    const claimant = new Claimant(t, { wrapper })
    await claimant.claim(join(root, 'a/b/c'))
    await claimant.end()
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const call = /(mkdir|fsync)(?:at)?\((?:AT_FDCWD[^,]*, )?(?:"|\d+<)([^">]*)/.exec(line)
        return call === null ? [] : [`${call[1]} ${call[2]?.replace(root, '')}`]
      })
    t.deepEqual(calls, ['fsync ', 'mkdir /a/b', 'fsync /a', 'mkdir /a/b/c', 'fsync /a/b'])
  },
)

// The mount lives in a mount namespace of its own, and is gone with the last process in it, however that ends.
const OWN_MOUNTS = ['unshare', '--mount', '--propagation', 'private']
testWith(test, missingRoot() ?? missingTool('unshare', ...OWN_MOUNTS.slice(1), 'true'))(
  'on a read-only file system no lock can be had, and no folder made',
  async (t) => {
    const directory = temporaryDirectory(t)
    const mounting = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
    const claimant = new Claimant(t, { wrapper: [...OWN_MOUNTS, 'sh', '-c', mounting, directory] })
    const noLock = await t.throwsAsync(claimant.claim(directory), { code: 'SLUICE_LOCK_UNAVAILABLE' })
    t.like(noLock?.cause, { code: 'EROFS' })
    const noFolder = await t.throwsAsync(claimant.claim(join(directory, 'log')), { code: 'SLUICE_IO' })
    t.like(noFolder?.cause, { code: 'EROFS' })
  },
)

testWith(test, missingRoot() ?? missingTool('unshare', ...OWN_MOUNTS.slice(1), 'true'))(
  'on a full file system a lock can still be had where the lock file is there, and the disk is blamed where it is not',
  async (t) => {
    const directory = temporaryDirectory(t)
    const mounting =
      'mount -t tmpfs -o size=64k,nr_inodes=4 none "$0" && mkdir "$0/old" && : > "$0/old/lock" && : > "$0/last-inode" && ' +
      '{ head -c 100000 /dev/zero > "$0/old/lock"; : ; } 2>/dev/null; exec "$@"'
    const claimant = new Claimant(t, { wrapper: [...OWN_MOUNTS, 'sh', '-c', mounting, directory] })
    await t.throwsAsync(claimant.claim(directory), { code: 'SLUICE_DISK_FULL' })
    await t.throwsAsync(claimant.claim(join(directory, 'new')), { code: 'SLUICE_DISK_FULL' })
    await t.notThrowsAsync(claimant.claim(join(directory, 'old')))
  },
)
