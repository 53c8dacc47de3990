import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { addAbortSignal, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { runProgram } from '../../src/cli/program.js'

/** The file that `sluice` is. */
export const SLUICE = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

export interface CommandResult {
  /** The exit code, or the signal that killed it. */
  readonly exit: number | NodeJS.Signals
  readonly stdout: Buffer
  readonly stderr: string
}

type Input = string | Uint8Array | Iterable<Uint8Array>

export interface CommandSettings {
  /** What it reads. @default nothing */
  readonly input?: Input
  /** Put between node and the script. */
  readonly nodeArguments?: readonly string[]
}

/** The command, running as a process of its own. It is gone when the test is. */
export class SluiceCommand {
  readonly child: ChildProcessWithoutNullStreams
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []
  readonly #ended: Promise<unknown[]>

  constructor(t: ExecutionContext<unknown>, args: readonly string[], nodeArguments: readonly string[] = []) {
    this.child = spawn(process.execPath, [...nodeArguments, SLUICE, ...args])
    this.#ended = once(this.child, 'close')
    this.child.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk))
    this.child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    // It may end before it has read everything.
    this.child.stdin.on('error', () => {})
    t.teardown(async () => {
      this.child.kill('SIGKILL')
      await this.#ended
    })
  }

  /** What it wrote so far. */
  get stdout(): string {
    return Buffer.concat(this.#stdout).toString('latin1')
  }

  /** Resolves once it has written `text`, or more. Rejects where it ends without. */
  async wrote(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const more = once(this.child.stdout, 'data')
      const end = this.#ended.then(() => 'ended')
      if ((await Promise.race([more, end])) === 'ended' && !this.stdout.includes(text)) {
        throw new Error(`it ended after ${JSON.stringify(this.stdout)} and ${Buffer.concat(this.#stderr)}`)
      }
    }
  }

  /** Resolves once it has ended, and all it wrote was read. */
  async result(): Promise<CommandResult> {
    await this.#ended
    const { exitCode, signalCode } = this.child
    const exit = exitCode ?? signalCode
    if (exit === null) throw new Error('it closed its output, and goes on')
    return { exit, stdout: Buffer.concat(this.#stdout), stderr: Buffer.concat(this.#stderr).toString() }
  }
}

/** Runs the command to its end. */
export async function sluice(
  t: ExecutionContext<unknown>,
  args: readonly string[],
  { input = '', nodeArguments = [] }: CommandSettings = {},
): Promise<CommandResult> {
  const command = new SluiceCommand(t, args, nodeArguments)
  // A command that ends early leaves the rest unread.
  await pipeline(readableOf(input), command.child.stdin).catch(() => {})
  return command.result()
}

/**
 * Runs the command in this process, which costs a small part of what a process of its own does: for what is not about a
 * process, its signals and its pipes.
 */
export async function program(
  args: readonly string[],
  { input = '' }: Pick<CommandSettings, 'input'> = {},
): Promise<CommandResult> {
  const [stdout, stderr] = [new Collector(), new Collector()]
  const exit = await runProgram(args, {
    input: (signal) => addAbortSignal(signal, readableOf(input)),
    stdout,
    stderr,
  })
  return { exit, stdout: Buffer.concat(stdout.chunks), stderr: Buffer.concat(stderr.chunks).toString() }
}

function readableOf(input: Input): Readable {
  const isWhole = typeof input === 'string' || input instanceof Uint8Array
  return Readable.from(isWhole ? [Buffer.from(input)] : input, { objectMode: false })
}

/** Keeps what is written to it. */
class Collector extends Writable {
  readonly chunks: Buffer[] = []

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    // Who wrote it may use its buffer again.
    this.chunks.push(Buffer.from(chunk))
    done()
  }
}

/** Runs a shell's pipeline, in which `$0` is node, `$1` the command, and `$2` and so on are the arguments. */
export async function shell(
  t: ExecutionContext<unknown>,
  script: string,
  args: readonly string[],
): Promise<CommandResult> {
  const child = spawn('sh', ['-c', script, process.execPath, SLUICE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  await once(child, 'close')
  const exit = child.exitCode ?? child.signalCode ?? 'SIGKILL'
  return { exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}
