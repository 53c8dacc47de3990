import type { ScanFigures } from './bare-scan.js'
import type { Tagging } from './benched-events.js'
import type { LoadDuration, LoadFigures } from './closed-loop.js'
import type { DriverSetting } from './drivers/driver.js'
import type { DriverName } from './drivers/drivers.js'
import type { LineSource } from './lines.js'
import type { Arrivals, OpenLoopFigures } from './open-loop.js'

/** What a trial, a process of its own, is asked to do. */
export type TrialSpec =
  /** Measures a driver under load. */
  | ({
      readonly kind: 'load'
      readonly driver: DriverName
      /** Replayed in place of random records. */
      readonly lines?: LineSource
    } & DriverSetting &
      LoadDuration)
  /** Measures a driver while records arrive at a fixed rate. */
  | ({ readonly kind: 'open-loop'; readonly driver: DriverName } & DriverSetting & Arrivals)
  /** Measures a log in pairs of windows, with its figures and without. */
  | {
      readonly kind: 'switch-figures'
      readonly directory: string
      readonly producers: number
      readonly warmUpSeconds: number
      readonly pairs: number
    }
  /** Measures two logs in pairs of windows: one that holds no batch back, and one that does where it pays. */
  | {
      readonly kind: 'compare-delays'
      readonly directory: string
      readonly producers: number
      /** Between an append that is durable and the next one: the mean. */
      readonly thinkMs: number
      /** How long a sync takes at the least; 0: as long as the disk takes. */
      readonly syncMs: number
      readonly warmUpSeconds: number
      readonly pairs: number
      readonly windowMs: number
    }
  /** Appends to one segment; answers once that many bytes are durable, and goes on until it is killed. */
  | { readonly kind: 'append-until-killed'; readonly directory: string; readonly bytes: number }
  /** Appends so many records, answers once they are durable, and stays there until it is killed. */
  | ({ readonly kind: 'grow'; readonly directory: string } & LogSize)
  /** Reads the frames of a log, or of its last segment, and checks their checksums. */
  | { readonly kind: 'scan'; readonly directory: string; readonly which: 'all' | 'last' }
  /** Opens a log, and closes it again. */
  | { readonly kind: 'open'; readonly directory: string }
  /** Fills a log with so many records, or a few more, and closes it. */
  | { readonly kind: 'fill'; readonly directory: string; readonly records: number; readonly recordBytes: number }
  /** Saves sessions to PostgreSQL, written behind and one by one. */
  | { readonly kind: 'upsert-sessions'; readonly directory: string; readonly seconds: number }
  /** Flushes sessions to a repository that is slow. */
  | { readonly kind: 'flush-sessions' }
  /** Reads a log that nobody writes, in every way. */
  | { readonly kind: 'read'; readonly directory: string; readonly gets: number }
  /** Measures bare logs and an event store in cycles of windows. */
  | {
      readonly kind: 'append-events'
      readonly directory: string
      readonly producers: number
      readonly tagging: Tagging
      readonly warmUpSeconds: number
      readonly cycles: number
    }
  /** Measures conditional appends to a store of so many events, which it makes larger, and to small ones, in cycles. */
  | {
      readonly kind: 'grow-events'
      readonly directory: string
      /** The store of many events. */
      readonly large: string
      readonly events: number
      readonly producers: number
      readonly cycles: number
    }
  /** Fills an event store, and closes it. */
  | { readonly kind: 'fill-events'; readonly directory: string; readonly events: number; readonly tagging: Tagging }
  /** Opens an event store, and closes it again. */
  | { readonly kind: 'open-events'; readonly directory: string }
  /** Reads events of a store by tags that are unique. */
  | { readonly kind: 'read-events'; readonly directory: string; readonly reads: number }
  /** Measures a bare log and a state store in cycles of windows. */
  | {
      readonly kind: 'set-state'
      readonly directory: string
      readonly producers: number
      readonly warmUpSeconds: number
      readonly cycles: number
    }
  /** Fills a state store, makes a checkpoint, and closes it; writes its values down beside it. */
  | { readonly kind: 'fill-state'; readonly directory: string; readonly keys: number }
  /** Opens a filled state store, and closes it again. */
  | { readonly kind: 'open-state'; readonly directory: string }
  /** Parses the values of a filled state store. */
  | { readonly kind: 'parse-state'; readonly directory: string }
  /** Makes checkpoints of a filled state store while producers set its keys. */
  | {
      readonly kind: 'checkpoint-state'
      readonly directory: string
      readonly producers: number
      readonly warmUpSeconds: number
      readonly checkpoints: number
    }

/** What each kind of trial answers. */
export interface TrialResults {
  load: LoadFigures & PeakMemory
  'open-loop': OpenLoopFigures & PeakMemory
  /** Records a second, of each pair. */
  'switch-figures': { readonly pairs: readonly { readonly on: number; readonly off: number }[] }
  'compare-delays': { readonly pairs: readonly { readonly none: DelayWindow; readonly adaptive: DelayWindow }[] }
  'append-until-killed': { readonly durableRecords: number }
  grow: { readonly durableRecords: number }
  scan: ScanFigures & { readonly scanMs: number }
  open: OpenFigures
  fill: { readonly records: number; readonly recordsPerBatch: number }
  read: ReadingFigures
  'append-events': { readonly cycles: readonly EventCycle[]; readonly recordBytes: number }
  'grow-events': { readonly cycles: readonly GrowthCycle[] }
  'fill-events': { readonly events: number }
  'open-events': OpenEventsFigures
  'read-events': { readonly readUsP50: number; readonly readUsP99: number }
  'set-state': { readonly cycles: readonly SetCycle[]; readonly recordBytes: number }
  'fill-state': { readonly keys: number; readonly snapshotBytes: number }
  /** The time from the call of `openStateStore` until it resolved, opening its log included. */
  'open-state': { readonly openMs: number; readonly keys: number; readonly replayed: number }
  'parse-state': { readonly parseMs: number; readonly keys: number }
  'checkpoint-state': { readonly keys: number; readonly turns: readonly CheckpointTurn[] }
  'upsert-sessions': { readonly behindRowsPerSecond: number; readonly singleRowsPerSecond: number }
  'flush-sessions': { readonly flushMs: number; readonly singleMs: number }
}

/** One window of a log under load. */
export interface DelayWindow {
  readonly recordsPerSecond: number
  readonly latencyMsMean: number
  readonly recordsPerBatch: number
}

/** Appends a second, in windows that followed one another. */
export interface EventCycle {
  /** Of a log, with the same bytes. */
  readonly bare: number
  /** Of a log that is given the same events as texts, made on the spot. */
  readonly text: number
  readonly unconditional: number
  readonly conditional: number
}

/** Records a second, in windows that followed one another. */
export interface SetCycle {
  /** Of a log, with the same bytes. */
  readonly bare: number
  /** Of a log that is given the same records as texts, made on the spot. */
  readonly text: number
  readonly set: number
}

/** One checkpoint, and the time just before it. */
export interface CheckpointTurn {
  readonly checkpointMs: number
  /** Sets a second. */
  readonly before: number
  readonly meanwhile: number
  /** The 99th percentile of the time between two visits to a timer that is due each millisecond. */
  readonly loopMsP99Before: number
  readonly loopMsP99: number
  readonly loopMsMax: number
}

/** Conditional appends a second, in windows that followed one another. */
export interface GrowthCycle {
  readonly small: number
  readonly large: number
}

export interface OpenEventsFigures {
  /** From the call of `openEventStore` until it resolved, opening its log included. */
  readonly openMs: number
  /** Events that the index's files told of. */
  readonly loaded: number
  /** Events that were read from the log. */
  readonly rebuilt: number
  readonly events: number
  readonly indexBytes: number
  /** The process's resident set once it is open, in MiB. */
  readonly memoryMiB: number
}

/** How large a log is to be. */
export interface LogSize {
  readonly records: number
  readonly recordBytes: number
  readonly segmentBytes: number
}

export interface PeakMemory {
  /** The most memory that the process ever had in use, in MiB: its resident set, warm-up included. */
  readonly peakMemoryMiB: number
}

/** Records a second. */
export interface ReadingFigures {
  readonly records: number
  readonly bareScan: number
  readonly read: number
  readonly follow: number
  readonly getInOrder: number
  readonly getAnywhere: number
}

export interface OpenFigures {
  /** From the call of `openLog` until it resolved, the start of the writer's thread included. */
  readonly openMs: number
  readonly recoveryMs: number
  readonly bytesRead: number
  readonly records: number
  readonly segments: number
  readonly rewrittenRecords: number
  readonly cleanShutdown: boolean
}
