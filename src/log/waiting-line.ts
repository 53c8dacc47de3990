import type { AckLevel } from '../options.js'

/** An append that waits for room, with a copy of its data. */
export interface WaitingAppend {
  readonly data: readonly (Uint8Array | string)[]
  readonly many: boolean
  readonly ack: AckLevel
  /** What its records will take in a frame's body. */
  readonly bodyBytes: number
  /** Bytes of the copy. */
  readonly copiedBytes: number
  readonly accept: (accepted: Promise<number>) => void
  readonly reject: (error: unknown) => void
}

/** Appends that wait for room, in call order. */
export class WaitingLine {
  #line: WaitingAppend[] = []
  #bytes = 0

  get length(): number {
    return this.#line.length
  }

  /** Bytes of all copies. */
  get bytes(): number {
    return this.#bytes
  }

  get first(): WaitingAppend | undefined {
    return this.#line[0]
  }

  /** Copies an append's data and puts it behind the others. Rejects with the signal's reason if that comes first. */
  add(append: Omit<WaitingAppend, 'accept' | 'reject'>, signal: AbortSignal | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#remove(waiting)
        reject(signal?.reason)
      }
      const waiting: WaitingAppend = {
        ...append,
        // Strings can't change; what is in a buffer is the caller's again once the call has returned.
        data: append.data.map((record) => (typeof record === 'string' ? record : Buffer.from(record))),
        accept: (accepted) => {
          signal?.removeEventListener('abort', giveUp)
          resolve(accepted)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', giveUp)
          reject(error)
        },
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#line.push(waiting)
      this.#bytes += waiting.copiedBytes
    })
  }

  shift(): void {
    const first = this.#line.shift()
    this.#bytes -= first?.copiedBytes ?? 0
  }

  /** Empties the line, and rejects all. */
  rejectAll(error: Error): void {
    const line = this.#line
    this.#line = []
    this.#bytes = 0
    for (const waiting of line) waiting.reject(error)
  }

  #remove(waiting: WaitingAppend): void {
    const at = this.#line.indexOf(waiting)
    if (at === -1) return
    this.#line.splice(at, 1)
    this.#bytes -= waiting.copiedBytes
  }
}
