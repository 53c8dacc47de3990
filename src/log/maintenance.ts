import { resolve } from 'node:path'
import { SluiceError, shown } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { withSystemErrors } from '../fs/io-error.js'
import { nodeFileSystem } from '../fs/node-file-system.js'
import { type InspectReport, inspectLog as inspect } from '../segment/inspect.js'
import { type RepairReport, repairLog as repair } from '../segment/repair.js'
import { type VerifyReport, verifyLog as verify } from '../segment/verify.js'

/** Options of {@link verifyLog} and {@link inspectLog}. */
export interface MaintenanceOptions {
  /** Where the files lie. @default Node's file system */
  readonly fileSystem?: FileSystem
}

/** Options of {@link repairLog}. */
export interface RepairOptions extends MaintenanceOptions {
  /** Says what repair would do, and does nothing. @default false */
  readonly dryRun?: boolean
}

/**
 * Reads every byte of a log, sealed segments too, and says what is wrong with it. It changes nothing, and takes no lock:
 * of a log that is being written to meanwhile it may say what was never so; verify a closed log, or a copy.
 *
 * It reads in the calling thread, which does nothing else meanwhile. Rejects with `SLUICE_INVALID_ARGUMENT`,
 * `SLUICE_INVALID_OPTION` and `SLUICE_IO` (also where there is no such folder). Damage is in the report, not an error.
 */
export async function verifyLog(directory: string, options: MaintenanceOptions = {}): Promise<VerifyReport> {
  const path = checkedDirectory(directory)
  return verify(checkedFileSystem('verifyLog', options, ['fileSystem']), path)
}

/**
 * Makes a damaged log one that opens again: keeps the longest dense run of whole records from its beginning on, moves
 * the rest into its `quarantine` folder, lowers the mark, and says exactly which LSNs are lost. **Appends will use those
 * LSNs again.** A log without damage is left as it is; a torn tail is none: opening the log deals with it.
 *
 * It holds the log's lock, and works in the calling thread, which does nothing else meanwhile. Rejects with
 * `SLUICE_LOCKED`, `SLUICE_LOCK_UNAVAILABLE`, `SLUICE_INVALID_ARGUMENT`, `SLUICE_INVALID_OPTION`,
 * `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO` (also where there is no such folder) and `SLUICE_DISK_FULL`: after those two
 * it can be called again.
 */
export async function repairLog(directory: string, options: RepairOptions = {}): Promise<RepairReport> {
  const path = checkedDirectory(directory)
  const fileSystem = checkedFileSystem('repairLog', options, ['fileSystem', 'dryRun'])
  const dryRun: unknown = options.dryRun ?? false
  if (typeof dryRun !== 'boolean') refuseOption(`dryRun must be true or false, not ${shown(dryRun)}`)
  // Claiming would make a folder that is missing: looking at it first refuses it.
  withSystemErrors(`repairing the log in ${path}`, () => fileSystem.listSync(path))
  const claim = await fileSystem.claim(path)
  try {
    return repair(fileSystem, path, { dryRun })
  } finally {
    await claim.release()
  }
}

/**
 * Says what lies in a log's folder: segments with their LSNs, times and sizes, the mark file, what was kept aside. It
 * changes nothing, takes no lock, and reads no more than it must: damage inside sealed segments it doesn't find.
 *
 * Rejects with `SLUICE_INVALID_ARGUMENT`, `SLUICE_INVALID_OPTION` and `SLUICE_IO` (also where there is no such folder).
 */
export async function inspectLog(directory: string, options: MaintenanceOptions = {}): Promise<InspectReport> {
  const path = checkedDirectory(directory)
  return inspect(checkedFileSystem('inspectLog', options, ['fileSystem']), path)
}

function checkedDirectory(directory: unknown): string {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    const message = `directory must be the path of a folder, not ${shown(directory)}`
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
  }
  return resolve(directory)
}

function checkedFileSystem(name: string, options: MaintenanceOptions, known: readonly string[]): FileSystem {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    refuseOption(`the options of ${name} must be an object, not ${shown(options)}`)
  }
  const unknown = Object.keys(options).find((option) => !known.includes(option))
  if (unknown !== undefined) refuseOption(`${name} has no option ${unknown}; it has ${known.join(', ')}`)
  const fileSystem: unknown = options.fileSystem
  if (fileSystem !== undefined && (typeof fileSystem !== 'object' || fileSystem === null)) {
    refuseOption(`fileSystem must be a FileSystem, not ${shown(fileSystem)}`)
  }
  return options.fileSystem ?? nodeFileSystem
}

function refuseOption(message: string): never {
  throw new SluiceError('SLUICE_INVALID_OPTION', message)
}
