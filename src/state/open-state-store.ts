import { basename, dirname, join } from 'node:path'
import { SluiceError } from '../errors.js'
import { absoluteFolder } from '../fs/folder-path.js'
import { nodeFileSystem } from '../fs/node-file-system.js'
import type { Log, LogReader } from '../log/contract.js'
import { openLogReader } from '../log/log-reader.js'
import { openLog } from '../log/open-log.js'
import { Backups } from './backups.js'
import type { RestoredState, RestoreOptions, StateChange, StateOptions, StateStore } from './contract.js'
import { historyOf } from './history.js'
import { type MigrationReport, trialOf } from './migration-trial.js'
import { readAgain } from './read-again.js'
import { restoreFrom } from './restore.js'
import { startStore } from './start-store.js'
import { checkOptionNames, resolveStateOptions } from './state-options.js'
import { checkKey } from './state-view.js'

/** The folder of the log, and that of the snapshots, in the store's own. */
const LOG_FOLDER = 'log'
const SNAPSHOT_FOLDER = 'snapshots'

/**
 * Opens the state in `directory`; where there is none, it begins empty, or with what `options.json` holds. It is read from the
 * newest snapshot and the log behind it; a snapshot that is damaged is passed over for the one before, and `store.recovery` says so.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_INVALID_OPTION`, naming what they refuse. Rejects with what `openLog` rejects with;
 * `SLUICE_CORRUPT` (also where snapshots and log together don't make the state any more); `SLUICE_NEWER_SCHEMA` (nothing was changed);
 * `SLUICE_MIGRATION_FAILED` (the migrations before the one that failed are durable).
 */
export function openStateStore<V>(directory: string, options: StateOptions = {}): Promise<StateStore<V>> {
  const root = absoluteFolder(directory)
  const resolved = resolveStateOptions(options)
  if (resolved.json?.name === basename(root)) {
    throw new SluiceError(
      'SLUICE_INVALID_OPTION',
      `json can't have the name of the store's own folder: ${resolved.json.name}`,
    )
  }
  const fileSystem = resolved.fileSystem ?? nodeFileSystem
  const over = options.fileSystem === undefined ? {} : { fileSystem }
  const opening = openLog(join(root, LOG_FOLDER), { ...resolved.log, ...over, onFull: 'reject' })
  return opening.then(async (log: Log) => {
    try {
      const place = resolved.json && { fileSystem, directory: dirname(root), name: resolved.json.name }
      return await startStore<V>(log, new Backups(fileSystem, join(root, SNAPSHOT_FOLDER)), resolved, place)
    } catch (error) {
      await log.close().catch(() => {}) // The error that led here is the one to be told.
      throw error
    }
  })
}

/**
 * The state in `directory` as it was at `at`, or as it is, for reading: without the lock, and without a change, beside a process that
 * writes it. Values are migrated in memory up to `schemaVersion`; without one they are given as they are.
 *
 * Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_INVALID_OPTION`. Rejects with `SLUICE_TRIMMED` (snapshots and log don't reach so far back),
 * `SLUICE_INVALID_ARGUMENT` (there is no store, or `at` lies ahead of it), `SLUICE_CORRUPT`, `SLUICE_NEWER_SCHEMA`, `SLUICE_MIGRATION_FAILED`,
 * `SLUICE_UNSUPPORTED_FORMAT`, `SLUICE_IO`.
 */
export function restoreState<V>(directory: string, options: RestoreOptions = {}): Promise<RestoredState<V>> {
  checkOptionNames(options, ['at'])
  const { at, ...others } = options
  const { migrations } = resolveStateOptions(others)
  const { schemaVersion } = options
  return beside(directory, others, (reader, backups) =>
    restoreFrom<V>(
      reader,
      backups,
      { ...(at === undefined ? {} : { at }), schemaVersion, passNewer: true },
      migrations,
    ),
  )
}

/**
 * What the migrations to `schemaVersion` would do to the state in `directory`, value by value, without changing anything. It takes no lock. Throws
 * and rejects as {@link restoreState} does, but for migrations that fail: the report names all of them.
 */
export function tryMigrations(
  directory: string,
  options: Pick<StateOptions, 'schemaVersion' | 'migrations' | 'fileSystem'>,
): Promise<MigrationReport> {
  checkOptionNames(options)
  const { schemaVersion, migrations } = resolveStateOptions(options)
  return beside(directory, options, (reader, backups) => trialOf(reader, backups, schemaVersion, migrations))
}

/**
 * All changes of a key that the log in `directory` still has, oldest first; without the lock. Throws `SLUICE_INVALID_ARGUMENT` and
 * `SLUICE_INVALID_OPTION`; the iteration rejects with `SLUICE_CORRUPT`, `SLUICE_TRIMMED`, `SLUICE_IO`.
 */
export function stateHistory<V>(
  directory: string,
  key: string,
  options: Pick<StateOptions, 'fileSystem'> = {},
): AsyncGenerator<StateChange<V>> {
  checkKey(key)
  checkOptionNames(options)
  return historyBeside<V>(absoluteFolder(directory), key, options.fileSystem)
}

async function* historyBeside<V>(
  root: string,
  key: string,
  fileSystem: StateOptions['fileSystem'],
): AsyncGenerator<StateChange<V>> {
  const reader = await openReader(root, fileSystem)
  try {
    yield* historyOf<V>(reader, key)
  } finally {
    await reader.close()
  }
}

function beside<Result>(
  directory: string,
  { fileSystem }: Pick<StateOptions, 'fileSystem'>,
  read: (reader: LogReader, backups: Backups) => Promise<Result>,
): Promise<Result> {
  const root = absoluteFolder(directory)
  const backups = new Backups(fileSystem ?? nodeFileSystem, join(root, SNAPSHOT_FOLDER))
  return openReader(root, fileSystem).then(async (reader) => {
    try {
      return await readAgain(
        () => read(reader, backups),
        () => reader.refresh(),
      )
    } finally {
      await reader.close()
    }
  })
}

function openReader(root: string, fileSystem: StateOptions['fileSystem']): Promise<LogReader> {
  return openLogReader(join(root, LOG_FOLDER), fileSystem === undefined ? {} : { fileSystem })
}
