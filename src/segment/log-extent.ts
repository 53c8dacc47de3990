import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SluiceError, systemCode } from '../errors.js'
import { firstLsnOfName, MARK_FILE } from '../format/file-names.js'
import { MARK_FILE_BYTES, type Mark, readMarkFile } from '../format/mark.js'
import type { FileSystem } from '../fs/file-system.js'
import { readAtLeast } from '../fs/transfer.js'

/** What a log's folder says from outside of where the log begins and how far it is durable. */
export type LogExtent = Pick<Mark, 'logId' | 'sequence' | 'firstLsn' | 'durableLsn' | 'segmentFirstLsn'>

/** How often a mark file is read that shows no valid slot: its writer may be overwriting it at this very moment. */
const ATTEMPTS = 6
const ATTEMPT_DELAY_MS = 2

/**
 * The newest mark in a log's folder. A writer may be at work: it overwrites one slot at a time, so a slot that is caught
 * half-written costs nothing but the newest figures, and reading again finds those.
 *
 * Rejects with `SLUICE_INVALID_ARGUMENT` (no such folder, or no log in it), `SLUICE_CORRUPT` (no slot is valid, or there
 * are segments but no mark file), `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`.
 */
export async function readExtent(fileSystem: Pick<FileSystem, 'open' | 'list'>, directory: string): Promise<LogExtent> {
  for (let attempt = 1; ; attempt++) {
    const bytes = await readMark(fileSystem, directory)
    const result = bytes === undefined ? undefined : readMarkFile(bytes)
    if (result?.kind === 'valid') return result.mark
    if (result?.kind === 'unsupported') {
      const message = `the mark file in ${directory} has format version ${result.version}: a newer sluice wrote it`
      throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message)
    }
    if (attempt === ATTEMPTS || bytes === undefined) {
      const segments = await listSegments(fileSystem, directory)
      if (segments.length === 0 && (bytes === undefined || bytes.every((byte) => byte === 0))) {
        throw new SluiceError('SLUICE_INVALID_ARGUMENT', `there is no log in ${directory}`)
      }
      const reason = bytes === undefined ? 'there is no mark file' : 'the mark file is damaged'
      throw new SluiceError('SLUICE_CORRUPT', `${reason} in ${directory}: opening the log for writing restores it`)
    }
    await delay(ATTEMPT_DELAY_MS)
  }
}

/**
 * The first LSNs of the segment files in a folder, ascending. Rejects with `SLUICE_INVALID_ARGUMENT` where there is no
 * such folder, and `SLUICE_IO`.
 */
export async function listSegments(fileSystem: Pick<FileSystem, 'list'>, directory: string): Promise<number[]> {
  const names = await fileSystem.list(directory).catch((cause) => refuse(directory, cause))
  return names
    .map(firstLsnOfName)
    .filter((lsn) => lsn !== undefined)
    .sort((a, b) => a - b)
}

/** The bytes of the mark file; `undefined` where there is none. */
async function readMark(fileSystem: Pick<FileSystem, 'open'>, directory: string): Promise<Buffer | undefined> {
  try {
    const file = await fileSystem.open(join(directory, MARK_FILE))
    try {
      const bytes = Buffer.allocUnsafe(MARK_FILE_BYTES)
      return bytes.subarray(0, await readAtLeast(file, bytes, 0, 0, bytes.length))
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    return refuse(directory, cause)
  }
}

function refuse(directory: string, cause: unknown): never {
  const code = systemCode(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${directory} is not a folder`, { cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new SluiceError('SLUICE_IO', `${directory} could not be read: ${reason}`, { cause })
}
