import { checksum } from '../../../src/format/checksum.js'
import type { LogRecord } from '../../../src/log/contract.js'
import { random } from '../random.js'

/** The record's number and the checksum of what follows. Records too small for it carry noise alone. */
const HEADER_BYTES = 12
export const RECORD_BYTES_MAX = 256 * 1024

const noise = noiseOf(2 * RECORD_BYTES_MAX)

/** The record with this number, of this size: all of it follows from the two. */
export function soakRecord(number: number, bytes: number): Buffer {
  const start = (number * 7919) % RECORD_BYTES_MAX
  const data = Buffer.from(noise.subarray(start, start + bytes))
  if (bytes < HEADER_BYTES) return data
  data.writeDoubleLE(number, 0)
  data.writeUInt32LE(checksum(data.subarray(HEADER_BYTES)), 8)
  return data
}

/** The number of a record; `undefined` where it is too small to carry one. Throws where it is not what was appended. */
export function numberOf({ lsn, data }: Pick<LogRecord, 'lsn' | 'data'>): number | undefined {
  if (data.length < HEADER_BYTES) return undefined
  const number = data.readDoubleLE(0)
  if (data.readUInt32LE(8) !== checksum(data.subarray(HEADER_BYTES)) || !Number.isSafeInteger(number)) {
    throw new Error(`LSN ${lsn} has other bytes than were appended`)
  }
  return number
}

function noiseOf(bytes: number): Buffer {
  const data = Buffer.alloc(bytes)
  const { below } = random(1)
  for (let at = 0; at < bytes; at += 4) data.writeUInt32LE(below(2 ** 32), at)
  return data
}
