import type { Log, LogRecord } from '../log/contract.js'

/** Positions that lie no further apart than this are read in one go: reading over a few costs less than a new search. */
const GAP_MAX = 32
/** Groups that are read at the same time. */
const GROUPS_AT_ONCE = 8

/** What records are read from. */
export type RecordSource = Pick<Log, 'get' | 'read'>

/**
 * The records at positions that are all durable, ascending or descending, in their order: the first of them, with about
 * `maxBytes` together, and one at least. Rejects as `Log.read` does; a record that is not there is `undefined`.
 */
export async function fetchRecords(
  log: RecordSource,
  positions: readonly number[],
  maxBytes: number,
): Promise<(LogRecord | undefined)[]> {
  const groups = groupsOf(positions)
  const records: (LogRecord | undefined)[] = []
  let bytes = 0
  for (let at = 0; at < groups.length; at += GROUPS_AT_ONCE) {
    const slice = groups.slice(at, at + GROUPS_AT_ONCE)
    const fetched = await Promise.all(slice.map((group) => fetchGroup(log, group, maxBytes)))
    for (const [index, group] of fetched.entries()) {
      for (const record of group) {
        const length = record?.data.length ?? 0
        if (records.length > 0 && bytes + length > maxBytes) return records
        records.push(record)
        bytes += length
      }
      if (group.length < (slice[index]?.length ?? 0)) return records
    }
  }
  return records
}

function groupsOf(positions: readonly number[]): number[][] {
  const groups: number[][] = []
  let group: number[] = []
  for (const position of positions) {
    const before = group.at(-1)
    if (before === undefined || Math.abs(position - before) > GAP_MAX) {
      group = []
      groups.push(group)
    }
    group.push(position)
  }
  return groups
}

/** The first records of a group, in its order. */
async function fetchGroup(
  log: RecordSource,
  group: readonly number[],
  maxBytes: number,
): Promise<(LogRecord | undefined)[]> {
  const [first, last] = [group[0], group.at(-1)]
  if (first === undefined || last === undefined) return []
  if (first === last) return [await log.get(first)]
  const wanted = new Set(group)
  const found = new Map<number, LogRecord>()
  /** The first position of the group for which there is no room. */
  let cut: number | undefined
  let bytes = 0
  for await (const record of log.read({ from: Math.min(first, last), to: Math.max(first, last) })) {
    if (!wanted.has(record.lsn)) continue
    bytes += record.data.length
    if (first < last && found.size > 0 && bytes > maxBytes) {
      cut = record.lsn
      break
    }
    found.set(record.lsn, record)
    // Downwards, what was read first is wanted last: it makes room for what comes.
    for (const [lsn, { data }] of found) {
      if (bytes <= maxBytes || found.size === 1) break
      cut = lsn
      found.delete(lsn)
      bytes -= data.length
    }
  }
  const taken = cut === undefined ? group : group.slice(0, group.indexOf(cut))
  return taken.map((position) => found.get(position))
}
