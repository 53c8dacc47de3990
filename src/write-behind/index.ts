export type {
  Clock,
  Codec,
  Entry,
  FlushSummary,
  JournalOptions,
  Repository,
  SaveFailure,
  SaveReport,
  SummaryLogger,
  WriteBehind,
  WriteBehindEvents,
  WriteBehindOptions,
  WriteBehindStats,
} from './contract.js'
export { createWriteBehind } from './create-write-behind.js'
