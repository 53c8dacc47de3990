import test from 'ava'
import type { StateOptions, StateReadOptions, StateTransaction, StateWriteOptions } from '../../src/state/contract.js'
import { openStateStore, restoreState, stateHistory, tryMigrations } from '../../src/state/open-state-store.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import {
  callsOf,
  LEAST_PENDING_BYTES,
  NEW_SEGMENT,
  PREPARED,
  quiet,
  rejection,
  rejects,
  SEGMENT,
  throws,
  turn,
  watch,
} from '../support/simulated-log.js'
import { contentOf, openBegunState, openSimulatedState, STATE } from '../support/simulated-state.js'

const ACCEPTED = { read: 'accepted' } as const
/** What is written is synced when that is asked for, and not before. */
const SELDOM: StateOptions = { log: { flush: { everyMs: 3_600_000 } } }

/** Whatever a program without types may hand over. */
type Anything = object | string | number | boolean | bigint | symbol | null | undefined

/** Something that resolves when a test says so. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

test('what is set is there, also when the store is opened again', async (t) => {
  const { store, fileSystem } = await openSimulatedState<{ n: number } | null>()
  t.is(store.size, 0, 'a missing directory is an empty store')
  t.deepEqual(store.recovery, {
    snapshot: undefined,
    damaged: [],
    missing: [],
    replayed: 0,
    migrated: {},
    adopted: 0,
  })
  t.is(await store.set('a', { n: 1 }), 1)
  t.is(await store.set('b', { n: 2 }), 2)
  t.is(await store.set('a', { n: 3 }), 3)
  t.is(await store.set('none', null), 4)
  t.true(await store.delete('b'))
  t.false(await store.delete('b'), 'it is gone')
  const check = (state: typeof store): void => {
    t.is(state.size, 2)
    t.deepEqual(state.get('a'), { n: 3 })
    t.is(state.get('none'), null)
    t.is(state.get('b'), undefined)
    t.deepEqual([state.has('a'), state.has('none'), state.has('b')], [true, true, false])
    t.deepEqual(state.entry('a'), { value: { n: 3 }, version: 3 })
    t.is(state.entry('b'), undefined)
    t.deepEqual([...state.keys()].sort(), ['a', 'none'])
    t.deepEqual([...state].sort(), contentOf(state))
  }
  check(store)
  t.is(store.durableLsn, 5)
  await store.close()
  const again = await openSimulatedState<{ n: number } | null>({}, fileSystem)
  check(again.store)
  t.is(again.store.recovery.replayed, 5)
  const changes: unknown[] = []
  for await (const { lsn, value } of again.store.history('a')) changes.push([lsn, value])
  t.deepEqual(changes, [
    [1, { n: 1 }],
    [3, { n: 3 }],
  ])
  const deleted: unknown[] = []
  for await (const { lsn, value } of again.store.history('b')) deleted.push([lsn, value])
  t.deepEqual(deleted, [
    [2, { n: 2 }],
    [5, undefined],
  ])
  await again.store.close()
})

test('a write is read once it is durable, and earlier only by who asks for that', async (t) => {
  const { store } = await openBegunState(0, SELDOM)
  await Promise.all([store.set('gone', 0), store.flush()])
  const writes = [store.set('a', 1), store.set('begun', 2), store.delete('gone')].map(watch)
  await quiet()
  for (const write of writes) t.is(write.settled, undefined)
  t.deepEqual([store.get('a'), store.get('begun'), store.get('gone'), store.size], [undefined, 0, 0, 2])
  t.deepEqual([store.get('a', ACCEPTED), store.get('begun', ACCEPTED), store.has('gone', ACCEPTED)], [1, 2, false])
  t.deepEqual([...store.keys(ACCEPTED)].sort(), ['a', 'begun'])
  t.deepEqual([...store.scan('', ACCEPTED)].length, 2)
  t.deepEqual(
    [...store.scan('')],
    [
      ['begun', 0],
      ['gone', 0],
    ],
  )
  t.is(store.entry('a', ACCEPTED)?.version, 3)
  t.is(store.durableLsn, 2)
  // What these find is not durable yet: they see to that.
  const again = watch(store.delete('gone'))
  const nothing = watch(store.transact((tx) => tx.get('a')))
  t.is(store.durableLsn, 2)
  await quiet()
  t.deepEqual(
    [...writes, again, nothing].map(({ settled }) => settled),
    [3, 4, true, false, 1].map((value) => ({ kind: 'resolved', value })),
  )
  t.deepEqual(contentOf(store), [
    ['a', 1],
    ['begun', 2],
  ])
  t.is(store.durableLsn, 5)
  await store.close()
})

test('a write with ifVersion is made where the key has that version, in the order of the calls', async (t) => {
  const { store } = await openSimulatedState()
  const conflict = { code: 'SLUICE_VERSION_CONFLICT' } as const
  const first = store.set('a', 1, { ifVersion: 0 })
  const second = rejects(t, store.set('a', 2, { ifVersion: 0 }), conflict)
  t.is(await first, 1)
  t.regex((await second).message, /"a" has version 1, and ifVersion is 0/)
  t.is(await store.set('a', 3, { ifVersion: 1 }), 2)
  await rejects(t, store.set('a', 4, { ifVersion: 1 }), conflict)
  await rejects(t, store.delete('a', { ifVersion: 1 }), conflict)
  t.regex((await rejects(t, store.delete('b', { ifVersion: 7 }), conflict)).message, /is not there/)
  t.false(await store.delete('b', { ifVersion: 0 }))
  t.is(store.get('a'), 3)
  t.true(await store.delete('a', { ifVersion: 2 }))
  t.is(await store.set('a', 5, { ifVersion: 0 }), 4)
  await store.close()
})

test('updates of a key run one after the other, whether they take their time or not', async (t) => {
  const { store } = await openSimulatedState()
  t.is(await store.update('n', (n = 0, key) => n + key.length), 1)
  await Promise.all(Array.from({ length: 50 }, () => store.update('n', (n = 0) => n + 1)))
  t.is(store.get('n'), 51)
  let under = 0
  const later = async (n = 0): Promise<number> => {
    t.is(++under, 1, 'one at a time')
    await turn()
    under--
    return n + 1
  }
  await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      at % 3 === 0 ? store.update('n', (n = 0) => n + 1) : store.update('n', later),
    ),
  )
  t.is(store.get('n'), 71)
  const slow = gate()
  const waiting = watch(
    store.update('n', async (n = 0) => {
      await slow.opened
      return n + 1
    }),
  )
  t.is(await store.update('other', () => 1), 1, 'other keys do not wait')
  t.is(waiting.settled, undefined)
  slow.open()
  await store.update('n', () => undefined)
  t.deepEqual(waiting.settled, { kind: 'resolved', value: 72 })
  t.false(store.has('n'), 'undefined deletes')
  t.is(await store.update('never', () => undefined), undefined)
  await store.close()
})

test('an update gives what it has stored, whatever comes of the key meanwhile', async (t) => {
  const { store } = await openSimulatedState<{ n: number; again?: Date | string }>()
  const updates = [1, 2, 3].map((n) => store.update('k', () => ({ n, again: new Date(n) })))
  const set = store.set('k', { n: 9 })
  const stored = await Promise.all(updates)
  t.deepEqual(
    stored,
    [1, 2, 3].map((n) => ({ n, again: new Date(n).toISOString() })),
  )
  for (const value of stored) t.true(Object.isFrozen(value))
  await set
  t.deepEqual(store.get('k'), { n: 9 })
  t.is(
    await store.update('k', (value) => value),
    store.get('k'),
    'it is the value that is read, where it is still there',
  )
  await store.close()
})

test('a transaction sees what a key had when it first looked, until it is run again', async (t) => {
  const { store } = await openSimulatedState<number>()
  await Promise.all([store.set('a', 1), store.set('b', 1), store.set('c', 1)])
  t.is(store.get('b'), 1)
  const seen: unknown[] = []
  await store.transact(async (tx) => {
    const before = [tx.get('a'), tx.has('b'), tx.version('c')]
    if (seen.length === 0) await Promise.all([store.set('a', 2), store.delete('b'), store.set('c', 2)])
    seen.push([before, [tx.get('a'), tx.get('b'), tx.get('c'), tx.version('c')]])
  })
  t.deepEqual(seen, [
    [
      [1, true, 3],
      [1, 1, 1, 3],
    ],
    [
      [2, false, 6],
      [2, undefined, 2, 6],
    ],
  ])
  await store.close()
})

test('an update that is disturbed is made again, and given up the tenth time', async (t) => {
  const { store } = await openBegunState(1)
  let runs = 0
  const updated = await store.update('begun', async (n = 0) => {
    if (++runs < 3) await store.set('begun', n * 10)
    return n + 1
  })
  t.deepEqual([updated, runs], [101, 3])
  runs = 0
  const given = store.update('begun', async (n = 0) => {
    runs++
    await store.set('begun', n)
    return n + 1
  })
  await rejects(t, given, { code: 'SLUICE_VERSION_CONFLICT' })
  t.is(store.get('begun'), 101)
  t.is(runs, 10)
  await t.throwsAsync(
    store.update('begun', () => {
      throw new RangeError('at once')
    }),
    { message: 'at once' },
  )
  await t.throwsAsync(
    store.update('begun', async () => {
      throw new RangeError('later')
    }),
    { message: 'later' },
  )
  t.is(await store.update('begun', (n = 0) => n + 1), 102, 'one that threw holds nobody up')
  await store.close()
})

test('a transaction is there as a whole or not at all', async (t) => {
  const { store, fileSystem } = await openSimulatedState()
  await Promise.all([store.set('a', 10), store.set('b', 5)])
  const left = await store.transact((tx) => {
    t.deepEqual([tx.version('a'), tx.version('b'), tx.version('c')], [1, 2, 0])
    tx.set('a', (tx.get('a') ?? 0) - 3)
    t.is(tx.get('a'), 7, 'it reads what it has written')
    t.is(tx.version('a'), 1)
    t.true(tx.delete('b'))
    t.false(tx.delete('b'))
    t.false(tx.has('b'))
    tx.set('c', 8)
    return tx.get('a')
  })
  t.is(left, 7)
  t.is(store.durableLsn, 3, 'all of it is one record')
  t.deepEqual(contentOf(store), [
    ['a', 7],
    ['c', 8],
  ])
  t.deepEqual([store.entry('a')?.version, store.entry('c')?.version], [3, 3])
  let kept: StateTransaction<number> | undefined
  await t.throwsAsync(
    store.transact((tx) => {
      kept = tx
      tx.set('a', 0)
      throw new RangeError('no')
    }),
    { message: 'no' },
  )
  t.is(store.get('a', ACCEPTED), 7)
  throws(t, () => kept?.set('a', 1), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'ended' })
  for (let seed = 0; seed < 8; seed++) {
    const many = store.transact((tx) => {
      for (let key = 0; key < 50; key++) tx.set(`many ${key}`, seed)
    })
    const { store: after } = await openSimulatedState({}, fileSystem.stateAfterCrash({ seed }))
    const found = new Set(Array.from({ length: 50 }, (_, key) => after.get(`many ${key}`)))
    t.is(found.size, 1, 'never a part of it')
    await after.close()
    await many
  }
  await store.close()
})

test('a transaction that takes its time is run again where what it read has changed', async (t) => {
  const { store } = await openSimulatedState()
  await store.set('a', 1)
  let runs = 0
  const moved = store.transact(async (tx) => {
    const a = tx.get('a') ?? 0
    if (++runs === 1) await store.set('a', 5)
    await turn()
    tx.set('b', a)
    return a
  })
  t.deepEqual([await moved, runs, store.get('b')], [5, 2, 5])
  const untouched = await store.transact(async (tx) => {
    await store.set('unread', 1)
    tx.set('b', 6)
    return ++runs
  })
  t.is(untouched, 3, 'what it has not read may change')
  runs = 0
  const given = store.transact(async (tx) => {
    runs++
    await store.set('a', tx.get('a') ?? 0)
    tx.set('b', 0)
  })
  await rejects(t, given, { code: 'SLUICE_VERSION_CONFLICT' })
  t.is(runs, 10)
  t.is(store.get('b'), 6)
  await t.throwsAsync(
    store.transact(async () => {
      throw new RangeError('later')
    }),
    { message: 'later' },
  )
  await store.close()
})

test('a transaction may give any thenable, and one that is no good fails it', async (t) => {
  const { store } = await openSimulatedState<number>()
  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  const thenable = { then: (resolve: (value: number) => void) => resolve(5) } as unknown as Promise<number> // All that await needs.
  const given = store.transact((tx) => {
    tx.set('a', 1)
    return thenable
  })
  t.is(await given, 5)
  t.is(store.get('a'), 1)
  const bad = {
    // biome-ignore lint/suspicious/noThenProperty: likewise
    get then(): never {
      throw new RangeError('no thenable')
    },
  }
  const refused = store.transact((tx) => {
    tx.set('a', 2)
    return bad
  })
  await t.throwsAsync(refused, { message: 'no thenable' })
  t.is(store.get('a'), 1)
  await store.close()
})

test('a full disk takes back what was accepted, and memory is what is durable', async (t) => {
  const { store, fileSystem } = await openBegunState(1)
  const events: unknown[] = []
  store.on('rollback', (lsn) => events.push(lsn))
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  const full = { code: 'SLUICE_DISK_FULL', outcome: 'not-written' } as const
  const lost = [store.set('begun', 2), store.set('a', 1), store.delete('begun'), store.update('c', () => 3)]
  lost.push(store.transact((tx) => tx.set('d', 4)) as Promise<never>)
  t.deepEqual([store.has('begun', ACCEPTED), store.get('c', ACCEPTED)], [false, 3])
  for (const each of lost) await rejects(t, each, full)
  t.deepEqual(events, [1])
  for (const options of [{}, ACCEPTED]) t.deepEqual([...store.entries(options)], [['begun', 1]])
  t.deepEqual([...store.scan('', ACCEPTED)], [['begun', 1]])
  t.is(store.entry('begun', ACCEPTED)?.version, 1)
  t.is(store.status, 'open')
  t.is(await store.set('a', 5, { ifVersion: 0 }), 2, 'there is room again, and the key is free')
  t.is(await store.update('begun', (n = 0) => n + 1), 2)
  await store.close()
  const again = await openSimulatedState({}, fileSystem)
  t.deepEqual(contentOf(again.store), [
    ['a', 5],
    ['begun', 2],
  ])
  await again.store.close()
})

test('a failed sync latches the store: what is durable can be read, nothing is written', async (t) => {
  const { store, fileSystem } = await openBegunState(1)
  const failures: unknown[] = []
  store.on('failed', ({ code }) => failures.push(code))
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  const lost = [store.set('begun', 2), store.set('a', 1)]
  for (const each of lost) await rejects(t, each, { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate' })
  t.deepEqual(failures, ['SLUICE_FAILED'])
  t.is(store.status, 'failed')
  for (const options of [{}, ACCEPTED]) t.deepEqual([...store.entries(options)], [['begun', 1]])
  const failed = { code: 'SLUICE_FAILED' } as const
  await rejects(t, store.set('a', 1), failed)
  await rejects(t, store.delete('begun'), failed)
  await rejects(
    t,
    store.update('begun', (n = 0) => n + 1),
    failed,
  )
  await rejects(
    t,
    store.transact((tx) => tx.set('a', 1)),
    failed,
  )
  await rejects(t, store.flush(), failed)
  await rejects(t, store.checkpoint(), failed)
  t.is(store.get('begun', ACCEPTED), 1)
  await store.close()
  t.is(store.status, 'closed')
  const again = await openSimulatedState({}, fileSystem.crash())
  t.true([1, 2].includes(again.store.get('begun') ?? 0))
  t.is(await again.store.set('a', 7, { ifVersion: again.store.entry('a')?.version ?? 0 }), again.store.durableLsn)
  await again.store.close()
})

test('any string is a key', async (t) => {
  const keys = [
    '',
    '__proto__',
    'constructor',
    'toString',
    'ключ 🗝',
    '\ud800',
    'a\udc00b',
    '\u0000',
    'k'.repeat(65_536),
    '"\\\n',
  ]
  let { store, fileSystem } = await openSimulatedState<string>({ json: 'state.json' })
  for (const key of keys) t.deepEqual([store.get(key), store.has(key)], [undefined, false])
  await Promise.all(keys.map((key) => store.set(key, `of ${key}`)))
  for (const checkpoints of [false, true]) {
    if (checkpoints) await store.checkpoint()
    await store.close()
    ;({ store } = await openSimulatedState<string>({ json: 'state.json' }, fileSystem))
    t.is(store.size, keys.length)
    for (const key of keys) t.is(store.get(key), `of ${key}`)
    t.deepEqual(
      [...store.scan('')].map(([key]) => key),
      [...keys].sort(),
    )
  }
  for (const key of keys) t.true(await store.delete(key))
  t.is(store.size, 0)
  await store.close()
})

test('values are kept, read and dumped as they were set, however long they and their keys are', async (t) => {
  const keys = ['', 'k', '"', '\\', '\ud800', 'ключ', 'long '.repeat(100), '","'.repeat(30)]
  const values = ['', ']', '"]"', 'é', '🗝'.repeat(50), 'long '.repeat(100), null, 0, [], {}, [[1], { a: ']' }]]
  const wanted = new Map(keys.flatMap((key) => values.map((value, index) => [`${index}${key}`, value])))
  const { store, fileSystem } = await openSimulatedState<Anything>()
  const writes = Array.from(wanted, ([key, value]) => store.set(key, value))
  t.is(new Set(wanted.keys()).size, keys.length * values.length)
  for (const [key, value] of wanted) t.deepEqual(store.get(key, ACCEPTED), value)
  await Promise.all(writes)
  // Nobody has read these: they are dumped as they came.
  await Promise.all(Array.from(wanted, ([key, value]) => store.set(`again ${key}`, value)))
  await store.checkpoint()
  await store.close()
  const again = await openSimulatedState<Anything>({}, fileSystem)
  t.is(again.store.recovery.replayed, 1, 'the record of the checkpoint')
  t.is(again.store.size, 2 * wanted.size)
  for (const [key, value] of wanted) {
    t.deepEqual(again.store.get(key), value)
    t.deepEqual(again.store.get(`again ${key}`), value)
  }
  await again.store.close()
})

test('keys are scanned by prefix in order, as they come and go', async (t) => {
  const { store } = await openSimulatedState()
  await Promise.all(['b', 'a:2', 'a:10', 'a:1', 'a', 'a;'].map((key, at) => store.set(key, at)))
  const scan = (prefix: string): string[] => [...store.scan(prefix)].map(([key]) => key)
  t.deepEqual(scan('a:'), ['a:1', 'a:10', 'a:2'])
  t.deepEqual(scan(''), ['a', 'a:1', 'a:10', 'a:2', 'a;', 'b'])
  t.deepEqual(scan('c'), [])
  await Promise.all([store.set('a:11', 0), store.delete('a:10'), store.set('0', 0)])
  t.deepEqual(scan('a:'), ['a:1', 'a:11', 'a:2'])
  t.is(scan('')[0], '0')
  await store.close()
})

test('values are what JSON makes of them in the call, and nobody can change them', async (t) => {
  const { store, fileSystem } = await openSimulatedState<Anything>({ log: { maxPendingBytes: 64 * 2 ** 20 } })
  const given = { list: [{ n: 1 }], at: new Date(0), gone: undefined, ['__proto__own']: 1 }
  const written = store.set('a', given)
  given.list.push({ n: 2 })
  await written
  const wanted = { list: [{ n: 1 }], at: '1970-01-01T00:00:00.000Z', ['__proto__own']: 1 }
  const found = store.get('a') as { list: { n: number }[] } // What was set.
  t.deepEqual(found, wanted as unknown)
  t.true([found, found.list, found.list[0]].every((part) => Object.isFrozen(part)))
  t.throws(() => found.list.push({ n: 3 }), { instanceOf: TypeError })
  t.is(store.get('a'), found, 'a value is parsed once')
  const dangerous = JSON.parse('{"__proto__":{"x":1},"constructor":2}')
  await store.set('b', dangerous)
  t.deepEqual(Object.keys(store.get('b') ?? {}), ['__proto__', 'constructor'])
  t.is((store.get('b') as { x?: number }).x, undefined) // An own property, not the prototype.
  await Promise.all([false, 0, '', null, [], {}].map((value, at) => store.set(`empty ${at}`, value)))
  const large = 'ü'.repeat(5 * 2 ** 20)
  await store.set('large', large)
  t.true(store.get('large') === large)
  await store.checkpoint()
  await store.close()
  const again = await openSimulatedState<Anything>({}, fileSystem)
  t.true(again.store.get('large') === large)
  t.deepEqual(again.store.get('a'), wanted)
  t.deepEqual(
    [...again.store.scan('empty')].map(([, value]) => value),
    [false, 0, '', null, [], {}],
  )
  await again.store.close()
})

test('what JSON does not have is refused at once, naming the place', async (t) => {
  const { store } = await openBegunState<Anything>(1)
  const circular: { inner: { self?: unknown } } = { inner: {} }
  circular.inner.self = circular
  const throwing = {
    toJSON: () => {
      throw new RangeError('not me')
    },
  }
  const refusals: readonly (readonly [value: Anything, mentions: string])[] = [
    [undefined, 'undefined'],
    [() => 7, 'function'],
    [Symbol('s'), 'Symbol'],
    [7n, 'value is a BigInt'],
    [{ list: [1, { n: 7n }] }, 'value.list[1].n is a BigInt'],
    [circular, 'value.inner.self leads back'],
    [throwing, 'not me'],
  ]
  for (const [value, mentions] of refusals) {
    throws(t, () => store.set('a', value), { code: 'SLUICE_INVALID_ARGUMENT', mentions })
    const error = await rejects(
      t,
      store.transact((tx) => tx.set('a', value)),
      { code: 'SLUICE_INVALID_ARGUMENT' },
    )
    t.true(error.message.includes(mentions))
    if (value === undefined) continue
    await rejects(
      t,
      store.update('a', () => value),
      { code: 'SLUICE_INVALID_ARGUMENT' },
    )
    await rejects(
      t,
      store.update('a', async () => value),
      { code: 'SLUICE_INVALID_ARGUMENT' },
    )
  }
  const large = 'x'.repeat(17 * 2 ** 20)
  const tooLarge = { code: 'SLUICE_RECORD_TOO_LARGE' } as const
  throws(t, () => store.set('a', large), tooLarge)
  throws(t, () => store.set('a', large, { ifVersion: 0 }), tooLarge)
  await rejects(
    t,
    store.update('a', () => large),
    tooLarge,
  )
  await rejects(
    t,
    store.update('a', async () => large),
    tooLarge,
  )
  const half = 'x'.repeat(9 * 2 ** 20)
  const both = (tx: StateTransaction<Anything>): void => {
    tx.set('a', half)
    tx.set('b', half)
  }
  await rejects(t, store.transact(both), tooLarge)
  await rejects(
    t,
    store.transact(async (tx) => both(tx)),
    tooLarge,
  )
  t.deepEqual([...store.entries(ACCEPTED)], [['begun', 1]])
  t.is(store.durableLsn, 1)
  await store.close()
})

/** Two of these fill the shared memory. */
const HALF = 'h'.repeat(3800)
const LITTLE_ROOM = { log: { maxPendingBytes: LEAST_PENDING_BYTES } } as const

test('writes wait for room in the order of their calls, and there is a bound to that', async (t) => {
  const { store } = await openSimulatedState<string>(LITTLE_ROOM)
  const order: string[] = []
  const waits = 'w'.repeat(1000)
  const noted = (name: string, write: Promise<unknown>): Promise<unknown> => write.then(() => order.push(name))
  const writes = [
    noted('1', store.set('a', HALF)),
    noted('2', store.set('b', HALF)),
    noted('3', store.set('a', waits)),
    noted(
      '4',
      store.update('a', (value) => `${value}, long`),
    ),
    noted(
      '5',
      store.transact((tx) => tx.set('c', tx.get('a') ?? '')),
    ),
    noted('6', store.delete('b')),
  ]
  t.is(store.get('a', ACCEPTED), HALF, 'what waits is not accepted yet')
  await Promise.all(writes)
  t.deepEqual(order, ['1', '2', '3', '4', '5', '6'])
  t.deepEqual(contentOf(store), [
    ['a', `${waits}, long`],
    ['c', `${waits}, long`],
  ])
  const full = { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' } as const
  await store.close()

  const bytes = await openSimulatedState<string>(LITTLE_ROOM)
  const fitting = [1, 2, 3, 4].map((at) => bytes.store.set(`${at}`, HALF))
  await rejects(t, bytes.store.set('5', HALF), full)
  await Promise.all(fitting)
  t.is(bytes.store.size, 4)
  await bytes.store.close()

  const bounded = await openSimulatedState<string>({ log: { ...LITTLE_ROOM.log, maxWaiting: 1 } })
  const three = [1, 2, 3].map((at) => bounded.store.set(`${at}`, HALF))
  await rejects(t, bounded.store.set('4', ''), full)
  await Promise.all(three)
  throws(t, () => bounded.store.set('large', HALF + HALF + HALF), { code: 'SLUICE_RECORD_TOO_LARGE' })
  await bounded.store.close()
})

test('those who wait are told when the store fails', async (t) => {
  const { store, fileSystem } = await openBegunState<string>('', LITTLE_ROOM)
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  const accepted = [store.set('a', HALF), store.set('b', HALF)].map((write) => rejection(write))
  const waiting = [store.set('c', HALF), store.update('d', () => HALF)].map((write) => rejection(write))
  for (const each of accepted) t.like(await each, { code: 'SLUICE_COMMIT_FAILED' })
  for (const each of waiting) t.like(await each, { code: 'SLUICE_FAILED' })
  t.deepEqual([...store.keys(ACCEPTED)], ['begun'])
  await store.close()
})

test('what a transaction has read is told only if it is durable, whenever the store closes meanwhile', async (t) => {
  const codes = new Set<unknown>()
  for (let ticks = 0; ticks < 12; ticks++) {
    const { store, fileSystem } = await openBegunState(1, { log: { flush: { everyMs: 3_600_000 } } })
    await store.flush()
    await quiet()
    fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
    let go = (): void => {}
    const begun = new Promise<void>((resolve) => {
      go = resolve
    })
    const pass = async (count: number): Promise<void> => {
      await begun
      for (let tick = 0; tick < count; tick++) await null
    }
    const update = async (): Promise<number> => {
      await pass(ticks)
      return 2
    }
    const written = t.throwsAsync(store.update('begun', update))
    let seen: number | undefined
    const read = store.transact(async (view) => {
      await pass(ticks + 3)
      seen = view.get('begun')
      await pass(8)
    })
    const told = read.then(
      () => t.is(seen, 1, `${ticks}: what it saw is not durable`),
      ({ code }: { code: string }) => codes.add(code),
    )
    const closed = store.close().catch(() => {})
    go()
    await Promise.all([written, told, closed])
  }
  t.true(codes.has('SLUICE_CLOSED'), [...codes].join())
})

test('closing makes durable what was accepted, and refuses the rest', async (t) => {
  const { store, fileSystem } = await openBegunState(1, SELDOM)
  let told = 0
  store.on('close', () => told++)
  const accepted = store.set('a', 2)
  const slow = gate()
  const under = rejection(
    store.update('begun', async () => {
      await slow.opened
      return 7
    }),
  )
  const closed = store.close()
  t.is(store.close(), closed)
  t.is(store.status, 'closing')
  const refused = { code: 'SLUICE_CLOSED' } as const
  await rejects(t, store.set('b', 1), refused)
  await rejects(t, store.delete('a'), refused)
  await rejects(
    t,
    store.update('a', () => 1),
    refused,
  )
  await rejects(
    t,
    store.transact(() => 1),
    refused,
  )
  await rejects(t, store.flush(), refused)
  await rejects(t, store.checkpoint(), refused)
  t.is(await accepted, 2)
  await closed
  slow.open()
  t.like(await under, refused)
  t.is(store.status, 'closed')
  t.is(told, 1)
  t.is(store.get('a'), 2, 'memory can still be read')
  await rejects(t, store.set('b', 1), refused)
  await rejects(t, store.restore({ at: 1 }), refused)
  t.deepEqual(fileSystem.openPaths, [])
  const again = await openSimulatedState({}, fileSystem)
  await rejects(t, openSimulatedState({}, fileSystem), { code: 'SLUICE_LOCKED' })
  t.deepEqual(contentOf(again.store), [
    ['a', 2],
    ['begun', 1],
  ])
  await again.store[Symbol.asyncDispose]()
  t.is(again.store.status, 'closed')
})

test('impossible options are refused by name, at once', (t) => {
  const fileSystem = new SimulatedFileSystem()
  const refused = (options: unknown, mentions: string): void => {
    throws(t, () => openStateStore(STATE, options as StateOptions), { code: 'SLUICE_INVALID_OPTION', mentions })
  }
  refused('all', '"all"')
  refused([], 'array')
  refused({ colour: 1 }, 'colour')
  refused({ compaction: true }, 'compaction')
  refused({ compaction: { bytes: 1 } }, 'compaction.bytes')
  refused({ compaction: { logBytes: 1023 } }, '1023')
  refused({ compaction: { ratio: -1 } }, 'compaction.ratio')
  refused({ compaction: { ratio: Number.NaN } }, 'NaN')
  refused({ compaction: { everyMs: 0 } }, 'compaction.everyMs')
  refused({ backups: 3 }, 'backups')
  refused({ backups: { keep: 1 } }, 'backups.keep')
  refused({ backups: { monthly: 1 } }, 'backups.monthly')
  refused({ backups: { daily: -1 } }, 'backups.daily')
  refused({ backups: { weekly: 1.5 } }, 'backups.weekly')
  refused({ backups: { gzipAfterMs: true } }, 'backups.gzipAfterMs')
  for (const name of ['', '..', '../x.json', 'a/b.json', '.hidden', 'x.tmp', 7]) refused({ json: { name } }, 'json')
  refused({ json: 'a/b' }, '"a/b"')
  refused({ json: true }, 'json')
  refused({ json: { name: 'x.json', debounceMs: -1 } }, 'json.debounceMs')
  refused({ json: { name: 'x.json', path: '/' } }, 'json.path')
  refused({ json: 'state' }, 'own folder')
  refused({ schemaVersion: 0 }, 'schemaVersion')
  refused({ schemaVersion: '2' }, '"2"')
  refused({ migrations: [] }, 'migrations')
  refused({ schemaVersion: 2, migrations: { 1: () => 1 } }, '"1"')
  refused({ schemaVersion: 2, migrations: { 3: () => 1 } }, '"3"')
  refused({ schemaVersion: 2, migrations: { two: () => 1 } }, '"two"')
  refused({ schemaVersion: 2, migrations: { 2: 7 } }, 'migrations[2]')
  refused({ log: 7 }, 'log')
  refused({ log: { onFull: 'wait' } }, 'log.onFull')
  refused({ log: { flush: 'never' } }, 'never')
  refused({ fileSystem, log: { segmentBytes: 7 } }, 'segmentBytes')
  refused({ now: 7 }, 'now')
  for (const directory of ['', 7]) {
    throws(t, () => openStateStore(directory as string, { fileSystem }), { code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.deepEqual(fileSystem.calls, [], 'nothing was touched')
})

test('bad keys, functions and call options are refused by name, at once', async (t) => {
  const { store } = await openSimulatedState()
  const refused = (call: () => unknown, mentions: string): void => {
    throws(t, call, { code: 'SLUICE_INVALID_ARGUMENT', mentions })
  }
  for (const key of [7, undefined, null, {}] as unknown as string[]) {
    for (const call of [
      () => store.set(key, 1),
      () => store.delete(key),
      () => store.update(key, () => 1),
      () => store.get(key),
      () => store.has(key),
      () => store.entry(key),
      () => store.history(key),
    ]) {
      refused(call, 'key must be a string')
    }
  }
  refused(() => store.scan(7 as unknown as string), 'prefix')
  refused(() => store.update('a', 7 as unknown as () => number), 'change')
  refused(() => store.transact(undefined as unknown as () => number), 'work')
  for (const read of ['written', 7, null]) {
    refused(() => store.get('a', { read } as StateReadOptions), 'read')
    refused(() => store.keys({ read } as StateReadOptions), 'read')
  }
  refused(() => store.get('a', { reed: 'durable' } as StateReadOptions), 'reed')
  refused(() => store.get('a', 'accepted' as StateReadOptions), '"accepted"')
  for (const ifVersion of [-1, 1.5, '1', null]) {
    refused(() => store.set('a', 1, { ifVersion } as StateWriteOptions), 'ifVersion')
  }
  refused(() => store.delete('a', { version: 1 } as StateWriteOptions), 'version')
  refused(() => store.set('a', 1, 7 as StateWriteOptions), '7')
  await rejects(
    t,
    store.transact((tx) => tx.set(7 as unknown as string, 1)),
    { code: 'SLUICE_INVALID_ARGUMENT' },
  )
  for (const options of [undefined, null, 7]) {
    await rejects(t, store.restore(options as unknown as { at: number }), { code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.is(store.durableLsn, 0)
  await store.close()
})

test('what reads beside a store refuses impossible options and keys by name, at once', (t) => {
  const fileSystem = new SimulatedFileSystem()
  const refused = (call: () => unknown, mentions: string): void => {
    throws(t, call, { code: 'SLUICE_INVALID_OPTION', mentions })
  }
  for (const options of [null, 7] as unknown as Record<string, never>[]) {
    refused(() => restoreState(STATE, options), 'options must be an object')
    refused(() => tryMigrations(STATE, options), 'options must be an object')
    refused(() => stateHistory(STATE, 'a', options), 'options must be an object')
  }
  const unknown = { colour: 1, fileSystem }
  refused(() => restoreState(STATE, unknown), 'colour')
  refused(() => tryMigrations(STATE, unknown), 'colour')
  refused(() => stateHistory(STATE, 'a', unknown), 'colour')
  throws(t, () => stateHistory(STATE, 7 as unknown as string), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'key' })
  t.deepEqual(fileSystem.calls, [])
})

test('segments that are prepared for a burst are used, survive a checkpoint, and are gone after a power cut', async (t) => {
  const log = { segmentBytes: 1024 * 1024, preparedSegments: 2, maxPendingBytes: 8 * 1024 * 1024 }
  const options: StateOptions = { compaction: false, log }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const prepared = (files: SimulatedFileSystem) =>
    files.listSync(`${STATE}/log`).filter((name) => PREPARED.test(`/${name}`))
  await quiet()
  t.is(prepared(fileSystem).length, 2)
  const from = fileSystem.calls.length
  const value = 'v'.repeat(60 * 1024)
  await Promise.all(Array.from({ length: 20 }, (_, at) => store.set(`${at}`, value)))
  t.is(callsOf(fileSystem, 'renameSync', PREPARED, from).length, 2, 'both segments were ready')
  t.deepEqual(callsOf(fileSystem, 'openSync', NEW_SEGMENT, from), [])
  await store.checkpoint()
  await quiet()
  t.is(prepared(fileSystem).length, 2, 'there was time again')
  await store.set('last', 'behind')
  const content = contentOf(store)
  for (let seed = 1; seed <= 5; seed++) {
    const left = fileSystem.stateAfterCrash({ seed })
    const { store: reopened } = await openSimulatedState<string>({ ...options, log: {} }, left)
    t.deepEqual(contentOf(reopened), content, `seed ${seed}`)
    t.deepEqual(prepared(left), [], `seed ${seed}`)
    await reopened.close()
  }
  await store.close()
  t.deepEqual(prepared(fileSystem), [])
})
