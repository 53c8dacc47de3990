import { SluiceError } from '../errors.js'
import type { EventShape, StoredEvent } from './contract.js'

/**
 * An event as a record of the log. Position and timestamp are the record's own, and not in it.
 *
 * Without bytes it is JSON text, which other tools can read:
 *
 *     {"type":"…","tags":["…"],"data":…,"metadata":…,"id":"…"}        what is absent is left out
 *
 * With data in bytes, the text (without `data`) lies between a length and the bytes:
 *
 *     ┌──────┬───────────────┬─────────────┬────────────┐
 *     │ 0x01 │ text bytes: 4 │ text: UTF-8 │ data bytes │
 *     └──────┴───────────────┴─────────────┴────────────┘
 *
 * No JSON text begins with 0x01, so the first byte tells the two apart.
 */

/** An event to append, checked. */
export interface CheckedEvent {
  readonly type: string
  readonly tags: readonly string[]
  readonly id: string | undefined
  /** What the log will hold. It lies in memory that the next append uses again. */
  readonly record: Uint8Array
}

/** What the index needs of an event. */
export interface EventTerms {
  readonly type: string
  readonly tags: readonly string[]
  readonly id: string | undefined
}

/** The first byte of a record with data in bytes. */
export const WITH_BYTES = 0x01
/** Where the text begins there, behind its length. */
export const JSON_AT = 5

interface RecordText {
  readonly type?: unknown
  readonly tags?: unknown
  readonly data?: unknown
  readonly metadata?: unknown
  readonly id?: unknown
}

/** The event of a record. Throws `SLUICE_CORRUPT` where the record is not one of an event store. */
export function readEvent(position: number, record: Buffer, timestamp: number): StoredEvent {
  const { text, data } = split(position, record)
  const { type, tags = [], metadata, id } = text
  const event: EventShape & {
    type: string
    data?: unknown
    tags: readonly string[]
    metadata?: unknown
    id?: string
  } & {
    position: number
    timestamp: number
  } = { type: termIn(position, type), tags: termsIn(position, tags), position, timestamp }
  if (data !== undefined) event.data = data
  if (metadata !== undefined) event.metadata = metadata
  if (id !== undefined) event.id = termIn(position, id)
  return event
}

/** Type, tags and id of a record. Throws `SLUICE_CORRUPT` where the record is not one of an event store. */
export function readTerms(position: number, record: Buffer): EventTerms {
  const { type, tags = [], id } = split(position, record).text
  return {
    type: termIn(position, type),
    tags: termsIn(position, tags),
    id: id === undefined ? undefined : termIn(position, id),
  }
}

function split(position: number, record: Buffer): { text: RecordText; data: unknown } {
  if (record[0] !== WITH_BYTES) {
    const text = parse(position, record.toString())
    return { text, data: text.data }
  }
  const end = record.length < JSON_AT ? Number.NaN : JSON_AT + record.readUInt32LE(1)
  if (!(end <= record.length)) throw notAnEvent(position)
  return { text: parse(position, record.toString('utf8', JSON_AT, end)), data: record.subarray(end) }
}

function parse(position: number, text: string): RecordText {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw notAnEvent(position, cause)
  }
  if (typeof value !== 'object' || value === null) throw notAnEvent(position)
  return value
}

function termIn(position: number, value: unknown): string {
  if (typeof value !== 'string') throw notAnEvent(position)
  return value
}

function termsIn(position: number, value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw notAnEvent(position)
  const terms: readonly unknown[] = value
  for (const term of terms) termIn(position, term)
  return value // All of them were just found to be strings.
}

function notAnEvent(position: number, cause?: unknown): SluiceError {
  const message = `record ${position} of the log is not an event: something else has written to it`
  return new SluiceError('SLUICE_CORRUPT', message, { position, ...(cause === undefined ? {} : { cause }) })
}
