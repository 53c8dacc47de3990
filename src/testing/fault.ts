import { SluiceError, shown } from '../errors.js'
import type { OpenMode } from '../fs/file-system.js'

/** The methods of a `FileSystem`, and those of the files and claims that it hands out. */
export type FileSystemCallName =
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'writeSync'
  | 'datasyncSync'
  | 'truncateSync'
  | 'sizeSync'
  | 'listSync'
  | 'makeDirectorySync'
  | 'renameSync'
  | 'removeSync'
  | 'syncDirectorySync'
  | 'open'
  | 'read'
  | 'size'
  | 'close'
  | 'list'
  | 'write'
  | 'datasync'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'claim'

/** One call that was made of a simulated file system. */
export interface FileSystemCall {
  readonly call: FileSystemCallName
  /** For calls on a descriptor: the path of its file, also when it was renamed since. */
  readonly path: string
  /** The second path of a rename. */
  readonly to?: string
  readonly fd?: number
  /** What a file is opened for; `open` has none, as it only reads. */
  readonly mode?: OpenMode
  /** Where a read or write begins. */
  readonly position?: number
  /** How much was asked for: to read, to write, to cut to. */
  readonly bytes?: number
  /** The code of the error that it failed with, where it failed. */
  readonly error?: string
}

/** What goes wrong, and when. At least one of `error`, `short`, `delayMs` and `hold` says what; they can be combined. */
export interface Fault {
  readonly call: FileSystemCallName
  /** Only calls with a path (of a rename: one of the two) that matches count. @default all of them */
  readonly path?: RegExp | ((path: string) => boolean)
  /** Which of the calls that match, from the injection on, is the first to fail: 1 for the next one. @default 1 */
  readonly nth?: number
  /** Whether only that call fails, or all that match from then on. @default true */
  readonly once?: boolean
  /**
   * The code of a system error, such as `EIO`, `ENOSPC`, `EDQUOT` or `EINTR`. The call has no effect, with three
   * exceptions: `short` bytes of a write; a sync, whose data counts as clean afterwards although it may not be on the
   * disk, whatever the error is; and a close, after which the descriptor is closed. A `claim` rejects with
   * `SLUICE_LOCK_UNAVAILABLE`, and this as its cause.
   */
  readonly error?: string
  /** A read or write of more bytes than this does this many of them: successfully, where no `error` is given as well. */
  readonly short?: number
  /**
   * The call is slow, in milliseconds. An asynchronous one takes effect and settles so much later, and others pass it
   * meanwhile. A synchronous one blocks its thread for so long, as it does on a slow disk: nothing else runs in it.
   */
  readonly delayMs?: number
  /**
   * An asynchronous call takes effect, and settles, only once the fault is taken out again, by what `inject` returned; if
   * its file was closed meanwhile, it fails with `EBADF`. It is refused for synchronous calls, which nobody could let go
   * on any more.
   */
  readonly hold?: boolean
}

const SHORT_CALLS: readonly FileSystemCallName[] = ['readSync', 'writeSync', 'read', 'write']
const LATER_CALLS: readonly FileSystemCallName[] = [
  'open',
  'read',
  'size',
  'close',
  'list',
  'write',
  'datasync',
  'rename',
  'remove',
  'syncDirectory',
  'claim',
]

/** A fault, and what it has come to. */
class WaitingFault {
  readonly fault: Fault
  /** Calls that matched so far. */
  seen = 0
  /** Resolves once the fault was taken out: calls that are held go on then. */
  readonly released: Promise<void>
  #release: () => void = () => {}

  constructor(fault: Fault) {
    this.fault = fault
    this.released = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#release()
  }
}

/** What a call meets. */
export interface MetFault extends Fault {
  /** For {@link Fault.hold}. */
  readonly released: Promise<void>
}

/** The faults that lie in wait, and how far each has counted. */
export class FaultPlan {
  readonly #waiting = new Set<WaitingFault>()
  readonly #holding = new Set<WaitingFault>()

  /** Returns what takes the fault out again, and lets go the calls that it holds. */
  add(fault: Fault): () => void {
    check(fault)
    const waiting = new WaitingFault(fault)
    this.#waiting.add(waiting)
    if (fault.hold === true) this.#holding.add(waiting)
    return () => {
      this.#waiting.delete(waiting)
      this.#holding.delete(waiting)
      waiting.release()
    }
  }

  /** The fault that this call meets: the one injected first, where there are several. All of them count the call. */
  meet({ call, path, to }: FileSystemCall): MetFault | undefined {
    let met: WaitingFault | undefined
    for (const waiting of this.#waiting) {
      const { fault } = waiting
      if (fault.call !== call || !(matches(fault, path) || (to !== undefined && matches(fault, to)))) continue
      waiting.seen++
      if (waiting.seen < (fault.nth ?? 1) || met !== undefined) continue
      met = waiting
      if (fault.once ?? true) this.#waiting.delete(waiting)
    }
    return met && { ...met.fault, released: met.released }
  }

  /** Lets go all calls that are held. */
  releaseAll(): void {
    for (const waiting of this.#holding) waiting.release()
  }
}

function check({ error, short, delayMs, hold, nth = 1, call }: Fault): void {
  if (error === undefined && short === undefined && delayMs === undefined && hold !== true) {
    refuse('a fault needs an error, short, delayMs or hold')
  }
  if (!Number.isSafeInteger(nth) || nth < 1) refuse(`nth must be a whole number from 1 on, not ${shown(nth)}`)
  if (short !== undefined) {
    if (!Number.isSafeInteger(short) || short < 0) refuse(`short must be a number of bytes, not ${shown(short)}`)
    if (!SHORT_CALLS.includes(call)) refuse(`${call} can't be short: it neither reads nor writes`)
  }
  if (delayMs !== undefined && !(delayMs >= 0 && delayMs < 2 ** 31)) {
    refuse(`delayMs must be a number of milliseconds, not ${shown(delayMs)}`)
  }
  if (hold === true && !LATER_CALLS.includes(call)) refuse(`${call} can't be held: it blocks who could let it go on`)
}

function matches({ path }: Fault, of: string): boolean {
  if (path === undefined) return true
  // Not `test`, which goes on from where it last stopped when the expression is a global one.
  return path instanceof RegExp ? of.search(path) !== -1 : path(of)
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
