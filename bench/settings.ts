import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

export const SUITE_NAMES = ['throughput', 'figures-cost', 'open-time', 'recovery'] as const
export type SuiteName = (typeof SUITE_NAMES)[number]

export interface Settings {
  readonly only: readonly SuiteName[]
  readonly concurrency: readonly number[]
  /** Cuts every driver's time to warm up short. */
  readonly warmUpSecondsMax: number
  readonly seconds: number
  readonly rounds: number
  /** Bytes of records in the segment that the recovery suite reads back. */
  readonly recoveryBytes: number
  readonly json: string | undefined
  readonly directory: string
}

const MIB = 1024 * 1024
const QUICK = { seconds: 0.6, rounds: 3, recoveryBytes: 256 * MIB }
const FULL = { seconds: 3, rounds: 5, recoveryBytes: 900 * MIB }

export const HELP = `usage: npm run bench -- [options]

  --only NAMES           suites to run, with commas: ${SUITE_NAMES.join(', ')}
  --concurrency NUMBERS  producers at the same time, with commas (default 1,16,64,256,1024,4096)
  --seconds N            measured time of each trial (default ${QUICK.seconds}; ${FULL.seconds} with --full)
  --warm-up N            seconds to warm up, at most (default: what each driver needs)
  --rounds N             how often each trial is repeated (default ${QUICK.rounds}; ${FULL.rounds} with --full)
  --full                 longer trials, more rounds, a larger segment to recover
  --json FILE            writes every figure, and where it was measured, as JSON
  --directory PARENT     where to make the folder that is measured in (default: the folder for temporary files)
  --help                 this text
`

/** Reads the command line; `undefined` where help was asked for. Throws an error with a message for people. */
export function readSettings(args: readonly string[]): Settings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      concurrency: { type: 'string', default: '1,16,64,256,1024,4096' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      'warm-up': { type: 'string' },
      full: { type: 'boolean', default: false },
      json: { type: 'string' },
      directory: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const preset = values.full ? FULL : QUICK
  const seconds = positive('--seconds', values.seconds, preset.seconds)
  return {
    only: suites(values.only),
    concurrency: values.concurrency.split(',').map((text) => positiveInteger('--concurrency', text)),
    warmUpSecondsMax: positive('--warm-up', values['warm-up'], Number.POSITIVE_INFINITY),
    seconds,
    rounds: values.rounds === undefined ? preset.rounds : positiveInteger('--rounds', values.rounds),
    recoveryBytes: preset.recoveryBytes,
    json: values.json,
    directory: values.directory,
  }
}

function suites(text: string | undefined): readonly SuiteName[] {
  if (text === undefined) return SUITE_NAMES
  return text.split(',').map((given) => {
    const name = SUITE_NAMES.find((suite) => suite === given)
    if (name === undefined) throw new Error(`there is no suite ${given}; there are ${SUITE_NAMES.join(', ')}`)
    return name
  })
}

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new Error(`${name} must be a positive number, not ${text}`)
  return value
}

function positiveInteger(name: string, text: string): number {
  const value = positive(name, text, Number.NaN)
  if (!Number.isInteger(value)) throw new Error(`${name} must be whole, not ${text}`)
  return value
}
