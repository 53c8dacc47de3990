import { SluiceError, shown } from '../errors.js'
import type { Backups } from './backups.js'
import type { Migration, RestoredState } from './contract.js'
import { type LoadOptions, loadState, type StateSource } from './load-state.js'
import { dueMigrations, migrateTo } from './migrations.js'
import { RestoredView } from './state-view.js'

/** Reads the state of a moment, and migrates it in memory. */
export async function restoreFrom<V>(
  source: StateSource,
  backups: Backups,
  options: LoadOptions,
  migrations: ReadonlyMap<number, Migration>,
): Promise<RestoredState<V>> {
  const { at } = options
  const isLsn = typeof at === 'number' && Number.isSafeInteger(at) && at >= 0 && at <= source.durableLsn
  const isTime = at instanceof Date && !Number.isNaN(at.getTime())
  if (at !== undefined && !isLsn && !isTime) {
    const message = `at must be a Date, or an LSN from 0 to ${source.durableLsn}, not ${shown(at)}`
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
  }
  const state = await loadState<V>(source, backups, options)
  for (const version of dueMigrations(state)) migrateTo(version, migrations, state)
  return new RestoredView(state.keys, state.foundVersion)
}
