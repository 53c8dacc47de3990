import type { ExecutionContext } from 'ava'
import { SluiceError, type SluiceErrorCode } from '../../src/errors.js'
import type { LogRecord } from '../../src/log/contract.js'
import { type ComposedSegment, timestampOf } from './compose-segments.js'

/** All that an iteration gives, and the error that ends it. */
export async function collect(records: AsyncIterable<LogRecord>): Promise<{ records: LogRecord[]; error: unknown }> {
  const collected: LogRecord[] = []
  try {
    for await (const record of records) collected.push(record)
    return { records: collected, error: undefined }
  } catch (error) {
    return { records: collected, error }
  }
}

/** Asserts that these are the records from `firstLsn` to `lastLsn`, whole and in order. */
export function sameRecords(
  t: ExecutionContext,
  records: readonly LogRecord[],
  segments: readonly ComposedSegment[],
  firstLsn: number,
  lastLsn: number,
): void {
  t.deepEqual(
    records.map((record) => record.lsn),
    Array.from({ length: Math.max(0, lastLsn - firstLsn + 1) }, (_, index) => firstLsn + index),
  )
  for (const record of records) {
    const segment = segments.findLast((candidate) => candidate.firstLsn <= record.lsn)
    const frame = segment?.frames.findLast((candidate) => candidate.firstLsn <= record.lsn)
    const data = segment?.records[record.lsn - segment.firstLsn]
    if (data === undefined || !record.data.equals(data)) t.fail(`LSN ${record.lsn} has other data`)
    if (record.timestamp !== timestampOf(frame?.firstLsn ?? 0)) t.fail(`LSN ${record.lsn} has another timestamp`)
  }
}

/** Asserts that this is a `SluiceError` with this code, and returns it. */
export function isSluiceError(t: ExecutionContext, error: unknown, code: SluiceErrorCode): SluiceError {
  if (!(error instanceof SluiceError)) throw new Error(`expected ${code}, not ${String(error)}`, { cause: error })
  t.is(error.code, code, error.message)
  return error
}
