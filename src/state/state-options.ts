import { SluiceError, shown } from '../errors.js'
import { plainObject, refuseOption, refuseUnknownOption, wholeOption } from '../option-checks.js'
import { checkSnapshotName, type SnapshotFileSystem } from '../snapshot/snapshot-place.js'
import type { Migration, StateLogOptions, StateOptions } from './contract.js'
import type { Retention } from './retention.js'

/** {@link StateOptions}, checked, with their defaults. The log's own are checked by the log. */
export interface ResolvedStateOptions {
  readonly compaction:
    | { readonly logBytes: number; readonly ratio: number; readonly everyMs: number | undefined }
    | undefined
  readonly retention: Retention
  readonly gzipAfterMs: number
  readonly json: { readonly name: string; readonly debounceMs: number } | undefined
  readonly schemaVersion: number
  readonly migrations: ReadonlyMap<number, Migration>
  readonly log: StateLogOptions
  readonly fileSystem: SnapshotFileSystem | undefined
  readonly now: () => number
}

const DAY_MS = 86_400_000
const MS_MAX = 2 ** 31 - 1
const MIB = 2 ** 20

const NAMES = ['compaction', 'backups', 'json', 'schemaVersion', 'migrations', 'log', 'fileSystem', 'now']
const LOG_NAMES = [
  ...[
    'batch',
    'flush',
    'directorySync',
    'segmentBytes',
    'preparedSegments',
    'maxRecordBytes',
    'maxPendingBytes',
    'maxWaiting',
    'workerUrl',
  ],
]

/**
 * The log is trimmed by whole segments, so they are smaller than a log's own default: what trimming leaves is at most one of them.
 */
const SEGMENT_BYTES = 16 * MIB

/** Throws `SLUICE_INVALID_OPTION`, naming the option and the value that it refuses. */
export function resolveStateOptions(options: StateOptions = {}): ResolvedStateOptions {
  const given = plainObject('options', options)
  refuseUnknownOption('', given, NAMES)
  const schemaVersion = wholeOption('schemaVersion', given['schemaVersion'], 1, Number.MAX_SAFE_INTEGER, 1)
  const { now = Date.now, fileSystem } = options
  if (typeof now !== 'function') refuseOption(`now must be a function, not ${shown(now)}`)
  return {
    compaction: compactionOf(given['compaction']),
    ...backupsOf(given['backups']),
    json: jsonOf(given['json']),
    schemaVersion,
    migrations: migrationsOf(given['migrations'], schemaVersion),
    log: logOf(given['log']),
    fileSystem,
    now,
  }
}

/** For calls that may be given a store's own options, and some more. Throws `SLUICE_INVALID_OPTION` for others, and for what is no object. */
export function checkOptionNames(options: unknown, more: readonly string[] = []): void {
  refuseUnknownOption('', plainObject('options', options), [...NAMES, ...more])
}

function compactionOf(value: unknown): ResolvedStateOptions['compaction'] {
  if (value === false) return undefined
  const given = value === undefined ? {} : plainObject('compaction', value)
  refuseUnknownOption('compaction.', given, ['logBytes', 'ratio', 'everyMs'])
  return {
    logBytes: wholeOption('compaction.logBytes', given['logBytes'], 1024, 2 ** 40, MIB),
    ratio: number('compaction.ratio', given['ratio'], 0, 1000, 1),
    everyMs:
      given['everyMs'] === undefined ? undefined : wholeOption('compaction.everyMs', given['everyMs'], 1, MS_MAX, 1),
  }
}

function backupsOf(value: unknown): Pick<ResolvedStateOptions, 'retention' | 'gzipAfterMs'> {
  const given = value === undefined ? {} : plainObject('backups', value)
  refuseUnknownOption('backups.', given, ['keep', 'gzipAfterMs', 'daily', 'weekly'])
  const gzip = given['gzipAfterMs']
  return {
    retention: {
      keep: wholeOption('backups.keep', given['keep'], 2, 1000, 3),
      daily: wholeOption('backups.daily', given['daily'], 0, 1000, 0),
      weekly: wholeOption('backups.weekly', given['weekly'], 0, 1000, 0),
    },
    gzipAfterMs:
      gzip === false ? Number.POSITIVE_INFINITY : number('backups.gzipAfterMs', gzip, 0, Number.MAX_VALUE, DAY_MS),
  }
}

function jsonOf(value: unknown): ResolvedStateOptions['json'] {
  if (value === undefined) return undefined
  const given: Record<string, unknown> = typeof value === 'string' ? { name: value } : plainObject('json', value)
  refuseUnknownOption('json.', given, ['name', 'debounceMs'])
  const { name } = given
  try {
    checkSnapshotName(name as string) // It refuses what is no string.
  } catch (cause) {
    const message = `json must name a file in the folder that the store's lies in, not ${shown(name)}`
    throw new SluiceError('SLUICE_INVALID_OPTION', message, { cause })
  }
  return { name: name as string, debounceMs: number('json.debounceMs', given['debounceMs'], 0, MS_MAX, 1000) }
}

function migrationsOf(value: unknown, schemaVersion: number): ReadonlyMap<number, Migration> {
  const migrations = new Map<number, Migration>()
  if (value === undefined) return migrations
  const given = plainObject('migrations', value)
  for (const [name, migration] of Object.entries(given)) {
    const version = /^[1-9]\d*$/.test(name) ? Number(name) : Number.NaN
    if (!(version >= 2 && version <= schemaVersion)) {
      refuseOption(`migrations has ${shown(name)}: they lead to versions from 2 to schemaVersion, ${schemaVersion}`)
    }
    if (typeof migration !== 'function') refuseOption(`migrations[${name}] must be a function, not ${shown(migration)}`)
    migrations.set(version, migration as Migration) // What it takes and gives is looked at when it is called.
  }
  return migrations
}

function logOf(value: unknown): StateLogOptions {
  const given = value === undefined ? {} : plainObject('log', value)
  refuseUnknownOption('log.', given, LOG_NAMES)
  if (given['flush'] === 'never')
    refuseOption("log.flush: 'never' is impossible: nothing that was set would become durable")
  return { segmentBytes: SEGMENT_BYTES, ...given }
}

function number(name: string, value: unknown, least: number, most: number, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && value >= least && value <= most) return value
  return refuseOption(`${name} must be a number from ${least} to ${most}, not ${shown(value)}`)
}
