import { SluiceError } from '../errors.js'
import type { StoredEvent } from './contract.js'

/** A state, and the position up to which it includes everything. */
export interface FoldedState<S> {
  readonly state: S
  readonly position: number
}

/** How a state is made of events. */
export interface FoldRules<S> {
  readonly name: string
  readonly init: () => S
  readonly apply: (state: S, event: StoredEvent) => S | Promise<S>
}

/**
 * Folds events into a state, one at a time. A state that a failed `apply` may have left half changed is never shown: it
 * is given up for that of before the first event.
 */
export class EventFold<S> {
  readonly #rules: FoldRules<S>
  #state: S
  #position: number
  #last: StoredEvent | undefined
  #applied = 0
  #givenUp = false
  #applying: Promise<void> | undefined

  constructor(rules: FoldRules<S>, start: FoldedState<S> = { state: rules.init(), position: 0 }) {
    this.#rules = rules
    this.#state = start.state
    this.#position = start.position
  }

  get state(): S {
    return this.#state
  }

  get position(): number {
    return this.#position
  }

  /** The last event that was applied here. */
  get last(): StoredEvent | undefined {
    return this.#last
  }

  /** How many events were applied here. */
  get applied(): number {
    return this.#applied
  }

  /** The end of an asynchronous `apply`, whatever it comes to; `undefined` where none is under way. */
  get applying(): Promise<void> | undefined {
    return this.#applying
  }

  /**
   * Applies an event: at once where `apply` is synchronous, else the promise settles with it. Throws, or rejects with,
   * `SLUICE_PROJECTION_FAILED`; the fold is of no use then.
   */
  apply(event: StoredEvent): Promise<void> | undefined {
    try {
      const next = this.#rules.apply(this.#state, event)
      if (!isPromiseLike(next)) {
        this.#take(event, next)
        return undefined
      }
      const applying = this.#applyLater(event, next)
      this.#applying = applying.then(noted, noted)
      return applying
    } catch (cause) {
      throw this.#giveUp(event, cause)
    }
  }

  /** Nothing up to this position matches any more. */
  skipTo(position: number): void {
    if (!this.#givenUp) this.#position = Math.max(this.#position, position)
  }

  async #applyLater(event: StoredEvent, next: PromiseLike<S>): Promise<void> {
    try {
      this.#take(event, await next)
    } catch (cause) {
      throw this.#giveUp(event, cause)
    } finally {
      this.#applying = undefined
    }
  }

  #take(event: StoredEvent, next: S): void {
    if (next === undefined) throw new TypeError('apply returned undefined: it must return the next state')
    this.#state = next
    this.#position = event.position
    this.#last = event
    this.#applied++
  }

  #giveUp(event: StoredEvent, cause: unknown): SluiceError {
    const { name, init } = this.#rules
    const reason = cause instanceof Error ? cause.message : String(cause)
    const { type, position } = event
    this.#givenUp = true
    this.#state = init()
    this.#position = 0
    this.#last = undefined
    const message = `the projection ${name} failed at the ${type} at position ${position}: ${reason}`
    return new SluiceError('SLUICE_PROJECTION_FAILED', message, { cause, position })
  }
}

function isPromiseLike<S>(value: S | PromiseLike<S>): value is PromiseLike<S> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function noted(): void {}
