import test from 'ava'
import fc from 'fast-check'
import { EventIndex } from '../../src/events/event-index.js'
import { IdWindow } from '../../src/events/id-window.js'
import { InFlight } from '../../src/events/in-flight.js'
import { PAUSED } from '../../src/events/item-cursor.js'
import { MatchCursor } from '../../src/events/match-cursor.js'
import { NumberList } from '../../src/events/number-list.js'
import { PostingLists } from '../../src/events/posting-lists.js'
import { PostingSeeker } from '../../src/events/posting-seeker.js'
import type { CheckedItem, CheckedQuery } from '../../src/events/query.js'
import { RecentTerms } from '../../src/events/recent-terms.js'
import { TermTable } from '../../src/events/term-table.js'
import { random } from '../support/random.js'

/** Property runs that a seed decides, which is logged. */
function seeded(t: { log(message: string): void }, numRuns: number): fc.Parameters<unknown> {
  const { seed } = random()
  t.log(`seed ${seed}`)
  return { seed, numRuns }
}

test('a number list holds what an array holds, over page borders, and finds its way in it', (t) => {
  const list = new NumberList()
  for (let value = 0; value < 70_000; value++) list.push(value * 3)
  t.is(list.length, 70_000)
  for (const at of [0, 15, 16, 16_383, 16_384, 40_000, 69_999]) t.is(list.at(at), at * 3)
  t.is(list.lowerBound(3 * 16_384), 16_384)
  t.is(list.lowerBound(3 * 16_384 + 1), 16_385)
  t.is(list.lowerBound(0), 0)
  t.is(list.lowerBound(1e6), 70_000)
  list.truncate(16_384)
  list.push(7)
  t.deepEqual([list.length, list.at(16_384), list.at(16_383)], [16_385, 7, 16_383 * 3])
  list.set(16_384, 2 ** 32 - 1)
  t.is(list.at(16_384), 2 ** 32 - 1)
  t.throws(() => list.set(16_385, 1), { instanceOf: RangeError })
  t.throws(() => list.truncate(16_386), { instanceOf: RangeError })
  t.true(list.bytes >= 16_385 * 4)
})

test('the tail of a number list holds the same numbers, less by as much as was asked, and grows like any other', (t) => {
  for (const length of [0, 1, 15, 16, 17, 16_383, 16_384, 16_385, 70_000]) {
    const list = new NumberList()
    for (let value = 0; value < length; value++) list.push(value + 500)
    for (const from of [0, 1, 16, 16_000, 16_384, 33_000, length].filter((each) => each <= length)) {
      const tail = list.tail(from, 500)
      tail.push(7)
      const numbers = Array.from({ length: tail.length }, (_, at) => tail.at(at))
      const wanted = [...Array.from({ length: length - from }, (_, at) => from + at), 7]
      t.is(numbers.length, wanted.length, `${length} from ${from}`)
      t.is(
        numbers.findIndex((number, at) => number !== wanted[at]),
        -1,
        `${length} from ${from}`,
      )
    }
    t.is(list.length, length)
  }
})

/** Strings of one byte a character and of two, long ones, and such as differ in little. */
const terms = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }),
  fc.integer({ min: 0, max: 300 }).map((number) => `course:${number}`),
  fc.constantFrom('__proto__', 'é', 'e', '\u0100', '\u00ff', 'x'.repeat(300_000)),
)

test('a term table numbers strings as a map does, and hands them over packed', (t) => {
  fc.assert(
    fc.property(fc.array(terms, { maxLength: 400 }), (list) => {
      const table = new TermTable()
      const numbers = new Map<string, number>()
      for (const term of list) {
        t.is(table.find(term), numbers.get(term) ?? -1)
        if (!numbers.has(term)) numbers.set(term, numbers.size)
        t.is(table.intern(term), numbers.get(term) ?? -1)
      }
      t.is(table.size, numbers.size)
      const half = table.size >>> 1
      const copy = new TermTable()
      t.true(copy.unpack(table.pack(0, half)))
      t.true(copy.unpack(table.pack(half, table.size)))
      for (const [term, number] of numbers) {
        t.is(table.termOf(number), term)
        t.is(copy.find(term), number)
      }
    }),
    seeded(t, 60),
  )
})

test('a term table forgets its last strings as a map does, and gives their numbers to others', (t) => {
  const steps = fc.array(fc.oneof(terms, fc.integer({ min: 0, max: 30 })), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (list) => {
      const table = new TermTable()
      const model: string[] = []
      for (const step of list) {
        if (typeof step === 'string') {
          if (!model.includes(step)) model.push(step)
          t.is(table.intern(step), model.indexOf(step))
        } else {
          const forgotten = model.splice(Math.max(0, model.length - step))
          table.truncate(model.length)
          for (const term of forgotten) t.is(table.find(term), -1)
        }
        t.is(table.size, model.length)
      }
      for (const [number, term] of model.entries()) {
        t.is(table.find(term), number)
        t.is(table.termOf(number), term)
      }
    }),
    seeded(t, 150),
  )
})

test('a term table that grows and is cut down, again and again, takes no more room', (t) => {
  const table = new TermTable()
  table.intern('first')
  let bytes = 0
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 5000; n++) table.intern(`round ${round}, ${n}, ${'x'.repeat(n % 200)}`)
    if (round === 0) bytes = table.bytes
    t.true(table.bytes <= bytes * 1.1, `${table.bytes} bytes, at first ${bytes}`)
    table.truncate(1)
  }
  t.is(table.find('first'), 0)
  t.is(table.intern('second'), 1)
})

test('a term table that has no room left refuses, and keeps what it has', (t) => {
  const table = new TermTable(1, 4)
  const long = (n: number) => `${n}`.padEnd(200_000, 'x')
  for (let n = 0; n < 4; n++) {
    t.is(table.full, n >= 3)
    t.is(table.intern(long(n)), n)
  }
  for (let again = 0; again < 2; again++) {
    t.throws(() => table.intern(long(4)), { code: 'SLUICE_INVALID_ARGUMENT', message: /types or tags/ })
  }
  t.is(table.size, 4)
  t.is(table.find(long(4)), -1)
  for (let n = 0; n < 4; n++) t.is(table.find(long(n)), n)
  t.is(table.intern('a short one still fits'), 4)
  const packed = table.pack(0, 5)
  const small = new TermTable(1, 3)
  t.throws(() => small.unpack(packed), { code: 'SLUICE_INVALID_ARGUMENT' })
  t.is(small.size, 3, 'what there was room for is there')
  for (let n = 0; n < 3; n++) t.is(small.find(long(n)), n)
  small.truncate(1)
  t.deepEqual([small.find(long(0)), small.find(long(1)), small.find(long(2))], [0, -1, -1])
  t.is(small.intern(long(2)), 1)
  small.truncate(0)
  t.is(small.intern(long(3)), 0)
})

test('a term table takes nothing that was not packed', (t) => {
  const table = new TermTable()
  table.intern('one')
  table.intern('two')
  const packed = table.pack(0, 2)
  t.false(new TermTable().unpack(packed.subarray(0, packed.length - 1)))
  t.false(new TermTable().unpack(Buffer.concat([packed, Buffer.from('x')])))
  t.false(new TermTable().unpack(packed.subarray(0, 3)))
  t.false(new TermTable().unpack(packed.subarray(0, 6)))
  t.throws(() => table.termOf(2), { instanceOf: RangeError })
})

function floorOf(lists: PostingLists, term: number, position: number): number {
  return new PostingSeeker(lists, term, true).seek(position)
}

function ceilingOf(lists: PostingLists, term: number, position: number): number {
  return new PostingSeeker(lists, term, false).seek(position)
}

test('a term that had many positions, and lost them all, can have some again', (t) => {
  for (const many of [1, 2, 5, 17, 40]) {
    const lists = new PostingLists()
    for (let position = 1; position <= many; position++) lists.push(0, position)
    for (let position = 1; position <= many; position++) lists.pop(0)
    t.deepEqual([lists.count(0), lists.last(0), floorOf(lists, 0, 99), ceilingOf(lists, 0, 1)], [0, 0, 0, 0])
    for (const position of [50, 51, 52]) lists.push(0, position)
    t.deepEqual(
      [lists.at(0, 0), lists.at(0, 1), lists.at(0, 2), ceilingOf(lists, 0, 1)],
      [50, 51, 52, 50],
      `${many} before`,
    )
  }
})

test('posting lists hold what arrays hold, whatever is taken away again', (t) => {
  const steps = fc.array(
    fc.record({ term: fc.integer({ min: 0, max: 5 }), times: fc.integer({ min: 1, max: 40 }), pop: fc.boolean() }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, (list) => {
      const lists = new PostingLists()
      const model = new Map<number, number[]>()
      let position = 0
      for (const { term, times, pop } of list) {
        const positions = model.get(term) ?? []
        model.set(term, positions)
        for (let time = 0; time < times; time++) {
          if (!pop) {
            position += 3
            positions.push(position)
            lists.push(term, position)
          } else if (positions.length > 0) {
            positions.pop()
            lists.pop(term)
          }
        }
        for (const [each, expected] of model) {
          t.is(lists.count(each), expected.length)
          t.is(lists.last(each), expected.at(-1) ?? 0)
          t.deepEqual(
            expected.map((_, at) => lists.at(each, at)),
            expected,
          )
          for (const at of [0, 1, 3, 4, position >>> 1, position, position + 1]) {
            t.is(floorOf(lists, each, at), expected.findLast((one) => one <= at) ?? 0)
            t.is(ceilingOf(lists, each, at), expected.find((one) => one >= at) ?? 0)
          }
        }
      }
      t.is(lists.count(99), 0)
      t.is(lists.last(99), 0)
      t.throws(() => lists.pop(99), { instanceOf: RangeError })
    }),
    seeded(t, 60),
  )
})

/** For each number up to the highest, the last position that is not above it, and the first that is not below it; or 0. */
function neighbours(positions: readonly number[], highest: number): { floors: number[]; ceilings: number[] } {
  const floors: number[] = new Array(highest + 1).fill(0)
  for (const position of positions) floors[position] = position
  const ceilings = [...floors]
  for (let at = 1; at <= highest; at++) floors[at] ||= floors[at - 1] ?? 0
  for (let at = highest - 1; at >= 0; at--) ceilings[at] ||= ceilings[at + 1] ?? 0
  return { floors, ceilings }
}

test('a seeker goes on from where it is, up or down, over short ways and long ones', (t) => {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  for (const count of [0, 1, 3, 4, 5, 16, 17, 100, 40_000]) {
    const lists = new PostingLists()
    const positions: number[] = []
    for (let position = 0; positions.length < count; ) {
      position += 1 + below(5)
      positions.push(position)
    }
    for (const position of positions) lists.push(0, position)
    const highest = (positions.at(-1) ?? 0) + 3
    const { floors, ceilings } = neighbours(positions, highest)
    for (const stride of [1, 10, 1000, 50_000]) {
      const up = new PostingSeeker(lists, 0, false)
      const down = new PostingSeeker(lists, 0, true)
      for (let at = below(stride); at <= highest; at += 1 + below(stride)) {
        t.is(up.seek(at), ceilings[at] ?? -1)
        if (highest > 1000) at += below(20) * stride
      }
      for (let at = highest - below(stride); at >= 0; at -= 1 + below(stride)) {
        t.is(down.seek(at), floors[at] ?? -1)
        if (highest > 1000) at -= below(20) * stride
      }
    }
  }
})

test('recent terms are a queue with two ends', (t) => {
  const recent = new RecentTerms(5)
  const model: number[][] = []
  let first = 5
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  for (let step = 0; step < 30_000; step++) {
    if (below(5) > 0 || model.length === 0) {
      const tags = Array.from({ length: below(20) }, () => below(1000))
      model.push(tags)
      for (const tag of tags) recent.pushTag(tag)
      recent.endEvent()
    } else if (below(2) === 0) {
      model.pop()
      recent.pop()
    } else if (step % 50 === 0) {
      const dropped = below(model.length + 1)
      model.splice(0, dropped)
      first += dropped
      recent.dropBelow(first)
    }
  }
  t.is(recent.firstPosition, first)
  t.is(recent.nextPosition, first + model.length)
  t.is(recent.tagCount, model.flat().length)
  const last = first + model.length - 1
  for (let check = 0; check < 200; check++) {
    const from = first + below(model.length)
    const to = from + below(last - from + 1)
    const tags = model.slice(from - first, to - first + 1).flat()
    t.is(recent.tagsBetween(from, to), tags.length)
    const copied = new Uint32Array(tags.length + 1)
    recent.copyTags(from, to, copied, 1)
    t.deepEqual([...copied], [0, ...tags])
    const wanted = 1 + below(300)
    let reached = from
    for (let sum = model[from - first]?.length ?? 0; sum < wanted && reached < to; ) {
      reached++
      sum += model[reached - first]?.length ?? 0
    }
    t.is(recent.reaching(wanted, from, to), reached)
  }
  t.deepEqual(
    model.map((_, at) => recent.tagsOf(first + at)),
    model,
  )
})

test('recent terms that were given up are given back', (t) => {
  const recent = new RecentTerms(1)
  let most = 0
  for (let position = 1; position <= 400_000; position++) {
    recent.pushTag(position)
    recent.pushTag(2 * position)
    recent.endEvent()
    if (position % 1000 === 0) recent.dropBelow(position - 99)
    most = Math.max(most, recent.bytes)
  }
  // 65,536 events of two tags that are given up, and a thousand, at 4 bytes a number, in pages of 64 KiB.
  t.true(most <= 3 * 4 * 70_000 + 4 * 65_536, `${most} bytes`)
  t.is(recent.firstPosition, 399_901)
  for (let position = 399_901; position <= 400_000; position++) {
    t.deepEqual(recent.tagsOf(position), [position, 2 * position])
  }
})

interface Sample {
  readonly type: string
  readonly tags: readonly string[]
}

const TYPES = ['A', 'B', 'C', 'D']
const TAGS = ['t1', 't2', 't3', 't4', 't5']
const samples: fc.Arbitrary<Sample> = fc.record({
  type: fc.constantFrom(...TYPES.slice(0, 3)),
  tags: fc.subarray(TAGS.slice(0, 4)),
})
const items: fc.Arbitrary<CheckedItem> = fc
  .record({ types: fc.subarray(TYPES), tags: fc.subarray(TAGS, { maxLength: 3 }) })
  .filter(({ types, tags }) => types.length + tags.length > 0)
const queries: fc.Arbitrary<CheckedQuery> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('all' as const) },
  { weight: 9, arbitrary: fc.array(items, { minLength: 1, maxLength: 3 }) },
)

function itemMatches({ types, tags }: CheckedItem, event: Sample): boolean {
  return (types.length === 0 || types.includes(event.type)) && tags.every((tag) => event.tags.includes(tag))
}

function queryMatches(query: CheckedQuery, event: Sample): boolean {
  return query === 'all' || query.some((item) => itemMatches(item, event))
}

function positionsOf(cursor: MatchCursor, steps?: number): number[] {
  const positions: number[] = []
  for (let position = cursor.next(steps); position !== 0; position = cursor.next(steps)) {
    if (position !== PAUSED) positions.push(position)
  }
  return positions
}

test('the index finds what looking at every event finds, also after some were taken back', (t) => {
  const history = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.array(samples, { minLength: 1, maxLength: 30 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 40 }) },
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(
      history,
      fc.array(fc.tuple(queries, fc.nat(120), fc.nat(120)), { minLength: 5, maxLength: 12 }),
      (steps, asked) => {
        // One that remembers every search of more than a few steps.
        const index = new EventIndex({ quickSteps: 2 })
        let events: Sample[] = []
        for (const step of steps) {
          if (typeof step === 'number') {
            events = events.slice(0, Math.max(0, events.length - step))
            index.rollBack(events.length)
          } else {
            events.push(...step)
            const hashes = step.flatMap(({ tags }) => tags.map((tag) => index.tags.hashOf(tag)))
            if (step.length % 2 === 0) index.addAll(step, Uint32Array.from(hashes))
            else for (const event of step) index.add(event.type, event.tags)
          }
        }
        t.is(index.head, events.length)
        t.is(index.tags.size, new Set(events.flatMap(({ tags }) => tags)).size, 'tags that are gone are forgotten')
        t.is(index.types.size, new Set(events.map(({ type }) => type)).size, 'and types')
        for (const [query, one, other] of asked) {
          const [from, to] = [Math.min(one, other) + 1, Math.max(one, other) + 1]
          const found = events.flatMap((event, at) => (queryMatches(query, event) ? [at + 1] : []))
          const between = found.filter((position) => position >= from && position <= to)
          const end = Math.min(to, events.length)
          const plan = index.plan(query)
          t.deepEqual(positionsOf(new MatchCursor(index, plan, from, end, false)), between)
          if (end >= from) {
            t.deepEqual(positionsOf(new MatchCursor(index, plan, end, from, true)), between.toReversed())
          }
          const paused = new MatchCursor(index, plan, from, end, false)
          t.deepEqual(positionsOf(paused, 1), between, 'also one step at a time')
          const last = found.findLast((position) => position > one)
          const match = index.lastMatch(query, one)
          t.is(match?.position, last)
          t.is(
            index.lastMatch(query, other)?.position,
            found.findLast((position) => position > other),
          )
          if (match === undefined || query === 'all') continue
          const item = query[match.itemIndex ?? -1]
          const event = events[match.position - 1]
          t.true(
            item !== undefined && event !== undefined && itemMatches(item, event),
            'the item named is one that matches',
          )
        }
      },
    ),
    seeded(t, 300),
  )
})

test('the id window remembers the last ids of durable events, exactly, and those not yet durable', (t) => {
  const ids = new IdWindow(3)
  for (let position = 1; position <= 5; position++) ids.add(`id${position}`, position)
  t.is(ids.count, 5, 'none is forgotten before it is durable')
  ids.settle(4)
  t.deepEqual(ids.between(1, 9).ids, ['id2', 'id3', 'id4', 'id5'])
  ids.rollBack(4)
  t.is(ids.positionOf('id5'), undefined)
  t.deepEqual(ids.between(1, 9).ids, ['id2', 'id3', 'id4'], 'what is taken back costs no other its place')
  ids.add('id1', 5)
  ids.settle(5)
  t.deepEqual(ids.between(1, 9), { ids: ['id3', 'id4', 'id1'], positions: [3, 4, 5] })
  t.deepEqual(ids.between(4, 4), { ids: ['id4'], positions: [4] })
  t.deepEqual(ids.between(1, 2), { ids: [], positions: [] })
  const none = new IdWindow(0)
  none.add('x', 1)
  t.is(none.positionOf('x'), 1)
  none.settle(1)
  t.is(none.count, 0)
})

test('the id window takes back what is not durable, also after it has forgotten thousands', (t) => {
  const ids = new IdWindow(3)
  for (let position = 1; position <= 5000; position++) {
    ids.add(`id${position}`, position)
    ids.settle(position)
  }
  ids.add('id5001', 5001)
  ids.add('id5002', 5002)
  ids.rollBack(5001)
  t.is(ids.positionOf('id5002'), undefined)
  ids.settle(5001)
  t.deepEqual(ids.between(1, 6000), { ids: ['id4999', 'id5000', 'id5001'], positions: [4999, 5000, 5001] })
})

test('what is in flight is found by position until it is told to be durable, or taken back', async (t) => {
  const inFlight = new InFlight(0)
  const promises = Array.from({ length: 3000 }, (_, at) => Promise.resolve(at))
  // Appends of two events each: positions 1 and 2, 3 and 4, …
  for (const [at, promise] of promises.entries()) inFlight.add(2 * at + 2, promise)
  t.is(await inFlight.holding(1), 0)
  t.is(await inFlight.holding(2), 0)
  t.is(await inFlight.holding(3), 1)
  t.is(await inFlight.holding(6000), 2999)
  t.is(inFlight.holding(6001), undefined)
  inFlight.settle(4001)
  t.is(await inFlight.holding(4001), 2000)
  inFlight.rollBack(5000)
  t.is(inFlight.holding(5001), undefined)
  t.is(await inFlight.holding(5000), 2499)
  inFlight.settle(5000)
  t.is(await inFlight.holding(5000), 2499, 'it is told behind the last of those that are durable')
  await null
  t.is(inFlight.holding(5000), undefined)
  t.is(inFlight.held, 0)
  inFlight.add(5000, Promise.resolve('again'))
  t.is(inFlight.holding(4998), undefined, 'those before it are told')
  inFlight.rollBack(4999)
  t.is(new InFlight(7).holding(7), undefined)
  // One is always under way: those that are durable are given up all the same.
  let most = 0
  for (let position = 5001; position <= 15_000; position++) {
    inFlight.add(position, Promise.resolve(position))
    inFlight.settle(position - 1)
    await null
    most = Math.max(most, inFlight.held)
  }
  t.true(most <= 3000, `${most} are held`)
  t.is(await inFlight.holding(15_000), 15_000)
})
