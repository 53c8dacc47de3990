import type { Writable } from 'node:stream'
import { systemCode } from '../errors.js'
import { oneLine } from './one-line.js'

/** What is collected before it is written: large enough that a write costs little beside the bytes. */
const BUFFER_BYTES = 256 * 1024

/**
 * Standard output, in large pieces, however small the ones that are put in. Whoever reads it may go away (`| head`): then
 * the output is closed, which is no failure, and all that follows is dropped.
 *
 * What was put in is written once the turn of the event loop is over, so that a reader of few records needn't wait; who
 * puts in many awaits {@link flush} whenever the output is full.
 */
export class Output {
  readonly #stream: Writable
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  /** The buffer that isn't being filled: it may be on its way out. */
  #spare = Buffer.allocUnsafe(BUFFER_BYTES)
  #usedBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #turnEnds: NodeJS.Immediate | undefined
  readonly #closing = new AbortController()
  #failure: Error | undefined

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('error', (error) => this.#fail(error))
  }

  /** Aborted once nobody reads this any more. That is noticed when something is written. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** Whether {@link flush} is to be awaited before more is put in. */
  get isFull(): boolean {
    return this.#usedBytes >= BUFFER_BYTES / 2 || this.#failure !== undefined || this.closed.aborted
  }

  put(bytes: Uint8Array | string): void {
    if (this.closed.aborted) return
    const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
    this.#makeRoom(length)
    if (typeof bytes === 'string') this.#buffer.write(bytes, this.#usedBytes)
    else this.#buffer.set(bytes, this.#usedBytes)
    this.#usedBytes += length
    this.#turnEnds ??= setImmediate(() => {
      this.#turnEnds = undefined
      // A failure is kept, and thrown by the flush that comes at the end at the latest.
      this.flush().catch(() => {})
    })
  }

  /** Puts in text that is shown to people: what a terminal would take for commands is made visible. */
  putLine(text: string): void {
    this.put(`${oneLine(text)}\n`)
  }

  /** Resolves once all that was put in is written, or dropped. Rejects with the system's error. */
  async flush(): Promise<void> {
    const written = this.#writing.then(() => this.#writeOut())
    this.#writing = written
    await written
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Never rejects. */
  #writeOut(): Promise<void> | undefined {
    if (this.#usedBytes === 0 || this.closed.aborted || this.#failure !== undefined) return undefined
    const bytes = this.#buffer.subarray(0, this.#usedBytes)
    const filled = this.#buffer
    this.#buffer = this.#spare
    this.#spare = filled
    this.#usedBytes = 0
    return new Promise((resolve) => {
      this.#stream.write(bytes, (error) => {
        if (error) this.#fail(error)
        resolve()
      })
    })
  }

  #makeRoom(length: number): void {
    const needed = this.#usedBytes + length
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#usedBytes))
    this.#buffer = larger
  }

  #fail(error: Error): void {
    if (systemCode(error) === 'EPIPE') this.#closing.abort()
    else this.#failure ??= error
  }
}
