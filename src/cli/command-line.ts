import { type ParseArgsConfig, parseArgs } from 'node:util'
import { systemCode } from '../errors.js'
import { UsageError } from './usage-error.js'

type OptionTypes = NonNullable<ParseArgsConfig['options']>

/** A command's arguments taken apart: the log's folder, and the options by name. */
export interface CommandLine<Values> {
  readonly directory: string
  readonly values: Values
}

/** What parseArgs makes of the options: each can be missing. */
type Values<Options extends OptionTypes> = {
  readonly [Name in keyof Options]?: Options[Name]['type'] extends 'boolean' ? boolean : string
}

/** Takes the arguments of a command apart that works on one folder. Throws {@link UsageError}. */
export function parseCommandLine<const Options extends OptionTypes>(
  args: readonly string[],
  options: Options,
): CommandLine<Values<Options>> {
  const { values, positionals } = parseArguments(args, options)
  const [directory, second] = positionals
  if (directory === undefined || directory === '') throw new UsageError('DIR is missing: the folder of the log')
  if (second !== undefined) throw new UsageError(`one DIR is enough: ${JSON.stringify(second)} is too much`)
  return { directory, values }
}

/** An option that is an LSN. */
export function parseLsn(option: string, text: string | undefined): number | undefined {
  return parseWhole(option, text, 1, 'an LSN, from 1 to 2^53-1')
}

/** An option that is a number of records. */
export function parseCount(option: string, text: string | undefined): number | undefined {
  return parseWhole(option, text, 0, 'a whole number')
}

const BYTES = /^(\d{1,15})(|KiB|MiB|GiB)$/
const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** An option that is a number of bytes, such as `65536` or `64MiB`. */
export function parseBytes(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, digits, unit = ''] = BYTES.exec(text) ?? []
  if (digits === undefined) {
    throw new UsageError(`${option} must be a number of bytes, such as 65536 or 64MiB, not ${JSON.stringify(text)}`)
  }
  return Number(digits) * (UNITS[unit] ?? 1)
}

function parseWhole(option: string, text: string | undefined, least: number, wanted: string): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`${option} must be ${wanted}, not ${JSON.stringify(text)}`)
}

/** Takes arguments apart of which there may be several beside the options. Throws {@link UsageError}. */
export function parseArguments<const Options extends OptionTypes>(args: readonly string[], options: Options) {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true })
    // No option is `multiple`, and none has a default: that is all that parseArgs' own type says beyond this one.
    return { values: values as Values<Options>, positionals }
  } catch (error) {
    if (!(error instanceof Error) || !systemCode(error)?.startsWith('ERR_PARSE_ARGS')) throw error
    // The first sentence says what is wrong. Those behind it explain it over several lines.
    const [sentence = error.message] = error.message.split(/\.\s/)
    throw new UsageError(sentence.replace(/\.$/, ''))
  }
}
