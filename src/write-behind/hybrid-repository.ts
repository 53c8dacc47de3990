import { SluiceError, shown } from '../errors.js'
import { refuseOption, refuseUnknownOption } from '../option-checks.js'
import type { WriteBehind } from './contract.js'
import { createObserved } from './create-write-behind.js'
import type { HybridOptions, HybridRepository, HybridStats } from './hybrid-contract.js'
import { LiveValues } from './live-values.js'
import type { RepositoryWriteBehind } from './write-behind.js'

const OPTION_NAMES = ['repository', 'archive', 'maxLive', 'writeBehind']
const MAX_LIVE = 10_000
const MAX_LIVE_MAX = 100_000_000

/** A load that is under way; a value that was set meanwhile makes what it finds worthless. */
interface Load<V> {
  readonly found: Promise<V | undefined>
  isOutdated: boolean
}

/**
 * Makes a hybrid repository. Throws `SLUICE_INVALID_OPTION`, and as `createWriteBehind` does.
 */
export function createHybridRepository<V, K extends string = string>(
  options: HybridOptions<V, K>,
): HybridRepository<V, K> {
  checkOptions(options)
  return new LiveRepository(options)
}

class LiveRepository<V, K extends string> implements HybridRepository<V, K> {
  readonly #options: HybridOptions<V, K>
  readonly #live: LiveValues<V, K>
  readonly #behind: RepositoryWriteBehind<V, K>
  /** Writes what is finished to the archive, in batches too. */
  readonly #archive: RepositoryWriteBehind<V, K> | undefined
  readonly #loads = new Map<K, Load<V>>()
  readonly #finishing = new Map<K, Promise<boolean>>()
  /** Keys that were set while they were being finished. */
  readonly #setAgain = new Set<K>()
  #hits = 0
  #misses = 0
  #archived = 0

  constructor(options: HybridOptions<V, K>) {
    this.#options = options
    this.#live = new LiveValues(options.maxLive ?? MAX_LIVE)
    const { repository, archive, writeBehind = {} } = options
    this.#behind = createObserved({ ...writeBehind, repository }, (keys) => this.#saved(keys))
    if (archive === undefined) return
    // What is not archived yet is in the repository, so that a crash loses nothing: this one needs no journal.
    const { journal: _, ...same } = writeBehind
    this.#archive = createObserved<V, K>({ ...same, repository: archive })
  }

  get writeBehind(): WriteBehind<V, K> {
    return this.#behind
  }

  async get(key: K): Promise<V | undefined> {
    const live = this.#find(key)
    if (live !== undefined) {
      this.#hits += 1
      return live
    }
    this.#misses += 1
    await this.#behind.ready() // What the journal holds is newer than what the repository has.
    for (;;) {
      const found = this.#find(key)
      if (found !== undefined) return found
      const load = this.#loads.get(key) ?? this.#load(key)
      const loaded = await load.found
      if (!load.isOutdated) return loaded
    }
  }

  peek(key: K): V | undefined {
    return this.#find(key)
  }

  set(key: K, value: V): Promise<void> {
    if (value === undefined) throw new SluiceError('SLUICE_INVALID_ARGUMENT', `the value of ${shown(key)} is undefined`)
    const marked = this.#behind.mark(key, value)
    if (marked !== undefined) return marked.then(() => this.#put(key, value))
    this.#put(key, value)
    return Promise.resolve()
  }

  finish(key: K): Promise<boolean> {
    const archive = this.#archive
    if (archive === undefined) throw new SluiceError('SLUICE_INVALID_ARGUMENT', 'finish needs the option archive')
    const underway = this.#finishing.get(key)
    if (underway !== undefined) return underway
    const finished = this.#finish(key, archive).finally(() => {
      this.#finishing.delete(key)
      this.#setAgain.delete(key)
      // Where it failed, or was set again, it is live as before.
      if (!this.#behind.isDirty(key)) this.#live.letGo(key)
    })
    this.#finishing.set(key, finished)
    return finished
  }

  stats(): HybridStats {
    return {
      live: this.#live.size,
      dirty: this.#behind.stats().dirty,
      hits: this.#hits,
      misses: this.#misses,
      evicted: this.#live.evicted,
      archived: this.#archived,
    }
  }

  flush(): Promise<void> {
    return this.#behind.flush()
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#finishing.values())
    try {
      await this.#behind.close()
    } finally {
      // What it could not archive, `finish` has told; it is in the repository.
      await this.#archive?.close().catch(() => {})
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #find(key: K): V | undefined {
    const live = this.#live.use(key)
    if (live !== undefined) return live
    // A mark that a crash left in the journal is dirty without having been set.
    const dirty = this.#behind.dirtyValue(key)
    if (dirty !== undefined) this.#put(key, dirty)
    return dirty
  }

  #put(key: K, value: V): void {
    const load = this.#loads.get(key)
    if (load !== undefined) load.isOutdated = true
    if (this.#finishing.has(key)) this.#setAgain.add(key)
    // With a journal a later mark's value can be dirty, and read, before this one is put; and this one can be saved.
    const newest = this.#behind.dirtyValue(key)
    this.#live.put(key, newest ?? value, newest !== undefined || this.#finishing.has(key))
  }

  #saved(keys: readonly K[]): void {
    for (const key of keys) if (!this.#finishing.has(key)) this.#live.letGo(key)
  }

  #load(key: K): Load<V> {
    const load: Load<V> = { found: this.#read(key), isOutdated: false }
    this.#loads.set(key, load)
    const done = (value: V | undefined): void => {
      this.#loads.delete(key)
      if (this.#find(key) !== undefined) load.isOutdated = true
      if (value !== undefined && !load.isOutdated) this.#live.put(key, value, false)
    }
    load.found.then(done, () => done(undefined))
    return load
  }

  async #read(key: K): Promise<V | undefined> {
    const { repository, archive } = this.#options
    const found = await repository.load?.(key)
    return found ?? (await archive?.load?.(key)) ?? undefined
  }

  async #finish(key: K, archive: RepositoryWriteBehind<V, K>): Promise<boolean> {
    for (;;) {
      const value = await this.get(key)
      if (value === undefined) return false
      if (this.#behind.isDirty(key)) {
        await this.#behind.flushKeys([key])
        continue
      }
      this.#live.put(key, value, true)
      this.#setAgain.delete(key)
      await archive.markDirty(key, value)
      await archive.flushKeys([key])
      this.#archived += 1
      if (!this.#setAgain.has(key)) this.#live.remove(key)
      return true
    }
  }
}

function checkOptions<V, K extends string>(options: HybridOptions<V, K>): void {
  if (typeof options !== 'object' || options === null) refuseOption(`options must be an object, not ${shown(options)}`)
  refuseUnknownOption('', options, OPTION_NAMES)
  const { repository, archive, maxLive = MAX_LIVE, writeBehind = {} } = options
  if (typeof repository?.load !== 'function') refuseOption('repository must have load, to be read through')
  if (archive !== undefined && typeof archive?.saveMany !== 'function') {
    refuseOption(`archive must have saveMany, not be ${shown(archive)}`)
  }
  if (!Number.isSafeInteger(maxLive) || maxLive < 1 || maxLive > MAX_LIVE_MAX) {
    refuseOption(`maxLive must be a whole number from 1 to ${MAX_LIVE_MAX}, not ${shown(maxLive)}`)
  }
  if (typeof writeBehind !== 'object' || writeBehind === null) {
    refuseOption(`writeBehind must be an object, not ${shown(writeBehind)}`)
  }
  for (const name of ['repository', 'read']) {
    if (name in writeBehind) refuseOption(`writeBehind.${name} is not for a hybrid: it has its own`)
  }
}
