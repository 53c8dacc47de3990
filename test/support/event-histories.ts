import fc from 'fast-check'
import type { EventReadOptions, NewEvent, Query } from '../../src/events/contract.js'

/** Where a condition begins to look, a reading, or a subscription: a position, or the head at the time of the call. */
export type Place = number | 'head'

/** Which ids the events of an append have. Ids of one key are always asked for together, and as many of them. */
export type IdPlan =
  | { readonly kind: 'none' }
  /** Those of a key: the first append with it is made, later ones are repeats of that. */
  | { readonly kind: 'whole'; readonly key: number }
  /** Those of a key, and one that nobody has had. */
  | { readonly kind: 'mixed'; readonly key: number }
  /** Those of a key and of the next one. */
  | { readonly kind: 'joined'; readonly key: number }

/** One step of a history. Those between two of the kinds `turn` and `settle` happen in one turn of the event loop. */
export type Step =
  | {
      readonly kind: 'append'
      /** As many of these as the ids are, where there are ids; repeated where they are too few. */
      readonly events: readonly NewEvent[]
      readonly ids: IdPlan
      readonly condition?: { readonly query: Query; readonly after?: Place } | undefined
    }
  | { readonly kind: 'read'; readonly query: Query; readonly options: EventReadOptions }
  | { readonly kind: 'subscribe'; readonly query: Query; readonly from?: Place | undefined }
  /** Ends the oldest subscription that is left, by its signal. */
  | { readonly kind: 'unsubscribe' }
  | { readonly kind: 'turn' }
  /** Waits for everything that is under way. */
  | { readonly kind: 'settle' }

const KEYS = 5

/** The ids that an append asks for; `fresh` is one that nobody has had. */
export function idsOf(plan: IdPlan, fresh: string): readonly string[] {
  if (plan.kind === 'none') return []
  const ids = Array.from({ length: 1 + (plan.key % 3) }, (_, i) => `key ${plan.key}, ${i}`)
  if (plan.kind === 'mixed') return [...ids, fresh]
  return plan.kind === 'joined' ? [...ids, ...idsOf({ kind: 'whole', key: (plan.key + 1) % KEYS }, fresh)] : ids
}

// Few types and tags, so that most conditions meet something that matches. Some are of the kind that indices stumble over.
const types = fc.constantFrom('A', 'B', 'AB', '__proto__')
const tags = fc.constantFrom('a', 'b', 'A', 'ab', 'constructor')
const tagLists = fc.uniqueArray(tags, { maxLength: 3 })
const places = fc.oneof(fc.constant('head' as const), fc.nat({ max: 40 }))

const json = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(JSON.parse('{"__proto__":{"a":1}}'), { type: 'A', tags: ['a'], position: 1 }, 'é😀', null),
)
const events: fc.Arbitrary<NewEvent> = fc.record(
  {
    type: types,
    tags: tagLists,
    data: fc.oneof({ weight: 3, arbitrary: json }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) }),
    metadata: json,
  },
  { requiredKeys: ['type'] },
)

const items = fc
  .record({ types: fc.uniqueArray(types, { maxLength: 3 }), tags: tagLists })
  .filter((item) => item.types.length + item.tags.length > 0)
export const queries: fc.Arbitrary<Query> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('all' as const) },
  { weight: 3, arbitrary: items },
  { weight: 4, arbitrary: fc.array(items, { minLength: 1, maxLength: 4 }) },
)

const keys = fc.nat({ max: KEYS - 1 })
const ids: fc.Arbitrary<IdPlan> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: 'none' as const }) },
  { weight: 3, arbitrary: keys.map((key) => ({ kind: 'whole' as const, key })) },
  { weight: 1, arbitrary: keys.map((key) => ({ kind: 'mixed' as const, key })) },
  { weight: 1, arbitrary: keys.map((key) => ({ kind: 'joined' as const, key })) },
)

const appends: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('append' as const),
  events: fc.array(events, { minLength: 1, maxLength: 4 }),
  ids,
  condition: fc.option(fc.record({ query: queries, after: places }, { requiredKeys: ['query'] }), { nil: undefined }),
})

const position = fc.integer({ min: 1, max: 40 })
const reads: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('read' as const),
  query: queries,
  options: fc.record(
    { from: position, to: position, backwards: fc.boolean(), limit: fc.integer({ min: 1, max: 12 }) },
    { requiredKeys: [] },
  ),
})

const subscribes: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('subscribe' as const),
  query: queries,
  from: fc.option(places, { nil: undefined }),
})

/** Random histories: conflicts, retries and readers of every kind, many of them at the same time. */
export const histories: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: appends },
    { weight: 4, arbitrary: reads },
    { weight: 1, arbitrary: subscribes },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'unsubscribe' }) },
    { weight: 3, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
    { weight: 2, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  ),
  { maxLength: 40, size: 'max' },
)
