import { ManualClock, MemoryRepository, SimulatedFileSystem } from '../../src/testing/index.js'
import type { Entry, SaveReport, WriteBehind } from '../../src/write-behind/contract.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'

/** What can happen in a history. */
export type Step =
  | { readonly kind: 'mark'; readonly key: number; readonly large: boolean }
  | { readonly kind: 'mark-unread'; readonly key: number }
  /** A mark of what is gone: there is nothing to save any more. */
  | { readonly kind: 'mark-gone'; readonly key: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'turns'; readonly turns: number }
  /** The next saves fail: all of it, or some keys; what fails may be saved all the same. */
  | { readonly kind: 'fail'; readonly times: number; readonly key: number | undefined; readonly saved: boolean }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'flush' }

/** From one start of a process to its end. */
export interface Life {
  readonly steps: readonly Step[]
  /** The file system's call at which the power goes; 0: it goes after the last step. */
  readonly crashAt: number
  readonly end: 'power cut' | 'kill' | 'close'
  /** Whether saves that were under way at the end had reached the repository. */
  readonly lateSaves: boolean
}

export interface HistoryOptions {
  readonly seed: number
  readonly journal: boolean
  readonly maxDirty: number
  readonly maxBatch: number
  readonly concurrency: number
}

interface Value {
  readonly n: number
  readonly padding: string
}

const DIRECTORY = '/data/journal'
const SEGMENT_BYTES = 16 * 1024
const LARGE = 'x'.repeat(9000)

/** A repository that outlives the processes that use it; of each process it takes saves only while that lives. */
class LastingRepository extends MemoryRepository<Value> {
  readonly #shared: Map<string, number>
  /** By key: what was marked before this must not be saved by this process. */
  readonly #gone: ReadonlyMap<string, number>
  readonly #underway = new Set<readonly Entry<Value>[]>()
  #isDead = false

  constructor(shared: Map<string, number>, gone: ReadonlyMap<string, number>, clock: ManualClock) {
    super({ clock })
    this.#shared = shared
    this.#gone = new Map(gone)
  }

  override async saveMany(entries: readonly Entry<Value>[]): Promise<SaveReport> {
    const copies = entries.map(({ key, value }) => ({ key, value: { ...value } }))
    this.#underway.add(copies)
    const before = new Map(this.values)
    try {
      return await super.saveMany(copies)
    } finally {
      this.#underway.delete(copies)
      if (!this.#isDead)
        for (const { key, value } of copies) if (this.values.get(key) !== before.get(key)) this.#note(key, value.n)
    }
  }

  /** The process ends; what was on its way arrives, or doesn't. */
  end(arrives: boolean): void {
    if (arrives) for (const entries of this.#underway) for (const { key, value } of entries) this.#note(key, value.n)
    this.#isDead = true
  }

  #note(key: string, n: number): void {
    const had = this.#shared.get(key) ?? 0
    if (n < had) throw new Error(`${key} goes back from ${had} to ${n}`)
    if (n < (this.#gone.get(key) ?? 0)) throw new Error(`${key} comes back as ${n}, though it was gone`)
    this.#shared.set(key, n)
  }
}

/** Lives one history through, and throws where a promise is broken. */
export class BehindHistory {
  readonly #options: HistoryOptions
  readonly #saved = new Map<string, number>()
  /** The newest value of each key whose mark was acknowledged. */
  readonly #acknowledged = new Map<string, number>()
  readonly #marked = new Map<string, number>()
  /** The newest mark of each key with nothing to save; and of those, the newest that was acknowledged. */
  readonly #gone = new Map<string, number>()
  readonly #acknowledgedGone = new Map<string, number>()
  readonly #live = new Map<string, Value>()
  #fileSystem: SimulatedFileSystem
  #n = 0

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#fileSystem = new SimulatedFileSystem({ seed: options.seed })
  }

  async live(lives: readonly Life[]): Promise<void> {
    for (const [index, life] of lives.entries()) await this.#liveOnce(life, this.#options.seed + index)
    // A last one, in which nothing goes wrong.
    await this.#liveOnce({ steps: [], crashAt: 0, end: 'close', lateSaves: false }, this.#options.seed)
    for (const [key, n] of this.#acknowledged) {
      const saved = this.#saved.get(key) ?? 0
      if (saved < n && n > (this.#gone.get(key) ?? 0))
        throw new Error(`${key} is ${saved}, though ${n} was acknowledged`)
    }
    for (const [key, n] of this.#saved) if (n > (this.#marked.get(key) ?? 0)) throw new Error(`${key} was never ${n}`)
  }

  async #liveOnce(life: Life, seed: number): Promise<void> {
    const clock = new ManualClock()
    const repository = new LastingRepository(this.#saved, this.#acknowledgedGone, clock)
    const fileSystem = this.#fileSystem
    if (life.crashAt > 0 && this.#options.journal) fileSystem.crashAfter(life.crashAt)
    const behind = this.#create(repository, clock, fileSystem)
    const mends: (() => void)[] = []
    for (const step of life.steps) {
      if (fileSystem.stoppedAt !== undefined) break
      await this.#step(step, behind, repository, clock, mends)
    }
    for (const mend of mends) mend()
    const closes = life.end === 'close' || !this.#options.journal
    if (closes && fileSystem.stoppedAt === undefined) await this.#close(behind, repository, clock)
    repository.end(life.lateSaves)
    if (repository.overlaps.length > 0) throw new Error(`saved twice at once: ${repository.overlaps}`)
    const cut = life.end !== 'kill' || fileSystem.stoppedAt !== undefined
    this.#fileSystem = cut ? fileSystem.crash({ seed }) : fileSystem.killProcess()
  }

  #create(repository: LastingRepository, clock: ManualClock, fileSystem: SimulatedFileSystem): WriteBehind<Value> {
    const { maxDirty, maxBatch, concurrency, journal } = this.#options
    return createWriteBehind<Value>({
      repository,
      clock,
      random: () => 0.5,
      read: (key) => this.#live.get(key),
      intervalMs: 20,
      maxDirty,
      maxBatch,
      concurrency,
      retry: { initialDelayMs: 5, maxDelayMs: 50 },
      breaker: { failures: 3, halfOpenAfterMs: 40 },
      ...(journal
        ? { journal: { directory: DIRECTORY, fileSystem, segmentBytes: SEGMENT_BYTES, compactBytes: SEGMENT_BYTES } }
        : {}),
    })
  }

  async #step(
    step: Step,
    behind: WriteBehind<Value>,
    repository: LastingRepository,
    clock: ManualClock,
    mends: (() => void)[],
  ): Promise<void> {
    switch (step.kind) {
      case 'mark':
      case 'mark-unread': {
        const key = `k${step.key}`
        const value = { n: ++this.#n, padding: step.kind === 'mark' && step.large ? LARGE : '' }
        this.#live.set(key, value)
        this.#marked.set(key, value.n)
        const marked = step.kind === 'mark' ? behind.markDirty(key, value) : behind.markDirty(key)
        marked.then(
          () => this.#acknowledged.set(key, Math.max(this.#acknowledged.get(key) ?? 0, value.n)),
          () => {},
        )
        break
      }
      case 'mark-gone': {
        const key = `k${step.key}`
        const n = ++this.#n
        this.#live.delete(key)
        this.#gone.set(key, n)
        behind.markDirty(key).then(
          () => this.#acknowledgedGone.set(key, n),
          () => {},
        )
        break
      }
      case 'pass':
        await turns(1)
        clock.advance(step.ms)
        break
      case 'turns':
        await turns(step.turns)
        break
      case 'fail': {
        const { times, key, saved } = step
        const keys = key === undefined ? {} : { keys: (one: string) => one === `k${key}` }
        mends.push(repository.fail({ times, error: new Error('away'), saved, ...keys }))
        break
      }
      case 'slow':
        repository.latencyMs = step.ms
        break
      case 'flush':
        behind.flush().catch(() => {})
    }
  }

  async #close(behind: WriteBehind<Value>, repository: LastingRepository, clock: ManualClock): Promise<void> {
    let closed = false
    let failure: unknown
    behind
      .close()
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => {
        closed = true
      })
    for (let rounds = 0; !closed; rounds++) {
      if (rounds > 5000) throw new Error(`close() does not end: ${JSON.stringify(behind.stats())}`)
      await turns(1)
      clock.advance(10)
    }
    if (this.#fileSystem.stoppedAt !== undefined) return
    if (failure !== undefined) throw failure
    if (behind.stats().dirty > 0 || repository.running > 0) throw new Error('close() forgot something')
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}
