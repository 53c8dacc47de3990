import type { Writable } from 'node:stream'
import { oneLine } from './one-line.js'

/** Standard error, or what stands in for it: a terminal tells its width. */
export type MessageStream = Writable & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>

/** What is said to the person at the keyboard, or to the journal: standard error. It never fails: nobody may listen. */
export class Messages {
  readonly #stream: MessageStream
  #shownWidth = 0

  constructor(stream: MessageStream) {
    this.#stream = stream
    stream.on('error', () => {})
  }

  /** Whether a person can watch. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  /** Says something, on a line of its own. */
  say(line: string): void {
    this.show('')
    this.#stream.write(`${oneLine(line)}\n`)
  }

  /** Says something that has lines itself, such as a help text. */
  print(text: string): void {
    this.show('')
    this.#stream.write(text)
  }

  /** Shows something until the next thing is said or shown: only on a terminal. */
  show(line: string): void {
    if (!this.isTerminal || (line === '' && this.#shownWidth === 0)) return
    // A terminal that doesn't know its width says 0.
    const text = line.slice(0, (this.#stream.columns || 80) - 1)
    // Blanks, rather than a terminal's command for it, wipe what was longer: they work everywhere.
    this.#stream.write(`\r${text.padEnd(this.#shownWidth)}${text === '' ? '\r' : ''}`)
    this.#shownWidth = text.length
  }
}
