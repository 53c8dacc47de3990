import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { shown } from '../errors.js'

/**
 * Who took a lock, as JSON in the lock file. It is there for the message that a second opener gets: nothing is
 * decided by it, as only the kernel knows whether the lock is held.
 */
export interface LockHolder {
  readonly pid: number
  /** Clock ticks from the machine's start to the process's, so that a pid given out again is noticed; '' if unknown. */
  readonly startTicks: string
  /** Changes with every start of the machine; '' where there is no such thing. */
  readonly bootId: string
  readonly host: string
  /** When the lock was taken: ISO 8601, UTC. */
  readonly since: string
}

/** This process, as a holder from now on. */
export async function currentHolder(): Promise<LockHolder> {
  const [startTicks, bootId] = await Promise.all([startTicksOf(process.pid), currentBootId()])
  return { pid: process.pid, startTicks: startTicks ?? '', bootId, host: hostname(), since: new Date().toISOString() }
}

/** The holder that a lock file's text names; `undefined` where it names none, whatever else the text may be. */
export function parseHolder(text: string): LockHolder | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined // Garbage, or half a record: its writer was killed, or is at it just now.
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { pid, startTicks, bootId, host, since } = parsed as Partial<Record<keyof LockHolder, unknown>> // All unknown.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined
  if (typeof startTicks !== 'string' || typeof bootId !== 'string') return undefined
  if (typeof host !== 'string' || typeof since !== 'string') return undefined
  return { pid, startTicks, bootId, host, since }
}

/** Says in words who holds a lock, going by the lock file's text: "by process 12 …", or that it is not known. */
export async function describeHolder(text: string): Promise<string> {
  const holder = parseHolder(text)
  if (holder === undefined) return 'by a process that is not known: the lock file names none'
  const named = `process ${holder.pid} on host ${shown(holder.host)} since ${shown(holder.since)}`
  const doubt = await whyNotTheHolder(holder)
  if (doubt !== undefined) return `by a process that is not known: the lock file names ${named}, but ${doubt}`
  return holder.pid === process.pid ? `by this process (${named})` : `by ${named}`
}

/** Why the process that the lock file names can't be, or can't be shown to be, the one that holds the lock. */
async function whyNotTheHolder(holder: LockHolder): Promise<string | undefined> {
  if (holder.host !== hostname()) return 'that is another host, or another container'
  if (holder.bootId !== (await currentBootId())) return 'that was before this machine was last started'
  if (!(await isRunning(holder))) return 'that process is not running any more'
  return undefined
}

async function isRunning({ pid, startTicks }: LockHolder): Promise<boolean> {
  const found = await startTicksOf(pid)
  if (found !== undefined && startTicks !== '') return found === startTicks
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user answers with EPERM: it is running all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Field 22 of `/proc/<pid>/stat`, see proc(5); `undefined` where there is no such process or no `/proc`. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  // The second field is the program's name in brackets, and may hold spaces and brackets itself.
  return stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(22 - 3)
}

async function currentBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')
  return text.trim()
}
