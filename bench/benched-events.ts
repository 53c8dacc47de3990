import type { AppendCondition } from '../src/events/index.js'

/** `unique`: each event has a tag of its own. `few`: a thousand tags are shared by all. */
export type Tagging = 'unique' | 'few'

const FEW = 1000
const TYPE = 'AccountOpened'
/** With all that stands beside it, a record of about 256 bytes. */
const DATA = {
  owner: 'Augusta Ada King, Countess of Lovelace',
  address: '12 Saint James Square, London SW1',
  currency: 'GBP',
  limit: 25_000,
  terms: 'accepted',
  source: 'branch-office-7',
}

export interface BenchedEvent {
  readonly type: string
  readonly tags: readonly string[]
  readonly data: typeof DATA
}

/** The event by its number; the number makes its tag. */
export function benchedEvent(number: number, tagging: Tagging): BenchedEvent {
  return { type: TYPE, tags: [tagOf(number, tagging)], data: DATA }
}

export function tagOf(number: number, tagging: Tagging): string {
  return tagging === 'unique' ? `account:${1e7 + number}` : `region:${number % FEW}`
}

/**
 * A condition with one type and one tag that never matches. With tags of their own: that there is no such event yet. With
 * few tags: that of many events with the tag none has another type, of which there are events too.
 */
export function neverMatching(number: number, tagging: Tagging): AppendCondition {
  const type = tagging === 'unique' ? TYPE : OTHER_EVENT.type
  return { failIfEventsMatch: { types: [type], tags: [tagOf(number, tagging)] } }
}

/** One of another type, so that a condition which asks for that type can't be answered by its absence. */
export const OTHER_EVENT = { type: 'RegionClosed', tags: ['region:none'] }

/** The record of an event, as a bare log would be given it. */
export function recordOf(event: BenchedEvent): Buffer {
  return Buffer.from(textOf(event))
}

/** The same as the text that it is. */
export function textOf(event: BenchedEvent): string {
  return JSON.stringify(event)
}
