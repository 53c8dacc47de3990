/** The size of every record in the benchmark. */
export const RECORD_BYTES = 256

/** Where and how a driver works. */
export interface DriverSetting {
  /** An empty folder, the driver's own. */
  readonly directory: string
  /** Producers that append at the same time, each waiting for its own append. */
  readonly producers: number
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
      /** Where the subject counts them itself. */
      batchCounts?(): BatchCounts
      close(): Promise<void>
    }
  | {
      readonly kind: 'synchronous'
      /** Makes one record of each producer durable, and returns then. */
      commit(): void
      close(): Promise<void>
    }

export interface Driver {
  /** What is measured, in a line. */
  readonly description: string
  /** Whether zero-filling a file ahead, where the driver does so, falls inside the measured time. */
  readonly preparation: 'none' | 'inside the clock' | 'outside the clock'
  /** Seconds of load, not measured, until it is as fast as it gets: most of it is the engine compiling what is hot. */
  readonly warmUpSeconds: number
  /** Everything that comes before the clock starts. */
  open(setting: DriverSetting): Promise<Subject>
}
