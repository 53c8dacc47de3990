import type { AckLevel } from '../options.js'
import { encodeBody } from './frame-encoder.js'
import type { Settle } from './pending-frame.js'
import { offAbort, onAbort } from './signals.js'

/** An append that there is no room for. */
export interface UncopiedAppend {
  readonly data: readonly (Uint8Array | string)[]
  /** Whether it is an `appendMany`, which takes a frame of its own. */
  readonly many: boolean
  readonly ack: AckLevel
  /** What its records will take in a frame's body. */
  readonly bodyBytes: number
  /** Settles its promise, once it was accepted. */
  readonly settle: Settle
  readonly reject: (error: unknown) => void
}

/** An append that waits for room, with a copy of its data. */
export interface WaitingAppend {
  /** Its records, encoded: data in a buffer is the caller's again once the call has returned. */
  readonly body: Buffer
  readonly records: number
  readonly many: boolean
  readonly ack: AckLevel
  readonly settle: Settle
  readonly reject: (error: unknown) => void
  readonly signal: AbortSignal | undefined
  /** Its number among all that ever waited. */
  readonly number: number
}

/** Those who gave up, and those who were accepted, leave a gap until so many have gathered. */
const GAPS_MAX = 1024

/** Appends that wait for room, in call order. */
export class WaitingLine {
  readonly #onLeft: () => void
  readonly #signals = new Map<AbortSignal, { readonly waiting: Set<WaitingAppend>; readonly giveUp: () => void }>()
  #line: (WaitingAppend | undefined)[] = []
  /** The number of the append that `#line` begins with. */
  #base = 0
  #front = 0
  #length = 0
  #bytes = 0
  #records = 0

  /** `onLeft` is called when some have given up: there may be room for those that were behind them. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft
  }

  get length(): number {
    return this.#length
  }

  /** Bytes of all copies. */
  get bytes(): number {
    return this.#bytes
  }

  /** Records of all that wait. */
  get records(): number {
    return this.#records
  }

  get first(): WaitingAppend | undefined {
    while (this.#front < this.#line.length && this.#line[this.#front] === undefined) this.#front++
    return this.#line[this.#front]
  }

  /** Copies an append's data and puts it behind the others. It is rejected with the signal's reason if that comes first. */
  add({ data, many, ack, bodyBytes, settle, reject }: UncopiedAppend, signal: AbortSignal | undefined): void {
    const body = encodeBody(data, bodyBytes)
    const number = this.#base + this.#line.length
    const waiting: WaitingAppend = { body, records: data.length, many, ack, settle, reject, signal, number }
    this.#line.push(waiting)
    this.#length++
    this.#bytes += body.length
    this.#records += data.length
    if (signal !== undefined) this.#listen(signal, waiting)
  }

  /** Takes out the first one, which is accepted. */
  shift(): void {
    const { first } = this
    if (first === undefined) return
    this.#remove(first)
    this.#unlisten(first)
  }

  /** Empties the line, and rejects all. */
  rejectAll(error: Error): void {
    for (let waiting = this.first; waiting !== undefined; waiting = this.first) {
      this.shift()
      waiting.reject(error)
    }
  }

  /** One listener a signal, however many wait with it. */
  #listen(signal: AbortSignal, waiting: WaitingAppend): void {
    const known = this.#signals.get(signal)
    if (known !== undefined) {
      known.waiting.add(waiting)
      return
    }
    const all = new Set([waiting])
    const giveUp = (): void => {
      this.#signals.delete(signal)
      for (const one of all) {
        this.#remove(one)
        one.reject(signal.reason)
      }
      this.#onLeft()
    }
    onAbort(signal, giveUp)
    this.#signals.set(signal, { waiting: all, giveUp })
  }

  #unlisten(waiting: WaitingAppend): void {
    const { signal } = waiting
    const known = signal && this.#signals.get(signal)
    if (signal === undefined || known === undefined) return
    known.waiting.delete(waiting)
    if (known.waiting.size > 0) return
    offAbort(signal, known.giveUp)
    this.#signals.delete(signal)
  }

  #remove(waiting: WaitingAppend): void {
    this.#line[waiting.number - this.#base] = undefined
    this.#length--
    this.#bytes -= waiting.body.length
    this.#records -= waiting.records
    // Removing from an array's beginning moves all the rest: done seldom, and then for many at once.
    if (this.#front < GAPS_MAX || this.#front * 2 < this.#line.length) return
    this.#line.splice(0, this.#front)
    this.#base += this.#front
    this.#front = 0
  }
}
