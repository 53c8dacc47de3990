import { SluiceError } from '../errors.js'

const NEWLINE = 10
const NO_BYTES = Buffer.alloc(0)

/**
 * Cuts a stream of bytes into lines at each newline (byte 10), which belongs to no line. Nothing else is looked at: a
 * carriage return stays, and so does what is no valid text.
 */
export class LineSplitter {
  readonly #maxLineBytes: number
  /** The beginning of a line whose end is still to come: the first `#heldBytes` of it. */
  #held = NO_BYTES
  #heldBytes = 0
  #lineCount = 0

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  /**
   * Passes the lines that end in `chunk` to `take`; they may lie in the chunk's memory. A line that is too long throws
   * `SLUICE_RECORD_TOO_LARGE`, naming its number, after those before it were taken.
   */
  split(chunk: Buffer, take: (line: Buffer) => void): void {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      if (this.#heldBytes > 0) {
        this.#hold(chunk.subarray(from, at))
        take(this.#taken())
      } else {
        this.#refuseTooLong(at - from)
        take(chunk.subarray(from, at))
      }
      this.#lineCount++
      from = at + 1
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from))
  }

  /** The last line, where it has no newline; `undefined` where nothing follows the last newline. */
  rest(): Buffer | undefined {
    return this.#heldBytes === 0 ? undefined : this.#taken()
  }

  #hold(bytes: Buffer): void {
    const needed = this.#heldBytes + bytes.length
    this.#refuseTooLong(needed)
    if (needed > this.#held.length) {
      // Twice as much as before: a line that comes byte by byte must not be copied for each of them.
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#held.length * 2, this.#maxLineBytes)))
      larger.set(this.#held.subarray(0, this.#heldBytes))
      this.#held = larger
    }
    this.#held.set(bytes, this.#heldBytes)
    this.#heldBytes = needed
  }

  /** What is held, as memory that isn't used here any more. */
  #taken(): Buffer {
    const line = this.#held.subarray(0, this.#heldBytes)
    this.#held = NO_BYTES
    this.#heldBytes = 0
    return line
  }

  #refuseTooLong(bytes: number): void {
    if (bytes <= this.#maxLineBytes) return
    const message = `line ${this.#lineCount + 1} is too long for a record: it has more than ${this.#maxLineBytes} bytes`
    throw new SluiceError('SLUICE_RECORD_TOO_LARGE', message, { outcome: 'not-written' })
  }
}
