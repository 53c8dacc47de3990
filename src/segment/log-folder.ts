import { join } from 'node:path'
import { systemCode } from '../errors.js'
import { firstLsnOfName, isTemporaryName, QUARANTINE_DIRECTORY } from '../format/file-names.js'
import type { FileSystem } from '../fs/file-system.js'

/** The names in a log's folder that mean something. */
export interface LogFolder {
  /** The first LSNs that the segments' names tell, ascending. */
  readonly segments: readonly number[]
  /** Files that were never part of the log, relative to the folder, sorted. */
  readonly temporaries: readonly string[]
  /** The names in the quarantine folder, without temporary ones, sorted. */
  readonly quarantined: readonly string[]
}

/** Lists a log's folder. Throws the system's error as it is. */
export function listLogFolder(fs: FileSystem, directory: string): LogFolder {
  const names = fs.listSync(directory)
  const quarantined = names.includes(QUARANTINE_DIRECTORY) ? listIfThere(fs, join(directory, QUARANTINE_DIRECTORY)) : []
  const segments: number[] = []
  for (const name of names) {
    const firstLsn = firstLsnOfName(name)
    if (firstLsn !== undefined) segments.push(firstLsn)
  }
  const leftInQuarantine = quarantined.filter(isTemporaryName).map((name) => `${QUARANTINE_DIRECTORY}/${name}`)
  return {
    segments: segments.sort((one, other) => one - other),
    temporaries: [...names.filter(isTemporaryName), ...leftInQuarantine].sort(),
    quarantined: quarantined.filter((name) => !isTemporaryName(name)).sort(),
  }
}

/** Removes a file, where there is one. */
export function removeIfThere(fs: FileSystem, path: string): void {
  try {
    fs.removeSync(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/** Removes a temporary file that became useless by an error, which is what its maker is to be told: not how this ends. */
export function discard(fs: FileSystem, path: string): void {
  try {
    fs.removeSync(path)
  } catch {
    // The next recovery removes what stays behind.
  }
}

function listIfThere(fs: FileSystem, directory: string): string[] {
  try {
    return fs.listSync(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
