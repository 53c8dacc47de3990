import { SluiceError } from '../errors.js'

/** Tries to write. `undefined`: there is no room for it now, and nothing has happened. */
export type WriteAttempt<Result> = () => Promise<Result> | undefined

interface Waiting {
  readonly bytes: number
  /** Returns whether it is over, one way or another. */
  attempt(): boolean
}

/** Writes that wait for room in the log, in call order: what a write finds depends on those before it. */
export class WriteLine {
  readonly #maxWaiting: number
  readonly #maxBytes: number
  #waiting: Waiting[] = []
  #bytes = 0
  #isPumping = false

  constructor(maxWaiting: number, maxBytes: number) {
    this.#maxWaiting = maxWaiting
    this.#maxBytes = maxBytes
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Writes now, or in turn once there is room; the line is bounded, and refuses with `SLUICE_QUEUE_FULL`. */
  submit<Result>(attempt: WriteAttempt<Result>, bytes: number): Promise<Result> {
    const now = this.isEmpty ? attempt() : undefined
    if (now !== undefined) return now
    if (this.#waiting.length >= this.#maxWaiting || this.#bytes + bytes > this.#maxBytes) {
      const message = `no room: ${this.#waiting.length} writes with ${this.#bytes} bytes wait already`
      return Promise.reject(new SluiceError('SLUICE_QUEUE_FULL', message, { outcome: 'not-written' }))
    }
    return new Promise((resolve, reject) => {
      this.#bytes += bytes
      this.#waiting.push({
        bytes,
        attempt: () => {
          try {
            const done = attempt()
            if (done !== undefined) resolve(done)
            return done !== undefined
          } catch (error) {
            reject(error)
            return true
          }
        },
      })
    })
  }

  /** There may be room, or no hope of any: lets those that wait try again. */
  pump(): void {
    // An attempt may call the store again, and so this.
    if (this.#isPumping) return
    this.#isPumping = true
    let done = 0
    for (let first = this.#waiting[0]; first?.attempt() === true; first = this.#waiting[done]) {
      this.#bytes -= first.bytes
      done++
    }
    this.#waiting.splice(0, done)
    this.#isPumping = false
  }
}
