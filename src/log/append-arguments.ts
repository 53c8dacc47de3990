import { types } from 'node:util'
import { SluiceError, shown } from '../errors.js'
import { givenLength, isGone } from '../fs/given-bytes.js'
import type { AckLevel } from '../options.js'
import type { AppendOptions } from './contract.js'
import { isSignal } from './signals.js'

/** The bytes of a record's data as it will be stored. Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_RECORD_TOO_LARGE`. */
export function dataBytes(data: unknown, maxRecordBytes: number): number {
  let bytes: number
  if (typeof data === 'string') {
    if (!data.isWellFormed()) {
      refuse(`data has a lone surrogate, which UTF-8 can't hold: ${shown(data)}`)
    }
    bytes = Buffer.byteLength(data)
  } else if (types.isUint8Array(data)) {
    // What it has, whatever a class of the caller's says.
    bytes = givenLength(data)
    if (bytes === 0 && isGone(data))
      refuse('data is a view of an ArrayBuffer that was transferred, or has become too short')
  } else {
    refuse(`data must be a Uint8Array or a string, not ${shown(data)}`)
  }
  if (bytes > maxRecordBytes) throw tooLarge(bytes, maxRecordBytes)
  return bytes
}

/** The records of one append, whose data was checked. */
export interface CheckedRecords {
  /** In an array of its own: one of the caller's may give another record, or run code, each time that it is asked. */
  readonly data: readonly (Uint8Array | string)[]
  /** The bytes of each one's data as it will be stored, and of all. */
  readonly sizes: readonly number[]
  readonly bytes: number
}

/** Checks the records of an `appendMany`. Throws `SLUICE_INVALID_ARGUMENT` and `SLUICE_RECORD_TOO_LARGE`. */
export function checkedRecords(data: unknown, maxRecordBytes: number): CheckedRecords {
  if (!Array.isArray(data)) refuse(`data must be an array of records, not ${shown(data)}`)
  const records: (Uint8Array | string)[] = []
  const sizes: number[] = []
  let bytes = 0
  for (const record of data) {
    const size = dataBytes(record, maxRecordBytes)
    records.push(record)
    sizes.push(size)
    bytes += size
    // At once: the rest may be endless.
    if (bytes > maxRecordBytes) throw tooLarge(bytes, maxRecordBytes)
  }
  if (records.length === 0) refuse('data must be an array of records, not an empty one')
  return { data: records, sizes, bytes }
}

/** The refusal of `bytes` of data. */
function tooLarge(bytes: number, most: number): SluiceError {
  const message = `${bytes} bytes in one append are too many: maxRecordBytes allows ${most}`
  return new SluiceError('SLUICE_RECORD_TOO_LARGE', message)
}

/** Checks an append's options. Throws `SLUICE_INVALID_ARGUMENT`, naming what it refuses. */
export function appendOptions(
  options: AppendOptions | undefined,
  defaultAck: AckLevel,
  durableIsPossible: boolean,
): { ack: AckLevel; signal: AbortSignal | undefined } {
  if (options === undefined) return { ack: defaultAck, signal: undefined }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    refuse(`options must be an object, not ${shown(options)}`)
  for (const name of Object.keys(options)) {
    if (name !== 'ack' && name !== 'signal') refuse(`there is no option ${name}; there are signal, ack`)
  }
  const { ack = defaultAck, signal } = options
  if (ack !== 'durable' && ack !== 'written') refuse(`ack must be 'durable' or 'written', not ${shown(ack)}`)
  if (ack === 'durable' && !durableIsPossible) {
    refuse("ack: 'durable' is impossible under this flush policy: nothing syncs by itself, and it could wait for ever")
  }
  if (signal !== undefined && !isSignal(signal)) {
    refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
  }
  return { ack, signal }
}

function refuse(message: string): never {
  throw new SluiceError('SLUICE_INVALID_ARGUMENT', message)
}
