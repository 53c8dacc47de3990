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
  t.is(records.length, Math.max(0, lastLsn - firstLsn + 1))
  let lsn = firstLsn
  for (const segment of segments) {
    for (const frame of segment.frames) {
      for (; lsn <= Math.min(frame.lastLsn, lastLsn); lsn++) {
        const record = records[lsn - firstLsn]
        if (record?.lsn !== lsn) t.fail(`LSN ${record?.lsn} where ${lsn} was expected`)
        const data = segment.records[lsn - segment.firstLsn]
        if (data === undefined || !record.data.equals(data)) t.fail(`LSN ${lsn} has other data`)
        if (record.timestamp !== timestampOf(frame.firstLsn)) t.fail(`LSN ${lsn} has another timestamp`)
      }
    }
  }
  if (records.length > 0) t.is(lsn, lastLsn + 1, 'the segments do not have them all')
}

/** Asserts that this is a `SluiceError` with this code, and returns it. */
export function isSluiceError(t: ExecutionContext, error: unknown, code: SluiceErrorCode): SluiceError {
  if (!(error instanceof SluiceError)) throw new Error(`expected ${code}, not ${String(error)}`, { cause: error })
  t.is(error.code, code, error.message)
  return error
}
