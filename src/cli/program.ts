import { readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { Command, CommandStreams, OpenInput } from './command.js'
import { EXIT_CODES, type ExitCode } from './exit-code.js'
import { failureLine } from './failure-line.js'
import { standardInput } from './input.js'
import { type MessageStream, Messages } from './messages.js'
import { Output } from './output.js'
import { UsageError } from './usage-error.js'

interface Entry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** A command is loaded when it is run: a reader needs nothing of the writer. */
const COMMANDS: ReadonlyMap<string, Entry> = new Map([
  ['append', { summary: 'append standard input, one record a line', load: () => import('./append.js') }],
  ['cat', { summary: 'write the records to standard output', load: () => import('./cat.js') }],
  ['follow', { summary: 'the same, and then each new record once it is durable', load: () => import('./follow.js') }],
  ['inspect', { summary: 'list the segments, the mark, and what was kept aside', load: () => import('./inspect.js') }],
  ['stats', { summary: 'sum up records, sizes and times', load: () => import('./stats.js') }],
  ['verify', { summary: 'read everything, and say what is damaged', load: () => import('./verify.js') }],
  ['probe', { summary: 'measure the storage, and say which options fit it', load: () => import('./probe.js') }],
  ['state', { summary: 'look into a state store, and change it', load: () => import('./state.js') }],
  ['repair', { summary: 'give up what is damaged, so that the log opens again', load: () => import('./repair.js') }],
])

const SUMMARIES = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}\n`).join('')

export const HELP = `Usage: sluice COMMAND [options] DIR

A durable log of records in the folder DIR.

Commands:
${SUMMARIES}
  sluice COMMAND --help says more, with examples. sluice --version says the version.

Errors are one line on standard error: "sluice: CODE: message".

${EXIT_CODES}`

/** Where a program writes, and what it reads: the process itself, or what stands in for it. */
export interface ProgramStreams {
  /** @default the process's standard input */
  readonly input?: OpenInput
  readonly stdout: Writable
  readonly stderr: MessageStream
}

/** Runs the command that the arguments name; never rejects. */
export async function runProgram(
  args: readonly string[],
  { input = standardInput, stdout, stderr }: ProgramStreams = process,
): Promise<ExitCode> {
  const streams = { input, output: new Output(stdout), messages: new Messages(stderr) }
  try {
    const exitCode = await dispatch(args, streams)
    await streams.output.flush()
    return exitCode
  } catch (error) {
    streams.messages.print(`${failureLine(error)}\n`)
    return isUsage(error) ? 2 : 1
  }
}

async function dispatch(args: readonly string[], streams: CommandStreams): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined) {
    streams.messages.print(HELP)
    return 2
  }
  if (name === '--version' || name === '-V') return print(streams, `${version()}\n`)
  if (name === '--help' || name === '-h') return print(streams, HELP)
  if (name === 'help') return print(streams, rest[0] === undefined ? HELP : (await load(rest[0])).help)
  const command = await load(name)
  if (asksForHelp(rest)) return print(streams, command.help)
  return command.run(rest, streams)
}

function load(name: string): Promise<Command> {
  const entry = COMMANDS.get(name)
  if (entry !== undefined) return entry.load()
  const what = name.startsWith('-') ? 'option' : 'command'
  throw new UsageError(`there is no ${what} ${JSON.stringify(name)}; there are ${[...COMMANDS.keys()].join(', ')}`)
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === '--help' || arg === '-h')
}

function print({ output }: CommandStreams, text: string): ExitCode {
  output.put(text)
  return 0
}

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const manifest: { readonly version: string } = JSON.parse(text) // This package's own: it has a version.
  return manifest.version
}

/** Options of the library come from the command line here, too. */
function isUsage(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof SluiceError && error.code === 'SLUICE_INVALID_OPTION')
}
