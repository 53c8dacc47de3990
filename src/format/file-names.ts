/** The names in a log's folder, but for the lock file's, which is the file system's own. All other names are left alone. */

/** Two alternating slots: see docs/FORMAT.md. */
export const MARK_FILE = 'mark'
/** What recovery and repair cut off is kept in this folder. */
export const QUARANTINE_DIRECTORY = 'quarantine'
/** Files with this ending were never part of the log: recovery removes them. */
export const TEMPORARY_SUFFIX = '.tmp'

const SEGMENT_NAME = /^(\d{16})\.seg$/

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
