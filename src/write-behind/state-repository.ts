import { SluiceError, shown } from '../errors.js'
import type { Repository, SaveFailure } from './contract.js'

/** What is used of a keyed store: one of `sluice/state`, or any other of this shape. */
export interface KeyedStore<V> {
  get(key: string): V | undefined | Promise<V | undefined>
  set(key: string, value: V): unknown
}

/**
 * A keyed store as a repository. The entries of a batch are set at once, and share the store's commits; each stands or
 * falls for itself. Throws `SLUICE_INVALID_ARGUMENT`.
 */
export function stateRepository<V, K extends string = string>(
  store: KeyedStore<V>,
): Repository<V, K> & { load(key: K): Promise<V | undefined> } {
  if (typeof store?.get !== 'function' || typeof store.set !== 'function') {
    throw new SluiceError('SLUICE_INVALID_ARGUMENT', `store must have get and set, not be ${shown(store)}`)
  }
  return {
    async saveMany(entries) {
      const failed: SaveFailure<K>[] = []
      const set = async (key: K, value: V): Promise<void> => {
        try {
          await store.set(key, value)
        } catch (error) {
          failed.push({ key, error })
        }
      }
      await Promise.all(entries.map(({ key, value }) => set(key, value)))
      return { failed }
    },
    load: async (key) => await store.get(key),
  }
}
