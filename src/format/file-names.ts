/** The names in a log's folder, but for the lock file's, which is the file system's own. All other names are left alone. */

/** Two alternating slots: see docs/FORMAT.md. */
export const MARK_FILE = 'mark'
/** What recovery and repair cut off is kept in this folder. */
export const QUARANTINE_DIRECTORY = 'quarantine'
/** The ending of files that are being made. */
export const TEMPORARY_SUFFIX = '.tmp'
/** A segment that is being prepared has this name, with a number, until it is begun. */
export const PREPARED_PREFIX = 'prepared-'

const SEGMENT_NAME = /^(\d{16})\.seg$/
const TEMPORARY_NAME = /^(mark|prepared-\d+|\d{16}\.seg(\.\d+){0,2})\.tmp$/

/** A segment's file name: its first LSN, in 16 digits, so that names sort as LSNs do. */
export function segmentFileName(firstLsn: number): string {
  return `${String(firstLsn).padStart(16, '0')}.seg`
}

/** The first LSN that a file name tells; `undefined` for what is not a segment's name. */
export function firstLsnOfName(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1]
  const lsn = Number(digits)
  return digits !== undefined && Number.isSafeInteger(lsn) && lsn >= 1 ? lsn : undefined
}

/**
 * Whether a file of this name, in a log's folder or in its quarantine, was left by a crash while it was being made: it was
 * never part of the log, and recovery removes it. Somebody else's temporary files are theirs.
 */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY_NAME.test(name)
}
