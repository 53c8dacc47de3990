import { constants } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isDiskFull, SluiceError, systemCode } from '../errors.js'

const FOLDER_MODE = 0o700

/** What a path, not the machine, is to blame for. */
const PATH_FAULTS = new Set(['ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'ENOENT'])

/**
 * Makes a folder and those above it that are missing, from the top down; the entry of each is synced before the next is
 * made. The path is absolute.
 *
 * Rejects with `SLUICE_INVALID_ARGUMENT` (the path, or a part of it, is not a folder), `SLUICE_DISK_FULL`, or
 * `SLUICE_IO` (a folder can't be made or synced: permissions, a read-only file system, a broken disk).
 */
export async function makeFolderPath(path: string): Promise<void> {
  const missing: string[] = []
  let existing = path
  while (!(await isFolder(existing))) {
    missing.unshift(existing)
    const parent = dirname(existing)
    if (parent === existing) throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${path} lies below no folder`)
    existing = parent
  }
  // A process that made this one may have been killed before it synced the entry. It made none below it then.
  await syncFoundFolder(dirname(existing))
  for (const folder of missing) {
    await makeFolder(folder)
    await syncFolder(dirname(folder)).catch((error: unknown) => refuse(error, `the entry of ${folder} can't be synced`))
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) return true
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    refuse(error, `${path} can't be looked at`)
  }
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${path} is not a folder`)
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, FOLDER_MODE)
  } catch (error) {
    // Another process made it in the meantime, or it is a symbolic link that leads nowhere.
    if (systemCode(error) === 'EEXIST' && (await isFolder(path))) return
    if (systemCode(error) === 'EEXIST') {
      throw new SluiceError('SLUICE_INVALID_ARGUMENT', `${path} is a link to a folder that is not there`, {
        cause: error,
      })
    }
    refuse(error, `the folder ${path} can't be made`)
  }
}

/** Syncs a folder that was there before, which may belong to somebody else: one that can't be opened is let be. */
async function syncFoundFolder(path: string): Promise<void> {
  try {
    await syncFolder(path)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EINVAL') refuse(error, `the folder ${path} can't be synced`)
  }
}

/** Nothing on Windows, which can't sync a folder. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
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
