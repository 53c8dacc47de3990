import type { Repository, WriteBehind, WriteBehindOptions } from './contract.js'

/** Where finished values go: anything that saves, and loads where reads are to find them again. */
export type Archive<V, K extends string = string> = Repository<V, K>

export interface HybridOptions<V, K extends string = string> {
  /** Saves what is dirty, and is read where a key is not in memory: it needs `load`. */
  readonly repository: Repository<V, K>
  /** Takes what is finished. Its `load`, where it has one, is asked last. */
  readonly archive?: Archive<V, K>
  /** Values in memory at the most, least recently used ones go first: 1 to 100,000,000. Dirty ones stay beyond it. @default 10,000 */
  readonly maxLive?: number
  /** As for `createWriteBehind`. */
  readonly writeBehind?: Omit<WriteBehindOptions<V, K>, 'repository' | 'read'>
}

export interface HybridStats {
  /** Values in memory, dirty ones among them. */
  readonly live: number
  readonly dirty: number
  /** Reads that memory answered. */
  readonly hits: number
  /** Reads that asked the repository, or waited for one that did. */
  readonly misses: number
  /** Clean values that made room. */
  readonly evicted: number
  readonly archived: number
}

/** Live values in memory, over a repository and an archive. */
export interface HybridRepository<V, K extends string = string> {
  /**
   * The value of a key, from memory, else from the repository, else from the archive; `undefined` where none of them has it. Reads of
   * one missing key share one load. Never an older value than one that was read before.
   *
   * Rejects as the repository's and the archive's `load` do.
   */
  get(key: K): Promise<V | undefined>
  /** The value, where it is in memory. It counts as used. */
  peek(key: K): V | undefined
  /**
   * Puts a value in memory, to be written behind. A value that was changed in place is set again. Reads see it once the mark is
   * taken: at once, where there is room and no journal.
   *
   * Throws and rejects as `WriteBehind.markDirty` does: the value is not set then. `undefined` is refused.
   */
  set(key: K, value: V): Promise<void>
  /**
   * A value is finished: it is saved, handed to the archive, and evicted. (The repository keeps what it has: reads find it
   * there, or in the archive once the repository's owner removes it.) Set again meanwhile, it stays live. Resolves to whether there was one.
   *
   * Throws `SLUICE_INVALID_ARGUMENT` without an archive; rejects with `SLUICE_SAVE_FAILED` where it could not be saved or archived: it
   * stays live then, and can be finished again.
   */
  finish(key: K): Promise<boolean>
  /** What is written behind: its events, `flush`, `stats`. */
  readonly writeBehind: WriteBehind<V, K>
  stats(): HybridStats
  /** Everything set so far is saved. Rejects as `WriteBehind.flush` does. */
  flush(): Promise<void>
  /** Finishes what is being finished, and closes as `WriteBehind.close` does. Memory can still be read. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
