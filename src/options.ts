import { fileURLToPath } from 'node:url'
import { shown } from './errors.js'
import { plainObject, refuseOption, refuseUnknownOption, wholeOption } from './option-checks.js'

/** When the writer syncs what it has written. Every policy writes promptly; only the sync is deferred. */
export type FlushOption =
  /** Group commit: one sync a batch, shared by every append in it. */
  | 'batch'
  /** One sync for each append, nothing shared. */
  | 'immediate'
  /** A sync at most every `everyMs` milliseconds, counted from the first write that waits for one. */
  | { readonly everyMs: number; readonly everyRecords?: never }
  /** A sync once `everyRecords` records wait for one, or `everyMs` milliseconds after the first of them was written. */
  | { readonly everyRecords: number; readonly everyMs?: number }
  /** No sync but on rotation, `flush()` and `close()`: for tests, and data that can be rebuilt. */
  | 'never'

/** When an append resolves: once its record survives a power cut, or once it survives the process. */
export type AckLevel = 'durable' | 'written'

/** What can be set when a log is opened. Unknown names, wrong types and impossible combinations are refused. */
export interface LogTuning {
  /** What bounds a batch, and what holds it back. Refused beside `flush: 'immediate'`, where a batch is one append. */
  readonly batch?: {
    /**
     * Records in a batch at the most; a larger `appendMany` makes a batch of its own. 1 to 1,048,576.
     * @default 65536
     */
    readonly maxRecords?: number
    /**
     * Bytes in a batch at the most, frame headers included; a larger frame makes a batch of its own. 1 to `maxPendingBytes`.
     * @default 8 MiB, or `maxPendingBytes` where that is less
     */
    readonly maxBytes?: number
    /**
     * Milliseconds for which the writer, with nothing else to do, holds a batch back for company: 0 to 60,000.
     * `'adaptive'`: until those whom the last sync served have appended again, for half of the measured sync time at the most,
     * and only while that pays. It does where a sync takes milliseconds, and producers append again within a third of one; it has
     * no effect where syncs are put off (`flush`). docs/BENCHMARKS.md has figures.
     * @default 0
     */
    readonly maxDelayMs?: number | 'adaptive'
  }
  /**
   * When what was written is synced. The first batch of each segment is synced under every policy: a rotation is one commit.
   * @default 'batch'
   */
  readonly flush?: FlushOption
  /**
   * When `append` resolves, unless it says otherwise itself. Where every batch is synced (`flush` `'batch'` or
   * `'immediate'`), writes go past the page cache: `'written'` then waits for the device's write. `'durable'` is refused under `'never'`, and under
   * `everyRecords` without `everyMs`: nothing may wait for ever.
   * @default 'durable'; 'written' under `flush: 'never'`
   */
  readonly ack?: AckLevel
  /**
   * When the directory is synced: in each batch that changed it, or with every sync.
   * @default 'changed'
   */
  readonly directorySync?: 'changed' | 'always'
  /**
   * The size in bytes at which a segment is sealed and the next one begun: 16 KiB to 1 GiB. A frame is never split, so
   * a segment can be larger by one frame.
   * @default 64 MiB
   */
  readonly segmentBytes?: number
  /**
   * How many segments the log keeps prepared, that is, made and filled with zeros, for bursts; the active one is filled to its end then, too. So
   * much is then written without making a file larger, which costs a commit of some 100 KiB as much as its own bytes (docs/BENCHMARKS.md:
   * `sluice-prepared`). They are prepared from the opening on, and whenever the writer has had nothing to do for a millisecond. Each takes its place on
   * the disk, and a descriptor; they are removed by closing, after a crash (or a failure and a hasty end) by the next opening, and where the disk is
   * full before any record is rejected. Once the disk had no room for all of them, no more are kept than there was room for, until the log
   * is opened again. Without them the next segment is prepared while the active one fills up, where that pays.
   * 0 to 128; else than 0 it needs a `segmentBytes` of 1 MiB or more.
   * @default 0
   */
  readonly preparedSegments?: number
  /**
   * The largest record in bytes, and the largest sum of the records of one `appendMany`: 1 to 512 MiB, and at most
   * half of `maxPendingBytes` less 4 KiB.
   * @default 16 MiB, or as much as `maxPendingBytes` allows
   */
  readonly maxRecordBytes?: number
  /**
   * The bound in bytes on all that the log holds for its callers: 16 KiB to 2 GiB. One half is the shared memory in
   * which accepted records lie until they are settled, the other half is for the copies of those that wait for room.
   * @default 64 MiB
   */
  readonly maxPendingBytes?: number
  /**
   * What an append does when there is no room: wait for it, or reject with `SLUICE_QUEUE_FULL`.
   * @default 'wait'
   */
  readonly onFull?: 'wait' | 'reject'
  /**
   * How many appends may wait for room; past it, or once their copies take half of `maxPendingBytes`, even `'wait'` rejects
   * with `SLUICE_QUEUE_FULL`. 0 to 1,048,576.
   * @default 16384
   */
  readonly maxWaiting?: number
  /** The URL of the worker's entry, a file, for bundlers that move files: by default `workers/writer.bundle.js` of this package. */
  readonly workerUrl?: URL
}

/** A flush policy with nothing left to guess. */
export type FlushPolicy =
  | { readonly kind: 'batch' }
  | { readonly kind: 'immediate' }
  | { readonly kind: 'interval'; readonly everyMs: number }
  | { readonly kind: 'count'; readonly everyRecords: number; readonly everyMs: number | undefined }
  | { readonly kind: 'never' }

/** {@link LogTuning}, checked, with its defaults. */
export interface ResolvedTuning {
  readonly batch: { readonly maxRecords: number; readonly maxBytes: number; readonly maxDelayMs: number | 'adaptive' }
  readonly flush: FlushPolicy
  readonly ack: AckLevel
  readonly directorySync: 'changed' | 'always'
  readonly segmentBytes: number
  readonly preparedSegments: number
  readonly maxRecordBytes: number
  readonly maxPendingBytes: number
  readonly onFull: 'wait' | 'reject'
  readonly maxWaiting: number
  readonly workerUrl: URL | undefined
}

const KIB = 1024
const MIB = 1024 * KIB
/** What the frame around a record, and the ring's own marks, take at most beside the record. */
const RECORD_OVERHEAD_BYTES = 4 * KIB

/** Smaller segments aren't prepared: as the writer has it. */
const PREPARED_SEGMENT_BYTES_MIN = MIB

const OPTION_NAMES = [
  'batch',
  'flush',
  'ack',
  'directorySync',
  'segmentBytes',
  'preparedSegments',
  'maxRecordBytes',
  'maxPendingBytes',
  'onFull',
  'maxWaiting',
  'workerUrl',
  'fileSystem',
]

const FILE_SYSTEM_METHODS = [
  ...['openSync', 'closeSync', 'readSync', 'writeSync', 'datasyncSync', 'truncateSync', 'sizeSync', 'listSync'],
  ...[
    'makeDirectorySync',
    'renameSync',
    'removeSync',
    'syncDirectorySync',
    'open',
    'list',
    'write',
    'datasync',
    'rename',
    'remove',
    'syncDirectory',
    'claim',
  ],
]

/** Whether a durable acknowledgement could wait for ever under this policy. */
export function neverSyncsByItself(flush: FlushPolicy): boolean {
  return flush.kind === 'never' || (flush.kind === 'count' && flush.everyMs === undefined)
}

/**
 * Checks options and fills in the defaults. Throws `SLUICE_INVALID_OPTION`, naming the option and the value that it
 * refuses. `fileSystem` is only checked to have the methods of one, and not to stand beside `workerUrl`.
 */
export function resolveTuning(options: LogTuning & { readonly fileSystem?: object } = {}): ResolvedTuning {
  const given = plainObject('options', options)
  refuseUnknownOption('', given, OPTION_NAMES)
  const flush = flushPolicy(given['flush'])
  const ack = oneOf('ack', given['ack'], ['durable', 'written'], flush.kind === 'never' ? 'written' : 'durable')
  if (ack === 'durable' && flush.kind === 'never') {
    refuseOption("ack: 'durable' is impossible beside flush: 'never': nothing would ever sync")
  }
  if (ack === 'durable' && neverSyncsByItself(flush)) {
    refuseOption("ack: 'durable' needs flush.everyMs beside flush.everyRecords: the last records could wait for ever")
  }
  const maxPendingBytes = wholeOption('maxPendingBytes', given['maxPendingBytes'], 16 * KIB, 2048 * MIB, 64 * MIB)
  const largest = Math.min(512 * MIB, Math.floor(maxPendingBytes / 2) - RECORD_OVERHEAD_BYTES)
  const maxRecordBytes = wholeOption(
    'maxRecordBytes',
    given['maxRecordBytes'],
    1,
    512 * MIB,
    Math.min(16 * MIB, largest),
  )
  if (maxRecordBytes > largest) {
    refuseOption(
      `maxRecordBytes: ${maxRecordBytes} is impossible beside maxPendingBytes: ${maxPendingBytes}: ` +
        `a record may have at most half of it less ${RECORD_OVERHEAD_BYTES}, that is ${largest}`,
    )
  }
  const segmentBytes = wholeOption('segmentBytes', given['segmentBytes'], 16 * KIB, 1024 * MIB, 64 * MIB)
  const preparedSegments = wholeOption('preparedSegments', given['preparedSegments'], 0, 128, 0)
  if (preparedSegments > 0 && segmentBytes < PREPARED_SEGMENT_BYTES_MIN) {
    refuseOption(
      `preparedSegments: ${preparedSegments} is impossible beside segmentBytes: ${segmentBytes}: ` +
        `segments below ${PREPARED_SEGMENT_BYTES_MIN} bytes would be full before they are prepared`,
    )
  }
  const workerUrl = fileUrl('workerUrl', given['workerUrl'])
  const fileSystem = given['fileSystem']
  if (fileSystem !== undefined) {
    checkFileSystem(fileSystem)
    if (workerUrl !== undefined) {
      refuseOption('workerUrl is impossible beside fileSystem: over another file system the writer runs in this thread')
    }
  }
  return {
    batch: batchBounds(given['batch'], flush, maxPendingBytes),
    flush,
    ack,
    directorySync: oneOf('directorySync', given['directorySync'], ['changed', 'always'], 'changed'),
    segmentBytes,
    preparedSegments,
    maxRecordBytes,
    maxPendingBytes,
    onFull: oneOf('onFull', given['onFull'], ['wait', 'reject'], 'wait'),
    maxWaiting: wholeOption('maxWaiting', given['maxWaiting'], 0, 1_048_576, 16_384),
    workerUrl,
  }
}

function checkFileSystem(value: unknown): void {
  if (typeof value !== 'object' || value === null) refuseOption(`fileSystem must be a FileSystem, not ${shown(value)}`)
  const missing = FILE_SYSTEM_METHODS.find((name) => typeof Reflect.get(value, name) !== 'function')
  if (missing !== undefined) refuseOption(`fileSystem must be a FileSystem: it has no method ${missing}`)
}

function batchBounds(value: unknown, flush: FlushPolicy, maxPendingBytes: number): ResolvedTuning['batch'] {
  const given = value === undefined ? {} : plainObject('batch', value)
  refuseUnknownOption('batch.', given, ['maxRecords', 'maxBytes', 'maxDelayMs'])
  if (flush.kind === 'immediate') {
    const named = Object.keys(given).find((name) => given[name] !== undefined)
    if (named !== undefined) {
      refuseOption(`batch.${named} is impossible beside flush: 'immediate': a batch is one append there`)
    }
  }
  const { maxDelayMs: delay = 0 } = given
  return {
    maxRecords: wholeOption('batch.maxRecords', given['maxRecords'], 1, 1_048_576, 65_536),
    maxBytes: wholeOption('batch.maxBytes', given['maxBytes'], 1, maxPendingBytes, Math.min(8 * MIB, maxPendingBytes)),
    maxDelayMs: delay === 'adaptive' ? delay : milliseconds('batch.maxDelayMs', delay, 0, 60_000),
  }
}

function flushPolicy(value: unknown): FlushPolicy {
  if (value === undefined) return { kind: 'batch' }
  if (value === 'batch' || value === 'immediate' || value === 'never') return { kind: value }
  if (typeof value !== 'object' || value === null) {
    refuseOption(
      `flush must be 'batch', 'immediate', 'never', { everyMs } or { everyRecords, everyMs }, not ${shown(value)}`,
    )
  }
  const given = plainObject('flush', value)
  refuseUnknownOption('flush.', given, ['everyMs', 'everyRecords'])
  const everyMs =
    given['everyMs'] === undefined ? undefined : milliseconds('flush.everyMs', given['everyMs'], 1, 3_600_000)
  if (given['everyRecords'] !== undefined) {
    return {
      kind: 'count',
      everyRecords: wholeOption('flush.everyRecords', given['everyRecords'], 1, 2 ** 31, 1),
      everyMs,
    }
  }
  if (everyMs === undefined) refuseOption('flush needs everyMs, everyRecords, or both')
  return { kind: 'interval', everyMs }
}

function milliseconds(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    refuseOption(`${name} must be a number of milliseconds from ${least} to ${most}, not ${shown(value)}`)
  }
  return value
}

function fileUrl(name: string, value: unknown): URL | undefined {
  if (value === undefined) return undefined
  if (!(value instanceof URL)) refuseOption(`${name} must be a URL, not ${shown(value)}`)
  try {
    fileURLToPath(value)
  } catch {
    refuseOption(`${name} must be the URL of a file on this machine, not ${shown(value.href)}`)
  }
  return value
}

function oneOf<const Choice extends string>(
  name: string,
  value: unknown,
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
): Choice {
  if (value === undefined) return fallback
  const found = choices.find((choice) => choice === value)
  return (
    found ?? refuseOption(`${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, not ${shown(value)}`)
  )
}
