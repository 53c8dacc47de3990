import { SluiceError, shown } from '../errors.js'

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
  | 'claim'

/** One call that was made of a simulated file system. */
export interface FileSystemCall {
  readonly call: FileSystemCallName
  /** For calls on a descriptor: the path of its file, also when it was renamed since. */
  readonly path: string
  /** The second path of a rename. */
  readonly to?: string
  readonly fd?: number
  /** Where a read or write begins. */
  readonly position?: number
  /** How much was asked for: to read, to write, to cut to. */
  readonly bytes?: number
  /** The code of the error that it failed with, where it failed. */
  readonly error?: string
}

/** What goes wrong, and when. At least one of `error` and `short` says what. */
export interface Fault {
  readonly call: FileSystemCallName
  /** Only calls with a path (of a rename: one of the two) that matches count. @default all of them */
  readonly path?: RegExp | ((path: string) => boolean)
  /** Which of the calls that match, from the injection on, is the first to fail: 1 for the next one. @default 1 */
  readonly nth?: number
  /** Whether only that call fails, or all that match from then on. @default true */
  readonly once?: boolean
  /**
   * The code of a system error, such as `EIO`, `ENOSPC`, `EDQUOT` or `EINTR`. The call has no effect, with two
   * exceptions: `short` bytes of a write, and a sync, whose data counts as clean afterwards although it may not be on the
   * disk (not so with `EINTR`). A `claim` rejects with `SLUICE_LOCK_UNAVAILABLE`, and this as its cause.
   */
  readonly error?: string
  /** A read or write of more bytes than this does this many of them: successfully, where no `error` is given as well. */
  readonly short?: number
}

const SHORT_CALLS: readonly FileSystemCallName[] = ['readSync', 'writeSync', 'read', 'write']

/** The faults that lie in wait, and how far each has counted. */
export class FaultPlan {
  readonly #waiting = new Map<symbol, { readonly fault: Fault; seen: number }>()

  /** Returns what takes the fault out again. */
  add(fault: Fault): () => void {
    const { error, short, nth = 1, call } = fault
    if (error === undefined && short === undefined) refuse('a fault needs an error, short, or both')
    if (!Number.isSafeInteger(nth) || nth < 1) refuse(`nth must be a whole number from 1 on, not ${shown(nth)}`)
    if (short !== undefined) {
      if (!Number.isSafeInteger(short) || short < 0) refuse(`short must be a number of bytes, not ${shown(short)}`)
      if (!SHORT_CALLS.includes(call)) refuse(`${call} can't be short: it neither reads nor writes`)
    }
    const key = Symbol(call)
    this.#waiting.set(key, { fault, seen: 0 })
    return () => this.#waiting.delete(key)
  }

  /** The fault that this call meets: the one injected first, where there are several. All of them count the call. */
  meet({ call, path, to }: FileSystemCall): Fault | undefined {
    let met: Fault | undefined
    for (const [key, waiting] of this.#waiting) {
      const { fault } = waiting
      if (fault.call !== call || !(matches(fault, path) || (to !== undefined && matches(fault, to)))) continue
      waiting.seen++
      if (waiting.seen < (fault.nth ?? 1) || met !== undefined) continue
      met = fault
      if (fault.once ?? true) this.#waiting.delete(key)
    }
    return met
  }
}

function matches({ path }: Fault, of: string): boolean {
  if (path === undefined) return true
  // Not `test`, which goes on from where it last stopped when the expression is a global one.
  return path instanceof RegExp ? of.search(path) !== -1 : path(of)
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
