import type { Query, QueryItem } from './contract.js'
import type { CheckedItem, CheckedQuery } from './query.js'

/** What of an event a query looks at. */
interface MatchedEvent {
  readonly type: string
  readonly tags: readonly string[]
}

/** Whether a query, which a store would accept, matches an event. */
export function matchesQuery(query: Query, event: MatchedEvent): boolean {
  if (query === 'all') return true
  if (!isList(query)) return matchesItem(query, event)
  for (const item of query) if (matchesItem(item, event)) return true
  return false
}

function matchesItem({ types, tags }: QueryItem, event: MatchedEvent): boolean {
  if (types !== undefined && types.length > 0 && !types.includes(event.type)) return false
  if (tags !== undefined) for (const tag of tags) if (!event.tags.includes(tag)) return false
  return true
}

/** `Array.isArray` doesn't know of arrays that are only to be read. */
function isList(query: QueryItem | readonly QueryItem[]): query is readonly QueryItem[] {
  return Array.isArray(query)
}

/** What any of the queries matches, without items that come twice. */
export function unionOfQueries(queries: readonly CheckedQuery[]): CheckedQuery {
  const items = new Map<string, CheckedItem>()
  for (const query of queries) {
    if (query === 'all') return 'all'
    for (const item of query) {
      const text = itemText(item)
      if (!items.has(text)) items.set(text, item)
    }
  }
  return [...items.values()]
}

/** The same text for queries that match the same events because only their order differs. */
export function queryText(query: CheckedQuery): string {
  return query === 'all' ? query : [...new Set(query.map(itemText))].sort().join()
}

function itemText({ types, tags }: CheckedItem): string {
  return JSON.stringify([types.toSorted(), tags.toSorted()])
}

/** A checked query as any store takes it: what restricts nothing is left out. */
export function plainQuery(query: CheckedQuery): Query {
  if (query === 'all') return query
  return query.map(({ types, tags }) => ({
    ...(types.length === 0 ? {} : { types }),
    ...(tags.length === 0 ? {} : { tags }),
  }))
}
