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
  /** What the log will hold. */
  readonly record: string | Uint8Array
}

/** What the index needs of an event. */
export interface EventTerms {
  readonly type: string
  readonly tags: readonly string[]
  readonly id: string | undefined
}

const WITH_BYTES = 0x01
const PREFIX_BYTES = 5

interface RecordText {
  readonly type?: unknown
  readonly tags?: unknown
  readonly data?: unknown
  readonly metadata?: unknown
  readonly id?: unknown
}

/** A record with data in bytes; `text` is the JSON of all the rest. */
export function bytesRecord(text: string, data: Uint8Array): Uint8Array {
  const textBytes = Buffer.byteLength(text)
  const record = Buffer.allocUnsafe(PREFIX_BYTES + textBytes + data.byteLength)
  record[0] = WITH_BYTES
  record.writeUInt32LE(textBytes, 1)
  record.write(text, PREFIX_BYTES)
  record.set(data, PREFIX_BYTES + textBytes)
  return record
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
  const end = record.length < PREFIX_BYTES ? Number.NaN : PREFIX_BYTES + record.readUInt32LE(1)
  if (!(end <= record.length)) throw notAnEvent(position)
  return { text: parse(position, record.toString('utf8', PREFIX_BYTES, end)), data: record.subarray(end) }
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
