import { SluiceError, shown } from '../errors.js'
import type { Clock, Entry, Repository } from './contract.js'

/** All entries of a batch failed, one by one: for the breaker that is a failure like any other. */
export class WholeBatchError<K extends string> extends Error {
  override readonly name = 'WholeBatchError'
  readonly failures: ReadonlyMap<K, unknown>

  constructor(failures: ReadonlyMap<K, unknown>) {
    super('no entry of the batch was saved')
    this.failures = failures
  }
}

/** Saves a batch. Resolves to the errors of the entries that failed, by key; rejects where none was saved. */
export async function saveBatch<V, K extends string>(
  repository: Repository<V, K>,
  entries: readonly Entry<V, K>[],
  clock: Clock,
  timeoutMs: number,
): Promise<ReadonlyMap<K, unknown>> {
  const timeout = new AbortController()
  const callOff = clock.setTimer(() => {
    timeout.abort(
      new SluiceError('SLUICE_SAVE_FAILED', `a save of ${entries.length} entries takes over ${timeoutMs} ms`),
    )
  }, timeoutMs)
  try {
    const failures = failuresOf(await repository.saveMany(entries, { signal: timeout.signal }), entries)
    if (failures.size === entries.length) throw new WholeBatchError(failures)
    return failures
  } finally {
    callOff()
  }
}

/** What a repository answered; it is the caller's code, so the answer is checked before it is believed. */
function failuresOf<V, K extends string>(report: unknown, entries: readonly Entry<V, K>[]): Map<K, unknown> {
  const failures = new Map<K, unknown>()
  if (report === undefined) return failures
  const failed: unknown = typeof report === 'object' && report !== null ? Reflect.get(report, 'failed') : undefined
  if (typeof failed !== 'object' || failed === null || !(Symbol.iterator in failed)) {
    refuse(`saveMany must answer nothing, or { failed: [{ key, error }] }, not ${shown(report)}`)
  }
  const keys = new Map<unknown, K>(entries.map(({ key }) => [key, key]))
  // An object with Symbol.iterator; whether that works, the loop finds out.
  for (const failure of failed as Iterable<unknown>) {
    const named: unknown = typeof failure === 'object' && failure !== null ? Reflect.get(failure, 'key') : undefined
    const key = keys.get(named)
    if (key === undefined) refuse(`saveMany reports the key ${shown(named)}, which is not in the batch`)
    failures.set(key, Reflect.get(Object(failure), 'error'))
  }
  return failures
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
