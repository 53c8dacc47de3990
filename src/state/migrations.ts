import { SluiceError, shown } from '../errors.js'
import type { Migration } from './contract.js'
import { jsonOf } from './json-text.js'
import type { LoadedState } from './load-state.js'

/** The versions that a state's values are brought to, one after the other. */
export function dueMigrations({ versions, schemaVersion = 1 }: LoadedState<unknown>): number[] {
  let lowest = schemaVersion
  for (const version of versions.values()) lowest = Math.min(lowest, version)
  return Array.from({ length: schemaVersion - lowest }, (_, index) => lowest + 1 + index)
}

/**
 * Brings all values of the version before to this one, in memory. Returns how many. Throws `SLUICE_MIGRATION_FAILED`, with the
 * state half migrated: it is not to be used then.
 */
export function migrateTo<V>(
  version: number,
  migrations: ReadonlyMap<number, Migration>,
  state: LoadedState<V>,
): number {
  let migrated = 0
  for (const [key, from] of state.versions) {
    const entry = state.keys.durable(key)
    if (from !== version - 1 || entry === undefined) continue
    const text = migrateOne(version, migrations, key, entry.text)
    state.keys.load(key, entry.lsn, text)
    if (text === undefined || version === state.schemaVersion) state.versions.delete(key)
    else state.versions.set(key, version)
    migrated++
  }
  return migrated
}

/** Whether all values have this version, so that a snapshot of it can be made. */
export function isWhollyOf(version: number, { versions, keys, schemaVersion }: LoadedState<unknown>): boolean {
  if (version === schemaVersion) return true
  if (versions.size < keys.size) return false
  return [...versions.values()].every((each) => each === version)
}

/**
 * Brings one value, given as JSON, to a version; `undefined`: the key is dropped. The migration gets a value of its own, which it may
 * change. Throws `SLUICE_MIGRATION_FAILED`.
 */
export function migrateOne(
  version: number,
  migrations: ReadonlyMap<number, Migration>,
  key: string,
  text: string,
): string | undefined {
  const migration = migrations.get(version)
  if (migration === undefined) {
    const message = `there are values of schema version ${version - 1}, and no migration to ${version}`
    throw new SluiceError('SLUICE_MIGRATION_FAILED', message)
  }
  try {
    const value = migration(JSON.parse(text), key)
    return value === undefined ? undefined : jsonOf(value)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `the migration to schema version ${version} failed for the key ${shown(key)}: ${reason}`
    throw new SluiceError('SLUICE_MIGRATION_FAILED', message, { cause })
  }
}
