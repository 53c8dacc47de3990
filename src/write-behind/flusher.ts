import { saveBatch, WholeBatchError } from './batch-save.js'
import type { Entry, FlushSummary, WriteBehindEvents, WriteBehindStats } from './contract.js'
import type { DirtyEntry, Held, JournalPlace } from './dirty-entry.js'
import { DirtySet } from './dirty-set.js'
import { FlushFigures } from './flush-figures.js'
import { FlushInterval } from './flush-interval.js'
import { FlushRequest } from './flush-request.js'
import { RepositoryBreaker } from './repository-breaker.js'
import { RetryDelay } from './retry-delay.js'
import type { ResolvedOptions } from './write-behind-options.js'

/** What the flusher tells: some of the events, and what has to happen beside them. */
export interface FlusherListener<V, K extends string> {
  flushed(summary: FlushSummary): void
  saveFailed(failure: Parameters<WriteBehindEvents<K>['saveFailed']>[0]): void
  breakerOpen(state: Parameters<WriteBehindEvents['breakerOpen']>[0]): void
  breakerClosed(): void
  /** These are dirty no more. */
  settled(entries: readonly DirtyEntry<V, K>[]): void
}

/** One flush: all that waited when it began, in batches. */
interface Round {
  readonly startMs: number
  /** All its batches have begun. */
  begun: boolean
  running: number
  batches: number
  saved: number
  failed: number
}

/** An entry, its newest mark when its save began, and what is saved. */
interface Taken<V, K extends string> {
  readonly entry: DirtyEntry<V, K>
  readonly mark: number
  readonly value: V
}

/**
 * Decides when entries are saved, and saves them: an interval after the first of them was marked, once there is a full
 * batch of them, when a flush was asked for, or when a delay after a failure is over.
 */
export class Flusher<V, K extends string> {
  readonly dirty = new DirtySet<V, K>()
  readonly #options: ResolvedOptions<V, K>
  readonly #listener: FlusherListener<V, K>
  readonly #breaker: RepositoryBreaker
  readonly #delay: RetryDelay
  readonly #figures = new FlushFigures()
  readonly #interval: FlushInterval
  readonly #requests = new Set<FlushRequest<K>>()
  readonly #saves = new Set<Promise<void>>()
  #round: Round | undefined
  #lastStartMs = Number.NEGATIVE_INFINITY
  /** When what waits is to be flushed. */
  #dueMs = Number.POSITIVE_INFINITY
  #timer: { readonly atMs: number; readonly callOff: () => void } | undefined
  #pumpIsDue = false
  /** Whether it was told that the breaker opened, and not yet that it closed. */
  #isLeftAlone = false
  #endedWith: Error | undefined

  constructor(options: ResolvedOptions<V, K>, listener: FlusherListener<V, K>) {
    this.#options = options
    this.#listener = listener
    this.#breaker = new RepositoryBreaker(options.breaker, options.clock)
    this.#delay = new RetryDelay(options.retry, options.random)
    this.#interval = new FlushInterval(options.intervalMs)
  }

  get interval(): { readonly ms: number; readonly isStretched: boolean } {
    return this.#interval
  }

  /** Marks a key dirty. */
  mark(key: K, held: Held<V>, place: JournalPlace | undefined): void {
    const { dirty } = this
    const isNew = !dirty.has(key)
    dirty.mark(key, held, place)
    if (!isNew) return
    this.#dueBy(this.#nowMs + this.#interval.ms)
    if (dirty.waiting >= this.#options.maxBatch) this.#pumpSoon()
    else if (this.#timer === undefined || this.#timer.atMs > this.#dueMs) this.#schedule()
  }

  /** What waits is flushed at once, without waiting for the interval. */
  hurry(): void {
    if (this.dirty.waiting > 0) this.#dueBy(this.#nowMs)
    this.#pump()
  }

  /** Saves what is dirty now, of these keys or of all, without waiting for anything but the breaker. */
  flush(keys?: readonly K[]): Promise<void> {
    if (this.#endedWith !== undefined) return Promise.reject(this.#endedWith)
    const { dirty } = this
    const targets = keys === undefined ? dirty.entries() : keys.flatMap((key) => dirty.get(key) ?? [])
    const request = new FlushRequest(targets, this.#options.retry.flushAttempts)
    if (request.settle()) return request.done
    this.#requests.add(request)
    // Others keep their delays: a caller that saves one key often must not have the others tried as often.
    const asked = new Set(keys)
    dirty.release(({ entries }) => keys === undefined || [...entries].some(({ key }) => asked.has(key)))
    this.hurry()
    return request.done
  }

  /** Begins no further save, and resolves once those that are under way have ended. `reason` is what later flushes reject with. */
  async end(reason: Error): Promise<void> {
    this.#endedWith = reason
    this.#setTimer(Number.POSITIVE_INFINITY)
    await Promise.all(this.#saves)
    for (const request of this.#requests) {
      request.refused(() => false, reason)
      request.settle()
    }
  }

  stats(): Omit<WriteBehindStats, 'waiting' | 'strained' | 'replayed'> {
    return {
      dirty: this.dirty.size,
      saving: this.dirty.saving,
      intervalMs: this.#interval.ms,
      breaker: this.#breaker.state,
      ...this.#figures.snapshot(),
    }
  }

  get #nowMs(): number {
    return this.#options.clock.nowMs()
  }

  #dueBy(ms: number): void {
    this.#dueMs = Math.min(this.#dueMs, ms)
  }

  /** Once the code that is marking has had its turn: a loop of marks then makes full batches of its newest values. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return
    this.#pumpIsDue = true
    queueMicrotask(() => {
      this.#pumpIsDue = false
      this.#pump()
    })
  }

  /** Begins all the saves that may begin now. */
  #pump(): void {
    if (this.#endedWith !== undefined) return
    const { dirty } = this
    this.#release()
    while (this.#saves.size < this.#options.concurrency && this.#breaker.letsThrough) {
      if (dirty.queued === 0 && !this.#startRound()) break
      this.#begin(dirty.take(this.#options.maxBatch))
    }
    // While the breaker is open, only the batch that tries the repository is begun; the others wait with all the rest.
    if (dirty.queued > 0 && this.#breaker.state !== 'closed') {
      dirty.unqueue()
      this.#dueBy(this.#nowMs)
    }
    if (dirty.queued === 0) this.#endRound(this.#round)
    this.#schedule()
  }

  #release(): void {
    const nowMs = this.#nowMs
    const { state, letsThrough } = this.#breaker
    if (!letsThrough) return
    // Where the repository is tried again, what failed for its sake need not wait any longer.
    const any = this.dirty.release((group) => group.dueMs <= nowMs || (group.whole && state !== 'closed'))
    if (any) this.#dueBy(nowMs)
  }

  #startRound(): boolean {
    const { dirty } = this
    const wanted = this.#requests.size > 0 || dirty.waiting >= this.#options.maxBatch || this.#nowMs >= this.#dueMs
    if (dirty.waiting === 0 || !wanted) return false
    this.#endRound(this.#round)
    dirty.queue()
    this.#dueMs = Number.POSITIVE_INFINITY
    this.#lastStartMs = this.#nowMs
    this.#round = { startMs: this.#lastStartMs, begun: false, running: 0, batches: 0, saved: 0, failed: 0 }
    return true
  }

  #begin(batch: readonly DirtyEntry<V, K>[]): void {
    const round = this.#round
    if (round === undefined) throw new Error('entries are queued by a round')
    round.running += 1
    const save: Promise<void> = this.#save(batch, round).finally(() => {
      this.#saves.delete(save)
      round.running -= 1
      this.#endIfDone(round)
      for (const request of this.#requests) if (request.settle()) this.#requests.delete(request)
      this.#pump()
    })
    this.#saves.add(save)
  }

  async #save(batch: readonly DirtyEntry<V, K>[], round: Round): Promise<void> {
    const taken = this.#read(batch, round)
    if (taken.length === 0) return
    round.batches += 1
    const { repository, clock, saveTimeoutMs } = this.#options
    const entries: Entry<V, K>[] = taken.map(({ entry, value }) => ({ key: entry.key, value }))
    // Where this save is to find out whether the repository is back, it does so for the flushes that wait now.
    const asked = this.#breaker.state === 'closed' ? [] : [...this.#requests]
    try {
      // Before the first await: nothing comes between the reading of the values and the call.
      const failures = await this.#breaker.run(() => saveBatch(repository, entries, clock, saveTimeoutMs))
      this.#succeeded(taken, failures, round)
      if (this.#isLeftAlone && this.#breaker.state === 'closed') {
        this.#isLeftAlone = false
        this.#listener.breakerClosed()
      }
    } catch (error) {
      this.#failed(taken, error, round, asked)
    }
  }

  /** Reads the values of entries that were marked without one; those that have none are settled, those that throw failed. */
  #read(batch: readonly DirtyEntry<V, K>[], round: Round): Taken<V, K>[] {
    const taken: Taken<V, K>[] = []
    const gone: DirtyEntry<V, K>[] = []
    for (const entry of batch) {
      const { mark } = entry
      try {
        const value = entry.held === undefined ? this.#options.read?.(entry.key) : entry.held.value
        if (value !== undefined) taken.push({ entry, mark, value })
        else if (this.#noteSaved(entry, mark)) gone.push(entry)
      } catch (error) {
        round.failed += 1
        this.#figures.recordBatch(0, 1)
        this.#put([entry], () => error, false)
      }
    }
    if (gone.length > 0) this.#listener.settled(gone)
    return taken
  }

  #succeeded(taken: readonly Taken<V, K>[], failures: ReadonlyMap<K, unknown>, round: Round): void {
    const settled: DirtyEntry<V, K>[] = []
    const failed: DirtyEntry<V, K>[] = []
    for (const { entry, mark } of taken) {
      if (failures.has(entry.key)) failed.push(entry)
      else if (this.#noteSaved(entry, mark)) settled.push(entry)
    }
    round.saved += taken.length - failed.length
    round.failed += failed.length
    this.#figures.recordBatch(taken.length - failed.length, failed.length)
    if (settled.length > 0) this.#listener.settled(settled)
    if (failed.length > 0) this.#put(failed, (key) => failures.get(key), false)
  }

  #failed(taken: readonly Taken<V, K>[], error: unknown, round: Round, asked: readonly FlushRequest<K>[]): void {
    round.failed += taken.length
    this.#figures.recordBatch(0, taken.length)
    const entries = taken.map(({ entry }) => entry)
    const errorOf = (key: K): unknown => (error instanceof WholeBatchError ? error.failures.get(key) : error)
    const [first] = entries
    const cause = first === undefined ? error : errorOf(first.key)
    this.#put(entries, errorOf, true)
    // The repository is still away: what waits for it can't be saved.
    for (const request of asked) request.refused((key) => this.#isSaving(key), cause)
    if (this.#breaker.state === 'closed') return
    if (this.#isLeftAlone) return
    this.#isLeftAlone = true
    const retryAfterMs = Math.max(this.#breaker.probeAtMs - this.#nowMs, 0)
    this.#listener.breakerOpen({ error: cause, retryAfterMs })
  }

  #isSaving(key: K): boolean {
    return this.dirty.get(key)?.state === 'saving'
  }

  /** Returns whether the entry is dirty no more. */
  #noteSaved(entry: DirtyEntry<V, K>, mark: number): boolean {
    const isClean = this.dirty.saved(entry, mark)
    for (const request of this.#requests) request.saved(entry.key, mark)
    if (!isClean) this.#dueBy(Math.max(this.#nowMs, this.#lastStartMs + this.#interval.ms))
    return isClean
  }

  /** Puts entries off that were not saved. One delay for all of them, so that they make one batch again. */
  #put(entries: readonly DirtyEntry<V, K>[], errorOf: (key: K) => unknown, whole: boolean): void {
    let failures = 0
    for (const entry of entries) {
      entry.failures += 1
      failures = Math.max(failures, entry.failures)
    }
    this.dirty.failed(entries, this.#nowMs + this.#delay.after(failures), whole)
    const keys = entries.map(({ key }) => key)
    for (const request of this.#requests) for (const key of keys) request.failed(key, errorOf(key))
    const [first] = keys
    this.#listener.saveFailed({ keys, error: first === undefined ? undefined : errorOf(first), whole })
  }

  #endRound(round: Round | undefined): void {
    if (round === undefined || round.begun) return
    round.begun = true
    this.#endIfDone(round)
  }

  #endIfDone(round: Round): void {
    if (!round.begun || round.running > 0) return
    if (this.#round === round) this.#round = undefined
    const { saved, failed, batches } = round
    if (saved + failed === 0) return
    const durationMs = this.#nowMs - round.startMs
    const summary = { saved, failed, batches, durationMs, dirty: this.dirty.size }
    this.#interval.flushed(durationMs)
    if (this.dirty.waiting > 0) this.#dueMs = Math.max(this.#dueMs, round.startMs + this.#interval.ms)
    this.#figures.recordFlush(summary, this.#options.clock.epochMs())
    this.#listener.flushed(summary)
  }

  /** Sets the timer to the next moment at which there may be something to begin. */
  #schedule(): void {
    const { dirty } = this
    const { state, probeAtMs } = this.#breaker
    if (this.#endedWith !== undefined || this.#saves.size >= this.#options.concurrency || state === 'half-open') {
      // The end of a save comes first.
      this.#setTimer(Number.POSITIVE_INFINITY)
    } else {
      const waitingDueMs = dirty.waiting > 0 ? this.#dueMs : Number.POSITIVE_INFINITY
      if (state === 'closed') this.#setTimer(Math.min(waitingDueMs, dirty.delayedDueMs(false)))
      else this.#setTimer(Math.max(probeAtMs, Math.min(waitingDueMs, dirty.delayedDueMs(true))))
    }
  }

  #setTimer(atMs: number): void {
    if (this.#timer?.atMs === atMs) return
    this.#timer?.callOff()
    this.#timer = undefined
    if (atMs === Number.POSITIVE_INFINITY) return
    const callOff = this.#options.clock.setTimer(() => {
      this.#timer = undefined
      this.#pump()
    }, atMs - this.#nowMs)
    this.#timer = { atMs, callOff }
  }
}
