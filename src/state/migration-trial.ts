import type { Backups } from './backups.js'
import type { Migration } from './contract.js'
import { loadState, type StateSource } from './load-state.js'
import { dueMigrations, migrateOne } from './migrations.js'

/** What migrations would do. */
export interface MigrationReport {
  /** The state after this record was looked at. */
  readonly lsn: number
  /** How many values have each version below `schemaVersion`. */
  readonly found: Readonly<Record<number, number>>
  /** The versions that values would be brought to, in this order. */
  readonly due: readonly number[]
  /** How many values would come out otherwise than they are, or unchanged; how many keys would be dropped. */
  readonly changed: number
  readonly unchanged: number
  readonly dropped: number
  /** What would fail: opening the store would be refused. */
  readonly failures: readonly { readonly key: string; readonly version: number; readonly error: Error }[]
}

export async function trialOf(
  source: StateSource,
  backups: Backups,
  schemaVersion: number,
  migrations: ReadonlyMap<number, Migration>,
): Promise<MigrationReport> {
  const state = await loadState<unknown>(source, backups, { schemaVersion, passNewer: true })
  const found: Record<number, number> = {}
  const counts = { changed: 0, unchanged: 0, dropped: 0 }
  const failures: { key: string; version: number; error: Error }[] = []
  for (const [key, from] of state.versions) {
    found[from] = (found[from] ?? 0) + 1
    const before = state.keys.durable(key)?.text ?? ''
    let text: string | undefined = before
    let version = from
    try {
      while (text !== undefined && version < schemaVersion) text = migrateOne(++version, migrations, key, text)
      counts[text === undefined ? 'dropped' : text === before ? 'unchanged' : 'changed']++
    } catch (error) {
      failures.push({ key, version, error: error instanceof Error ? error : new Error(String(error)) })
    }
  }
  return { lsn: state.keys.settledLsn, found, due: dueMigrations(state), ...counts, failures }
}
