import { SluiceError, shown } from '../errors.js'
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
  const given = object('options', options)
  refuseUnknown('', given, OPTION_NAMES)
  methods('repository', given['repository'], ['saveMany'], 'a repository')
  const { repository, read, codec = jsonCodec<V>(), logger, clock = systemClock, random = Math.random } = options
  optionalFunction('read', read)
  optionalFunction('random', random)
  methods('codec', codec, ['encode', 'decode'], 'a codec')
  methods('clock', clock, ['nowMs', 'epochMs', 'setTimer'], 'a clock')
  if (logger !== undefined) methods('logger', logger, ['info', 'warn', 'error'], "a logger of pino's shape")
  const { onFull = 'wait' } = given
  if (onFull !== 'wait' && onFull !== 'reject') refuse(`onFull must be 'wait' or 'reject', not ${shown(onFull)}`)
  return {
    repository,
    read,
    intervalMs: whole('intervalMs', given['intervalMs'], 1, DAY_MS, 1000),
    maxBatch: whole('maxBatch', given['maxBatch'], 1, 1_000_000, 500),
    concurrency: whole('concurrency', given['concurrency'], 1, 256, 4),
    maxDirty: whole('maxDirty', given['maxDirty'], 1, 100_000_000, 100_000),
    onFull,
    maxWaiting: whole('maxWaiting', given['maxWaiting'], 0, 1_048_576, 16_384),
    saveTimeoutMs: whole('saveTimeoutMs', given['saveTimeoutMs'], 1, DAY_MS, 30_000),
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
  const given = value === undefined ? {} : object('retry', value)
  refuseUnknown('retry.', given, ['initialDelayMs', 'maxDelayMs', 'flushAttempts'])
  const initialDelayMs = whole('retry.initialDelayMs', given['initialDelayMs'], 1, HOUR_MS, 100)
  return {
    initialDelayMs,
    maxDelayMs: whole(
      'retry.maxDelayMs',
      given['maxDelayMs'],
      initialDelayMs,
      DAY_MS,
      Math.max(30_000, initialDelayMs),
    ),
    flushAttempts: whole('retry.flushAttempts', given['flushAttempts'], 1, 1000, 3),
  }
}

function resolveBreaker(value: unknown): ResolvedOptions<never, never>['breaker'] {
  const given = value === undefined ? {} : object('breaker', value)
  refuseUnknown('breaker.', given, ['failures', 'halfOpenAfterMs'])
  return {
    failures: whole('breaker.failures', given['failures'], 1, 1000, 5),
    halfOpenAfterMs: whole('breaker.halfOpenAfterMs', given['halfOpenAfterMs'], 1, HOUR_MS, 5000),
  }
}

function resolveJournal(value: unknown): ResolvedJournal {
  const given: Given = typeof value === 'string' ? { directory: value } : object('journal', value)
  refuseUnknown('journal.', given, ['directory', 'fileSystem', 'segmentBytes', 'compactBytes'])
  const { directory } = given
  if (typeof directory !== 'string') refuse(`journal.directory must be a path, not ${shown(directory)}`)
  const segmentBytes = whole('journal.segmentBytes', given['segmentBytes'], 16 * KIB, 1024 * MIB, DEFAULT_SEGMENT_BYTES)
  const compactDefault = COMPACT_SEGMENTS * segmentBytes
  return {
    directory,
    // Whether it is one, opening the log checks.
    fileSystem: given['fileSystem'] as JournalOptions['fileSystem'],
    segmentBytes,
    compactBytes: whole('journal.compactBytes', given['compactBytes'], segmentBytes, 2 ** 40, compactDefault),
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

function object(name: string, value: unknown): Given {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${name} must be an object, not ${shown(value)}`)
  }
  return value as Given // It was just found to be one; what its fields are is checked one by one.
}

function refuseUnknown(prefix: string, given: Given, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`there is no option ${prefix}${unknown}`)
}

function methods(name: string, value: unknown, wanted: readonly string[], what: string): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    refuse(`${name} must be ${what}, not ${shown(value)}`)
  }
  const missing = wanted.find((method) => typeof Reflect.get(value, method) !== 'function')
  if (missing !== undefined) refuse(`${name} must be ${what}: it has no method ${missing}`)
}

function optionalFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') refuse(`${name} must be a function, not ${shown(value)}`)
}

function whole(name: string, value: unknown, least: number, most: number, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    refuse(`${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`)
  }
  return value
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_OPTION', message)
}
