import type { Readable } from 'node:stream'
import type { ExitCode } from './exit-code.js'
import type { Messages } from './messages.js'
import type { Output } from './output.js'

/** One of the things that `sluice` can do. Each has a file of its own, which is loaded only when it is asked for. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string
  /**
   * Does it. Throws a {@link UsageError} for a command line that makes no sense, a `SluiceError` or the system's error
   * where something fails. What it put into the output is written when it returns.
   */
  run(args: readonly string[], streams: CommandStreams): Promise<ExitCode>
}

/** Opens what a command reads; once `signal` is aborted, whoever reads it gets an `AbortError`. */
export type OpenInput = (signal: AbortSignal) => Readable

/** What a command reads, and where it writes. */
export interface CommandStreams {
  /** Standard input, which is opened only by who reads it. */
  readonly input: OpenInput
  /** What was asked for: standard output. */
  readonly output: Output
  /** All that is said about it: standard error. */
  readonly messages: Messages
}
