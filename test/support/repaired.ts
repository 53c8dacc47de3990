import type { ExecutionContext } from 'ava'
import { recover } from '../../src/segment/recovery.js'
import { type RepairReport, repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import type { BuiltLog, LogPlan } from './build-log.js'
import type { MemoryFileSystem } from './memory-file-system.js'
import { DIRECTORY, memoryLog } from './memory-log.js'

export interface Repaired {
  readonly report: RepairReport
  readonly fs: MemoryFileSystem
  readonly built: BuiltLog
}

/** Repairs a log; then checks what has to hold after every repair. */
export function repaired(t: ExecutionContext, plan: LogPlan, change: (log: BuiltLog) => void = () => {}): Repaired {
  const { fs, built } = memoryLog(plan, change)
  const damaged = fs.files()
  const planned = repairLog(fs, DIRECTORY, { dryRun: true })
  t.deepEqual(fs.files(), damaged, 'a dry run changes nothing')
  const report = repairLog(fs, DIRECTORY)
  t.deepEqual({ ...planned, dryRun: false }, report, 'a dry run says what will be done')
  t.is(fs.openFiles, 0)
  const after = fs.afterPowerCut()
  t.deepEqual(after.files(), fs.files(), 'all of it is durable')
  t.true(verifyLog(after, DIRECTORY).ok)
  t.deepEqual(repairLog(after.afterPowerCut(), DIRECTORY).changes, [], 'there is nothing left to repair')
  const { firstLsn, lastLsn } = recover(after, DIRECTORY)
  t.deepEqual([firstLsn, lastLsn], [report.firstLsn, report.lastLsn])
  return { report, fs, built }
}
