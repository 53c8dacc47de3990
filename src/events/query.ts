import { SluiceError, shown } from '../errors.js'
import type { AppendCondition, Query } from './contract.js'

const CONDITION_PROPERTIES = ['failIfEventsMatch', 'after']
const ITEM_PROPERTIES = ['types', 'tags']

/** A query, checked, with nothing left to guess: no items for all events. */
export type CheckedQuery = 'all' | readonly CheckedItem[]

export interface CheckedItem {
  /** Empty for any type. */
  readonly types: readonly string[]
  /** Empty for any tags. */
  readonly tags: readonly string[]
}

/** An append condition, checked. */
export interface CheckedCondition {
  readonly query: CheckedQuery
  /** Only events behind this position count. */
  readonly after: number
}

/** Types and tags are texts that can be told apart when they are written down: not empty, and well-formed. */
export function checkTerm(owner: string, part: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.isWellFormed()) return value
  // The name is put together only here: that would cost each append more than the check.
  const name = `${owner}${part}`
  if (typeof value !== 'string' || value === '')
    refuse(`${name} must be a string that is not empty, not ${shown(value)}`)
  refuse(`${name} has a lone surrogate, which UTF-8 can't hold: ${shown(value)}`)
}

/** Checks types or tags: an array of strings without duplicates, which is copied. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkTerms(owner: string, part: string, value: unknown): readonly string[] {
  if (!Array.isArray(value)) refuse(`${owner}${part} must be an array of strings, not ${shown(value)}`)
  const terms: readonly unknown[] = value
  const only = terms[0]
  // A look at a single one, by far the most frequent case, takes no loop.
  if (terms.length === 1 && typeof only === 'string' && only !== '' && only.isWellFormed()) return [only]
  // A copy without holes: what is missing is refused, not skipped.
  const checked = Array.from(terms, (term, index) => checkTerm(`${owner}${part}`, `[${index}]`, term))
  refuseDuplicates(`${owner}${part}`, checked)
  return checked
}

/** Checks a query, and copies it: later changes by the caller don't matter. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkQuery(name: string, query: Query): CheckedQuery {
  if (query === 'all') return 'all'
  if (!Array.isArray(query)) return [checkItem(name, query)]
  const items: readonly unknown[] = query
  if (items.length === 0) refuse(`${name} must be 'all', or have an item at least`)
  return Array.from(items, (item, index) => checkItem(`${name}[${index}]`, item))
}

/** Checks an append condition, and copies it. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkCondition(condition: AppendCondition): CheckedCondition {
  if (!isPlain(condition)) refuse(`condition must be an object, not ${shown(condition)}`)
  refuseUnknown('condition', condition, CONDITION_PROPERTIES)
  const { failIfEventsMatch, after = 0 } = condition
  if (!Number.isSafeInteger(after) || after < 0) {
    refuse(`condition.after must be a whole number from 0 to 2^53-1, not ${shown(after)}`)
  }
  return { query: checkQuery('condition.failIfEventsMatch', failIfEventsMatch), after }
}

/** Throws `SLUICE_INVALID_ARGUMENT`. */
export function refuse(message: string, cause?: unknown): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message, cause === undefined ? {} : { cause })
}

/** Throws `SLUICE_INVALID_ARGUMENT` for a property that nobody knows: a misspelt one must not be ignored. */
export function refuseUnknown(name: string, value: object, known: readonly string[]): void {
  // Not by Object.keys, which makes an array for each append.
  for (const key in value) {
    if (!known.includes(key) && Object.hasOwn(value, key))
      refuse(`${name} has no property ${shown(key)}; it has ${known.join(', ')}`)
  }
}

/** Whether a value is an object with properties of its own: no array, no bytes. */
export function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function checkItem(name: string, item: unknown): CheckedItem {
  if (!isPlain(item)) refuse(`${name} must be an object with types, tags or both, not ${shown(item)}`)
  refuseUnknown(name, item, ITEM_PROPERTIES)
  const { types, tags }: { readonly types?: unknown; readonly tags?: unknown } = item
  const checked = {
    types: types === undefined ? [] : checkTerms(name, '.types', types),
    tags: tags === undefined ? [] : checkTerms(name, '.tags', tags),
  }
  if (checked.types.length + checked.tags.length > 0) return checked
  refuse(`${name} matches nothing in particular: it must have a type or a tag at least ('all' is all events)`)
}

/** A few are compared one by one: that is cheaper than a set. */
function refuseDuplicates(name: string, terms: readonly string[]): void {
  if (terms.length < 2) return
  if (terms.length > 8) {
    if (new Set(terms).size === terms.length) return
  } else if (terms.every((term, index) => terms.indexOf(term) === index)) return
  const duplicate = terms.find((term, index) => terms.indexOf(term) !== index)
  refuse(`${name} has ${shown(duplicate)} twice`)
}
