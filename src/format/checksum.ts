import { crc32 } from 'node:zlib'

/**
 * CRC-32 as zlib computes it (ISO-HDLC: polynomial 0xEDB88320, reflected). `seed` continues an earlier checksum, so
 * that what the seed was made of is bound into the result.
 */
export function checksum(bytes: Uint8Array, seed = 0): number {
  return crc32(bytes, seed)
}

const offsetBytes = Buffer.alloc(8)

/** The seed for all that lies at `offset` of the segment whose nonce has the checksum `nonceChecksum`. */
export function positionSeed(nonceChecksum: number, offset: number): number {
  writeUint64(offsetBytes, offset, 0)
  return crc32(offsetBytes, nonceChecksum)
}

/** Writes a safe integer as 8 bytes, little-endian. */
export function writeUint64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value >>> 0, at)
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

/** Reads 8 bytes, little-endian. `Number.NaN` for what is not a safe integer: no comparison with it ever holds. */
export function readUint64(buffer: Buffer, at: number): number {
  const value = buffer.readUInt32LE(at + 4) * 0x1_0000_0000 + buffer.readUInt32LE(at)
  return Number.isSafeInteger(value) ? value : Number.NaN
}

/** Rounds up to a multiple of 8: where frames and footers begin. */
export function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
