/** How long something took, in milliseconds, over {@link count} measurements. */
export interface TimeSpread {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly count: number
}

/** What was timed, by the calls that the log itself makes. */
export interface StorageMeasurement {
  /** Writing 4 KiB into a part of a file that is filled with zeros: what a small batch does. */
  readonly writeMs: TimeSpread
  /** The data sync behind such a write. */
  readonly syncMs: TimeSpread
  /** Write and sync together. */
  readonly commitMs: TimeSpread
  /** The same where the file grows with each write. */
  readonly growingCommitMs: TimeSpread
  /** Writing and syncing 128 KiB into a part that is filled with zeros: what a large batch does in a segment that was prepared. */
  readonly largeCommitMs: TimeSpread
  /** The same where the file grows with each write: what a large batch does otherwise. */
  readonly growingLargeCommitMs: TimeSpread
  /** Syncing a folder in which a file was just renamed: what a new segment costs. */
  readonly directorySyncMs: TimeSpread
  /** Writing and syncing 1 MiB at a time into a part that is filled with zeros: bytes a second, in the middle of all measurements. */
  readonly bytesPerSecond: number
  /** Filling a new file with zeros, and syncing it: bytes a second. */
  readonly zeroFillBytesPerSecond: number
}

/** `virtual`: a disk that a hypervisor offers, whatever is behind it. `memory`: nothing there survives a power cut. */
export type StorageClass = 'nvme' | 'ssd' | 'disk' | 'virtual' | 'network' | 'memory' | 'unknown'

/** Where a directory lies, as far as the system tells. */
export interface StoragePlace {
  /** Such as `ext4`; `unknown` where the system doesn't say. */
  readonly fileSystem: string
  /** The mount's source, such as `/dev/nvme0n1p2`. */
  readonly device: string | undefined
  readonly storageClass: StorageClass
}

/** An option of `openLog`, with the value that the measurement speaks for. */
export interface Recommendation {
  readonly option: 'flush' | 'batch.maxDelayMs' | 'batch.maxBytes' | 'segmentBytes' | 'preparedSegments'
  /** As it would stand in the source. */
  readonly value: string
  /** Whether that is the default, so that nothing needs to be set. */
  readonly isDefault: boolean
  /** With the figure that it follows from. */
  readonly reason: string
}

/** What `probeStorage` found. */
export interface StorageReport extends StoragePlace, StorageMeasurement {
  /** The directory, as an absolute path. */
  readonly directory: string
  /** Bytes that are free there for users without privileges. */
  readonly availableBytes: number
  /** Whether writes bypass the page cache there, as the log has them do where it can. */
  readonly directAccess: boolean
  /** Why its syncs look too fast to be true; `undefined` where they don't. */
  readonly doubt: string | undefined
  readonly recommendations: readonly Recommendation[]
}
