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
export type { Archive, HybridOptions, HybridRepository, HybridStats } from './hybrid-contract.js'
export { createHybridRepository } from './hybrid-repository.js'
export { type KeyedStore, stateRepository } from './state-repository.js'
