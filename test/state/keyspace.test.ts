import test from 'ava'
import fc from 'fast-check'
import { backupName, byAge, parseBackupName } from '../../src/state/backup-name.js'
import type { Dump } from '../../src/state/dump.js'
import { Keyspace } from '../../src/state/keyspace.js'
import { keptBackups } from '../../src/state/retention.js'
import { SortedKeys } from '../../src/state/sorted-keys.js'
import { Transaction } from '../../src/state/transaction.js'
import { WriteLine } from '../../src/state/write-line.js'
import { random } from '../support/random.js'
import { rejects } from '../support/simulated-log.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))
const BOUNDS = { seed: seed | 0, numRuns: 250, interruptAfterTimeLimit: 5_000, markInterruptAsFailure: false }

const key = fc.constantFrom('', 'a', 'ab', 'abc', 'b', '__proto__', 'z'.repeat(40))

/** What may happen to a keyspace; quarters are of what is accepted and not durable. */
const event = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('set' as const), key, n: fc.nat({ max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('settle' as const), quarters: fc.nat({ max: 4 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('roll back' as const),
      quarters: fc.nat({ max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('begin dump' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('dump' as const), count: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('give up dump' as const) }) },
)

type State = Map<string, number>

function shown(state: Iterable<[string, number]>): string {
  return JSON.stringify([...state].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function accept(keys: Keyspace<number>, name: string, lsn: number, text: string | undefined): void {
  keys.accept(keys.prepare(name, text, 10), lsn)
}

/** @param asValues whether values are read: they are kept as what was parsed of them from then on */
function statesOf(keys: Keyspace<number>, accepted: boolean, asValues: boolean): string {
  return shown([...keys.entries(accepted)].map((entry) => [entry.key, asValues ? entry.value : JSON.parse(entry.text)]))
}

test('both states, scans and dumps are those of a plain map, whatever is accepted, settled and taken back', (t) => {
  let dumped = 0
  let givenUp = 0
  const property = fc.property(fc.array(event, { maxLength: 60, size: 'max' }), fc.boolean(), (events, asValues) => {
    const keys = new Keyspace<number>()
    const durable: State = new Map()
    let pending: { lsn: number; key: string; n: number | undefined }[] = []
    let lsn = 0
    const versions: State = new Map()
    let dump: { dump: Dump<number>; wanted: string; versions: State; found: State } | undefined
    const put = (state: State, name: string, n: number | undefined): void => {
      if (n === undefined) state.delete(name)
      else state.set(name, n)
    }
    const drain = (count: number): boolean => {
      for (let taken = 0; dump !== undefined && taken < count; taken++) {
        const entry = dump.dump.next()
        if (entry === undefined) return true
        t.false(dump.found.has(entry.key), 'an entry is given once')
        t.is(entry.lsn, dump.versions.get(entry.key) ?? 0)
        dump.found.set(entry.key, JSON.parse(entry.text))
      }
      return false
    }
    const endDump = (): void => {
      if (dump === undefined) return
      t.is(shown(dump.found), dump.wanted)
      t.is(dump.dump.taken, dump.dump.entries)
      dump.dump.end()
      dump = undefined
      dumped++
    }
    for (const each of events) {
      if (each.kind === 'set' || each.kind === 'delete') {
        const n = each.kind === 'set' ? each.n : undefined
        accept(keys, each.key, ++lsn, n === undefined ? undefined : JSON.stringify(n))
        pending.push({ lsn, key: each.key, n })
      } else if (each.kind === 'settle') {
        const to = keys.settledLsn + Math.ceil((each.quarters / 4) * (lsn - keys.settledLsn))
        keys.settle(to)
        for (const one of pending) {
          if (one.lsn > to) continue
          put(durable, one.key, one.n)
          versions.set(one.key, one.lsn)
        }
        pending = pending.filter((one) => one.lsn > to)
      } else if (each.kind === 'roll back') {
        lsn = keys.settledLsn + Math.ceil((each.quarters / 4) * (lsn - keys.settledLsn))
        keys.rollBack(lsn)
        pending = pending.filter((one) => one.lsn <= lsn)
      } else if (each.kind === 'begin dump') {
        if (dump === undefined)
          dump = { dump: keys.beginDump(), wanted: shown(durable), versions: new Map(versions), found: new Map() }
      } else if (each.kind === 'give up dump') {
        if (dump !== undefined) givenUp++
        dump?.dump.end()
        dump = undefined
      } else if (drain(each.count)) {
        endDump()
      }
      const accepted = new Map(durable)
      for (const one of pending) put(accepted, one.key, one.n)
      t.is(statesOf(keys, false, asValues), shown(durable))
      t.is(statesOf(keys, true, asValues), shown(accepted))
      t.is(keys.size, durable.size)
      const scanned = [...keys.scan('a', true)].map(({ key }) => key)
      t.deepEqual(scanned, [...accepted.keys()].filter((name) => name.startsWith('a')).sort())
    }
    if (dump !== undefined && drain(Number.POSITIVE_INFINITY)) endDump()
    dump?.dump.end()
    keys.settle(lsn)
    t.is(keys.known, keys.size, 'a key that is gone is forgotten')
    if (asValues) t.true(keys.texts <= keys.size, 'nothing is kept for nobody')
    else t.is(keys.texts, keys.size, 'nothing is kept for nobody')
  })
  fc.assert(property, BOUNDS)
  t.true(dumped > 50, 'dumps come to their end')
  t.true(givenUp > 20, 'some are given up')
})

test('what was taken back is not taken for what comes in its place', (t) => {
  const keys = new Keyspace<number>()
  accept(keys, 'a', 1, '1')
  accept(keys, 'b', 2, '2')
  const seen = keys.accepted('b')?.stamp
  keys.rollBack(1)
  accept(keys, 'b', 2, '3')
  t.not(keys.accepted('b')?.stamp, seen, 'another write with the same LSN')
  t.is(keys.stamped('b', seen), undefined)
  const stamp = keys.accepted('b')?.stamp
  keys.settle(2)
  t.is(keys.durable('b')?.stamp, stamp, 'what becomes durable is what it was')
  accept(keys, 'b', 3, undefined)
  t.is(keys.stamped('b', stamp)?.value, 3)
  t.is(keys.accepted('a')?.value, 1)
})

test('a value that can not be written down again harms no other, and only the dump', (t) => {
  const keys = new Keyspace<unknown>()
  const write = (name: string, lsn: number, text: string): void => keys.accept(keys.prepare(name, text, 10), lsn)
  const depth = 1_000_000
  write('a', 1, '1')
  write('deep', 2, '['.repeat(depth) + ']'.repeat(depth))
  write('z', 3, '3')
  keys.settle(3)
  t.true(Array.isArray(keys.durable('deep')?.value), 'it was read: its text is gone')
  const dump = keys.beginDump()
  write('a', 4, '4')
  write('deep', 5, '5')
  write('z', 6, '6')
  keys.settle(6)
  t.deepEqual(
    ['a', 'deep', 'z'].map((name) => keys.durable(name)?.value),
    [4, 5, 6],
  )
  t.is(dump.next()?.text, '1')
  t.throws(() => dump.next()?.text, { instanceOf: RangeError })
  dump.end()
  t.is(keys.known, 3)
})

test('where there is no memory for a write, nothing has happened', (t) => {
  const keys = new Keyspace<string>()
  const text = JSON.stringify('v'.repeat(100_000))
  keys.accept(keys.prepare('a', text, 10), 1)
  const { allocUnsafeSlow } = Buffer
  Buffer.allocUnsafeSlow = () => {
    throw new RangeError('no memory')
  }
  try {
    for (const name of ['a', 'b']) {
      t.throws(() => keys.prepare(name, text, 10), { message: 'no memory' })
      t.throws(() => keys.prepareBytes(name, Buffer.from(text), 0, text.length, 10), { message: 'no memory' })
    }
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  }
  t.is(keys.known, 1)
  t.is(keys.accepted('a')?.text, text)
  keys.settle(1)
  t.is(keys.durable('a')?.text, text)
})

test('what a transaction looked at stays as it was until the end of it, and no longer', (t) => {
  const keys = new Keyspace<number>()
  for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) accept(keys, name, at + 1, String(at + 1))
  keys.settle(4)
  const tx = new Transaction(keys)
  t.deepEqual([tx.has('a'), tx.version('b'), tx.get('c'), tx.delete('d'), tx.has('e')], [true, 2, 3, true, false])
  t.is(keys.texts, 3, 'only what it was asked for was read')
  for (const [at, name] of ['a', 'b', 'c', 'd', 'e'].entries()) accept(keys, name, at + 5, String(at + 5))
  keys.settle(9)
  t.is(keys.texts, 5 + 3)
  t.deepEqual([tx.get('a'), tx.get('b'), tx.get('c'), tx.get('e')], [1, 2, 3, undefined])
  t.false(tx.isCurrent)
  tx.end()
  tx.end()
  t.is(keys.texts, 5)
  const next = new Transaction(keys)
  next.has('a')
  t.is(next.get('a'), keys.durable('a')?.value)
  t.is(keys.texts, 5, 'the value that all read, though its text stays until the end')
  next.end()
  t.is(keys.texts, 4)
})

test('sorted keys stay sorted while they come and go, also during an iteration', (t) => {
  const numbers = random(seed)
  const wanted = new Set<string>()
  const sorted = new SortedKeys([])
  for (let step = 0; step < 20_000; step++) {
    const name = `k${numbers.below(3000).toString(36)}`
    if (numbers.below(3) === 0) {
      sorted.remove(name)
      wanted.delete(name)
    } else {
      sorted.add(name)
      wanted.add(name)
    }
  }
  t.deepEqual([...sorted.from('')], [...wanted].sort())
  t.deepEqual([...sorted.from('k1')], [...wanted].filter((name) => name.startsWith('k1')).sort())
  t.deepEqual([...new SortedKeys(wanted).from('')], [...wanted].sort())
  const seen: string[] = []
  for (const name of sorted.from('')) {
    seen.push(name)
    sorted.remove(name)
    sorted.add(`a${name}`)
  }
  t.deepEqual(seen, [...wanted].sort(), 'what is put in front is not seen, and nothing is missed or seen twice')
})

test('backups are kept by number, day and week', (t) => {
  const hour = 3_600_000
  const monday = Date.UTC(2024, 0, 1)
  const backups = Array.from({ length: 24 * 4 }, (_, index) => ({
    ...backupName(index + 1, 1, false),
    created: monday + index * 6 * hour,
  }))
  const kept = (keep: number, daily: number, weekly: number): number[] =>
    [...keptBackups(backups, { keep, daily, weekly })].map(({ lsn }) => lsn).sort((one, other) => one - other)
  t.deepEqual(kept(3, 0, 0), [94, 95, 96])
  t.deepEqual(kept(2, 3, 0), [88, 92, 95, 96])
  t.deepEqual(kept(2, 0, 3), [56, 84, 95, 96], 'a week begins on Monday')
  t.deepEqual(kept(2, 2, 100), [28, 56, 84, 92, 95, 96])
})

test('the name of a backup tells what it is', (t) => {
  const names = [backupName(5, 1, false), backupName(5, 1, true), backupName(5, 12, false), backupName(40, 1, false)]
  for (const name of names) t.deepEqual(parseBackupName(name.name), name)
  t.deepEqual(
    names.sort(byAge).map(({ name }) => name),
    [
      '0000000000000040-1.snapshot',
      '0000000000000005-12.snapshot',
      '0000000000000005-1.snapshot',
      '0000000000000005-1.gzip.snapshot',
    ],
  )
  for (const name of ['x', '5-1.snapshot', '0000000000000005-0.snapshot', '0000000000000005-1.snapshot.tmp']) {
    t.is(parseBackupName(name), undefined)
  }
})

test('writes that find no room wait in order, and the line is bounded', async (t) => {
  const line = new WriteLine(2, 100)
  let room = 0
  const written: string[] = []
  const write = (name: string) => () => {
    if (room-- <= 0) return undefined
    written.push(name)
    return Promise.resolve(name)
  }
  const first = line.submit(write('first'), 60)
  await rejects(t, line.submit(write('too large'), 50), { code: 'SLUICE_QUEUE_FULL', outcome: 'not-written' })
  const second = line.submit(write('second'), 40)
  await rejects(t, line.submit(write('one too many'), 0), { code: 'SLUICE_QUEUE_FULL' })
  room = 1
  line.pump()
  t.deepEqual(written, ['first'])
  room = 5
  const third = line.submit(() => {
    throw new RangeError('bad')
  }, 0)
  line.pump()
  t.deepEqual(await Promise.all([first, second]), ['first', 'second'])
  await t.throwsAsync(third, { instanceOf: RangeError })
  t.true(line.isEmpty)
  t.is(await line.submit(write('at once'), 1000), 'at once')
})
