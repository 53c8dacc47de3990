import type { AckLevel } from '../options.js'
import { encodeBody } from './frame-encoder.js'
import type { Settle } from './pending-frame.js'

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
  /** Stops listening to the signal. */
  readonly unlisten: () => void
}

/** Appends that wait for room, in call order. */
export class WaitingLine {
  readonly #onLeft: () => void
  #line: WaitingAppend[] = []
  #bytes = 0
  #records = 0

  /** `onLeft` is called when one has given up: there may be room for those that were behind it. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft
  }

  get length(): number {
    return this.#line.length
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
    return this.#line[0]
  }

  /** Copies an append's data and puts it behind the others. It is rejected with the signal's reason if that comes first. */
  add({ data, many, ack, bodyBytes, settle, reject }: UncopiedAppend, signal: AbortSignal | undefined): void {
    const giveUp = (): void => {
      const at = this.#line.indexOf(waiting)
      if (at === -1) return
      this.#line.splice(at, 1)
      this.#count(waiting, -1)
      reject(signal?.reason)
      this.#onLeft()
    }
    const unlisten = (): void => signal?.removeEventListener('abort', giveUp)
    const body = encodeBody(data, bodyBytes)
    const waiting: WaitingAppend = { body, records: data.length, many, ack, settle, reject, unlisten }
    signal?.addEventListener('abort', giveUp, { once: true })
    this.#line.push(waiting)
    this.#count(waiting, 1)
  }

  /** Takes out the first one, which is accepted. */
  shift(): void {
    const first = this.#line.shift()
    if (first === undefined) return
    first.unlisten()
    this.#count(first, -1)
  }

  /** Empties the line, and rejects all. */
  rejectAll(error: Error): void {
    const line = this.#line
    this.#line = []
    this.#bytes = 0
    this.#records = 0
    for (const waiting of line) {
      waiting.unlisten()
      waiting.reject(error)
    }
  }

  #count({ body, records }: WaitingAppend, sign: 1 | -1): void {
    this.#bytes += sign * body.length
    this.#records += sign * records
  }
}
