import { align8, checksumRange, positionSeed, readUint64, writeUint64 } from './checksum.js'
import { seedChecksum } from './checksum-shift.js'

/*
 * A frame: the unit of checksum and of all-or-nothing on disk. It begins at a multiple of 8.
 *
 *    0      4      8           12         16      20    24        32           40    48     52  56
 *    ┌──────┬──────┬───────────┬──────────┬───────┬─────┬─────────┬────────────┬─────┬──────┬───┬──────┬───────┐
 *    │ SLFR │ head │ frame     │ body     │record │flags│first LSN│ timestamp  │mark │ body │ 0 │ body │ zeros │
 *    │      │ crc  │ bytes     │ bytes    │count  │ 0   │         │ ms         │     │ crc  │   │      │       │
 *    └──────┴──────┴───────────┴──────────┴───────┴─────┴─────────┴────────────┴─────┴──────┴───┴──────┴───────┘
 *
 * The head's checksum covers bytes 8 to 56, the body's checksum its `body bytes`; both are seeded with the segment's
 * nonce and the frame's offset, so that no other segment's bytes, nor a copy of a frame inside a payload, can pass.
 * `frame bytes` counts head, body and padding: a multiple of 8. The mark is the highest LSN that was durable when the
 * frame was written: always below the frame's own first LSN.
 *
 * The body: for each record its length (4 bytes), its bytes, and zeros up to a multiple of 4.
 */

export const FRAME_HEADER_BYTES = 56
/** Bytes before each record in a frame's body. */
export const RECORD_HEADER_BYTES = 4
/** The length of a frame with one empty record: none is shorter. */
export const MIN_FRAME_BYTES = 64
/** A frame is never longer: its length has 32 bits, and file offsets in a segment's index have as many. */
export const MAX_FRAME_BYTES = 0x7fff_fff8

/** The first four bytes of a frame, read as a little-endian number: `SLFR`. */
export const FRAME_MAGIC = 0x52464c53

export interface FrameHeader {
  /** Header, body and padding: a multiple of 8. */
  readonly frameBytes: number
  readonly bodyBytes: number
  readonly recordCount: number
  readonly firstLsn: number
  readonly lastLsn: number
  /** Milliseconds since the epoch; never below that of the frame before. */
  readonly timestampMs: number
  /** The highest LSN that was durable when this frame was written. */
  readonly mark: number
  readonly bodyChecksum: number
}

export type FrameHeaderResult =
  | { readonly kind: 'valid'; readonly header: FrameHeader }
  | { readonly kind: 'invalid'; readonly reason: string }

/** The bytes that one record of `dataBytes` takes in a frame's body. */
export function recordBytes(dataBytes: number): number {
  return RECORD_HEADER_BYTES + dataBytes + (-dataBytes & 3)
}

/** The bytes of a frame whose body has `bodyBytes`. */
export function frameBytesFor(bodyBytes: number): number {
  return align8(FRAME_HEADER_BYTES + bodyBytes)
}

/**
 * What the encoder knows of a frame, written at `at`. Mark and checksums depend on where the frame will lie: they are
 * left to {@link sealFrame}.
 */
export function writeFrameDraft(
  target: Buffer,
  at: number,
  frame: { bodyBytes: number; recordCount: number; firstLsn: number; timestampMs: number },
): void {
  target.writeUInt32LE(FRAME_MAGIC, at)
  target.writeUInt32LE(frameBytesFor(frame.bodyBytes), at + 8)
  target.writeUInt32LE(frame.bodyBytes, at + 12)
  target.writeUInt32LE(frame.recordCount, at + 16)
  target.writeUInt32LE(0, at + 20)
  writeUint64(target, frame.firstLsn, at + 24)
  writeUint64(target, frame.timestampMs, at + 32)
  target.writeUInt32LE(0, at + 52)
}

/** The checksum of a body without a seed, for {@link sealFrame}. */
export function unseededChecksum(bytes: Buffer, bodyAt: number, bodyBytes: number): number {
  return checksumRange(bytes, bodyAt, bodyAt + bodyBytes)
}

/**
 * Completes a draft at `at` for its place at `offset` of the segment: the mark, then both checksums. `unseeded` is
 * what {@link unseededChecksum} made of the body, where that was done already.
 */
export function sealFrame(
  target: Buffer,
  at: number,
  nonceChecksum: number,
  offset: number,
  mark: number,
  unseeded?: number,
): void {
  const seed = positionSeed(nonceChecksum, offset)
  const bodyAt = at + FRAME_HEADER_BYTES
  writeUint64(target, mark, at + 40)
  const bodyBytes = target.readUInt32LE(at + 12)
  const bodyChecksum =
    unseeded === undefined
      ? checksumRange(target, bodyAt, bodyAt + bodyBytes, seed)
      : seedChecksum(unseeded, seed, bodyBytes)
  target.writeUInt32LE(bodyChecksum, at + 48)
  target.writeUInt32LE(checksumRange(target, at + 8, bodyAt, seed), at + 4)
}

/**
 * Reads the frame header at `at`; `offset` is where that lies in the segment, and `bytesLeft` how many bytes of the
 * file there are from `offset` on. No length is believed that the file can't hold.
 */
export function readFrameHeader(
  bytes: Buffer,
  at: number,
  nonceChecksum: number,
  offset: number,
  bytesLeft: number,
): FrameHeaderResult {
  if (bytes.length - at < FRAME_HEADER_BYTES) return invalid('fewer bytes than a frame header')
  if (bytes.readUInt32LE(at) !== FRAME_MAGIC) return invalid('no frame: wrong magic')
  const seed = positionSeed(nonceChecksum, offset)
  if (bytes.readUInt32LE(at + 4) !== checksumRange(bytes, at + 8, at + FRAME_HEADER_BYTES, seed)) {
    return invalid('the frame header checksum does not match')
  }
  const frameBytes = bytes.readUInt32LE(at + 8)
  const bodyBytes = bytes.readUInt32LE(at + 12)
  const recordCount = bytes.readUInt32LE(at + 16)
  const firstLsn = readUint64(bytes, at + 24)
  const timestampMs = readUint64(bytes, at + 32)
  const mark = readUint64(bytes, at + 40)
  // Added in one step: added to the first LSN before the 1 is taken off, a sum beyond 2^53 would be rounded.
  const lastLsn = firstLsn + (recordCount - 1)
  const wellFormed =
    frameBytes % 8 === 0 &&
    frameBytes <= MAX_FRAME_BYTES &&
    bodyBytes <= frameBytes - FRAME_HEADER_BYTES &&
    recordCount >= 1 &&
    recordCount * RECORD_HEADER_BYTES <= bodyBytes &&
    firstLsn >= 1 &&
    Number.isSafeInteger(lastLsn) &&
    mark < firstLsn &&
    timestampMs >= 0
  if (!wellFormed) return invalid('the frame header contradicts itself')
  if (frameBytes > bytesLeft) return invalid(`the frame says ${frameBytes} bytes, but the file has ${bytesLeft} left`)
  const bodyChecksum = bytes.readUInt32LE(at + 48)
  return {
    kind: 'valid',
    header: { frameBytes, bodyBytes, recordCount, firstLsn, lastLsn, timestampMs, mark, bodyChecksum },
  }
}

/** Whether the body at `bodyAt` is the one that the header at `offset` of the segment speaks of. */
export function frameBodyIsValid(
  bytes: Buffer,
  bodyAt: number,
  header: FrameHeader,
  nonceChecksum: number,
  offset: number,
): boolean {
  const end = bodyAt + header.bodyBytes
  const seed = positionSeed(nonceChecksum, offset)
  return end <= bytes.length && checksumRange(bytes, bodyAt, end, seed) === header.bodyChecksum
}

/**
 * How many bytes the record at `at` has, of which four at least lie in `bytes`. Each record that is read comes by here:
 * `readUInt32LE`, which looks at its argument and the end first, takes several times as long.
 */
export function recordLengthAt(bytes: Buffer, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
  return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0
}

/**
 * Whether the record lengths in the body from `bodyAt` to before `bodyEnd` add up to it: with a good checksum only a
 * faulty writer makes a body that they don't.
 */
export function recordsAddUp(bytes: Buffer, bodyAt: number, bodyEnd: number, recordCount: number): boolean {
  let at = bodyAt
  for (let index = 0; index < recordCount; index++) {
    if (at + RECORD_HEADER_BYTES > bodyEnd) return false
    at += recordBytes(recordLengthAt(bytes, at))
    if (at > bodyEnd) return false
  }
  return at === bodyEnd
}

/** The records of a frame's body, as views of `body`: copy what outlives it. `undefined` where they don't add up. */
export function splitBody(body: Buffer, recordCount: number): Buffer[] | undefined {
  if (!recordsAddUp(body, 0, body.length, recordCount)) return undefined
  const records: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const begin = at + RECORD_HEADER_BYTES
    const length = recordLengthAt(body, at)
    records.push(body.subarray(begin, begin + length))
    at += recordBytes(length)
  }
  return records
}

function invalid(reason: string): FrameHeaderResult {
  return { kind: 'invalid', reason }
}
