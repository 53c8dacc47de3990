import { types } from 'node:util'
import { SluiceError, shown } from '../errors.js'
import { jsonContent } from './json-content.js'

/** JSON as text, bytes of the store's own, or nothing: what no caller can change any more. */
export type Content = string | Uint8Array | undefined

/** An event that was checked and copied. */
export interface CheckedEvent {
  readonly type: string
  readonly tags: readonly string[]
  readonly data: Content
  readonly metadata: Content
  readonly id: string | undefined
}

/** A query that was checked and copied: matched by all events, or by those that one of its items matches. */
export type CheckedQuery = 'all' | readonly CheckedItem[]

/** An empty list restricts nothing; one of the two is not empty. */
export interface CheckedItem {
  readonly types: readonly string[]
  readonly tags: readonly string[]
}

export interface CheckedCondition {
  readonly query: CheckedQuery
  readonly after: number
}

export interface CheckedReading {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly backwards: boolean
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/** One event, or a list of them: of all or of none has an id, and no id comes twice. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedEvents(events: unknown): readonly CheckedEvent[] {
  const list: readonly unknown[] = Array.isArray(events) ? events : [events]
  if (list.length === 0) refuse('there is no event to append')
  const checked = Array.from(list, (event, i) => checkedEvent(Array.isArray(events) ? `events[${i}]` : 'event', event))
  const ids = checked.map(({ id }) => id).filter((id) => id !== undefined)
  if (ids.length > 0 && ids.length < checked.length) refuse('of the events of one append all have an id, or none')
  refuseRepeated('id', ids)
  return checked
}

function checkedEvent(name: string, value: unknown): CheckedEvent {
  const event = object('an event', value, ['type', 'tags', 'data', 'metadata', 'id'])
  return {
    type: text('type', event['type']),
    tags: strings('tag', event['tags']),
    data: types.isUint8Array(event['data']) ? Uint8Array.from(event['data']) : json(`${name}.data`, event['data']),
    metadata: json(`${name}.metadata`, event['metadata']),
    id: event['id'] === undefined ? undefined : text('id', event['id']),
  }
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedQuery(query: unknown): CheckedQuery {
  if (query === 'all') return query
  const items: readonly unknown[] = Array.isArray(query) ? query : [query]
  if (items.length === 0) refuse('a query has an item at least')
  return Array.from(items, checkedItem)
}

function checkedItem(value: unknown): CheckedItem {
  const item = object('an item of a query', value, ['types', 'tags'])
  const checked = {
    types: strings('type', item['types']),
    tags: strings('tag', item['tags']),
  }
  if (checked.types.length + checked.tags.length === 0) refuse('an item of a query has a type or a tag at least')
  return checked
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedCondition(value: unknown): CheckedCondition | undefined {
  if (value === undefined) return undefined
  const condition = object('a condition', value, ['failIfEventsMatch', 'after'])
  return {
    query: checkedQuery(condition['failIfEventsMatch']),
    after: wholeNumber('after', condition['after'], 0) ?? 0,
  }
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedReading(value: unknown): CheckedReading {
  const options = object('the options of read', value ?? {}, ['from', 'to', 'backwards', 'limit', 'signal'])
  const { backwards = false } = options
  if (typeof backwards !== 'boolean') refuse(`backwards must be true or false, not ${shown(backwards)}`)
  return {
    from: wholeNumber('from', options['from'], 1),
    to: wholeNumber('to', options['to'], 1),
    backwards,
    limit: wholeNumber('limit', options['limit'], 1) ?? Number.POSITIVE_INFINITY,
    signal: checkedSignal(options['signal']),
  }
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedSubscription(value: unknown): {
  readonly from: number
  readonly signal: AbortSignal | undefined
} {
  const options = object('the options of subscribe', value ?? {}, ['from', 'signal'])
  return { from: wholeNumber('from', options['from'], 1) ?? 1, signal: checkedSignal(options['signal']) }
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkedAppendSignal(value: unknown): AbortSignal | undefined {
  return checkedSignal(object('the options of append', value ?? {}, ['signal'])['signal'])
}

function checkedSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  return refuse(`signal must be an AbortSignal, not ${shown(value)}`)
}

function object(name: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${name} must be an object, not ${shown(value)}`)
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) refuse(`${name} has no ${unknown}; it has ${known.join(', ')}`)
  return value as Record<string, unknown> // An object that is no array: each property is looked at as unknown.
}

/** A list of names, none of which is there twice; an empty one where there is none. */
function strings(name: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) refuse(`${name}s must be an array of strings, not ${shown(value)}`)
  const copied = Array.from(value, (each) => text(name, each))
  refuseRepeated(name, copied)
  return copied
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') refuse(`${name}: a string is needed, and not ${shown(value)}`)
  if (!value.isWellFormed()) refuse(`${name} has a lone surrogate, which UTF-8 can't hold: ${shown(value)}`)
  return value
}

function json(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : jsonContent(name, value)
}

function wholeNumber(name: string, value: unknown, least: number): number | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && Number(value) >= least) return Number(value)
  return refuse(`${name} must be a whole number from ${least} to 2^53-1, not ${shown(value)}`)
}

function refuseRepeated(name: string, values: readonly string[]): void {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value)) refuse(`the ${name} ${shown(value)} is there twice`)
    seen.add(value)
  }
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
