import { close, constants, fstat, ftruncate, open, write } from 'node:fs'
import * as files from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isDiskFull, SluiceError, systemCode } from '../errors.js'
import type { DirectoryClaim } from './file-system.js'
import { lockWithProgram } from './flock-program.js'
import { absoluteFolder, makeFolderPath } from './folder-path.js'
import { currentHolder, describeHolder } from './lock-holder.js'

/** The file that is locked. It is never removed: two processes could then hold locks on two files of this name. */
export const LOCK_FILE = 'lock'
const LOCK_FILE_MODE = 0o600
/** More than a record of the holder ever takes. */
const HOLDER_BYTES_MAX = 4096
/** How long a lock that nobody says to hold is waited for, time after time. */
const NOBODYS_LOCK_WAITS_MS = [2, 10, 50]
/** How often a lock file may turn out to have been replaced while it was being locked. */
const ATTEMPTS_MAX = 10

/**
 * Where opening and locking are one call: libuv's UV_FS_O_EXLOCK (on Windows nobody else can open the file then), and
 * what the call answers when someone holds the lock.
 */
const LOCKING_OPEN: Readonly<Partial<Record<NodeJS.Platform, { readonly flags: number; readonly held: string }>>> = {
  darwin: { flags: 0x20, held: 'EAGAIN' },
  win32: { flags: 0x1000_0000, held: 'EBUSY' },
}
const lockingOpen = LOCKING_OPEN[process.platform]

/** Opened by raw descriptors: a `FileHandle`, and the lock with it, would be closed when it is collected. */
const openAsync = promisify(open)
const closeAsync = promisify(close)
const fstatAsync = promisify(fstat)
const truncateAsync = promisify(ftruncate)
const writeAsync = promisify<number, string, number, number>(write)

/**
 * Makes the directory where it is missing, and takes its lock: of all the processes that claim it, and all the claims in
 * one process, one succeeds. The lock ends with {@link DirectoryClaim.release}, or with this process, whatever ends that.
 *
 * It is the kernel's lock on an open file description: flock(2) on Linux, by means of the `flock` program; O_EXLOCK on
 * macOS; an exclusive open on Windows. All calls are asynchronous. A relative path is resolved.
 *
 * Rejects with a `SluiceError`:
 * - `SLUICE_LOCKED`: someone holds the lock; the message says who, going by what the holder wrote into the lock file.
 * - `SLUICE_LOCK_UNAVAILABLE`: no such lock can be had. There is no `flock` program, the lock file can't be opened for
 *   writing (permissions, a read-only file system, a symbolic link of that name), or the file system ignores locks.
 * - `SLUICE_INVALID_ARGUMENT`: the path, or a part of it, is not a folder, or not a path at all.
 * - `SLUICE_DISK_FULL`: there is no room for a folder or for the lock file.
 * - `SLUICE_IO`: a folder can't be made or synced, or a system call failed that has nothing to do with locks.
 */
export async function claimDirectory(directory: string): Promise<DirectoryClaim> {
  const path = absoluteFolder(directory)
  await makeFolderPath(path)
  const lockFile = join(path, LOCK_FILE)
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const lock = await tryLock(path, lockFile)
    if (lock !== undefined) return lock
  }
  throw new SluiceError('SLUICE_LOCK_UNAVAILABLE', `${lockFile} is replaced again and again while it is being locked`)
}

/** Resolves to `undefined` when the file that was locked is not the one of that name any more. */
async function tryLock(directory: string, lockFile: string): Promise<DirectoryClaim | undefined> {
  const fd = await openLockFile(directory, lockFile)
  let stillThere: boolean
  try {
    await refuseWhatIsNoFile(fd, lockFile)
    if (lockingOpen === undefined) await lockOrRefuse(fd, directory, lockFile)
    stillThere = await isStillThere(fd, lockFile)
    if (stillThere && lockingOpen === undefined) await refuseLockThatLocksNothing(fd, directory, lockFile)
  } catch (error) {
    await closeAsync(fd)
    throw error
  }
  if (!stillThere) {
    await closeAsync(fd)
    return undefined
  }
  await noteHolder(fd)
  return new HeldLock(fd)
}

/**
 * Locks the open file, or rejects with `SLUICE_LOCKED`. A lock that was given back can last a moment longer, in a process
 * that another thread had just forked and that has not begun its program: it is asked for again where nobody says that he holds it.
 */
async function lockOrRefuse(fd: number, directory: string, lockFile: string): Promise<void> {
  for (const waitMs of [...NOBODYS_LOCK_WAITS_MS, undefined]) {
    if ((await lockWithProgram(fd)) === 'taken') return
    if (waitMs === undefined || (await holderText(lockFile)) !== '') break
    await delay(waitMs)
  }
  await refuseAsLocked(directory, lockFile)
}

async function openLockFile(directory: string, lockFile: string): Promise<number> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants // Windows lacks the last two.
  // O_NONBLOCK: opening fails when the lock is held, and can't hang on something that is no regular file.
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (lockingOpen?.flags ?? 0)
  try {
    return await openAsync(lockFile, flags, LOCK_FILE_MODE)
  } catch (cause) {
    const code = systemCode(cause)
    if (lockingOpen !== undefined && code === lockingOpen.held) await refuseAsLocked(directory, lockFile)
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (isDiskFull(cause)) {
      throw new SluiceError('SLUICE_DISK_FULL', `there is no room for the lock file: ${reason}`, { cause })
    }
    if (code === 'EMFILE' || code === 'ENFILE' || code === 'EIO') {
      throw new SluiceError('SLUICE_IO', `the lock file can't be opened: ${reason}`, { cause })
    }
    const advice =
      code === 'ELOOP'
        ? 'it is a symbolic link, which is never followed: remove it'
        : 'the log must lie where this process may write'
    throw new SluiceError(
      'SLUICE_LOCK_UNAVAILABLE',
      `no lock can be taken, as the lock file can't be opened for writing: ${reason}; ${advice}`,
      { cause },
    )
  }
}

async function refuseWhatIsNoFile(fd: number, lockFile: string): Promise<void> {
  if ((await fstatAsync(fd)).isFile()) return
  throw new SluiceError('SLUICE_LOCK_UNAVAILABLE', `${lockFile} is not a regular file: remove it`)
}

/** Whether the locked file still has its name: if not, another process may hold a lock on another file of that name. */
async function isStillThere(fd: number, lockFile: string): Promise<boolean> {
  if (process.platform === 'win32') return true // An open file can't be removed or replaced there.
  const locked = await fstatAsync(fd)
  const named = await files.lstat(lockFile).catch(() => undefined)
  return named?.ino === locked.ino && named.dev === locked.dev
}

/**
 * Makes sure that the lock just taken keeps others out: some file systems, and some programs of the name `flock`, take
 * locks and ignore them. The kernel lists the locks of a descriptor; where it lists none (as with locks that a
 * file system keeps by itself), a second attempt must fail.
 */
async function refuseLockThatLocksNothing(fd: number, directory: string, lockFile: string): Promise<void> {
  const listed = await files.readFile(`/proc/self/fdinfo/${fd}`, 'latin1').catch(() => '')
  if (/^lock:.*\bFLOCK\b.*\bWRITE\b/m.test(listed)) return
  const second = await openLockFile(directory, lockFile)
  try {
    if ((await lockWithProgram(second)) === 'held') return
  } finally {
    await closeAsync(second)
  }
  throw new SluiceError(
    'SLUICE_LOCK_UNAVAILABLE',
    `a lock on ${lockFile} keeps nobody out: the log must lie on a file system with working flock(2) locks`,
  )
}

async function refuseAsLocked(directory: string, lockFile: string): Promise<never> {
  throw new SluiceError('SLUICE_LOCKED', `${directory} is locked ${await describeHolder(await holderText(lockFile))}`)
}

/** What the lock file says; nothing where it can't be read, as on Windows while it is locked. */
async function holderText(lockFile: string): Promise<string> {
  const file = await files.open(lockFile).catch(() => undefined)
  if (file === undefined) return ''
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HOLDER_BYTES_MAX), 0, HOLDER_BYTES_MAX, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return '' // The message does without it.
  } finally {
    await file.close()
  }
}

/** The lock is held whether this is noted or not, so that a full disk, for one, is no reason to give it up again. */
async function noteHolder(fd: number): Promise<void> {
  try {
    const record = `${JSON.stringify(await currentHolder())}\n`
    await truncateAsync(fd, 0)
    await writeAsync(fd, record, 0)
  } catch {
    // The next opener's message will say that the holder is not known.
  }
}

class HeldLock implements DirectoryClaim {
  readonly #fd: number
  #released: Promise<void> | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }

  async #release(): Promise<void> {
    // Whoever takes the lock next must not be mistaken for this process until it has written its own name.
    await truncateAsync(this.#fd, 0).catch(() => {})
    // The lock is gone even if closing reports an error, which could only concern the holder's name.
    await closeAsync(this.#fd).catch(() => {})
  }
}
