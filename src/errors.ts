/**
 * Every error that sluice throws or rejects with on purpose is a `SluiceError`. Match on `code`: codes are stable,
 * messages are for people and may change.
 */

/** The stable codes of {@link SluiceError}. */
export type SluiceErrorCode =
  /** The log is closing or closed. */
  | 'SLUICE_CLOSED'
  /** Another writer holds the directory; the message says who. */
  | 'SLUICE_LOCKED'
  /** This platform or file system gives no lock that dies with its holder, so the log is not opened at all. */
  | 'SLUICE_LOCK_UNAVAILABLE'
  /** What is on disk contradicts what was acknowledged: never repaired silently. */
  | 'SLUICE_CORRUPT'
  /** The files were written by a newer version of sluice. */
  | 'SLUICE_UNSUPPORTED_FORMAT'
  /** A commit failed; `outcome` says whether the record can be on disk all the same. */
  | 'SLUICE_COMMIT_FAILED'
  /** The log has latched itself after a failure; only a reopen recovers. */
  | 'SLUICE_FAILED'
  /** The file system or a quota is full. Nothing acknowledged is lost; appends work again once there is room. */
  | 'SLUICE_DISK_FULL'
  /** There was no room, and the log may not wait (or too many wait already). */
  | 'SLUICE_QUEUE_FULL'
  /** A record, or all the records of an `appendMany`, exceed `maxRecordBytes`. */
  | 'SLUICE_RECORD_TOO_LARGE'
  /** The LSN lies below `firstLsn`: it was given up by `trim`. */
  | 'SLUICE_TRIMMED'
  /** An option is unknown, of the wrong type, out of range, or impossible beside another one. */
  | 'SLUICE_INVALID_OPTION'
  /** An argument is of the wrong type or out of range. */
  | 'SLUICE_INVALID_ARGUMENT'
  /** A system call failed outside a commit: while opening, reading or trimming. `cause` says which; nothing is lost. */
  | 'SLUICE_IO'
  /** A conditional append found its condition broken: `position` says by which event, `itemIndex` by which query item. */
  | 'SLUICE_APPEND_CONDITION_FAILED'
  /** Of the ids of an append only some are remembered, or their events do not follow on each other. */
  | 'SLUICE_ID_CONFLICT'
  /** A projection's `apply` failed: `position` says at which event, `cause` is what it threw. */
  | 'SLUICE_PROJECTION_FAILED'
  /** A repository did not save what was written behind: `keys` says of which entries, `cause` why the first one failed. */
  | 'SLUICE_SAVE_FAILED'
  /** A key of a state store has another version than the write asked for, or was changed under an asynchronous update. */
  | 'SLUICE_VERSION_CONFLICT'
  /** A state store has values of a higher schema version than this program's: a newer program wrote them. */
  | 'SLUICE_NEWER_SCHEMA'
  /** A migration of a state store threw, made no value that can be stored, or is missing. Nothing was changed by it. */
  | 'SLUICE_MIGRATION_FAILED'

/**
 * What became of a record whose commit failed. `not-written`: it is not in the log, and will not be found by recovery.
 * `indeterminate`: it was on its way to the disk; recovery may or may not find it.
 */
export type CommitOutcome = 'not-written' | 'indeterminate'

/** What a {@link SluiceError} can say beyond its code. */
export interface SluiceErrorDetails {
  /** The system's error, where there was one; its `errno`, `syscall` and `path` are copied. */
  readonly cause?: unknown
  /**
   * For `SLUICE_COMMIT_FAILED`, `SLUICE_DISK_FULL` and `SLUICE_QUEUE_FULL`; for `SLUICE_CLOSED` and `SLUICE_FAILED` where the
   * append waited for room when the log was closed, or failed.
   */
  readonly outcome?: CommitOutcome
  /** The first LSN concerned. */
  readonly firstLsn?: number
  /** The last LSN concerned. */
  readonly lastLsn?: number
  /** The segment file concerned. */
  readonly segment?: string
  /** The file concerned, where it is no segment. */
  readonly file?: string
  /** The byte offset in that segment or file. */
  readonly offset?: number
  /** The position of the event concerned. */
  readonly position?: number
  /** Which item of a query an event matched, counted from 0. */
  readonly itemIndex?: number
  /** The keys of the entries concerned. */
  readonly keys?: readonly string[]
}

interface SystemErrorFields {
  readonly code?: unknown
  readonly errno?: unknown
  readonly syscall?: unknown
  readonly path?: unknown
}

/** The one error class of sluice. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  /** What happened, for programs: stable across versions. */
  readonly code: SluiceErrorCode
  /** Whether a record whose commit failed can be on disk. */
  declare readonly outcome?: CommitOutcome
  declare readonly firstLsn?: number
  declare readonly lastLsn?: number
  declare readonly segment?: string
  declare readonly file?: string
  declare readonly offset?: number
  declare readonly position?: number
  declare readonly itemIndex?: number
  declare readonly keys?: readonly string[]
  /** The system's error number, where the cause had one. */
  declare readonly errno?: number
  /** The system call that failed, where the cause named one. */
  declare readonly syscall?: string
  /** The path that the system's error named. */
  declare readonly path?: string

  constructor(code: SluiceErrorCode, message: string, details: SluiceErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.outcome !== undefined) this.outcome = details.outcome
    if (details.firstLsn !== undefined) this.firstLsn = details.firstLsn
    if (details.lastLsn !== undefined) this.lastLsn = details.lastLsn
    if (details.segment !== undefined) this.segment = details.segment
    if (details.file !== undefined) this.file = details.file
    if (details.offset !== undefined) this.offset = details.offset
    if (details.position !== undefined) this.position = details.position
    if (details.itemIndex !== undefined) this.itemIndex = details.itemIndex
    if (details.keys !== undefined) this.keys = details.keys
    const system = systemFields(details.cause)
    if (typeof system.errno === 'number') this.errno = system.errno
    if (typeof system.syscall === 'string') this.syscall = system.syscall
    if (typeof system.path === 'string') this.path = system.path
  }
}

/** An error as plain data: thread boundaries drop `code` and `errno` from errors, so they cross as this. */
export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly errno?: number
  readonly syscall?: string
  readonly path?: string
  readonly details?: Omit<SluiceErrorDetails, 'cause'>
  readonly cause?: ErrorRecord
}

/** Turns an error into data that survives `postMessage` and JSON. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const system = systemFields(error)
  return {
    name: error.name,
    message: error.message,
    ...(typeof system.code === 'string' ? { code: system.code } : {}),
    ...(typeof system.errno === 'number' ? { errno: system.errno } : {}),
    ...(typeof system.syscall === 'string' ? { syscall: system.syscall } : {}),
    ...(typeof system.path === 'string' ? { path: system.path } : {}),
    ...(error instanceof SluiceError ? { details: detailsOf(error) } : {}),
    ...(error.cause === undefined ? {} : { cause: toErrorRecord(error.cause) }),
  }
}

/** The error that {@link toErrorRecord} took apart: a `SluiceError` again where it was one. */
export function fromErrorRecord(record: ErrorRecord): Error {
  const cause = record.cause === undefined ? undefined : fromErrorRecord(record.cause)
  if (record.name === 'SluiceError' && record.code !== undefined) {
    // The code was a SluiceErrorCode when the record was made by toErrorRecord from a SluiceError.
    const code = record.code as SluiceErrorCode
    return new SluiceError(code, record.message, { ...record.details, ...(cause === undefined ? {} : { cause }) })
  }
  const error = new Error(record.message, cause === undefined ? undefined : { cause })
  const { code, errno, syscall, path } = record
  return Object.assign(error, {
    ...(code && { code }),
    ...(errno && { errno }),
    ...(syscall && { syscall }),
    ...(path && { path }),
  })
}

/** The `code` of a system error, such as `ENOSPC`; `undefined` for anything else. */
export function systemCode(error: unknown): string | undefined {
  const { code } = systemFields(error)
  return typeof code === 'string' ? code : undefined
}

/** Whether an error says that a file system or a quota is full. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** How a refused value is shown in a message: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return `an object of ${value.constructor?.name ?? 'no class'}`
  return String(value)
}

function detailsOf(error: SluiceError): Omit<SluiceErrorDetails, 'cause'> {
  const { outcome, firstLsn, lastLsn, segment, file, offset, position, itemIndex, keys } = error
  return {
    ...(outcome === undefined ? {} : { outcome }),
    ...(firstLsn === undefined ? {} : { firstLsn }),
    ...(lastLsn === undefined ? {} : { lastLsn }),
    ...(segment === undefined ? {} : { segment }),
    ...(file === undefined ? {} : { file }),
    ...(offset === undefined ? {} : { offset }),
    ...(position === undefined ? {} : { position }),
    ...(itemIndex === undefined ? {} : { itemIndex }),
    ...(keys === undefined ? {} : { keys }),
  }
}

function systemFields(error: unknown): SystemErrorFields {
  return typeof error === 'object' && error !== null ? error : {}
}
