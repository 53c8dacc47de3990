import test from 'ava'
import { SluiceError } from '../src/errors.js'
import { openLog } from '../src/log/open-log.js'
import { type LogTuning, neverSyncsByItself, type ResolvedTuning, resolveTuning } from '../src/options.js'
import { SimulatedFileSystem } from '../src/testing/index.js'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/** Any value for any option: what a caller without types could pass. */
function resolve(options: unknown): ResolvedTuning {
  return resolveTuning(options as LogTuning) // Wrong types are the point of most of these tests.
}

/** The message with which options are refused; `undefined` where they are not. */
function refusal(options: unknown): string | undefined {
  try {
    resolve(options)
    return undefined
  } catch (error) {
    if (!(error instanceof SluiceError && error.code === 'SLUICE_INVALID_OPTION')) throw error
    return error.message
  }
}

/** Puts a value at the place of an option: `batch.maxBytes` is one inside of `batch`. */
function withOption(name: string, value: unknown): object {
  const [outer = '', inner] = name.split('.')
  return { [outer]: inner === undefined ? value : { [inner]: value } }
}

test('without options everything has its default', (t) => {
  const defaults: ResolvedTuning = {
    batch: { maxRecords: 65_536, maxBytes: 8 * MIB, maxDelayMs: 0 },
    flush: { kind: 'batch' },
    ack: 'durable',
    directorySync: 'changed',
    segmentBytes: 64 * MIB,
    preparedSegments: 0,
    maxRecordBytes: 16 * MIB,
    maxPendingBytes: 64 * MIB,
    onFull: 'wait',
    maxWaiting: 16_384,
    workerUrl: undefined,
  }
  t.deepEqual(resolveTuning(), defaults)
  t.deepEqual(resolveTuning({}), defaults)
  const undefineds = Object.fromEntries([...Object.keys(defaults), 'fileSystem'].map((name) => [name, undefined]))
  t.deepEqual(resolve(undefineds), defaults)
  t.deepEqual(resolve({ batch: { maxRecords: undefined, maxBytes: undefined, maxDelayMs: undefined } }), defaults)
})

test('defaults that depend on other options', (t) => {
  t.is(resolve({ flush: 'never' }).ack, 'written')
  t.like(resolve({ maxPendingBytes: 16 * KIB }), { maxRecordBytes: 4 * KIB, batch: { maxBytes: 16 * KIB } })
  t.is(resolve({ maxPendingBytes: 33 * MIB }).maxRecordBytes, 16 * MIB)
  t.is(resolve({ maxPendingBytes: 32 * MIB }).maxRecordBytes, 16 * MIB - 4 * KIB)
})

/** Each whole number: its range. */
const INTEGERS: readonly (readonly [name: string, least: number, most: number])[] = [
  ['batch.maxRecords', 1, 1_048_576],
  ['batch.maxBytes', 1, 64 * MIB],
  ['segmentBytes', 16 * KIB, GIB],
  ['maxRecordBytes', 1, 512 * MIB],
  ['maxPendingBytes', 16 * KIB, 2 * GIB],
  ['maxWaiting', 0, 1_048_576],
  ['flush.everyRecords', 1, 2 ** 31],
]

for (const [name, least, most] of INTEGERS) {
  test(`${name} is a whole number from ${least} to ${most}`, (t) => {
    const beside =
      name === 'maxRecordBytes' ? { maxPendingBytes: 2 * GIB } : name.startsWith('flush') ? { ack: 'written' } : {}
    for (const value of [least, least + 1, most - 1, most]) {
      t.is(refusal({ ...beside, ...withOption(name, value) }), undefined, String(value))
    }
    for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      const range = `${name} must be a whole number from ${least} to ${most}, not ${value}`
      t.is(refusal({ ...beside, ...withOption(name, value) }), range)
    }
    for (const [value, shown] of [
      [String(least), `"${least}"`],
      [BigInt(most), `${most}n`],
      [null, 'null'],
      [[least], 'an array'],
      [true, 'true'],
    ] as const) {
      const message = refusal({ ...beside, ...withOption(name, value) })
      t.true(message?.startsWith(`${name} must be`) && message.endsWith(`not ${shown}`), message)
    }
  })
}

for (const [name, least, most] of [
  ['batch.maxDelayMs', 0, 60_000],
  ['flush.everyMs', 1, 3_600_000],
] as const) {
  test(`${name} is a number of milliseconds from ${least} to ${most}`, (t) => {
    for (const value of [least, least + 0.5, most]) t.is(refusal(withOption(name, value)), undefined, String(value))
    for (const value of [least - 0.5, most + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      const range = `${name} must be a number of milliseconds from ${least} to ${most}, not ${value}`
      t.is(refusal(withOption(name, value)), range)
    }
    t.regex(refusal(withOption(name, 'soon')) ?? '', /not "soon"$/)
    t.regex(refusal(withOption(name, null)) ?? '', /not null$/)
  })
}

test('batch.maxDelayMs may be adaptive', (t) => {
  t.is(resolve({ batch: { maxDelayMs: 'adaptive' } }).batch.maxDelayMs, 'adaptive')
  t.is(resolve({ batch: { maxDelayMs: 0.25 } }).batch.maxDelayMs, 0.25)
})

const CHOICES: readonly (readonly [name: 'ack' | 'directorySync' | 'onFull', choices: readonly string[]])[] = [
  ['ack', ['durable', 'written']],
  ['directorySync', ['changed', 'always']],
  ['onFull', ['wait', 'reject']],
]

for (const [name, choices] of CHOICES) {
  test(`${name} is ${choices.join(' or ')}`, (t) => {
    for (const choice of choices) t.like(resolve({ [name]: choice }), { [name]: choice })
    for (const [value, shown] of [
      ['Always', '"Always"'],
      [null, 'null'],
      [1, '1'],
      ['x'.repeat(100), `"${'x'.repeat(60)}…"`],
      [{}, 'an object of Object'],
      [Object.create(null), 'an object of no class'],
      [() => 'wait', 'a function'],
    ] as const) {
      const expected = `${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, not ${shown}`
      t.is(refusal({ [name]: value }), expected)
    }
  })
}

test('flush: every form of a policy', (t) => {
  t.deepEqual(resolve({ flush: 'batch' }).flush, { kind: 'batch' })
  t.deepEqual(resolve({ flush: 'immediate' }).flush, { kind: 'immediate' })
  t.deepEqual(resolve({ flush: 'never' }).flush, { kind: 'never' })
  t.deepEqual(resolve({ flush: { everyMs: 5 } }).flush, { kind: 'interval', everyMs: 5 })
  t.deepEqual(resolve({ flush: { everyRecords: 7, everyMs: 5 } }).flush, { kind: 'count', everyRecords: 7, everyMs: 5 })
  const count = resolve({ flush: { everyRecords: 7 }, ack: 'written' }).flush
  t.deepEqual(count, { kind: 'count', everyRecords: 7, everyMs: undefined })
  t.deepEqual(resolve({ flush: { everyMs: 5, everyRecords: undefined } }).flush, { kind: 'interval', everyMs: 5 })
})

test('flush: what is no policy is refused', (t) => {
  t.regex(refusal({ flush: 'always' }) ?? '', /^flush must be .* not "always"$/)
  t.regex(refusal({ flush: null }) ?? '', /^flush must be .* not null$/)
  t.regex(refusal({ flush: 5 }) ?? '', /^flush must be .* not 5$/)
  t.regex(refusal({ flush: ['batch'] }) ?? '', /^flush must be .* not an array$/)
  t.is(refusal({ flush: {} }), 'flush needs everyMs, everyRecords, or both')
  t.is(refusal({ flush: { everyMS: 5 } }), 'there is no option flush.everyMS; there are everyMs, everyRecords')
})

test('a policy under which a durable acknowledgement could wait for ever is told from the others', (t) => {
  t.true(neverSyncsByItself(resolve({ flush: 'never' }).flush))
  t.true(neverSyncsByItself(resolve({ flush: { everyRecords: 5 }, ack: 'written' }).flush))
  for (const flush of ['batch', 'immediate', { everyMs: 5 }, { everyRecords: 5, everyMs: 5 }]) {
    t.false(neverSyncsByItself(resolve({ flush }).flush))
  }
})

test('a misspelt option is refused by name', (t) => {
  t.regex(refusal({ segmentSize: 1 }) ?? '', /^there is no option segmentSize; there are batch, flush, ack, /)
  t.regex(refusal({ maxRecords: undefined }) ?? '', /^there is no option maxRecords;/, 'also where it has no value')
  const batch = 'there is no option batch.maxDelay; there are maxRecords, maxBytes, maxDelayMs'
  t.is(refusal({ batch: { maxDelay: 1 } }), batch)
  for (const inherited of ['toString', 'constructor']) t.regex(refusal({ [inherited]: 1 }) ?? '', /no option/)
})

test('options, and batch, are objects', (t) => {
  for (const [value, shown] of [
    [null, 'null'],
    ['batch', '"batch"'],
    [[], 'an array'],
    [3, '3'],
  ] as const) {
    t.is(refusal(value), `options must be an object, not ${shown}`)
    t.is(refusal({ batch: value }), `batch must be an object, not ${shown}`)
  }
})

test('combinations that are impossible are refused by name', (t) => {
  const never = "ack: 'durable' is impossible beside flush: 'never': nothing would ever sync"
  t.is(refusal({ flush: 'never', ack: 'durable' }), never)
  const count = "ack: 'durable' needs flush.everyMs beside flush.everyRecords: the last records could wait for ever"
  t.is(refusal({ flush: { everyRecords: 5 } }), count)
  t.is(refusal({ flush: { everyRecords: 5 }, ack: 'durable' }), count)
  t.is(refusal({ flush: { everyRecords: 5 }, ack: 'written' }), undefined)
  t.is(refusal({ flush: 'never', ack: 'written' }), undefined)
  for (const [name, value] of [
    ['maxRecords', 5],
    ['maxBytes', 5000],
    ['maxDelayMs', 0],
    ['maxDelayMs', 'adaptive'],
  ] as const) {
    const immediate = `batch.${name} is impossible beside flush: 'immediate': a batch is one append there`
    t.is(refusal({ flush: 'immediate', batch: { [name]: value } }), immediate)
  }
  t.is(refusal({ flush: 'immediate', batch: {} }), undefined)
  const large = refusal({ maxRecordBytes: 5 * KIB, maxPendingBytes: 16 * KIB })
  t.is(
    large,
    'maxRecordBytes: 5120 is impossible beside maxPendingBytes: 16384: a record may have at most half of it less 4096, that is 4096',
  )
  t.is(refusal({ maxRecordBytes: 4 * KIB, maxPendingBytes: 16 * KIB }), undefined)
  t.regex(
    refusal({ batch: { maxBytes: 17 * KIB }, maxPendingBytes: 16 * KIB }) ?? '',
    /^batch.maxBytes must be .*16384/,
  )
})

test('workerUrl is a URL, and fileSystem an object; together they are impossible', (t) => {
  const workerUrl = new URL('file:///worker.js')
  t.is(resolve({ workerUrl }).workerUrl, workerUrl)
  t.is(refusal({ workerUrl: 'file:///worker.js' }), 'workerUrl must be a URL, not "file:///worker.js"')
  t.is(refusal({ workerUrl: null }), 'workerUrl must be a URL, not null')
  t.is(refusal({ fileSystem: new SimulatedFileSystem() }), undefined)
  t.is(refusal({ fileSystem: null }), 'fileSystem must be a FileSystem, not null')
  t.is(refusal({ fileSystem: '/tmp' }), 'fileSystem must be a FileSystem, not "/tmp"')
  t.is(refusal({ fileSystem: { openSync: 7 } }), 'fileSystem must be a FileSystem: it has no method openSync')
  t.is(refusal({ fileSystem: {} }), 'fileSystem must be a FileSystem: it has no method openSync')
  t.regex(
    refusal({ fileSystem: new SimulatedFileSystem(), workerUrl }) ?? '',
    /^workerUrl is impossible beside fileSystem/,
  )
})

test('openLog refuses options, and a directory, before it does anything', (t) => {
  const fileSystem = new SimulatedFileSystem()
  t.throws(() => openLog('/log', { fileSystem, maxWaiting: -1 }), { code: 'SLUICE_INVALID_OPTION' })
  for (const directory of ['', 'a\0b', undefined, null, 5, new URL('file:///log')]) {
    const wrong = directory as string // The wrong types are the point.
    t.throws(() => openLog(wrong, { fileSystem }), { code: 'SLUICE_INVALID_ARGUMENT', message: /^directory must be/ })
  }
  t.is(fileSystem.calls.length, 0)
})
