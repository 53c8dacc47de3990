import type { Log } from '../../../src/log/contract.js'
import { type Model, Violation } from './model.js'

/** What a log that is closed, trimmed or failed says to who reads it. */
const ENDINGS = ['SLUICE_TRIMMED', 'SLUICE_FAILED', 'SLUICE_CLOSED']

/** What reading needs to know of the workload that it belongs to. */
export interface Surroundings {
  readonly model: Model
  /** Whether the log still is the one of the process that lives. */
  isAlive(): boolean
  /** Whether the world has stopped: then anything may fail. */
  isStopped(): boolean
}

/** Gets the last durable record, and those behind it, which must not be there. */
export async function getAround(log: Log, { model, isAlive, isStopped }: Surroundings): Promise<void> {
  const { durableLsn, nextLsn } = log
  for (const lsn of new Set([durableLsn, durableLsn + 1, nextLsn - 1])) {
    if (lsn < 1) continue
    try {
      const record = await log.get(lsn)
      if (record === undefined || !isAlive() || isStopped()) continue
      seen(log, model, record)
    } catch (error) {
      if (error instanceof Violation) throw error
      if (isAlive() && !isStopped() && !isEnding(error)) throw new Violation(`get fails: ${String(error)}`)
    }
  }
}

/** Follows a log from its last durable records on until it ends, whatever else is done meanwhile. */
export async function followOn(log: Log, { model, isAlive, isStopped }: Surroundings): Promise<void> {
  const from = Math.max(log.firstLsn, log.durableLsn - 2, 1)
  let next = from
  try {
    for await (const record of log.follow({ from })) {
      if (!isAlive() || isStopped()) return
      if (record.lsn !== next) throw new Violation(`a follower was given LSN ${record.lsn} where ${next} is due`)
      next++
      seen(log, model, record)
    }
  } catch (error) {
    if (error instanceof Violation) throw error
    if (isAlive() && !isStopped() && !isEnding(error)) throw new Violation(`follow fails: ${String(error)}`)
  }
}

/** A record that was read must be durable: the log has to say so, and the crash states have to bear it out. */
function seen(log: Log, model: Model, { lsn, data }: { readonly lsn: number; readonly data: Buffer }): void {
  if (lsn > log.durableLsn) throw new Violation(`LSN ${lsn} was read, and ${log.durableLsn} is durable`)
  model.sawRecord(lsn, data)
}

function isEnding(error: unknown): boolean {
  return ENDINGS.includes((error as { readonly code?: string }).code ?? '') // An error of whatever build.
}
