import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { RECORD_BYTES } from './drivers/driver.js'
import { DRIVER_NAMES, type DriverName } from './drivers/drivers.js'
import { SUITE_NAMES, type SuiteName } from './suites/suite-names.js'

/** What a form of the benchmark measures, unless it is asked for something else. */
interface Preset {
  readonly form: 'quick' | 'full'
  readonly only: readonly SuiteName[]
  /** What the throughput suite measures at every concurrency. */
  readonly drivers: readonly DriverName[]
  /** What it measures at some concurrencies only: another driver does the same in a faster way. */
  readonly slowerDrivers: readonly DriverName[]
  readonly slowerConcurrency: readonly number[]
  readonly concurrency: readonly number[]
  /** Beside those of the throughput suite. */
  readonly recordBytes: readonly number[]
  /** For other sizes, and for the replay of a log. */
  readonly sizeConcurrency: readonly number[]
  readonly sizeDrivers: readonly DriverName[]
  /** Arrivals a second, for the open loop. */
  readonly rates: readonly number[]
  /** Whether to look for the number of fsyncs at once that is fastest. */
  readonly calibrate: boolean
  readonly seconds: number
  readonly rounds: number
  /** Bytes of records in the segment that the recovery suite reads back. */
  readonly recoveryBytes: number
  /** Records in the log that the reading suite reads. */
  readonly readRecords: number
  readonly growthRecords: readonly number[]
  readonly growthSegments: readonly number[]
  /** Events in the stores that the suite of events opens. */
  readonly eventCounts: readonly number[]
  /** Keys in the state stores that are opened, and that checkpoints are made of. */
  readonly stateKeys: readonly number[]
}

export interface Settings extends Preset {
  /** Drivers that were asked for by name: no suite then measures any other, but for sluice and the limits. */
  readonly asked: readonly DriverName[] | undefined
  /** Cuts every driver's time to warm up short. */
  readonly warmUpSecondsMax: number
  /** The log to replay, if any. */
  readonly log: string | undefined
  readonly seed: number | undefined
  readonly json: string | undefined
  readonly html: string | undefined
  readonly hgrm: string | undefined
  /** Whether to write docs/BENCHMARKS.md, and the results that it is made from. */
  readonly docs: boolean
  readonly directory: string
}

const MIB = 1024 * 1024
/** Of each peer the fastest way that acknowledges durable records, batched where the application can batch. */
const LEADING: readonly DriverName[] = [
  'sluice',
  'sluice-prepared',
  'device',
  'fsync-per-append',
  'fsync-in-turn',
  'better-sqlite3-batched',
  'lmdb-flushed',
  'classic-level-batched',
  'sonic-boom',
  'event-storage',
  'redis-streams',
  'postgresql-batched',
  'nats-jetstream',
]
const QUICK: Preset = {
  form: 'quick',
  only: ['throughput', 'append-many', 'recovery', 'growth'],
  // Preparing segments takes seconds, and so many peers leave little of three minutes.
  drivers: LEADING.filter((name) => name !== 'fsync-per-append' && name !== 'sluice-prepared'),
  slowerDrivers: [],
  slowerConcurrency: [],
  concurrency: [1, 64, 1024],
  recordBytes: [64, 16 * 1024],
  sizeConcurrency: [64],
  sizeDrivers: LEADING,
  rates: [10_000, 50_000],
  calibrate: false,
  seconds: 0.4,
  rounds: 2,
  recoveryBytes: 128 * MIB,
  readRecords: 500_000,
  growthRecords: [10_000, 1_000_000],
  growthSegments: [1, 100],
  eventCounts: [100_000],
  stateKeys: [100_000],
}
const FULL: Preset = {
  form: 'full',
  only: SUITE_NAMES,
  drivers: LEADING,
  // The other limits are compared with where preparation counts: in the suite of large records.
  slowerDrivers: DRIVER_NAMES.filter((name) => !LEADING.includes(name) && !name.startsWith('device-')),
  slowerConcurrency: [1, 64],
  concurrency: [1, 16, 64, 256, 1024, 4096],
  recordBytes: [64, 1024, 16 * 1024],
  sizeConcurrency: [64, 1024],
  sizeDrivers: [
    'sluice',
    'sluice-prepared',
    'device',
    'better-sqlite3-batched',
    'lmdb-flushed',
    'sonic-boom',
    'redis-streams',
  ],
  rates: [1000, 10_000, 50_000, 200_000],
  calibrate: true,
  seconds: 0.8,
  rounds: 5,
  recoveryBytes: 512 * MIB,
  readRecords: 1_000_000,
  growthRecords: [1000, 10_000, 100_000, 1_000_000, 10_000_000],
  growthSegments: [1, 10, 100, 1000],
  eventCounts: [1_000_000, 10_000_000],
  stateKeys: [1_000_000],
}

export const HELP = `usage: npm run bench -- [options]         the quick form, in under three minutes
       npm run bench:full -- [options]    everything, in under forty minutes

What is measured
  --only NAMES           suites to run, with commas: ${SUITE_NAMES.join(', ')}
                         (default ${QUICK.only.join(', ')}; all in the full form)
  --drivers NAMES        what is measured, in every suite that can, with commas, or "all": ${DRIVER_NAMES.join(', ')}
                         (default ${QUICK.drivers.join(', ')}; all in the full form, but those that another way
                         of the same peer outdoes at ${FULL.slowerConcurrency.join(' and ')} producers only)
  --concurrency NUMBERS  producers at the same time, with commas (default ${QUICK.concurrency}; full ${FULL.concurrency})
  --bytes NUMBERS        sizes of a record beside ${RECORD_BYTES}, for the suite of sizes (default ${QUICK.recordBytes}; full ${FULL.recordBytes})
  --rates NUMBERS        arrivals a second, for the open loop (default ${QUICK.rates}; full ${FULL.rates})
  --log FILE             the log to replay, line by line (default: lines that a seed makes)
  --seed NUMBER          the seed of those lines (default: another one each time; it is printed)
  --records NUMBERS      sizes of the logs that are opened, for the suite of growth (default ${QUICK.growthRecords}; full ${FULL.growthRecords})
  --events NUMBERS       events in the stores that are opened, for the suite of events (default ${QUICK.eventCounts}; full ${FULL.eventCounts})
  --keys NUMBERS         keys in the state stores that are opened, for the suite of state (default ${QUICK.stateKeys}; full ${FULL.stateKeys})
  --recovery MIB         of records in the segment that is recovered, for the suite of recovery (default ${QUICK.recoveryBytes / MIB}; full ${FULL.recoveryBytes / MIB})
  --seconds N            measured time of each trial (default ${QUICK.seconds}; full ${FULL.seconds})
  --warm-up N            seconds to warm up, at most (default: what each driver needs)
  --rounds N             how often each trial is repeated (default ${QUICK.rounds}; full ${FULL.rounds}; some suites need fewer)
  --directory PARENT     where to make the folder that is measured in (default: the folder for temporary files)

What becomes of it; written after every round, so that an interrupted run leaves what it has
  --json FILE            every trial, and where it was measured
  --html FILE            a page with charts, complete in itself
  --hgrm FOLDER          the distribution of latencies of every driver and load, as the plotters of HdrHistogram read it
  --docs                 docs/BENCHMARKS.md, and the results that it is made from, once all rounds are measured
                         (npm run bench:report -- --help makes pages from JSON, without measuring)

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
      log: { type: 'string' },
      seed: { type: 'string' },
      records: { type: 'string' },
      events: { type: 'string' },
      keys: { type: 'string' },
      recovery: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      'warm-up': { type: 'string' },
      full: { type: 'boolean', default: false },
      json: { type: 'string' },
      html: { type: 'string' },
      hgrm: { type: 'string' },
      docs: { type: 'boolean', default: false },
      directory: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const preset = values.full ? FULL : QUICK
  const asked =
    values.drivers === 'all'
      ? DRIVER_NAMES
      : values.drivers === undefined
        ? undefined
        : names('driver', DRIVER_NAMES, values.drivers)
  return {
    ...preset,
    only: values.only === undefined ? preset.only : names('suite', SUITE_NAMES, values.only),
    asked,
    drivers: asked ?? preset.drivers,
    sizeDrivers: asked ?? preset.sizeDrivers,
    slowerDrivers: asked === undefined ? preset.slowerDrivers : [],
    concurrency: positiveIntegers('--concurrency', values.concurrency, preset.concurrency),
    recordBytes: positiveIntegers('--bytes', values.bytes, preset.recordBytes),
    rates: positiveIntegers('--rates', values.rates, preset.rates),
    growthRecords: positiveIntegers('--records', values.records, preset.growthRecords),
    eventCounts: positiveIntegers('--events', values.events, preset.eventCounts),
    stateKeys: positiveIntegers('--keys', values.keys, preset.stateKeys),
    recoveryBytes:
      values.recovery === undefined ? preset.recoveryBytes : positiveInteger('--recovery', values.recovery) * MIB,
    warmUpSecondsMax: positive('--warm-up', values['warm-up'], Number.POSITIVE_INFINITY),
    seconds: positive('--seconds', values.seconds, preset.seconds),
    rounds: values.rounds === undefined ? preset.rounds : positiveInteger('--rounds', values.rounds),
    log: values.log,
    seed: values.seed === undefined ? undefined : positiveInteger('--seed', values.seed),
    json: values.json,
    html: values.html,
    hgrm: values.hgrm,
    docs: values.docs,
    directory: values.directory,
  }
}

function names<Name extends string>(what: string, known: readonly Name[], text: string): readonly Name[] {
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
