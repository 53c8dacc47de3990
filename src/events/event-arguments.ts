import { shown } from '../errors.js'
import { borrowWriter, giveBackWriter } from '../json/borrowed-writer.js'
import type { JsonWriter } from '../json/json-writer.js'
import type { EventAppendOptions, EventReadOptions, SubscribeOptions } from './contract.js'
import { encodeEvent } from './event-encoder.js'
import type { CheckedEvent } from './event-record.js'
import { checkTerm, checkTerms, isPlain, refuse, refuseUnknown } from './query.js'

const EVENT_PROPERTIES = ['type', 'tags', 'data', 'metadata', 'id']
const NO_TAGS: readonly string[] = []

interface GivenEvent {
  readonly type?: unknown
  readonly tags?: unknown
  readonly data?: unknown
  readonly metadata?: unknown
  readonly id?: unknown
}

/**
 * Checks the events of one append, and encodes them: their records hold until the next call. Throws
 * `SLUICE_INVALID_ARGUMENT`, naming what it refuses.
 */
export function checkEvents(events: unknown): readonly CheckedEvent[] {
  const writer = borrowWriter()
  try {
    return Array.isArray(events) ? checkAll(events, writer) : [checkEvent('event', events, writer)]
  } finally {
    giveBackWriter(writer)
  }
}

function checkAll(events: readonly unknown[], writer: JsonWriter): readonly CheckedEvent[] {
  if (events.length === 0) refuse('events must not be empty')
  const checked = Array.from(events, (event, index) => checkEvent(`events[${index}]`, event, writer))
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

function checkEvent(name: string, event: unknown, writer: JsonWriter): CheckedEvent {
  if (!isPlain(event)) refuse(`${name} must be an object with a type, not ${shown(event)}`)
  refuseUnknown(name, event, EVENT_PROPERTIES)
  const given: GivenEvent = event
  const type = checkTerm(name, '.type', given.type)
  const tags = given.tags === undefined ? NO_TAGS : checkTerms(name, '.tags', given.tags)
  const id = given.id === undefined ? undefined : checkTerm(name, '.id', given.id)
  const { data, metadata } = given
  return { type, tags, id, record: encodeEvent(writer, name, { type, tags, id, data, metadata }) }
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
