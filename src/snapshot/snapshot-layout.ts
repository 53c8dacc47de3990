import { checksum, checksumRange, positionSeed, readUint64, writeUint64 } from '../format/checksum.js'

/*
 * A snapshot file: a header, blocks of any length, a trailer; all close together.
 *
 *    0        8     12  14 15 16      32
 *    ┌────────┬─────┬───┬──┬──┬───────┬───────┬───────┬ ─ ─ ┬───────┬─────────┐
 *    │SLUICESN│ crc │ver│ck│ 0│ nonce │ block │ block │     │ block │ trailer │
 *    └────────┴─────┴───┴──┴──┴───────┴───────┴───────┴ ─ ─ ┴───────┴─────────┘
 *
 *    a block:                           the trailer:
 *    0      4      8       12     16            0      4     8        16      24
 *    ┌──────┬──────┬───────┬──────┬──────┐      ┌──────┬─────┬────────┬───────┐
 *    │ SLSB │ head │ body  │ body │ body │      │ SLSE │ crc │ blocks │ bytes │
 *    │      │ crc  │ bytes │ crc  │      │      │      │     │        │       │
 *    └──────┴──────┴───────┴──────┴──────┘      └──────┴─────┴────────┴───────┘
 *
 * The header's checksum covers bytes 12 to 32. All others are seeded with a CRC over the nonce that is continued over
 * the offset at which the block, or the trailer, begins: no other file's block, and none from another place, passes for one.
 */

export const SNAPSHOT_VERSION = 1
export const SNAPSHOT_HEADER_BYTES = 32
export const SNAPSHOT_NONCE_BYTES = 16
export const BLOCK_HEAD_BYTES = 16
export const TRAILER_BYTES = 24
/** What the length's field is used for at most: a file with more is damaged. */
export const BLOCK_BYTES_MAX = 0x7fff_ffff

const HEADER_MAGIC = Buffer.from('SLUICESN', 'latin1')
const BLOCK_MAGIC = 0x4253_4c53 // 'SLSB', little-endian.
const TRAILER_MAGIC = 0x4553_4c53 // 'SLSE'
const CHECKSUM_KIND_CRC32 = 1

export type SnapshotHeader =
  | { readonly kind: 'valid'; readonly nonceChecksum: number }
  | { readonly kind: 'unsupported'; readonly version: number }
  | { readonly kind: 'damaged' }

export interface BlockHead {
  readonly bodyBytes: number
  readonly bodyChecksum: number
}

export interface SnapshotTrailer {
  readonly blocks: number
  /** Of the whole file, the trailer included. */
  readonly bytes: number
}

/** What {@link positionSeed} is given for a file with this nonce. */
export function nonceChecksumOf(nonce: Uint8Array): number {
  return checksum(nonce)
}

export function encodeSnapshotHeader(nonce: Uint8Array): Buffer {
  const header = Buffer.alloc(SNAPSHOT_HEADER_BYTES)
  HEADER_MAGIC.copy(header, 0)
  header.writeUInt16LE(SNAPSHOT_VERSION, 12)
  header.writeUInt8(CHECKSUM_KIND_CRC32, 14)
  header.set(nonce, 16)
  header.writeUInt32LE(checksum(header.subarray(12)), 8)
  return header
}

export function decodeSnapshotHeader(bytes: Buffer): SnapshotHeader {
  if (bytes.length < SNAPSHOT_HEADER_BYTES || !bytes.subarray(0, 8).equals(HEADER_MAGIC)) return { kind: 'damaged' }
  const header = bytes.subarray(0, SNAPSHOT_HEADER_BYTES)
  if (header.readUInt32LE(8) !== checksum(header.subarray(12))) return { kind: 'damaged' }
  const version = header.readUInt16LE(12)
  if (version > SNAPSHOT_VERSION) return { kind: 'unsupported', version }
  if (version !== SNAPSHOT_VERSION || header.readUInt8(14) !== CHECKSUM_KIND_CRC32) return { kind: 'damaged' }
  return { kind: 'valid', nonceChecksum: checksum(header.subarray(16)) }
}

/** Writes the head of a block that begins at `offset` of the file. */
export function encodeBlockHead(target: Buffer, at: number, body: Uint8Array, nonce: number, offset: number): void {
  const seed = positionSeed(nonce, offset)
  target.writeUInt32LE(BLOCK_MAGIC, at)
  target.writeUInt32LE(body.length, at + 8)
  target.writeUInt32LE(checksum(body, seed), at + 12)
  target.writeUInt32LE(checksumRange(target, at + 8, at + BLOCK_HEAD_BYTES, seed), at + 4)
}

/** The head at the beginning of `bytes`, which lie at `offset` of the file; `undefined` for what is none. */
export function decodeBlockHead(bytes: Buffer, nonce: number, offset: number): BlockHead | undefined {
  if (bytes.length < BLOCK_HEAD_BYTES || bytes.readUInt32LE(0) !== BLOCK_MAGIC) return undefined
  const seed = positionSeed(nonce, offset)
  if (bytes.readUInt32LE(4) !== checksumRange(bytes, 8, BLOCK_HEAD_BYTES, seed)) return undefined
  const bodyBytes = bytes.readUInt32LE(8)
  return bodyBytes > BLOCK_BYTES_MAX ? undefined : { bodyBytes, bodyChecksum: bytes.readUInt32LE(12) }
}

/** The checksum of a block's body; the block begins at `offset` of the file. */
export function bodyChecksumOf(body: Uint8Array, nonce: number, offset: number): number {
  return checksum(body, positionSeed(nonce, offset))
}

/** Writes the trailer, which begins at `offset` of the file. */
export function encodeTrailer(target: Buffer, at: number, blocks: number, nonce: number, offset: number): void {
  target.writeUInt32LE(TRAILER_MAGIC, at)
  writeUint64(target, blocks, at + 8)
  writeUint64(target, offset + TRAILER_BYTES, at + 16)
  target.writeUInt32LE(checksumRange(target, at + 8, at + TRAILER_BYTES, positionSeed(nonce, offset)), at + 4)
}

/** The trailer in `bytes`, which lie at `offset` of the file; `undefined` for what is none. */
export function decodeTrailer(bytes: Buffer, nonce: number, offset: number): SnapshotTrailer | undefined {
  if (bytes.length < TRAILER_BYTES || bytes.readUInt32LE(0) !== TRAILER_MAGIC) return undefined
  if (bytes.readUInt32LE(4) !== checksumRange(bytes, 8, TRAILER_BYTES, positionSeed(nonce, offset))) return undefined
  return { blocks: readUint64(bytes, 8), bytes: readUint64(bytes, 16) }
}
