import { shown } from '../errors.js'
import { plainObject, refuseOption, refuseUnknownOption, wholeOption } from '../option-checks.js'
import type { Clock, Codec, JournalOptions, Repository, SummaryLogger, WriteBehindOptions } from './contract.js'
import { systemClock } from './system-clock.js'

/** {@link WriteBehindOptions}, checked, with its defaults. */
export interface ResolvedOptions<V, K extends string> {
  readonly repository: Repository<V, K>
  readonly read: ((key: K) => V | undefined) | undefined
  readonly intervalMs: number
  readonly maxBatch: number
  readonly concurrency: number
  readonly maxDirty: number
  readonly onFull: 'wait' | 'reject'
  readonly maxWaiting: number
  readonly saveTimeoutMs: number
  readonly retry: RetryOptions
  readonly breaker: { readonly failures: number; readonly halfOpenAfterMs: number }
  readonly journal: ResolvedJournal | undefined
  readonly codec: Codec<V>
  readonly logger: SummaryLogger | undefined
  readonly clock: Clock
  readonly random: () => number
}

export interface RetryOptions {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  readonly flushAttempts: number
}

export interface ResolvedJournal {
  readonly directory: string
  readonly fileSystem: JournalOptions['fileSystem']
  readonly segmentBytes: number
  readonly compactBytes: number
}

type Given = Readonly<Record<string, unknown>>

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const KIB = 1024
const MIB = 1024 * KIB
const DEFAULT_SEGMENT_BYTES = 8 * MIB
const COMPACT_SEGMENTS = 4
const OPTION_NAMES = [
  ...[
    'repository',
    'read',
    'intervalMs',
    'maxBatch',
    'concurrency',
    'maxDirty',
    'onFull',
    'maxWaiting',
    'saveTimeoutMs',
  ],
  ...['retry', 'breaker', 'journal', 'codec', 'logger', 'clock', 'random'],
]

/** Checks options and fills in the defaults. Throws `SLUICE_INVALID_OPTION`, naming what it refuses. */
export function resolveOptions<V, K extends string>(options: WriteBehindOptions<V, K>): ResolvedOptions<V, K> {
  const given = plainObject('options', options)
  refuseUnknownOption('', given, OPTION_NAMES)
  methods('repository', given['repository'], ['saveMany'], 'a repository')
  const { repository, read, codec = jsonCodec<V>(), logger, clock = systemClock, random = Math.random } = options
  optionalFunction('read', read)
  optionalFunction('random', random)
  methods('codec', codec, ['encode', 'decode'], 'a codec')
  methods('clock', clock, ['nowMs', 'epochMs', 'setTimer'], 'a clock')
  if (logger !== undefined) methods('logger', logger, ['info', 'warn', 'error'], "a logger of pino's shape")
  const { onFull = 'wait' } = given
  if (onFull !== 'wait' && onFull !== 'reject') refuseOption(`onFull must be 'wait' or 'reject', not ${shown(onFull)}`)
  return {
    repository,
    read,
    intervalMs: wholeOption('intervalMs', given['intervalMs'], 1, DAY_MS, 1000),
    maxBatch: wholeOption('maxBatch', given['maxBatch'], 1, 1_000_000, 500),
    concurrency: wholeOption('concurrency', given['concurrency'], 1, 256, 4),
    maxDirty: wholeOption('maxDirty', given['maxDirty'], 1, 100_000_000, 100_000),
    onFull,
    maxWaiting: wholeOption('maxWaiting', given['maxWaiting'], 0, 1_048_576, 16_384),
    saveTimeoutMs: wholeOption('saveTimeoutMs', given['saveTimeoutMs'], 1, DAY_MS, 30_000),
    retry: resolveRetry(given['retry']),
    breaker: resolveBreaker(given['breaker']),
    journal: given['journal'] === undefined ? undefined : resolveJournal(given['journal']),
    codec,
    logger,
    clock,
    random,
  }
}

function resolveRetry(value: unknown): RetryOptions {
  const given = value === undefined ? {} : plainObject('retry', value)
  refuseUnknownOption('retry.', given, ['initialDelayMs', 'maxDelayMs', 'flushAttempts'])
  const initialDelayMs = wholeOption('retry.initialDelayMs', given['initialDelayMs'], 1, HOUR_MS, 100)
  return {
    initialDelayMs,
    maxDelayMs: wholeOption(
      'retry.maxDelayMs',
      given['maxDelayMs'],
      initialDelayMs,
      DAY_MS,
      Math.max(30_000, initialDelayMs),
    ),
    flushAttempts: wholeOption('retry.flushAttempts', given['flushAttempts'], 1, 1000, 3),
  }
}

function resolveBreaker(value: unknown): ResolvedOptions<never, never>['breaker'] {
  const given = value === undefined ? {} : plainObject('breaker', value)
  refuseUnknownOption('breaker.', given, ['failures', 'halfOpenAfterMs'])
  return {
    failures: wholeOption('breaker.failures', given['failures'], 1, 1000, 5),
    halfOpenAfterMs: wholeOption('breaker.halfOpenAfterMs', given['halfOpenAfterMs'], 1, HOUR_MS, 5000),
  }
}

function resolveJournal(value: unknown): ResolvedJournal {
  const given: Given = typeof value === 'string' ? { directory: value } : plainObject('journal', value)
  refuseUnknownOption('journal.', given, ['directory', 'fileSystem', 'segmentBytes', 'compactBytes'])
  const { directory } = given
  if (typeof directory !== 'string') refuseOption(`journal.directory must be a path, not ${shown(directory)}`)
  const segmentBytes = wholeOption(
    'journal.segmentBytes',
    given['segmentBytes'],
    16 * KIB,
    1024 * MIB,
    DEFAULT_SEGMENT_BYTES,
  )
  const compactDefault = COMPACT_SEGMENTS * segmentBytes
  return {
    directory,
    // Whether it is one, opening the log checks.
    fileSystem: given['fileSystem'] as JournalOptions['fileSystem'],
    segmentBytes,
    compactBytes: wholeOption('journal.compactBytes', given['compactBytes'], segmentBytes, 2 ** 40, compactDefault),
  }
}

function jsonCodec<V>(): Codec<V> {
  return {
    encode(value) {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new TypeError(`JSON has no ${typeof value}`)
      return text
    },
    // It was a V when encode was given it; JSON gives back what JSON can hold of it.
    decode: (bytes) => JSON.parse(bytes.toString()) as V,
  }
}

function methods(name: string, value: unknown, wanted: readonly string[], what: string): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    refuseOption(`${name} must be ${what}, not ${shown(value)}`)
  }
  const missing = wanted.find((method) => typeof Reflect.get(value, method) !== 'function')
  if (missing !== undefined) refuseOption(`${name} must be ${what}: it has no method ${missing}`)
}

function optionalFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function')
    refuseOption(`${name} must be a function, not ${shown(value)}`)
}
