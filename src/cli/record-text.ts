import { isUtf8 } from 'node:buffer'
import type { LogRecord } from '../log/contract.js'
import type { Output } from './output.js'

const NEWLINE = Buffer.from('\n')

/** Puts a record into the output. */
export type RecordPutter = (output: Output, record: LogRecord) => void

/** The record's bytes as they are, and a newline. */
export function putBytes(output: Output, record: LogRecord): void {
  output.put(record.data)
  output.put(NEWLINE)
}

/**
 * The record as a JSON object on a line of its own: `lsn`, `timestamp` in milliseconds since the epoch, and either `data`,
 * where its bytes are well-formed UTF-8, or `base64`, where they are not: never both.
 */
export function putJson(output: Output, { lsn, timestamp, data }: LogRecord): void {
  const content = isUtf8(data) ? { data: data.toString('utf8') } : { base64: data.toString('base64') }
  output.put(`${JSON.stringify({ lsn, timestamp, ...content })}\n`)
}

/** How records are to be put, going by `--json`. */
export function recordPutter(json: boolean | undefined): RecordPutter {
  return json === true ? putJson : putBytes
}
