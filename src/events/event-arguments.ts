import { types } from 'node:util'
import { shown } from '../errors.js'
import type { EventAppendOptions, EventReadOptions, SubscribeOptions } from './contract.js'
import { bytesRecord, type CheckedEvent } from './event-record.js'
import { jsonText } from './json-data.js'
import { checkTerm, checkTerms, isPlain, refuse, refuseUnknown } from './query.js'

const EVENT_PROPERTIES = ['type', 'tags', 'data', 'metadata', 'id']
const NO_TAGS: readonly string[] = []
/** Longer strings are quoted faster by `JSON.stringify`. */
const QUOTED_MAX = 64

interface GivenEvent {
  readonly type?: unknown
  readonly tags?: unknown
  readonly data?: unknown
  readonly metadata?: unknown
  readonly id?: unknown
}

/** Checks the events of one append, and encodes them. Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses. */
export function checkEvents(events: unknown): readonly CheckedEvent[] {
  if (!Array.isArray(events)) return [checkEvent('event', events)]
  const given: readonly unknown[] = events
  if (given.length === 0) refuse('events must not be empty')
  const checked = Array.from(given, (event, index) => checkEvent(`events[${index}]`, event))
  checkIds(checked)
  return checked
}

/** Checks the options of `append`. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkAppendOptions(options: EventAppendOptions | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined
  checkOptions('append', options, ['signal'])
  return checkSignal(options.signal)
}

/** Checks the options of `read`. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkReadOptions(options: EventReadOptions): void {
  checkOptions('read', options, ['from', 'to', 'backwards', 'limit', 'signal'])
  if (options.from !== undefined) checkInteger('from', options.from, 1)
  if (options.to !== undefined) checkInteger('to', options.to, 1)
  if (options.limit !== undefined) checkInteger('limit', options.limit, 1)
  if (options.backwards !== undefined && typeof options.backwards !== 'boolean') {
    refuse(`backwards must be true or false, not ${shown(options.backwards)}`)
  }
  checkSignal(options.signal)
}

/** Checks the options of `subscribe`. Throws `SLUICE_INVALID_ARGUMENT`. */
export function checkSubscribeOptions(options: SubscribeOptions): void {
  checkOptions('subscribe', options, ['from', 'signal'])
  if (options.from !== undefined) checkInteger('from', options.from, 1)
  checkSignal(options.signal)
}

function checkEvent(name: string, event: unknown): CheckedEvent {
  if (!isPlain(event)) refuse(`${name} must be an object with a type, not ${shown(event)}`)
  refuseUnknown(name, event, EVENT_PROPERTIES)
  const given: GivenEvent = event
  const type = checkTerm(name, '.type', given.type)
  const tags = given.tags === undefined ? NO_TAGS : checkTerms(name, '.tags', given.tags)
  const id = given.id === undefined ? undefined : checkTerm(name, '.id', given.id)
  return { type, tags, id, record: encode(name, type, tags, id, given) }
}

/**
 * The record. Its text is put together part by part: what `JSON.stringify` takes for an object with all of them costs more
 * than the rest of an append.
 */
function encode(
  name: string,
  type: string,
  tags: readonly string[],
  id: string | undefined,
  { data, metadata }: GivenEvent,
): string | Uint8Array {
  const bytes = types.isUint8Array(data) ? data : undefined
  let text = `{"type":${quoted(type)}`
  if (tags.length > 0) {
    let list = ''
    for (const tag of tags) list += list === '' ? quoted(tag) : `,${quoted(tag)}`
    text += `,"tags":[${list}]`
  }
  if (bytes === undefined && data !== undefined) text += member(name, 'data', data)
  if (metadata !== undefined) text += member(name, 'metadata', metadata)
  text += id === undefined ? '}' : `,"id":${quoted(id)}}`
  return bytes === undefined ? text : bytesRecord(text, bytes)
}

/** A property of the record's text; none where `toJSON` gives nothing. */
function member(name: string, property: string, value: unknown): string {
  const json = jsonText(name, property, value)
  return json === undefined ? '' : `,"${property}":${json}`
}

/** A string in JSON. Most types and tags are plain text, which needs no call out of the compiled code. */
function quoted(term: string): string {
  if (term.length > QUOTED_MAX) return JSON.stringify(term)
  for (let at = 0; at < term.length; at++) {
    const unit = term.charCodeAt(at)
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return JSON.stringify(term)
  }
  return `"${term}"`
}

function checkIds(events: readonly CheckedEvent[]): void {
  const ids = events.flatMap(({ id }) => (id === undefined ? [] : [id]))
  if (ids.length === 0) return
  if (ids.length < events.length) refuse('of one append all events have an id, or none')
  const seen = new Set<string>()
  for (const id of ids) {
    if (seen.has(id)) refuse(`two events have the id ${shown(id)}`)
    seen.add(id)
  }
}

function checkOptions(method: string, options: unknown, known: readonly string[]): void {
  if (!isPlain(options)) refuse(`the options of ${method} must be an object, not ${shown(options)}`)
  refuseUnknown(`the options of ${method}`, options, known)
}

function checkInteger(name: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= least) return
  refuse(`${name} must be a whole number from ${least} to 2^53-1, not ${shown(value)}`)
}

function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
}
