export { SimulatedCrashError } from './call-gate.js'
export type { EventStoreAbilities } from './event-store/trial.js'
export {
  type ConformanceCase,
  type DisposableEventStore,
  type EventStoreConformanceOptions,
  eventStoreConformance,
} from './event-store-conformance.js'
export type { Fault, FileSystemCall, FileSystemCallName } from './fault.js'
export { ManualClock } from './manual-clock.js'
export { MemoryEventStore } from './memory-event-store.js'
export { MemoryRepository, type MemoryRepositoryOptions, type SaveFault } from './memory-repository.js'
export { Random } from './random.js'
export { type CrashOptions, SimulatedFileSystem, type SimulatedFileSystemOptions } from './simulated-file-system.js'
