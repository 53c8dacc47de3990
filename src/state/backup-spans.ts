import type { Log } from '../log/contract.js'
import type { BackupName } from './backup-name.js'
import type { Backups } from './backups.js'
import { decodeStateRecord } from './state-record.js'
import type { ReplacedAt } from './state-snapshot.js'

/** For how long the state of a backup was that of the store, as far as anybody knows: milliseconds since the epoch. */
export interface BackupSpan {
  readonly lsn: number
  /** The time of the last record in it. */
  readonly from: number
  /** That of the first write that is not; `undefined` where nobody has noted it. */
  readonly until: number | undefined
}

/**
 * When the states of the backups that are there were replaced by the next write. The log tells as long as it has that write;
 * what it gives up, the next checkpoint notes before: so each backup knows it of all that are older.
 */
export async function replacedTimes(source: Pick<Log, 'read' | 'firstLsn'>, backups: Backups): Promise<ReplacedAt> {
  const noted = await notedTimes(backups)
  const found = new Map<number, number>()
  for (const { lsn } of await backups.list()) {
    if (found.has(lsn)) continue
    const time = noted.get(lsn) ?? (await firstWriteBehind(source, lsn))
    if (time !== undefined) found.set(lsn, time)
  }
  return found
}

/** The spans of the backups next to a moment that none of them, and nothing in the log, tells: the last before it, the first behind it. */
export async function spansAround(
  backups: Backups,
  moment: number | Date,
): Promise<{ readonly before?: BackupSpan; readonly after?: BackupSpan }> {
  const noted = await notedTimes(backups)
  let after: BackupSpan | undefined
  for (const backup of await backups.list()) {
    const head = await backups.headOf(backup)
    if (head === undefined) continue
    const span = { lsn: head.lsn, from: head.time, until: noted.get(head.lsn) }
    const isAfter = typeof moment === 'number' ? span.lsn > moment : span.from > moment.getTime()
    if (!isAfter) return { before: span, ...(after === undefined ? {} : { after }) }
    after = span
  }
  return after === undefined ? {} : { after }
}

/** Whether this backup, which the log doesn't go on from, is known to have been the state at a time behind its last record. */
export async function isKnownAt(backups: Backups, { lsn }: BackupName, time: number): Promise<boolean> {
  return time < ((await notedTimes(backups)).get(lsn) ?? Number.NEGATIVE_INFINITY)
}

/** What the newest backup that is whole has noted. */
async function notedTimes(backups: Backups): Promise<ReplacedAt> {
  for (const backup of await backups.list()) {
    const head = await backups.headOf(backup)
    if (head !== undefined) return head.replaced
  }
  return new Map()
}

/** The time of the first record behind this one that changes a key; `undefined` where the log does not have it, or there is none yet. */
async function firstWriteBehind(source: Pick<Log, 'read' | 'firstLsn'>, lsn: number): Promise<number | undefined> {
  if (lsn + 1 < source.firstLsn) return undefined
  for await (const { lsn: next, timestamp, data } of source.read({ from: lsn + 1 })) {
    if (decodeStateRecord(next, data).kind !== 'checkpoint') return timestamp
  }
  return undefined
}
