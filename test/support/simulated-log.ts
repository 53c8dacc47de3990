import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { firstLsnOfName } from '../../src/format/file-names.js'
import type { FileSystem } from '../../src/fs/file-system.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { type FileSystemCall, type FileSystemCallName, SimulatedFileSystem } from '../../src/testing/index.js'

/** Where simulated logs lie. */
export const DIRECTORY = '/data/log'
/** A `path` of faults that only segments under their own names match. */
export const SEGMENT = /\.seg$/
/** A segment that has no name of its own yet. */
export const NEW_SEGMENT = /\.seg\.tmp$/
export const MARK = /\/mark$/
/** A segment that is prepared ahead. */
export const PREPARED = /\/prepared-\d+\.tmp$/

/**
 * The least that `maxPendingBytes` may be: two records of {@link HALF_BYTES} fill its 8 KiB of shared memory, also
 * behind a small one that was there before; what else comes, if it has {@link SOME_BYTES}, has to wait.
 */
export const LEAST_PENDING_BYTES = 16 * 1024
export const HALF_BYTES = 4 * 1024 - 128
export const SOME_BYTES = 200

/**
 * Room for what these tests append. The default is 64 MiB: where a test opens log after log, memory that nobody uses is most
 * of what it costs, as each of them makes the garbage collector run.
 */
export const FRUGAL = { maxPendingBytes: 1024 * 1024 } as const satisfies LogOptions

export interface SimulatedLog {
  readonly log: Log
  readonly fileSystem: SimulatedFileSystem
}

/** Opens a log over a simulated file system: its writer runs in this thread. */
export async function openSimulated(
  options: LogOptions = {},
  fileSystem = new SimulatedFileSystem(),
): Promise<SimulatedLog> {
  return { log: await openLog(DIRECTORY, { ...FRUGAL, ...options, fileSystem }), fileSystem }
}

/** As {@link openSimulated}, with one record in it: what comes next goes into a segment that is there. */
export async function openBegun(options: LogOptions = {}, fileSystem?: SimulatedFileSystem): Promise<SimulatedLog> {
  const opened = await openSimulated(options, fileSystem)
  const { log } = opened
  await Promise.all([log.append('the first', { ack: 'written' }), log.flush()])
  return opened
}

/** The durable records of a log, as text. */
export async function textsOf(log: Log): Promise<string[]> {
  const texts: string[] = []
  for await (const { data } of log.read()) texts.push(data.toString())
  return texts
}

/** What a log of this file system holds when it is opened: the records as text. It is closed again. */
export async function recoveredTexts(fileSystem: SimulatedFileSystem): Promise<string[]> {
  const { log } = await openSimulated({}, fileSystem)
  const texts = await textsOf(log)
  await log.close()
  return texts
}

/** What became of a promise: how it resolved, or what it was rejected with. */
export type Settled =
  | { readonly kind: 'resolved'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly error: unknown }

/** A promise that can be looked at. */
export interface Watched {
  readonly settled: Settled | undefined
}

export function watch(promise: Promise<unknown>): Watched {
  const watched: { settled: Settled | undefined } = { settled: undefined }
  promise.then(
    (value) => {
      watched.settled = { kind: 'resolved', value }
    },
    (error: unknown) => {
      watched.settled = { kind: 'rejected', error }
    },
  )
  return watched
}

/** Lets the event loop go round until everything is done that is not waiting for time to pass. */
export async function quiet(): Promise<void> {
  // The writer in this thread goes on from one turn to the next: it never has this many to do in these tests.
  for (let turns = 0; turns < 30; turns++) await turn()
}

/** Lets the event loop go round until something holds, and time pass: for what waits for that, too. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Resolves to the error that a promise is rejected with; fails the test where it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it resolved')
}

/** Asserts that a promise is rejected by a `SluiceError` with these fields, and returns it. */
export async function rejects(
  t: ExecutionContext<unknown>,
  promise: Promise<unknown>,
  expected: Partial<SluiceError>,
): Promise<SluiceError> {
  return hasFields(t, await rejection(promise), expected)
}

/** Asserts that a call throws a `SluiceError` with these fields at once, and returns it. */
export function throws(
  t: ExecutionContext<unknown>,
  call: () => unknown,
  expected: Partial<SluiceError> & { mentions?: string },
): SluiceError {
  let thrown: unknown
  try {
    call()
  } catch (error) {
    thrown = error
  }
  const { mentions, ...fields } = expected
  const error = hasFields(t, thrown, fields)
  if (mentions !== undefined) t.true(error.message.includes(mentions), `${error.message} does not mention ${mentions}`)
  return error
}

function hasFields(t: ExecutionContext<unknown>, error: unknown, expected: Partial<SluiceError>): SluiceError {
  if (!(error instanceof SluiceError)) throw new Error(`expected a SluiceError, not ${String(error)}`, { cause: error })
  t.like(error, expected, error.message)
  return error
}

/** The calls of this name on paths that match, from the call with this number on. */
export function callsOf(
  fileSystem: SimulatedFileSystem,
  name: FileSystemCallName,
  path: RegExp,
  from = 0,
): FileSystemCall[] {
  return fileSystem.calls.slice(from).filter((call) => call.call === name && path.test(call.path))
}

/** The first LSNs of the segment files that are there, ascending. */
export function segmentsOf(fileSystem: SimulatedFileSystem): number[] {
  return fileSystem
    .listSync(DIRECTORY)
    .flatMap((name) => firstLsnOfName(name) ?? [])
    .sort((one, other) => one - other)
}

/** The paths of the descriptors that were opened and never closed. */
export function openPaths(fileSystem: SimulatedFileSystem): string[] {
  const open = new Map<number, string>()
  let nextFd = 3
  for (const { call, path, fd, error } of fileSystem.calls) {
    // Descriptors are numbered in the order in which they are opened.
    if ((call === 'openSync' || call === 'open') && error === undefined) open.set(nextFd++, path)
    else if ((call === 'closeSync' || call === 'close') && fd !== undefined) open.delete(fd)
  }
  return [...open.values()]
}

/** Puts files into a folder of a simulated file system, durably; the folder and those above it are made. */
export function putFiles(fileSystem: FileSystem, directory: string, files: ReadonlyMap<string, Uint8Array>): void {
  const parts = directory.split('/').filter(Boolean)
  for (const [index] of parts.entries()) {
    fileSystem.makeDirectorySync(`/${parts.slice(0, index + 1).join('/')}`)
    fileSystem.syncDirectorySync(`/${parts.slice(0, index).join('/')}`)
  }
  for (const [name, bytes] of files) {
    const fd = fileSystem.openSync(join(directory, name), 'create')
    fileSystem.writeSync(fd, bytes, 0, bytes.length, 0)
    fileSystem.datasyncSync(fd)
    fileSystem.closeSync(fd)
  }
  fileSystem.syncDirectorySync(directory)
}
