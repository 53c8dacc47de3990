import type { WriteBehind, WriteBehindOptions } from './contract.js'
import { openJournalLog } from './open-journal-log.js'
import { RepositoryWriteBehind, type SettledListener } from './write-behind.js'
import { resolveOptions } from './write-behind-options.js'

/**
 * Makes a write-behind. It returns at once, so that a service can mark from its first moment on: with a journal, marks wait
 * until that is open, and `ready()` tells when.
 *
 * Throws `SLUICE_INVALID_OPTION`, and `SLUICE_INVALID_ARGUMENT` where the journal's directory is no path.
 */
export function createWriteBehind<V, K extends string = string>(options: WriteBehindOptions<V, K>): WriteBehind<V, K> {
  return createObserved(options)
}

/** As {@link createWriteBehind}, for whoever builds on it. */
export function createObserved<V, K extends string>(
  options: WriteBehindOptions<V, K>,
  settled?: SettledListener<K>,
): RepositoryWriteBehind<V, K> {
  const resolved = resolveOptions(options)
  const log = resolved.journal === undefined ? undefined : openJournalLog(resolved.journal)
  return new RepositoryWriteBehind(resolved, log, settled)
}
