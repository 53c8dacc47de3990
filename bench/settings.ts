import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { RECORD_BYTES } from './drivers/driver.js'
import { DRIVER_NAMES, type DriverName } from './drivers/drivers.js'

export const SUITE_NAMES = [
  'throughput',
  'append-many',
  'large-records',
  'open-loop',
  'flush-policies',
  'tuning',
  'reading',
  'figures-cost',
  'open-time',
  'recovery',
] as const
export type SuiteName = (typeof SUITE_NAMES)[number]

export interface Settings {
  readonly only: readonly SuiteName[]
  /** What the throughput suite measures. */
  readonly drivers: readonly DriverName[]
  readonly concurrency: readonly number[]
  readonly recordBytes: readonly number[]
  /** Arrivals a second, for the open loop. */
  readonly rates: readonly number[]
  /** Whether to look for the number of fsyncs at once that is fastest. */
  readonly calibrate: boolean
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
/** For the quick form: of each peer one way that acknowledges durable records, batched where the application can batch. */
const QUICK_DRIVERS: readonly DriverName[] = [
  'sluice',
  'device',
  'fsync-in-turn',
  'better-sqlite3-batched',
  'lmdb-flushed',
  'classic-level-batched',
  'sonic-boom',
  'redis-streams',
  'postgresql-batched',
  'nats-jetstream',
]
const QUICK: Preset = {
  suites: ['throughput', 'figures-cost', 'open-time', 'recovery'],
  drivers: QUICK_DRIVERS,
  concurrency: [1, 64, 1024],
  recordBytes: [RECORD_BYTES],
  rates: [10_000, 50_000],
  calibrate: false,
  seconds: 0.5,
  rounds: 2,
  recoveryBytes: 256 * MIB,
}
const FULL: Preset = {
  suites: SUITE_NAMES,
  // The other limits are compared with where preparation counts: in the suite of large records.
  drivers: DRIVER_NAMES.filter((name) => !name.startsWith('device-')),
  concurrency: [1, 16, 64, 256, 1024, 4096],
  recordBytes: [64, RECORD_BYTES, 1024, 16 * 1024],
  rates: [1000, 10_000, 50_000, 100_000, 200_000],
  calibrate: true,
  seconds: 3,
  rounds: 5,
  recoveryBytes: 900 * MIB,
}

interface Preset {
  readonly suites: readonly SuiteName[]
  readonly drivers: readonly DriverName[]
  readonly concurrency: readonly number[]
  readonly recordBytes: readonly number[]
  readonly rates: readonly number[]
  readonly calibrate: boolean
  readonly seconds: number
  readonly rounds: number
  readonly recoveryBytes: number
}

export const HELP = `usage: npm run bench -- [options]

  --only NAMES           suites to run, with commas: ${SUITE_NAMES.join(', ')}
                         (default ${QUICK.suites.join(', ')}; all with --full)
  --drivers NAMES        what the throughput suite measures, with commas, or "all": ${DRIVER_NAMES.join(', ')}
                         (default ${QUICK.drivers.join(', ')}; nearly all with --full)
  --concurrency NUMBERS  producers at the same time, with commas (default ${QUICK.concurrency}; ${FULL.concurrency} with --full)
  --bytes NUMBERS        sizes of a record, for the throughput suite (default ${QUICK.recordBytes}; ${FULL.recordBytes} with --full)
  --rates NUMBERS        arrivals a second, for the open loop (default ${QUICK.rates}; ${FULL.rates} with --full)
  --seconds N            measured time of each trial (default ${QUICK.seconds}; ${FULL.seconds} with --full)
  --warm-up N            seconds to warm up, at most (default: what each driver needs)
  --rounds N             how often each trial is repeated (default ${QUICK.rounds}; ${FULL.rounds} with --full)
  --full                 everything, in longer trials and more rounds: hours
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
      drivers: { type: 'string' },
      concurrency: { type: 'string' },
      bytes: { type: 'string' },
      rates: { type: 'string' },
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
    only: names('suite', SUITE_NAMES, values.only, preset.suites),
    drivers: values.drivers === 'all' ? DRIVER_NAMES : names('driver', DRIVER_NAMES, values.drivers, preset.drivers),
    concurrency: positiveIntegers('--concurrency', values.concurrency, preset.concurrency),
    recordBytes: positiveIntegers('--bytes', values.bytes, preset.recordBytes),
    rates: positiveIntegers('--rates', values.rates, preset.rates),
    calibrate: preset.calibrate,
    warmUpSecondsMax: positive('--warm-up', values['warm-up'], Number.POSITIVE_INFINITY),
    seconds,
    rounds: values.rounds === undefined ? preset.rounds : positiveInteger('--rounds', values.rounds),
    recoveryBytes: preset.recoveryBytes,
    json: values.json,
    directory: values.directory,
  }
}

function names<Name extends string>(
  what: string,
  known: readonly Name[],
  text: string | undefined,
  fallback: readonly Name[],
): readonly Name[] {
  if (text === undefined) return fallback
  return text.split(',').map((given) => {
    const name = known.find((one) => one === given)
    if (name === undefined) throw new Error(`there is no ${what} ${given}; there are ${known.join(', ')}`)
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

function positiveIntegers(name: string, text: string | undefined, fallback: readonly number[]): readonly number[] {
  return text === undefined ? fallback : text.split(',').map((one) => positiveInteger(name, one))
}
