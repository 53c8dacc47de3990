import type { LogReader } from '../log/contract.js'
import { parseCount, parseLsn } from './command-line.js'
import { UsageError } from './usage-error.js'

/** The options that say which records are meant; `--to` only where there is an end. */
export interface RangeOptions {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly last?: string | undefined
}

/** Which records are meant, before the log is known. */
export interface RecordRange {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly last: number | undefined
}

/** Throws `UsageError` for what is no LSN, and for combinations that mean nothing. */
export function parseRange(options: RangeOptions): RecordRange {
  const from = parseLsn('--from', options.from)
  const to = parseLsn('--to', options.to)
  const last = parseCount('--last', options.last)
  if (last !== undefined && (from !== undefined || to !== undefined)) {
    throw new UsageError('--last counts from the end: it goes with neither --from nor --to')
  }
  if (from !== undefined && to !== undefined && to < from) throw new UsageError(`--to ${to} lies before --from ${from}`)
  return { from, to, last }
}

/** The first LSN that is meant. */
export function firstOf({ from, last }: RecordRange, reader: LogReader): number {
  if (last === undefined) return from ?? reader.firstLsn
  return Math.max(reader.firstLsn, reader.durableLsn - last + 1)
}
