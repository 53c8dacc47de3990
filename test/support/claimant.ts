import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import { type ErrorRecord, fromErrorRecord } from '../../src/errors.js'

export type ClaimantOrder =
  | { readonly kind: 'claim'; readonly directory: string; readonly uid: number | undefined }
  | { readonly kind: 'release' }
  | { readonly kind: 'spawn-bystander' }

export type ClaimantReport =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'released' }
  | { readonly kind: 'bystander'; readonly pid: number }
  | { readonly kind: 'error'; readonly error: ErrorRecord }

export interface ClaimantSettings {
  /** Put in front of the command, such as `['strace', '-f']`. */
  readonly wrapper?: readonly string[]
  readonly path?: string
  readonly cwd?: string
}

const SCRIPT = new URL('./claim-process.js', import.meta.url).pathname

/** Another process that claims directories. It is gone when the test is. */
export class Claimant {
  readonly #child: ChildProcess

  constructor(t: ExecutionContext<unknown>, settings: ClaimantSettings = {}) {
    const [command, ...args] = [...(settings.wrapper ?? []), process.execPath, SCRIPT]
    this.#child = spawn(command ?? process.execPath, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...(settings.path === undefined ? {} : { PATH: settings.path }) },
      ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    })
    t.teardown(() => this.kill())
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Resolves once the directory is claimed; rejects with the error that the other process got. */
  async claim(directory: string, uid?: number): Promise<void> {
    await this.#ask({ kind: 'claim', directory, uid })
  }

  async release(): Promise<void> {
    await this.#ask({ kind: 'release' })
  }

  /** A child process of the claimant's that outlives it; resolves to its pid. */
  async spawnBystander(t: ExecutionContext<unknown>): Promise<number> {
    const report = await this.#ask({ kind: 'spawn-bystander' })
    if (report.kind !== 'bystander' || report.pid === 0) throw new Error('there is no bystander')
    t.teardown(() => process.kill(report.pid, 'SIGKILL'))
    return report.pid
  }

  /** SIGKILL; resolves once the process is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Lets the process end by itself; resolves once it has. */
  async end(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.disconnect()
    await gone
  }

  async #ask(order: ClaimantOrder): Promise<ClaimantReport> {
    const answered = once(this.#child, 'message')
    const gone = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`the claimant ended: ${code ?? signal}`)
    })
    gone.catch(() => {}) // It ends some time, after its answers too.
    this.#child.send(order)
    const [report]: [ClaimantReport] = (await Promise.race([answered, gone])) as [ClaimantReport] // As it sends it.
    if (report.kind === 'error') throw fromErrorRecord(report.error)
    return report
  }
}
