import { join } from 'node:path'
import { SluiceError, shown, systemCode } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors, withSystemErrorsLater } from '../fs/io-error.js'

/** What snapshots are written to and read from: for those who know of nothing below. */
export type SnapshotFileSystem = FileSystem

/** Where a snapshot lies. */
export interface SnapshotPlace {
  readonly fileSystem: FileSystem
  /** An absolute path; the folder is there: see {@link makeSnapshotFolder}. */
  readonly directory: string
  /** The file's name in that folder: see {@link checkSnapshotName}. */
  readonly name: string
}

/** Room is left for the ending of a temporary name: file systems allow 255 bytes. */
const NAME_BYTES_MAX = 200
/** Separators of any system, drives and streams of Windows, and control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const FORBIDDEN = /[\u0000-\u001f/\\:\u007f]/
const TEMPORARY = /\.[0-9a-f]{16}\.tmp$/

/**
 * Throws `SLUICE_INVALID_ARGUMENT` for what can't be a snapshot's name: it would leave its folder, is longer than 200 bytes
 * of UTF-8, begins with a dot, ends like a temporary file's (`.tmp`), or has characters that some system forbids.
 */
export function checkSnapshotName(name: string): void {
  const allowed =
    typeof name === 'string' &&
    name !== '' &&
    name.isWellFormed() &&
    !FORBIDDEN.test(name) &&
    !name.startsWith('.') &&
    !name.endsWith('.tmp') &&
    Buffer.byteLength(name) <= NAME_BYTES_MAX
  if (!allowed) throw new SluiceError('SLUICE_INVALID_ARGUMENT', `this can't name a file of its folder: ${shown(name)}`)
}

export function snapshotPath({ directory, name }: SnapshotPlace): string {
  checkSnapshotName(name)
  return join(directory, name)
}

/** A name of its own for each attempt, so that two writers of one name never share a file. */
export function temporaryPath(place: SnapshotPlace, nonce: Buffer): string {
  return `${snapshotPath(place)}.${nonce.toString('hex', 0, 8)}.tmp`
}

/**
 * Makes the folder, below an existing one, and its entry durable; removes the temporary files that a crash left in it.
 * Only who owns the folder may call this, and before it writes anything. Blocks; throws `SLUICE_DISK_FULL` and `SLUICE_IO`.
 */
export function makeSnapshotFolder(fileSystem: FileSystem, directory: string): void {
  withSystemErrors(`making the folder ${directory}`, () => {
    fileSystem.makeDirectorySync(directory)
    // It may be there since an attempt that a crash cut short, and its entry not yet be durable.
    fileSystem.syncDirectorySync(join(directory, '..'))
    for (const name of fileSystem.listSync(directory)) {
      if (TEMPORARY.test(name)) removeIfThere(fileSystem, join(directory, name))
    }
  })
}

/** The names of the files in a folder but temporary ones, sorted; none where there is no folder. Rejects with `SLUICE_IO`. */
export function listSnapshots(fileSystem: FileSystem, directory: string): Promise<string[]> {
  return withSystemErrorsLater(`listing ${directory}`, async () => {
    try {
      return (await fileSystem.list(directory)).filter((name) => !name.endsWith('.tmp')).sort()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      throw error
    }
  })
}

/** Removes a file where there is one, in the background: a power cut may bring it back. Rejects with `SLUICE_IO`. */
export function removeSnapshot(place: SnapshotPlace): Promise<void> {
  const path = snapshotPath(place)
  return withSystemErrorsLater(`removing ${path}`, async () => {
    try {
      await place.fileSystem.remove(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  })
}

function removeIfThere(fileSystem: FileSystem, path: string): void {
  try {
    fileSystem.removeSync(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}
