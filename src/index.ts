export type { CommitOutcome, SluiceErrorCode, SluiceErrorDetails } from './errors.js'
export { SluiceError } from './errors.js'
export type { Mark, MarkResult } from './format/mark.js'
export type { DirectoryClaim, FileAccess, FileSystem, OpenMode, ReadableFile } from './fs/file-system.js'
export type {
  AppendOptions,
  BatchCause,
  CommitFigures,
  FollowOptions,
  Log,
  LogEvents,
  LogOptions,
  LogReader,
  LogRecord,
  LogStatus,
  ReadOptions,
} from './log/contract.js'
export { type LogReaderOptions, openLogReader } from './log/log-reader.js'
export {
  inspectLog,
  type MaintenanceOptions,
  type RepairOptions,
  repairLog,
  verifyLog,
} from './log/maintenance.js'
export { openLog } from './log/open-log.js'
export type { HistogramName, HistogramSummary, LogCounters, LogStats } from './observe/stats.js'
export type { AckLevel, FlushOption, LogTuning } from './options.js'
export { probeStorage } from './probe/probe-storage.js'
export type {
  Recommendation,
  StorageClass,
  StorageMeasurement,
  StoragePlace,
  StorageReport,
  TimeSpread,
} from './probe/storage-report.js'
export type {
  CorruptFinding,
  Finding,
  LeftoverFinding,
  MarkSlotFinding,
  TornFinding,
  UnsupportedFinding,
} from './segment/finding.js'
export type { InspectReport, SegmentSummary } from './segment/inspect.js'
export type { RecoveryReport, TornTail } from './segment/recovery-report.js'
export type { LsnRange, RepairChange, RepairReport } from './segment/repair.js'
export type { VerifyReport } from './segment/verify.js'
