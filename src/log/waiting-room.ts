import { SluiceError } from '../errors.js'
import { LsnRequests } from './requests.js'
import { type UncopiedAppend, type WaitingAppend, WaitingLine } from './waiting-line.js'

/** Who may wait for room. */
export interface WaitingBounds {
  readonly onFull: 'wait' | 'reject'
  readonly maxWaiting: number
  /** Of the copies of all that wait. */
  readonly maxBytes: number
}

/** What a waiting room knows of the log's memory. */
export interface Memory {
  /** Accepts an append, where there is room for it; returns whether there was. */
  accept(waiting: WaitingAppend): boolean
  /** Whether so much of it is free again that others had better come back. */
  isHalfEmpty(): boolean
  /** What takes its room, for an error's message. */
  occupants(): string
  /** There is room again, after an append found none. */
  drained(): void
}

/**
 * Where appends go that find no room: they wait here, in call order, as far as that is allowed, and are accepted as soon as there is room.
 * Tells those who asked for it when there is room for others again.
 */
export class WaitingRoom {
  readonly #bounds: WaitingBounds
  readonly #memory: Memory
  readonly #line = new WaitingLine(() => this.admit())
  readonly #readies = new LsnRequests<void>()
  #needsDrain = false

  constructor(bounds: WaitingBounds, memory: Memory) {
    this.#bounds = bounds
    this.#memory = memory
  }

  /** Appends that wait. */
  get length(): number {
    return this.#line.length
  }

  /** Their records. */
  get records(): number {
    return this.#line.records
  }

  /** Bytes of their copies. */
  get bytes(): number {
    return this.#line.bytes
  }

  /** Lets an append wait that there is no room for, or rejects it. */
  enter(append: UncopiedAppend, signal: AbortSignal | undefined): void {
    this.#needsDrain = true
    const { onFull, maxWaiting, maxBytes } = this.#bounds
    const { length, bytes } = this.#line
    if (onFull === 'wait' && length < maxWaiting && bytes + append.bodyBytes <= maxBytes) {
      this.#line.add(append, signal)
      return
    }
    const message = `no room: ${this.#memory.occupants()} are pending, ${length} with ${bytes} bytes wait`
    append.reject(new SluiceError('SLUICE_QUEUE_FULL', message, { outcome: 'not-written' }))
  }

  /**
   * Has those accepted that wait, in order, as far as there is room. Once there is room for all of them, and as much again,
   * others are told to come back.
   */
  admit(): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      if (!this.#memory.accept(first)) return
      this.#line.shift()
    }
    if (!this.#needsDrain || !this.#memory.isHalfEmpty()) return
    this.#needsDrain = false
    this.#readies.resolveUpTo(0, undefined)
    this.#memory.drained()
  }

  /** Resolves when there is room for others. */
  ready(): Promise<void> {
    return this.#needsDrain ? this.#readies.add(0) : Promise.resolve()
  }

  /** Rejects all who wait for room, and those who wait to hear of it, each of these with an error of its own. */
  end(refusal: SluiceError, told: () => SluiceError): void {
    this.#line.rejectAll(refusal)
    this.#readies.rejectAbove(-1, told)
  }
}
