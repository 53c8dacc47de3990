import { existsSync } from 'node:fs'
import { nodeFileSystem } from '../../../src/fs/node-file-system.js'
import type { Log } from '../../../src/log/contract.js'
import { openLogReader } from '../../../src/log/log-reader.js'
import { openLog } from '../../../src/log/open-log.js'
import { verifyLog } from '../../../src/segment/verify.js'
import type { Acknowledged } from './ack-board.js'
import type { Generations, LoadRecords } from './load-record.js'

/** What a log has to be like, and who is to append to it now. */
export interface Expectation {
  readonly records: LoadRecords
  readonly generations: Generations
  /** What had been acknowledged when the moment came: that has to be there. */
  readonly before: Acknowledged
  /** What had been asked for when it was over: no more than that may be there. */
  readonly after: Acknowledged
  /** The generation of the records that are appended here. */
  readonly generation: number
}

/** What became of a log. */
export interface CheckResult {
  /** Records that had been acknowledged, and were compared byte for byte. */
  readonly checked: number
  /** Records that had been acknowledged, and are not there. */
  readonly lost: number
  /** What is not as promised, the loss too. */
  readonly problems: readonly string[]
  /** What was found, before anything was appended here. */
  readonly foundLsn: number
  /** After that. */
  readonly lastLsn: number
  readonly torn: boolean
  readonly rewritten: number
}

const APPENDED_HERE = 5

/** Opens a log after whatever happened to it, and holds it against what had been promised; then appends, closes and verifies. */
export async function checkLog(directory: string, expected: Expectation): Promise<CheckResult> {
  const problems: string[] = []
  try {
    if (existsSync(directory)) findDamage(directory, problems)
    return await check(await openLog(directory), directory, expected, problems)
  } catch (error) {
    const lost = expected.before.durable
    problems.push(`it can't be checked: ${error}`)
    return { checked: 0, lost, problems, foundLsn: 0, lastLsn: 0, torn: false, rewritten: 0 }
  }
}

async function check(log: Log, directory: string, expected: Expectation, problems: string[]): Promise<CheckResult> {
  const foundLsn = log.durableLsn
  const { torn, rewrittenRecords } = log.recovery
  const counts = await compare(log, expected, problems)
  const lastLsn = await appendHere(log, expected, problems)
  await log.close()
  findDamage(directory, problems)
  await readApart(directory, lastLsn, problems)
  return { ...counts, problems, foundLsn, lastLsn, torn: torn !== undefined, rewritten: rewrittenRecords }
}

function findDamage(directory: string, problems: string[]): void {
  const { ok, findings } = verifyLog(nodeFileSystem, directory)
  if (!ok) problems.push(`verify found ${JSON.stringify(findings)}`)
}

async function compare(
  log: Log,
  expected: Expectation,
  problems: string[],
): Promise<{ readonly checked: number; readonly lost: number }> {
  const { records, generations, before, after } = expected
  const { firstLsn, durableLsn } = log
  const lost = Math.max(0, before.durable - durableLsn)
  if (lost > 0) problems.push(`LSN ${before.durable} was acknowledged as durable, and ${durableLsn} is the last`)
  if (durableLsn > after.accepted) problems.push(`LSN ${durableLsn} was never appended: ${after.accepted} was the last`)
  if (firstLsn < before.trimmed)
    problems.push(`${firstLsn} comes first, and a trim up to ${before.trimmed} had resolved`)
  if (firstLsn > Math.max(1, after.trimTarget)) {
    problems.push(`${firstLsn} comes first, and nobody gave up more than ${after.trimTarget}`)
  }
  let next = firstLsn
  let groupEnd = firstLsn - 1
  try {
    for await (const { lsn, data } of log.read()) {
      const name = records.judge(data, lsn, generations.of(lsn))
      if (lsn !== next) problems.push(`LSN ${lsn} follows ${next - 1}`)
      if (typeof name === 'string') {
        problems.push(name)
        break
      }
      if (name.groupFirst !== lsn && lsn > groupEnd) problems.push(`LSN ${lsn} begins in the middle of an appendMany`)
      groupEnd = name.groupFirst + name.groupSize - 1
      next = lsn + 1
    }
  } catch (error) {
    problems.push(`reading failed after ${next - 1}: ${error}`)
  }
  if (next !== durableLsn + 1) problems.push(`reading ended at ${next - 1}, and ${durableLsn} is the last`)
  if (groupEnd !== next - 1) problems.push(`it ends at ${next - 1}, in the middle of an appendMany up to ${groupEnd}`)
  return { checked: Math.max(0, Math.min(before.durable, next - 1) - firstLsn + 1), lost }
}

async function appendHere(log: Log, expected: Expectation, problems: string[]): Promise<number> {
  const { generation, generations, records } = expected
  generations.begin(generation, log.nextLsn)
  try {
    for (let count = 0; count < APPENDED_HERE; count++) {
      const lsn = log.nextLsn
      await log.append(records.make({ generation, lsn, groupFirst: lsn, groupSize: 1 }))
    }
  } catch (error) {
    problems.push(`appending failed: ${error}`)
  }
  return log.durableLsn
}

/** Whether a reader that takes no lock sees the same end. */
async function readApart(directory: string, lastLsn: number, problems: string[]): Promise<void> {
  const reader = await openLogReader(directory)
  const record = await reader.get(lastLsn)
  if (reader.durableLsn !== lastLsn || record === undefined) {
    problems.push(`a reader sees ${reader.durableLsn} as the last, and ${lastLsn} was appended`)
  }
  await reader.close()
}
