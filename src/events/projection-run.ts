import { SluiceError } from '../errors.js'
import type { EventStore, Query, StoredEvent } from './contract.js'
import { EventFold, type FoldedState, type FoldRules } from './event-fold.js'
import type { ProjectionProgress } from './projection-contract.js'

/** Where a projection's events come from. */
export type EventSource = Pick<EventStore, 'read' | 'subscribe' | 'head'>

/** What a run goes by. */
export interface RunRules<S> extends FoldRules<S> {
  readonly query: Query
}

/** So near to the head, a run subscribes: the store holds as much in its memory as a rule. */
const NEAR_EVENTS = 256
const PROGRESS_EVENTS = 1000
/** The clock is looked at every so many events. */
const SLICE_EVENTS = 32
/** For so long events are applied before others have their turn of the event loop. */
const SLICE_MS = 8

/** One way through the history, from a state to the present, and on with what comes. */
export class ProjectionRun<S> {
  readonly fold: EventFold<S>
  readonly #source: EventSource
  readonly #rules: RunRules<S>
  readonly #end = new AbortController()
  /** Told after each event, and each step ahead without one. */
  readonly #advanced: (run: ProjectionRun<S>) => void
  #holding: { readonly released: Promise<void>; readonly release: () => void } | undefined
  #looking: Promise<number | undefined> | undefined
  #sinceTurn = 0
  #turnMs = performance.now()

  constructor(
    source: EventSource,
    rules: RunRules<S>,
    advanced: (run: ProjectionRun<S>) => void,
    start?: FoldedState<S>,
  ) {
    this.#source = source
    this.#rules = rules
    this.#advanced = advanced
    this.fold = new EventFold(rules, start)
  }

  get position(): number {
    return this.fold.position
  }

  get ended(): boolean {
    return this.#end.signal.aborted
  }

  /** Throws the reason for which it was ended, if it was. */
  throwIfEnded(): void {
    this.#end.signal.throwIfAborted()
  }

  /** Ends it, after an event that is just being applied; what is under way throws the reason. */
  end(reason: unknown): void {
    this.#end.abort(reason)
    this.release()
  }

  /** No event is begun from now on, until `release`. */
  hold(): void {
    if (this.#holding !== undefined) return
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#holding = { released, release }
  }

  release(): void {
    this.#holding?.release()
    this.#holding = undefined
  }

  /** Reads up to the present, which moves meanwhile: pass by pass, until the rest is small. */
  async catchUp(onProgress: (progress: ProjectionProgress) => void): Promise<void> {
    for (;;) {
      const head = this.#source.head()
      await this.readTo(head, onProgress)
      if (this.#source.head() - head <= NEAR_EVENTS) return
    }
  }

  /** Includes everything up to `head`, which lies no higher than the store's. */
  async readTo(head: number, onProgress?: (progress: ProjectionProgress) => void): Promise<void> {
    const { fold } = this
    const { signal } = this.#end
    this.throwIfEnded()
    if (fold.position < head) {
      const range = { from: fold.position + 1, to: head, signal }
      await this.#consume(this.#source.read(this.#rules.query, range), () => {
        if (fold.applied % PROGRESS_EVENTS === 0) onProgress?.(this.#progress(head))
      })
      // All that matches was there, and nothing that is stored later lies below it.
      fold.skipTo(head)
      this.#advanced(this)
    }
    onProgress?.(this.#progress(head))
  }

  /** Applies what comes. Ends when the store is closed. */
  follow(): Promise<void> {
    const { signal } = this.#end
    return this.#consume(this.#source.subscribe(this.#rules.query, { from: this.position + 1, signal }))
  }

  /**
   * Moves the position up to the head where nothing matches in between. Resolves to the position of an event that does:
   * it is on its way then, or being applied.
   */
  lookAhead(): Promise<number | undefined> {
    this.#looking ??= this.#lookAhead().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookAhead(): Promise<number | undefined> {
    const head = this.#source.head()
    if (head <= this.position) return undefined
    const range = { from: this.position + 1, to: head, limit: 1 }
    for await (const { position } of this.#source.read(this.#rules.query, range)) return position
    this.fold.skipTo(head)
    this.#advanced(this)
    return undefined
  }

  async #consume(events: AsyncIterable<StoredEvent>, applied?: () => void): Promise<void> {
    for await (const event of events) {
      const pause = this.#pause()
      if (pause !== undefined) await pause
      this.throwIfEnded()
      const applying = this.fold.apply(event)
      if (applying !== undefined) await applying
      this.#advanced(this)
      applied?.()
    }
  }

  /** What has to be waited for before the next event. Events that are in memory already would block the event loop. */
  #pause(): Promise<void> | undefined {
    if (this.#holding !== undefined) return this.#holding.released
    if (++this.#sinceTurn < SLICE_EVENTS) return undefined
    this.#sinceTurn = 0
    if (performance.now() - this.#turnMs < SLICE_MS) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#turnMs = performance.now()
        resolve()
      }),
    )
  }

  #progress(head: number): ProjectionProgress {
    return { position: this.position, head, applied: this.fold.applied }
  }
}

/** What ends a run whose projection is stopped. */
export function stoppedError(name: string): SluiceError {
  return new SluiceError('SLUICE_CLOSED', `the projection ${name} is stopped`)
}
