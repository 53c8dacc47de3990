import type { ScanFigures } from './bare-scan.js'
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

/** What each kind of trial answers. */
export interface TrialResults {
  load: LoadFigures & PeakMemory
  'open-loop': OpenLoopFigures & PeakMemory
  /** Records a second, of each pair. */
  'switch-figures': { readonly pairs: readonly { readonly on: number; readonly off: number }[] }
  'append-until-killed': { readonly durableRecords: number }
  grow: { readonly durableRecords: number }
  scan: ScanFigures & { readonly scanMs: number }
  open: OpenFigures
  fill: { readonly records: number; readonly recordsPerBatch: number }
  read: ReadingFigures
  'upsert-sessions': { readonly behindRowsPerSecond: number; readonly singleRowsPerSecond: number }
  'flush-sessions': { readonly flushMs: number; readonly singleMs: number }
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
