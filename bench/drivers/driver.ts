import type { LogTuning } from '../../src/index.js'

/** The size of every record, where a workload doesn't say otherwise. */
export const RECORD_BYTES = 256

/** Where and how a driver works. */
export interface DriverSetting {
  /** An empty folder, the driver's own. */
  readonly directory: string
  /** Producers that append at the same time, each waiting for its own append. */
  readonly producers: number
  readonly recordBytes: number
  /** More than one: each append of a producer takes that many at once, all or nothing. */
  readonly recordsPerAppend: number
  /** For sluice only. */
  readonly logOptions?: LogTuning
  /** For drivers that limit themselves: how many appends may be on their way at once. */
  readonly inFlightMax: number
}

/** What a log says of the batches it made. */
export interface BatchCounts {
  readonly records: number
  readonly batches: number
  readonly syncs: number
}

/** Something that makes records durable, ready to be measured. */
export type Subject =
  | {
      readonly kind: 'asynchronous'
      /** Resolves once the record is durable. */
      append(record: Buffer): Promise<unknown>
      /** The same for several, all or nothing; where the subject can do that. */
      appendMany?(records: readonly Buffer[]): Promise<unknown>
      /** Waits until it is ready for a burst, where it can be: after the warm-up, while nothing is appended, before the clock starts. */
      rest?(): Promise<unknown>
      /** Where the subject counts them itself. */
      batchCounts?(): BatchCounts
      /** Where it is a server: the port on which others can ask it what it has. */
      readonly port?: number
      close(): Promise<void>
    }
  | {
      readonly kind: 'synchronous'
      /** Makes one record of each producer durable, and returns then. */
      commit(): void
      close(): Promise<void>
    }

/** What an acknowledgement of a driver promises. */
export interface AckPromise {
  /** For people: what it survives, and what it doesn't. */
  readonly text: string
  /** Whether it is P1: the record, and whatever leads to it, survive a power cut. Tables mark those that promise less. */
  readonly isP1: boolean
  /**
   * False where the record itself may be gone after a power cut: then its speed is shown, but it is not compared with that
   * of others.
   */
  readonly isDurable?: false
  /** True where a record that was being written may be there in part after a power cut, and nothing tells that it is. */
  readonly tearsRecords?: true
}

/**
 * `limit` is what the disk allows, `baseline` what is done without a log; the others are what sluice is chosen instead
 * of: `embedded` in the same process, or a `server` on the same machine.
 */
export type DriverRole = 'sluice' | 'limit' | 'baseline' | 'embedded' | 'server'

export interface Driver {
  readonly role: DriverRole
  /** What is measured, and how it is set up, in a line. */
  readonly description: string
  readonly promise: AckPromise
  /** Whether zero-filling a file ahead, where the driver does so, falls inside the measured time. */
  readonly preparation: 'none' | 'inside the clock' | 'outside the clock'
  /** Seconds of load, not measured, until it is as fast as it gets: most of it is the engine compiling what is hot. */
  readonly warmUpSeconds: number
  /** Why it can't be measured here: what is not installed. `undefined` where it can. */
  whyMissing?(): string | undefined
  /** Of a server: its program, which tells its version; `undefined` where it isn't installed. */
  program?(): string | undefined
  /** Everything that comes before the clock starts. */
  open(setting: DriverSetting): Promise<Subject>
}
