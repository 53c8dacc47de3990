import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncDirectory } from './drivers/directory-sync.js'
import type { TrialResults, TrialSpec } from './trial-spec.js'

const TRIAL = new URL('./trial.js', import.meta.url)

/** The spec of one kind of trial. */
type SpecOf<Kind extends TrialSpec['kind']> = TrialSpec & { readonly kind: Kind }

/** Runs trials, one at a time, each in its own process, and owns the folder in which they work. */
export class Trials {
  readonly #directory: string
  readonly #environment: NodeJS.ProcessEnv = { ...process.env }
  #child: ChildProcess | undefined
  readonly #prepared = new Map<string, { readonly directory: string; readonly value: unknown }>()
  #made = 0

  /** `parent` is where the folder is made. */
  constructor(parent: string) {
    this.#directory = mkdtempSync(join(parent, 'sluice-bench-'))
  }

  get directory(): string {
    return this.#directory
  }

  /** The threads that Node's own asynchronous file calls run on, in every trial from now on. */
  set threadPoolSize(threads: number) {
    this.#environment['UV_THREADPOOL_SIZE'] = String(threads)
  }

  /** A new empty folder. */
  makeDirectory(): string {
    this.#made += 1
    const directory = join(this.#directory, String(this.#made))
    mkdirSync(directory)
    return directory
  }

  /** What `make` left in a folder, and returned, the first time: for logs that all rounds read. */
  async prepared<Value>(
    name: string,
    make: (directory: string) => Promise<Value>,
  ): Promise<{ readonly directory: string; readonly value: Value }> {
    const found = this.#prepared.get(name)
    // Whoever uses a name makes the same thing under it.
    if (found !== undefined) return found as { directory: string; value: Value }
    const directory = this.makeDirectory()
    const made = { directory, value: await make(directory) }
    this.#prepared.set(name, made)
    return made
  }

  /** Runs a trial to its end. */
  async run<Kind extends TrialSpec['kind']>(spec: SpecOf<Kind>): Promise<TrialResults[Kind]> {
    const child = this.#start(spec)
    const ended = endOf(child)
    const result = await answerOf<Kind>(child, ended)
    await ended
    return result
  }

  /** Runs a trial until it answers, and kills it there and then. */
  async runAndKill<Kind extends TrialSpec['kind']>(spec: SpecOf<Kind>): Promise<TrialResults[Kind]> {
    const child = this.#start(spec)
    const ended = endOf(child)
    const result = await answerOf<Kind>(child, ended)
    child.kill('SIGKILL')
    await ended
    return result
  }

  /** Ends what runs, and removes the folder. */
  async clear(): Promise<void> {
    const child = this.#child
    if (child !== undefined) {
      const ended = endOf(child)
      child.kill('SIGKILL')
      await ended
    }
    removeDirectory(this.#directory)
  }

  #start(spec: TrialSpec): ChildProcess {
    const child = fork(TRIAL, [JSON.stringify(spec)], {
      env: this.#environment,
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    child.once('close', () => {
      this.#child = undefined
    })
    return child
  }
}

/**
 * Removes a folder of a trial, so that what it wrote doesn't fill the disk. A server whose trial was killed writes there
 * until its keeper has ended it, a moment later. The file system's journal is synced, so that what there is to remove does
 * not slow down the next trial.
 */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 })
  syncDirectory(dirname(directory))
}

function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // Not 'exit': that can come before the last message.
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
}

function answerOf<Kind extends TrialSpec['kind']>(
  child: ChildProcess,
  ended: Promise<number | NodeJS.Signals | null>,
): Promise<TrialResults[Kind]> {
  return new Promise((resolve, reject) => {
    // A trial sends one message: the result of its kind.
    child.once('message', (message) => resolve(message as TrialResults[Kind]))
    ended.then((end) => reject(new Error(`a trial ended without a result: ${end}`)), reject)
  })
}
