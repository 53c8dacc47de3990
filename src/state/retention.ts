import { type BackupName, byAge } from './backup-name.js'

/** How many backups are kept. */
export interface Retention {
  readonly keep: number
  readonly daily: number
  readonly weekly: number
}

/** A backup, and when it was made: milliseconds since the epoch. */
export interface DatedBackup extends BackupName {
  readonly created: number
}

const DAY_MS = 86_400_000

/** The newest so many: those that the log is kept for. Newest first. */
export function recentBackups<Backup extends BackupName>(backups: readonly Backup[], keep: number): Backup[] {
  return [...backups].sort(byAge).slice(0, keep)
}

/** All that are kept: the recent ones, and the newest of each of the last days and weeks that have one. */
export function keptBackups(backups: readonly DatedBackup[], { keep, daily, weekly }: Retention): Set<DatedBackup> {
  const sorted = [...backups].sort(byAge)
  const day = ({ created }: DatedBackup): number => Math.floor(created / DAY_MS)
  // The epoch began on a Thursday: three days before it a week began.
  const week = (backup: DatedBackup): number => Math.floor((day(backup) + 3) / 7)
  return new Set([...sorted.slice(0, keep), ...newestOfEach(sorted, day, daily), ...newestOfEach(sorted, week, weekly)])
}

function newestOfEach(
  sorted: readonly DatedBackup[],
  period: (backup: DatedBackup) => number,
  periods: number,
): DatedBackup[] {
  const newest = new Map<number, DatedBackup>()
  for (const backup of sorted) {
    if (!newest.has(period(backup))) newest.set(period(backup), backup)
  }
  return [...newest.values()].slice(0, periods)
}
