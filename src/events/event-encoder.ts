import { types } from 'node:util'
import { type JsonWriter, textBytes } from '../json/json-writer.js'
import { JSON_AT, WITH_BYTES } from './event-record.js'
import { jsonText } from './json-data.js'

const BYTES_PREFIX = Uint8Array.from([WITH_BYTES, 0, 0, 0, 0])
const TYPE = textBytes('{"type":')
const TAGS = textBytes(',"tags":[')
const COMMA = textBytes(',')
const END_OF_TAGS = textBytes(']')
const VALUES = { data: textBytes(',"data":'), metadata: textBytes(',"metadata":') } as const
const ID = textBytes(',"id":')
const END = textBytes('}')

/** What an event's record is made of. */
export interface EventParts {
  readonly type: string
  readonly tags: readonly string[]
  readonly id: string | undefined
  /** As the caller gave it: bytes, or what JSON holds. */
  readonly data: unknown
  /** As the caller gave it. */
  readonly metadata: unknown
}

/** The record of an event. Throws `SLUICE_INVALID_ARGUMENT`, naming it by `name`, where JSON can't hold what it has. */
export function encodeEvent(writer: JsonWriter, name: string, event: EventParts): Uint8Array {
  const { type, tags, id, data, metadata } = event
  const bytes = types.isUint8Array(data) ? data : undefined
  if (bytes !== undefined) writer.raw(BYTES_PREFIX)
  writer.raw(TYPE)
  writer.string(type)
  if (tags.length > 0) {
    let before = TAGS
    for (const tag of tags) {
      writer.raw(before)
      writer.string(tag)
      before = COMMA
    }
    writer.raw(END_OF_TAGS)
  }
  if (bytes === undefined && data !== undefined) member(writer, name, 'data', data)
  if (metadata !== undefined) member(writer, name, 'metadata', metadata)
  if (id !== undefined) {
    writer.raw(ID)
    writer.string(id)
  }
  writer.raw(END)
  if (bytes !== undefined) {
    writer.patch(1, writer.length - JSON_AT)
    writer.raw(bytes)
  }
  return writer.take()
}

/** A property of the record; none where `toJSON` gives nothing. */
function member(writer: JsonWriter, name: string, property: keyof typeof VALUES, value: unknown): void {
  if (writer.plainMember(VALUES[property], value)) return
  const json = jsonText(name, property, value)
  if (json !== undefined) writer.member(VALUES[property], json)
}
