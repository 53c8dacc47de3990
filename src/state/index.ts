export type {
  BackupOptions,
  CheckpointReport,
  CompactionOptions,
  DamagedSnapshot,
  JsonFileOptions,
  Migration,
  RestoredState,
  RestoreOptions,
  StateChange,
  StateEvents,
  StateLogOptions,
  StateOptions,
  StateReader,
  StateReadOptions,
  StateRecovery,
  StateStore,
  StateTransaction,
  StateWriteOptions,
  VersionedValue,
} from './contract.js'
export type { MigrationReport } from './migration-trial.js'
export { openStateStore, restoreState, stateHistory, tryMigrations } from './open-state-store.js'
