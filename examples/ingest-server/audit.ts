import type { Acknowledgement } from './messages.js'
import { recordBody } from './record.js'

export interface AuditResult {
  readonly acknowledged: number
  readonly recovered: number
  /** Acknowledged, and not there any more, byte for byte, under the LSN that was promised. */
  readonly lost: readonly Acknowledgement[]
}

/** Looks up every acknowledged record among those that a log still has. */
export async function audit(
  acknowledged: readonly Acknowledgement[],
  records: AsyncIterable<{ readonly lsn: number; readonly data: Uint8Array }>,
): Promise<AuditResult> {
  const lost: Acknowledgement[] = []
  const missing = new Map<number, Acknowledgement>()
  for (const promise of acknowledged) {
    // Of two records that were promised the same place, one at least is lost.
    if (missing.has(promise.lsn)) lost.push(promise)
    else missing.set(promise.lsn, promise)
  }
  let recovered = 0
  for await (const record of records) {
    recovered += 1
    const promise = missing.get(record.lsn)
    if (promise !== undefined && recordBody(promise.id).equals(record.data)) missing.delete(record.lsn)
  }
  lost.push(...missing.values())
  return { acknowledged: acknowledged.length, recovered, lost }
}
