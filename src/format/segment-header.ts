import { checksum, readUint64, writeUint64 } from './checksum.js'

/*
 * The head of a segment file: one block of 4,096 bytes, so that frames begin on a page.
 *
 *    0        8     12  14 15 16      20      24              40              56
 *    ┌────────┬─────┬───┬──┬──┬───────┬───────┬───────────────┬───────────────┬─────────
 *    │SLUICESG│ crc │ver│ck│ 0│ bytes │   0   │    log id     │     nonce     │ …
 *    └────────┴─────┴───┴──┴──┴───────┴───────┴───────────────┴───────────────┴─────────
 *    56        64              72               80     88        96          128    4096
 *    ┌─────────┬───────────────┬────────────────┬──────┬─────────┬───────────┬────────┐
 *    │first LSN│predecessor's  │ predecessor's  │ mark │ created │ zeros     │ zeros  │
 *    │         │last LSN       │ end offset     │      │ ms      │           │        │
 *    └─────────┴───────────────┴────────────────┴──────┴─────────┴───────────┴────────┘
 *
 * All integers are little-endian. The checksum covers bytes 12 to 128, in every version: so a newer version is told
 * from a damaged header. `ck` is the kind of checksum (1: CRC-32), `bytes` the length of this block.
 */

/** The bytes of a segment file before its first frame. */
export const SEGMENT_HEADER_BYTES = 4096

/** The version of the format that this code writes, and the highest that it reads. */
export const FORMAT_VERSION = 1

const MAGIC = Buffer.from('SLUICESG', 'latin1')
const CHECKSUM_KIND_CRC32 = 1
const CHECKED_FROM = 12
const CHECKED_TO = 128

export interface SegmentHeader {
  /** 16 random bytes, the same in all segments of a log. */
  readonly logId: Buffer
  /** 16 random bytes, new for each segment: frames are bound to them. */
  readonly nonce: Buffer
  readonly firstLsn: number
  /** `firstLsn - 1`; 0 for the first segment of a log. */
  readonly previousLastLsn: number
  /** Where the frames of the segment before this one end; 0 for the first segment of a log. */
  readonly previousEndOffset: number
  /** The highest LSN that was durable when this header was written. */
  readonly mark: number
  /** Milliseconds since the epoch. */
  readonly createdMs: number
}

export type SegmentHeaderResult =
  | { readonly kind: 'valid'; readonly header: SegmentHeader }
  | { readonly kind: 'unsupported'; readonly version: number }
  | { readonly kind: 'invalid'; readonly reason: string }

/** Writes the header's block at the beginning of `target`, which holds at least {@link SEGMENT_HEADER_BYTES}. */
export function writeSegmentHeader(target: Buffer, header: SegmentHeader): void {
  target.fill(0, 0, SEGMENT_HEADER_BYTES)
  MAGIC.copy(target, 0)
  target.writeUInt16LE(FORMAT_VERSION, 12)
  target.writeUInt8(CHECKSUM_KIND_CRC32, 14)
  target.writeUInt32LE(SEGMENT_HEADER_BYTES, 16)
  header.logId.copy(target, 24, 0, 16)
  header.nonce.copy(target, 40, 0, 16)
  writeUint64(target, header.firstLsn, 56)
  writeUint64(target, header.previousLastLsn, 64)
  writeUint64(target, header.previousEndOffset, 72)
  writeUint64(target, header.mark, 80)
  writeUint64(target, header.createdMs, 88)
  target.writeUInt32LE(checksum(target.subarray(CHECKED_FROM, CHECKED_TO)), 8)
}

/** Reads the header at the beginning of `bytes`, which may be shorter than a header. */
export function readSegmentHeader(bytes: Buffer): SegmentHeaderResult {
  if (bytes.length < CHECKED_TO) return { kind: 'invalid', reason: `only ${bytes.length} bytes` }
  if (!bytes.subarray(0, 8).equals(MAGIC)) return { kind: 'invalid', reason: 'not a segment: wrong magic' }
  if (bytes.readUInt32LE(8) !== checksum(bytes.subarray(CHECKED_FROM, CHECKED_TO))) {
    return { kind: 'invalid', reason: 'the header checksum does not match' }
  }
  const version = bytes.readUInt16LE(12)
  if (version > FORMAT_VERSION) return { kind: 'unsupported', version }
  const header: SegmentHeader = {
    logId: Buffer.from(bytes.subarray(24, 40)),
    nonce: Buffer.from(bytes.subarray(40, 56)),
    firstLsn: readUint64(bytes, 56),
    previousLastLsn: readUint64(bytes, 64),
    previousEndOffset: readUint64(bytes, 72),
    mark: readUint64(bytes, 80),
    createdMs: readUint64(bytes, 88),
  }
  const wellFormed =
    version === FORMAT_VERSION &&
    bytes.readUInt8(14) === CHECKSUM_KIND_CRC32 &&
    bytes.readUInt32LE(16) === SEGMENT_HEADER_BYTES &&
    header.firstLsn >= 1 &&
    header.previousLastLsn === header.firstLsn - 1 &&
    header.mark < header.firstLsn &&
    header.previousEndOffset >= 0 &&
    header.createdMs >= 0
  return wellFormed ? { kind: 'valid', header } : { kind: 'invalid', reason: 'the header contradicts itself' }
}
