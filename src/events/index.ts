export type {
  AppendCondition,
  AppendedRange,
  EventAppendOptions,
  EventReadOptions,
  EventShape,
  EventStore,
  Matching,
  NewEvent,
  Query,
  QueryItem,
  StoredEvent,
  SubscribeOptions,
} from './contract.js'
export {
  type AnyDecisionProjection,
  buildDecisionModel,
  type DecideOptions,
  type Decision,
  type DecisionModel,
  type DecisionOptions,
  type DecisionProjection,
  type DecisionProjections,
  type DecisionSource,
  type DecisionState,
  type DecisionStore,
  decide,
  projectionsOf,
} from './decision-model.js'
export { openEventStore } from './open-event-store.js'
export type {
  IgnoredCheckpoint,
  Projection,
  ProjectionDefinition,
  ProjectionEvents,
  ProjectionProgress,
  ProjectionStatus,
  RebuildOptions,
  UntilOptions,
} from './projection-contract.js'
export { matchesQuery } from './query-match.js'
export type {
  DirectoryEventStore,
  EventContextOptions,
  EventStoreEvents,
  EventStoreOptions,
  EventStoreRecovery,
  EventStoreStats,
} from './store-contract.js'
