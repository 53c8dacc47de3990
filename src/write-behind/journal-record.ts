import { SluiceError } from '../errors.js'

/*
 * A record of the journal. Numbers are little-endian.
 *
 *   a mark          0        1        2              6            6 + n
 *                   +--------+--------+--------------+------------+----------+
 *                   | 1      | 1      | n, 32 bits   | key, UTF-8 | value    |
 *                   +--------+--------+--------------+------------+----------+
 *
 *   gone            0        1        2
 *                   +--------+--------+------------+
 *                   | 1      | 3      | key, UTF-8 |
 *                   +--------+--------+------------+
 *
 *   what was saved  0        1        2
 *                   +--------+--------+-----------------------------+
 *                   | 1      | 2      | LSNs of marks, 64 bits each |
 *                   +--------+--------+-----------------------------+
 *
 * The first byte is the version. A mark replaces those of its key before it, also where they are not named as saved. `gone` is a mark
 * without a value: there is nothing to save any more.
 */

const VERSION = 1
const MARK = 1
const SAVED = 2
const GONE = 3
const HEADER_BYTES = 2
const LENGTH_BYTES = 4
const LSN_BYTES = 8

export type JournalRecord =
  | { readonly kind: 'mark'; readonly key: string; readonly value: Buffer }
  | { readonly kind: 'gone'; readonly key: string }
  | { readonly kind: 'saved'; readonly lsns: readonly number[] }

export function markRecord(key: string, value: Uint8Array | string): Buffer {
  const keyBytes = Buffer.byteLength(key)
  const at = HEADER_BYTES + LENGTH_BYTES + keyBytes
  const valueBytes = typeof value === 'string' ? Buffer.byteLength(value) : value.byteLength
  const record = Buffer.allocUnsafe(at + valueBytes)
  record.writeUInt8(VERSION, 0)
  record.writeUInt8(MARK, 1)
  record.writeUInt32LE(keyBytes, HEADER_BYTES)
  record.write(key, HEADER_BYTES + LENGTH_BYTES)
  if (typeof value === 'string') record.write(value, at)
  else record.set(value, at)
  return record
}

export function goneRecord(key: string): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(key))
  record.writeUInt8(VERSION, 0)
  record.writeUInt8(GONE, 1)
  record.write(key, HEADER_BYTES)
  return record
}

export function savedRecord(lsns: readonly number[]): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + lsns.length * LSN_BYTES)
  record.writeUInt8(VERSION, 0)
  record.writeUInt8(SAVED, 1)
  for (const [index, lsn] of lsns.entries()) {
    record.writeBigUInt64LE(BigInt(lsn), HEADER_BYTES + index * LSN_BYTES)
  }
  return record
}

/** Throws `SLUICE_UNSUPPORTED_FORMAT` for a record of a newer version, `SLUICE_CORRUPT` for one that is none of a journal's. */
export function readRecord(data: Buffer, lsn: number): JournalRecord {
  const version = data[0]
  if (version !== undefined && version > VERSION) {
    const message = `record ${lsn} of the journal has version ${version}; this is version ${VERSION}`
    throw new SluiceError('SLUICE_UNSUPPORTED_FORMAT', message, { firstLsn: lsn })
  }
  if (version === VERSION && data[1] === MARK && data.length >= HEADER_BYTES + LENGTH_BYTES) {
    const at = HEADER_BYTES + LENGTH_BYTES + data.readUInt32LE(HEADER_BYTES)
    if (at <= data.length) {
      const key = data.toString('utf8', HEADER_BYTES + LENGTH_BYTES, at)
      return { kind: 'mark', key, value: data.subarray(at) }
    }
  }
  if (version === VERSION && data[1] === GONE) return { kind: 'gone', key: data.toString('utf8', HEADER_BYTES) }
  if (version === VERSION && data[1] === SAVED && (data.length - HEADER_BYTES) % LSN_BYTES === 0) {
    const lsns: number[] = []
    for (let at = HEADER_BYTES; at < data.length; at += LSN_BYTES) lsns.push(Number(data.readBigUInt64LE(at)))
    return { kind: 'saved', lsns }
  }
  throw new SluiceError('SLUICE_CORRUPT', `record ${lsn} is none of a journal of marks`, { firstLsn: lsn })
}
