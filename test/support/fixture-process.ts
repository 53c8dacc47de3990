import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Teardown } from './teardown.js'

/** Nothing here takes seconds. Past this the process hangs, and is killed. */
const LIMIT_MS = 60_000

export interface FixtureSettings {
  /** Put in front of the command, such as `['strace', '-f']`. */
  readonly wrapper?: readonly string[]
  /** Options of Node's own. */
  readonly nodeOptions?: readonly string[]
  readonly cwd?: string
}

/** How a process ended, and what it said. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** All lines of its standard output. */
  readonly lines: readonly string[]
  /** All of its standard error. */
  readonly complaints: string
}

/**
 * A program of test/fixtures, run as a process of its own. It reports in lines, and may be told lines. It is gone when
 * the test is.
 */
export class FixtureProcess {
  readonly #child: ChildProcess
  /** Whether the wrapper, and what it started, are a process group of their own. */
  readonly #group: boolean
  readonly #lines: string[] = []
  #taken = 0
  #complaints = ''
  #ending: Ending | undefined
  readonly #ended: Promise<Ending>
  #news: (() => void) | undefined
  #hear: ((line: string) => void) | undefined

  constructor(t: Teardown, fixture: string, args: readonly string[] = [], settings: FixtureSettings = {}) {
    const script = new URL(`../fixtures/${fixture}.js`, import.meta.url).pathname
    const { wrapper = [], nodeOptions = [], cwd } = settings
    const [command = process.execPath, ...rest] = [...wrapper, process.execPath, ...nodeOptions, script, ...args]
    this.#group = wrapper.length > 0
    this.#child = spawn(command, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: this.#group,
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#ended = this.#follow()
    t.teardown(() => this.kill())
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it has said so far, beyond what {@link line} has returned. */
  get unread(): readonly string[] {
    return this.#lines.slice(this.#taken)
  }

  /** The next line. Rejects once it has ended without another one. */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#lines[this.#taken]
      if (line !== undefined) {
        this.#taken++
        return line
      }
      if (this.#ending !== undefined) throw new Error(`process ${this.pid} has ended: ${this.#story}`)
      await within(
        `a line of process ${this.pid}`,
        () => this.#story,
        new Promise<void>((resolve) => {
          this.#news = resolve
        }),
      )
    }
  }

  /** Reads lines up to one that begins with `beginning`, and returns it. Rejects as {@link line} does. */
  async until(beginning: string): Promise<string> {
    for (;;) {
      const line = await this.line()
      if (line.startsWith(beginning)) return line
    }
  }

  /** Hears all that it says from now on, and forgets it at once; resolves once it has ended. For one that runs for long. */
  eachLine(hear: (line: string) => void): Promise<Ending> {
    this.#hear = hear
    for (const line of this.#lines.splice(this.#taken)) hear(line)
    return this.#ended
  }

  /** Tells it a line. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Resolves once it has ended by itself, and all that it said has arrived. */
  end(): Promise<Ending> {
    return within(`the end of process ${this.pid}`, () => this.#story, this.#ended)
  }

  /** Sends a signal, the deadly one by default; resolves once the process has ended. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    if (this.#ending === undefined) {
      if (this.#group) process.kill(-this.pid, signal)
      else this.#child.kill(signal)
    }
    return this.end()
  }

  get #story(): string {
    return `it said ${JSON.stringify(this.#lines.slice(-20))} and complained ${JSON.stringify(this.#complaints)}`
  }

  #follow(): Promise<Ending> {
    const { stdin, stdout, stderr } = this.#child
    if (stdin === null || stdout === null || stderr === null) throw new Error('the process has no pipes')
    // It may be gone when it is told something.
    stdin.on('error', () => {})
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text
    })
    createInterface({ input: stdout }).on('line', (line) => {
      if (this.#hear !== undefined) return this.#hear(line)
      this.#lines.push(line)
      this.#news?.()
    })
    return new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', (code, signal) => {
        this.#ending = { code, signal, lines: this.#lines, complaints: this.#complaints }
        this.#news?.()
        resolve(this.#ending)
      })
    })
  }
}

/** Waits for a promise, but not for ever: rejects, and tells `story`, when it takes much longer than it ever should. */
export async function within<Value>(what: string, story: () => string, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} for ${LIMIT_MS} ms: ${story()}`)), LIMIT_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
