/** One line of figures that stays in its place on a terminal, and becomes a line a second anywhere else. */
export class LiveView {
  readonly #stream: NodeJS.WriteStream
  readonly #inPlace: boolean
  #lastLineAt = 0
  #open = false

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
    this.#inPlace = stream.isTTY === true
  }

  /** Shows new figures instead of those before. */
  show(line: string): void {
    if (this.#inPlace) {
      this.#stream.write(`\r\u001b[2K  ${line}`)
      this.#open = true
      return
    }
    const now = performance.now()
    if (now - this.#lastLineAt < 1000) return
    this.#lastLineAt = now
    this.#stream.write(`  ${line}\n`)
  }

  /** Prints a line that stays. */
  say(line: string): void {
    if (this.#open) this.#stream.write('\n')
    this.#open = false
    this.#stream.write(`${line}\n`)
  }
}
