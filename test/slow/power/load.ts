import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AckBoard, type Acknowledged } from './ack-board.js'
import type { LoadOrder, LoadSummary } from './load-orders.js'

const SCRIPT = new URL('./load-process.js', import.meta.url).pathname
/** Nothing here takes that long. Past it the process hangs. */
const LIMIT_MS = 60_000

/** A process that appends to a log, see load-process.ts. */
export class Load {
  readonly #child: ChildProcess
  readonly boardPath: string
  readonly #board: AckBoard
  readonly #lines: string[] = []
  #taken = 0
  #complaints = ''
  #hasEnded = false
  /** Of a load that has ended. */
  #lastAcknowledged: Acknowledged | undefined
  readonly #ended: Promise<void>
  #news: () => void = () => {}

  /** @param folder on a tmpfs, for the board; @param wrapper put in front of the command */
  constructor(folder: string, order: Omit<LoadOrder, 'board'>, wrapper: readonly string[] = []) {
    this.boardPath = join(folder, `board-${order.generation}`)
    this.#board = AckBoard.create(this.boardPath)
    const full: LoadOrder = { ...order, board: this.boardPath }
    const [command = process.execPath, ...args] = [...wrapper, process.execPath, SCRIPT, JSON.stringify(full)]
    // A wrapper and what it started are a group of their own, so that both can be killed.
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    this.#ended = this.#follow()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it has been promised at this moment, whether it lives or not. */
  acknowledged(): Acknowledged {
    return this.#lastAcknowledged ?? this.#board.read()
  }

  /** All lines so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** The next line that begins so, or the summary; `undefined` once it has ended without one. */
  async until(beginning: string): Promise<string | undefined> {
    const timer = setTimeout(() => void this.kill(), LIMIT_MS)
    try {
      for (;;) {
        const line = this.#lines[this.#taken]
        if (line !== undefined) {
          this.#taken++
          if (line.startsWith(beginning) || line.startsWith('summary')) return line
        } else if (this.#hasEnded) return undefined
        else {
          await new Promise<void>((resolve) => {
            this.#news = resolve
          })
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** How it ended by itself; throws where it did not end as it should. */
  async summary(): Promise<LoadSummary> {
    await this.until('summary')
    await this.#ended
    const line = this.#lines.findLast((said) => said.startsWith('summary'))
    if (line === undefined) throw new Error(`the load ended without a word: ${this.#story}`)
    // load-process.ts writes it.
    return JSON.parse(line.slice('summary '.length)) as LoadSummary
  }

  /** Closes the log and ends. */
  stop(): Promise<LoadSummary> {
    this.tell('stop')
    return this.summary()
  }

  /** SIGKILL; resolves once it is gone. Throws where it had ended before. */
  async kill(): Promise<void> {
    const early = this.#hasEnded
    if (!early) process.kill(-this.pid, 'SIGKILL')
    await this.#ended
    if (early) throw new Error(`the load had ended before it was killed: ${this.#story}`)
  }

  get #story(): string {
    return `${this.#lines.slice(-5).join(' | ')} ${this.#complaints}`
  }

  #follow(): Promise<void> {
    const { stdin, stdout, stderr } = this.#child
    if (stdin === null || stdout === null || stderr === null) throw new Error('the load has no pipes')
    stdin.on('error', () => {}) // It may be gone when it is told something.
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text
    })
    createInterface({ input: stdout }).on('line', (line) => {
      this.#lines.push(line)
      this.#news()
    })
    return new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', () => {
        this.#hasEnded = true
        this.#lastAcknowledged = this.#board.read()
        this.#board.close()
        this.#news()
        resolve()
      })
    })
  }
}
