import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { SluiceError } from '../errors.js'

/** The descriptor's number in the helper: the first after stdin, stdout and stderr. */
const LOCK_FD = 3
/** Taking a free lock takes milliseconds. A network file system whose server is gone may never answer. */
const TIMEOUT_MS = 15_000
const STDERR_CHARACTERS_MAX = 1_000

/**
 * Locks an open file by means of the `flock` program (of util-linux or busybox), as Node has no flock(2) itself. The
 * helper inherits the descriptor, and with it the open file description that the lock belongs to: so the lock stays when
 * the helper exits, and ends with the last descriptor of that description, which is ours.
 *
 * Resolves to whether the lock was free. Rejects with `SLUICE_LOCK_UNAVAILABLE` where nobody can tell. The helper is
 * gone by then, either way.
 */
export async function lockWithProgram(fd: number): Promise<'taken' | 'held'> {
  const program = await findProgram()
  const { status, complaint } = await run(program, fd)
  if (status === 0) return 'taken'
  // Both programs say nothing and exit with 1 when the lock is held, and say why when anything else is wrong.
  if (status === 1 && complaint === '') return 'held'
  const ending = typeof status === 'number' ? `status ${status}` : `signal ${status}`
  throw new SluiceError(
    'SLUICE_LOCK_UNAVAILABLE',
    `${program} can't lock the lock file (${ending}): ${complaint === '' ? 'it says nothing' : complaint}. ` +
      'The directory must lie on a file system with working flock(2) locks',
  )
}

/** An absolute path: relative folders in `PATH` are passed over, as they change with the working directory. */
async function findProgram(): Promise<string> {
  const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  for (const folder of path.split(delimiter).filter(isAbsolute)) {
    const candidate = join(folder, 'flock')
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (executable) return candidate
  }
  throw new SluiceError(
    'SLUICE_LOCK_UNAVAILABLE',
    'there is no flock program in PATH, without which no lock can be taken: install util-linux (or busybox)',
  )
}

interface Outcome {
  readonly status: number | NodeJS.Signals
  readonly complaint: string
}

function run(program: string, fd: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const reason = cause instanceof Error ? cause.message : String(cause)
      reject(new SluiceError('SLUICE_LOCK_UNAVAILABLE', `${program} can't be started: ${reason}`, { cause }))
    }
    try {
      const helper = spawn(program, ['-n', String(LOCK_FD)], {
        stdio: ['ignore', 'ignore', 'pipe', fd],
        env: { LC_ALL: 'C' },
        cwd: '/',
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL',
      })
      let complaint = ''
      helper.stderr?.setEncoding('utf8').on('data', (text: string) => {
        complaint = (complaint + text).slice(0, STDERR_CHARACTERS_MAX)
      })
      helper.on('error', fail)
      // One of the two is always there once a process has ended.
      helper.on('close', (code, signal) =>
        resolve({ status: code ?? signal ?? 'SIGKILL', complaint: complaint.trim() }),
      )
    } catch (error) {
      fail(error)
    }
  })
}
