import test from 'ava'
import fc from 'fast-check'
import { EventAppender } from '../../src/events/event-appender.js'
import { EventIndex, type IndexedEvent } from '../../src/events/event-index.js'
import { IdWindow } from '../../src/events/id-window.js'
import { PendingEvents } from '../../src/events/pending-events.js'
import type { CheckedItem, CheckedQuery } from '../../src/events/query.js'
import { matchesQuery, plainQuery } from '../../src/events/query-match.js'
import { random } from '../support/random.js'
import { openBegun, turn } from '../support/simulated-log.js'

const { seed } = random()

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const tagged = (tags: readonly string[]): readonly CheckedItem[] => [{ types: ['T'], tags }]

const terms = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 })
const events: fc.Arbitrary<IndexedEvent> = fc.record({ type: fc.constantFrom('T', 'U'), tags: terms })
const queries: fc.Arbitrary<CheckedQuery> = fc.oneof(
  fc.constant('all' as const),
  fc.array(fc.record({ types: fc.constant(['T']), tags: terms }), { minLength: 1, maxLength: 3 }),
)

/** Asks, adds an event, brings the index up, or takes some of the last events back. */
const steps = fc.array(fc.oneof(queries, events, fc.constant('bring up' as const), fc.nat(3)), { maxLength: 40 })
type Step = typeof steps extends fc.Arbitrary<(infer One)[]> ? One : never

function isEvent(step: Step): step is IndexedEvent {
  return typeof step === 'object' && 'type' in step
}

test('no condition that an event breaks is passed, wherever the event is', (t) => {
  const property = fc.property(steps, (history) => {
    const index = new EventIndex()
    const pending = new PendingEvents(index)
    let all: IndexedEvent[] = []
    for (const step of history) {
      if (step === 'bring up') pending.bringUp()
      else if (typeof step === 'number') {
        pending.bringUp()
        all = all.slice(0, Math.max(0, all.length - step))
        index.rollBack(all.length)
      } else if (isEvent(step)) {
        pending.add(step)
        all.push(step)
      } else if (!pending.mayMatch(step)) t.false(all.some((event) => matchesQuery(plainQuery(step), event)))
    }
    pending.bringUp()
    t.is(index.head, all.length)
    for (const [at, { tags }] of all.entries()) {
      t.deepEqual(
        index.recent.tagsOf(at + 1).map((tag) => index.tags.termOf(tag)),
        tags,
      )
    }
  })
  fc.assert(property, { seed, numRuns: 500 })
})

test('each of many tags is seen, and most that are not there are passed, while the tables grow', (t) => {
  const index = new EventIndex()
  const pending = new PendingEvents(index)
  let added = 0
  for (const count of [1, 100, 900, 9000, 30_000]) {
    for (let upTo = added + count; added < upTo; added++) {
      pending.add({ type: 'T', tags: [`tag ${added}`] })
      // Some of them are asked for while they wait, and some are not.
      if (added % 3 === 0) t.true(pending.mayMatch(tagged([`tag ${added - (added % 7)}`])))
      if (added % 500 === 0) pending.bringUp()
    }
    for (const when of ['waiting', 'in the index']) {
      for (let number = 0; number < added; number += 1) {
        if (!pending.mayMatch(tagged([`tag ${number}`]))) t.fail(`tag ${number} of ${added} is not seen, ${when}`)
      }
      pending.bringUp()
    }
    t.is(index.head, added)
    let passed = 0
    for (let number = 0; number < 1000; number++) if (!pending.mayMatch(tagged([`other ${number}`]))) passed++
    t.true(passed > 700, `of 1,000 that are not there ${passed} were told at once, with ${added}`)
  }
})

test('a condition that asks for a tag that is nowhere leaves the index behind, and one that asks for one that waits does not', async (t) => {
  const { log } = await openBegun()
  const index = new EventIndex()
  index.add('Begun', [])
  const bounds = { onFull: 'wait', maxWaiting: 10, maxWaitingBytes: 1e6 } as const
  const appender = new EventAppender(log, index, new IdWindow(10), bounds)
  const append = (tag: string, query: CheckedQuery) => {
    const event = { type: 'T', tags: [tag], id: undefined, record: Buffer.from('{"type":"T"}') }
    return appender.append([event], { query, after: 0 }, undefined)
  }
  // In another part of the table than those that come: the filter may take some tags for others.
  const partOf = (tag: string) => index.tags.hashOf(tag) & 255
  const parts = new Set(['one', 'two', 'four'].map(partOf))
  const other =
    Array.from({ length: 1000 }, (_, number) => `other ${number}`).find((tag) => !parts.has(partOf(tag))) ?? ''
  const first = append('one', tagged([other]))
  const second = append('two', [...tagged([other]), ...tagged(['one', other])])
  t.is(index.head, 1)
  await t.throwsAsync(append('three', tagged(['two'])), { code: 'SLUICE_APPEND_CONDITION_FAILED' })
  t.is(index.head, 3)
  t.deepEqual(await Promise.all([first, second]), [
    { first: 2, last: 2 },
    { first: 3, last: 3 },
  ])
  const third = append('four', tagged([other]))
  t.is(index.head, 3)
  await turn()
  t.is(index.head, 4)
  await third
  await log.close()
})
