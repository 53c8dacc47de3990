import { DirtyEntry, type Held, type JournalPlace } from './dirty-entry.js'

/** Entries that failed together, and wait together. */
export interface DelayedGroup<V, K extends string> {
  readonly entries: ReadonlySet<DirtyEntry<V, K>>
  readonly dueMs: number
  /** Their whole batch failed: perhaps for the repository's sake, not for theirs. */
  readonly whole: boolean
}

/**
 * The dirty entries, each in one of four states. What is marked waits, a flush queues all that wait, batches are taken
 * from the queue; a failed entry is delayed, and waits again later. A key is one entry, so it is never saved twice at once.
 */
export class DirtySet<V, K extends string> {
  readonly #entries = new Map<K, DirtyEntry<V, K>>()
  #waiting = new Set<DirtyEntry<V, K>>()
  #queued = new Set<DirtyEntry<V, K>>()
  readonly #delayed = new Set<DelayedGroup<V, K>>()
  #saving = 0
  #marks = 0

  get size(): number {
    return this.#entries.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get queued(): number {
    return this.#queued.size
  }

  get saving(): number {
    return this.#saving
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  get(key: K): DirtyEntry<V, K> | undefined {
    return this.#entries.get(key)
  }

  entries(): IterableIterator<DirtyEntry<V, K>> {
    return this.#entries.values()
  }

  /** Marks a key: the newest mark counts, and one that is being saved will be saved again. */
  mark(key: K, held: Held<V>, place: JournalPlace | undefined): void {
    this.#marks += 1
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      const made = new DirtyEntry(key, this.#marks, held, place)
      this.#entries.set(key, made)
      this.#waiting.add(made)
      return
    }
    entry.mark = this.#marks
    entry.held = held
    entry.place = place
  }

  /** Queues all that wait. */
  queue(): void {
    for (const entry of this.#waiting) {
      entry.state = 'queued'
      this.#queued.add(entry)
    }
    this.#waiting.clear()
  }

  /** What was queued waits again. */
  unqueue(): void {
    for (const entry of this.#waiting) this.#queued.add(entry)
    this.#waiting = this.#queued
    this.#queued = new Set()
    for (const entry of this.#waiting) entry.state = 'waiting'
  }

  /** Takes up to so many entries from the queue, to be saved. */
  take(count: number): DirtyEntry<V, K>[] {
    const batch: DirtyEntry<V, K>[] = []
    for (const entry of this.#queued) {
      if (batch.length === count) break
      this.#queued.delete(entry)
      entry.state = 'saving'
      batch.push(entry)
    }
    this.#saving += batch.length
    return batch
  }

  /** The value of mark number `mark` was saved. Returns whether that was the newest one: then the entry is dirty no more. */
  saved(entry: DirtyEntry<V, K>, mark: number): boolean {
    this.#saving -= 1
    entry.failures = 0
    if (entry.mark === mark) {
      this.#entries.delete(entry.key)
      return true
    }
    this.#wait(entry)
    return false
  }

  /** These entries failed together, and are to wait until `dueMs`. */
  failed(entries: readonly DirtyEntry<V, K>[], dueMs: number, whole: boolean): void {
    this.#saving -= entries.length
    for (const entry of entries) entry.state = 'delayed'
    this.#delayed.add({ entries: new Set(entries), dueMs, whole })
  }

  /** When the first of the delayed is due; infinite where there is none. Batches that failed as a whole can be due at once. */
  delayedDueMs(wholeAtOnce: boolean): number {
    let firstMs = Number.POSITIVE_INFINITY
    for (const { dueMs, whole } of this.#delayed) {
      firstMs = Math.min(firstMs, whole && wholeAtOnce ? Number.NEGATIVE_INFINITY : dueMs)
    }
    return firstMs
  }

  /** Delayed entries wait for the next flush again, where `released` says so. Returns whether there was one. */
  release(released: (group: DelayedGroup<V, K>) => boolean): boolean {
    let any = false
    for (const group of this.#delayed) {
      if (!released(group)) continue
      this.#delayed.delete(group)
      for (const entry of group.entries) this.#wait(entry)
      any = true
    }
    return any
  }

  #wait(entry: DirtyEntry<V, K>): void {
    entry.state = 'waiting'
    this.#waiting.add(entry)
  }
}
