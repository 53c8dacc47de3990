import { constants } from 'node:fs'
import { mkdir, open, rmdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isDiskFull, SluiceError, shown, systemCode } from '../errors.js'

const FOLDER_MODE = 0o700

/** What a path, not the machine, is to blame for. */
const PATH_FAULTS = new Set(['ENOTDIR', 'ELOOP', 'ENAMETOOLONG'])

/** The calls that it takes, which reject with system errors. */
export interface FolderCalls {
  /** Rejects where there is nothing of this name. */
  isFolder(path: string): Promise<boolean>
  /** Makes one folder below an existing one. */
  make(path: string): Promise<void>
  /** Makes the entries of this folder durable. */
  sync(path: string): Promise<void>
  /** Removes an empty folder. */
  remove(path: string): Promise<void>
}

const nodeFolders: FolderCalls = {
  isFolder: async (path) => (await stat(path)).isDirectory(),
  make: (path) => mkdir(path, FOLDER_MODE),
  remove: (path) => rmdir(path),
  async sync(path) {
    if (process.platform === 'win32') return // Folders can't be synced there.
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
}

/**
 * The absolute path of a directory that a caller names. Throws `SLUICE_INVALID_ARGUMENT` for what is no path, and for a
 * relative one where the working directory is not there any more.
 */
export function absoluteFolder(directory: string): string {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `directory must be a path, not ${shown(directory)}`)
  }
  try {
    return resolve(directory)
  } catch (cause) {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${directory} lies in no folder: there is none to work in`, {
      cause,
    })
  }
}

/**
 * Makes a folder and those above it that are missing, from the top down; the entry of each is synced before the next is
 * made. The path is absolute.
 *
 * Rejects with `SLUICE_INVALID_ARGUMENT` (the path, or a part of it, is not a folder), `SLUICE_DISK_FULL`, or
 * `SLUICE_IO` (a folder can't be made or synced: permissions, a read-only file system, a broken disk).
 */
export async function makeFolderPath(path: string, folders: FolderCalls = nodeFolders): Promise<void> {
  const missing: string[] = []
  let existing = path
  while (!(await isThere(existing, folders))) {
    missing.unshift(existing)
    const parent = dirname(existing)
    if (parent === existing) throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${path} lies below no folder`)
    existing = parent
  }
  // A process that made this one may have been killed before it synced the entry. It made none below it then.
  await syncFound(dirname(existing), folders)
  for (const folder of missing) {
    await make(folder, folders)
    try {
      await folders.sync(dirname(folder))
    } catch (error) {
      // Its entry counts as clean now, and no later sync would prove anything: the next attempt has to make it anew.
      await folders.remove(folder).catch(() => {}) // What is in the way of that, the error below tells better.
      refuse(error, `the entry of ${folder} can't be synced`)
    }
  }
}

async function isThere(path: string, folders: FolderCalls): Promise<boolean> {
  try {
    if (await folders.isFolder(path)) return true
  } catch (error) {
    const code = systemCode(error)
    // Something above it may be a file: that is found, and refused, on the way up.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    refuse(error, `${path} can't be looked at`)
  }
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${path} is not a folder`)
}

async function make(path: string, folders: FolderCalls): Promise<void> {
  try {
    await folders.make(path)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') refuse(error, `the folder ${path} can't be made`)
    // Another process made it in the meantime, unless this is a symbolic link to nowhere.
    if (await isThere(path, folders)) return
    const message = `${path} is a link to a folder that is not there`
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', message, { cause: error })
  }
}

/** Syncs a folder that was there before, which may belong to somebody else: one that can't be opened is let be. */
async function syncFound(path: string, folders: FolderCalls): Promise<void> {
  try {
    await folders.sync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EINVAL') refuse(error, `the folder ${path} can't be synced`)
  }
}

function refuse(cause: unknown, what: string): never {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `${what}: ${reason}`
  if (isDiskFull(cause)) throw new SluiceError('SLUICE_DISK_FULL', message, { cause })
  const code = systemCode(cause)
  const pathFault = code !== undefined && PATH_FAULTS.has(code)
  throw new SluiceError(pathFault ? 'SLUICE_INVALID_ARGUMENT' : 'SLUICE_IO', message, { cause })
}
