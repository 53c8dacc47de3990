import { SluiceError } from '../errors.js'
import { borrowWriter, giveBackWriter } from '../json/borrowed-writer.js'
import { type JsonWriter, textBytes } from '../json/json-writer.js'
import type { TextBytes } from './entry.js'
import { jsonOf, parsedBytes, quoted } from './json-text.js'

const COMMA = textBytes(',')
const END = textBytes(']')

/*
 * What a state store writes into its log: JSON texts, readable with `sluice cat`. The second element is the schema version
 * of the values.
 *
 *     ["set",1,"key",value]
 *     ["delete",1,"key"]
 *     ["batch",1,["set","key",value],["delete","key"],…]     a transaction: one record, so all of it or nothing
 *     ["checkpoint",1,"0000000000000042-1.snapshot"]         this snapshot, of the state after LSN 42, is durable
 *     ["adopt",1,"players.json"]                             what comes now is the content of this file, and all there is,
 *     ["adopted",1,1000]                                     up to here: 1000 keys
 */

/** One write: `text` is the value as JSON, `undefined` where the key is deleted. */
export interface WriteText {
  readonly key: string
  readonly text: string | undefined
}

/** The record of a set, or of a delete: then the value has no bytes. It lies in memory that the next one uses again. */
export interface EncodedWrite {
  readonly bytes: Uint8Array
  readonly valueAt: number
  readonly valueLength: number
}

export type StateRecord =
  | { readonly kind: 'writes'; readonly schema: number; readonly writes: readonly RecordedWrite[] }
  | { readonly kind: 'checkpoint'; readonly file: string }
  | { readonly kind: 'adopt' }
  | { readonly kind: 'adopted' }

/** A write as it was found. */
export interface RecordedWrite {
  readonly key: string
  readonly content: { readonly value: unknown } | undefined
  /** Where it is known: the value as it lies in the record. */
  readonly text?: TextBytes | undefined
}

/** Encodes what a store of one schema version writes. */
export class RecordEncoder {
  readonly #schema: number
  readonly #set: Uint8Array
  readonly #delete: Uint8Array

  constructor(schema: number) {
    this.#schema = schema
    this.#set = textBytes(`["set",${schema},`)
    this.#delete = textBytes(`["delete",${schema},`)
  }

  /** Throws `SLUICE_INVALID_ARGUMENT` for a value that JSON doesn't have. */
  set(key: string, value: unknown): EncodedWrite {
    return this.#encoded(this.#set, key, (writer) => {
      if (!writer.plainMember(COMMA, value)) writer.member(COMMA, jsonOf(value))
    })
  }

  /** Of a value that is JSON text already; `undefined` deletes. */
  write(key: string, text: string | undefined): EncodedWrite {
    if (text === undefined) return this.#encoded(this.#delete, key, () => {})
    return this.#encoded(this.#set, key, (writer) => writer.member(COMMA, text))
  }

  batch(writes: readonly WriteText[]): string {
    const texts = writes.map(({ key, text }) =>
      text === undefined ? `["delete",${quoted(key)}]` : `["set",${quoted(key)},${text}]`,
    )
    return `["batch",${this.#schema},${texts.join(',')}]`
  }

  checkpoint(file: string): string {
    return JSON.stringify(['checkpoint', this.#schema, file])
  }

  adopt(file: string): string {
    return JSON.stringify(['adopt', this.#schema, file])
  }

  adopted(keys: number): string {
    return JSON.stringify(['adopted', this.#schema, keys])
  }

  #encoded(head: Uint8Array, key: string, putValue: (writer: JsonWriter) => void): EncodedWrite {
    const writer = borrowWriter()
    try {
      writer.raw(head)
      writer.string(key)
      const keyEnd = writer.length
      putValue(writer)
      const end = writer.length
      writer.raw(END)
      const hasValue = end > keyEnd
      return {
        bytes: writer.take(),
        valueAt: hasValue ? keyEnd + COMMA.length : end,
        valueLength: hasValue ? end - keyEnd - COMMA.length : 0,
      }
    } finally {
      giveBackWriter(writer)
    }
  }
}

/** Throws `SLUICE_CORRUPT` for what no state store has written: somebody else appended to its log. */
export function decodeStateRecord(lsn: number, data: Buffer): StateRecord {
  const record = parsedBytes(data)
  if (Array.isArray(record)) {
    const [kind, schema, ...rest]: unknown[] = record
    const known = typeof schema === 'number' && Number.isSafeInteger(schema) && schema >= 1
    const decoded = known ? recordOf(kind, schema, rest) : undefined
    if (decoded !== undefined) return withText(decoded, data)
  }
  const message = `the record with LSN ${lsn} was not written by a state store`
  throw new SluiceError('SLUICE_CORRUPT', message, { firstLsn: lsn, lastLsn: lsn })
}

/** Of the record of a set, which is the most frequent one, as a store writes it, the text of its value is told. */
function withText(record: StateRecord, data: Buffer): StateRecord {
  if (record.kind !== 'writes' || record.writes.length !== 1) return record
  const [write] = record.writes
  if (write?.content === undefined) return record
  const head = Buffer.from(`["set",${record.schema},${JSON.stringify(write.key)},`)
  const length = data.length - head.length - END.length
  // All of it is JSON: what ends with the bracket has nothing else behind the value.
  if (length <= 0 || data.at(-1) !== END[0]) return record
  if (data.compare(head, 0, head.length, 0, head.length) !== 0) return record
  return { ...record, writes: [{ ...write, text: { bytes: data, from: head.length, length } }] }
}

function recordOf(kind: unknown, schema: number, rest: readonly unknown[]): StateRecord | undefined {
  const [first] = rest
  if (kind === 'set' || kind === 'delete') return writesOf(schema, [[kind, ...rest]])
  if (kind === 'batch') return writesOf(schema, rest)
  if (kind === 'checkpoint') return typeof first === 'string' ? { kind, file: first } : undefined
  if (kind === 'adopt' || kind === 'adopted') return { kind }
  return undefined
}

function writesOf(schema: number, parts: readonly unknown[]): StateRecord | undefined {
  const writes: RecordedWrite[] = []
  for (const part of parts) {
    if (!Array.isArray(part)) return undefined
    const [kind, key, value]: unknown[] = part
    if (typeof key !== 'string') return undefined
    if (kind === 'set' && part.length === 3) writes.push({ key, content: { value } })
    else if (kind === 'delete' && part.length === 2) writes.push({ key, content: undefined })
    else return undefined
  }
  return { kind: 'writes', schema, writes }
}
