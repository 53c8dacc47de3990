import type { Clock, Entry, Repository, SaveFailure, SaveReport } from '../write-behind/contract.js'

export interface MemoryRepositoryOptions {
  /** Milliseconds that a save takes, whatever its size. @default 0 */
  readonly latencyMs?: number
  /** Who measures them. @default real timers */
  readonly clock?: Clock
}

/** What a save meets. */
export interface SaveFault<K extends string = string> {
  /** How many saves meet it. @default 1 */
  readonly times?: number
  /** Saves fail with this as a whole; or, where `keys` is given, these entries of theirs. */
  readonly error: unknown
  readonly keys?: (key: K) => boolean
  /** Whether what fails is saved all the same: the answer was lost, not the save. @default false */
  readonly saved?: boolean
}

/** A repository in memory, with latency and failures to order. It keeps copies, as one on a disk does. */
export class MemoryRepository<V, K extends string = string> implements Repository<V, K> {
  readonly values = new Map<K, V>()
  /** Every batch that was asked for, in order. */
  readonly batches: (readonly Entry<V, K>[])[] = []
  /** Keys that were in two saves at the same time: a write-behind never does that. */
  readonly overlaps: K[] = []
  /** Saves under way. */
  running = 0
  /** The most of them at the same time. */
  runningMax = 0
  /** Milliseconds that a save takes from now on. */
  latencyMs: number
  readonly #clock: Clock | undefined
  readonly #saving = new Set<K>()
  readonly #faults: { readonly fault: SaveFault<K>; left: number }[] = []
  #gate: Promise<void> | undefined

  constructor(options: MemoryRepositoryOptions = {}) {
    this.latencyMs = options.latencyMs ?? 0
    this.#clock = options.clock
  }

  /** The next saves fail. Returns what takes the fault out again. */
  fail(fault: SaveFault<K>): () => void {
    const waiting = { fault, left: fault.times ?? 1 }
    this.#faults.push(waiting)
    return () => {
      waiting.left = 0
    }
  }

  /** Saves that begin from now on wait, until the function that this returns is called. */
  hold(): () => void {
    let release = (): void => {}
    this.#gate = new Promise((resolve) => {
      release = resolve
    })
    return () => {
      this.#gate = undefined
      release()
    }
  }

  async saveMany(entries: readonly Entry<V, K>[]): Promise<SaveReport<K>> {
    const copies = entries.map(({ key, value }) => ({ key, value: structuredClone(value) }))
    this.batches.push(copies)
    for (const { key } of copies) {
      if (this.#saving.has(key)) this.overlaps.push(key)
      this.#saving.add(key)
    }
    this.running += 1
    this.runningMax = Math.max(this.runningMax, this.running)
    const fault = this.#nextFault(copies)
    try {
      await this.#gate
      if (this.latencyMs > 0) await this.#wait(this.latencyMs)
      return { failed: this.#save(copies, fault) }
    } finally {
      this.running -= 1
      for (const { key } of copies) this.#saving.delete(key)
    }
  }

  async load(key: K): Promise<V | undefined> {
    if (this.latencyMs > 0) await this.#wait(this.latencyMs)
    return structuredClone(this.values.get(key))
  }

  #save(entries: readonly Entry<V, K>[], fault: SaveFault<K> | undefined): SaveFailure<K>[] {
    const failed: SaveFailure<K>[] = []
    for (const { key, value } of entries) {
      const fails = fault !== undefined && (fault.keys?.(key) ?? true)
      if (fails) failed.push({ key, error: fault.error })
      if (!fails || fault.saved === true) this.values.set(key, value)
    }
    if (fault !== undefined && fault.keys === undefined) throw fault.error
    return failed
  }

  #nextFault(entries: readonly Entry<V, K>[]): SaveFault<K> | undefined {
    for (const waiting of this.#faults) {
      const { keys } = waiting.fault
      if (waiting.left <= 0 || (keys !== undefined && !entries.some(({ key }) => keys(key)))) continue
      waiting.left -= 1
      return waiting.fault
    }
    return undefined
  }

  #wait(ms: number): Promise<void> {
    const clock = this.#clock
    return new Promise((resolve) => {
      if (clock === undefined) setTimeout(resolve, ms)
      else clock.setTimer(resolve, ms)
    })
  }
}
