import type { Log, LogRecord } from '../log/contract.js'

/** Positions that lie no further apart than this are read in one go: reading over a few costs less than a new search. */
const GAP_MAX = 32
/** Groups that are read at the same time. */
const GROUPS_AT_ONCE = 8

/**
 * The records at ascending positions, which are all durable. Rejects as `Log.read` does; a record that is not there is
 * `undefined`.
 */
export async function fetchRecords(
  log: Pick<Log, 'get' | 'read'>,
  positions: readonly number[],
): Promise<(LogRecord | undefined)[]> {
  const groups = groupsOf(positions)
  const records: (LogRecord | undefined)[] = []
  for (let at = 0; at < groups.length; at += GROUPS_AT_ONCE) {
    const fetched = groups.slice(at, at + GROUPS_AT_ONCE).map((group) => fetchGroup(log, group))
    for (const group of await Promise.all(fetched)) records.push(...group)
  }
  return records
}

function groupsOf(positions: readonly number[]): number[][] {
  const groups: number[][] = []
  let group: number[] = []
  for (const position of positions) {
    const before = group.at(-1)
    if (before === undefined || position - before > GAP_MAX) {
      group = []
      groups.push(group)
    }
    group.push(position)
  }
  return groups
}

async function fetchGroup(
  log: Pick<Log, 'get' | 'read'>,
  group: readonly number[],
): Promise<(LogRecord | undefined)[]> {
  const [from, to] = [group[0], group.at(-1)]
  if (from === undefined || to === undefined) return []
  if (from === to) return [await log.get(from)]
  const wanted = new Map<number, LogRecord | undefined>(group.map((position) => [position, undefined]))
  for await (const record of log.read({ from, to })) if (wanted.has(record.lsn)) wanted.set(record.lsn, record)
  return [...wanted.values()]
}
