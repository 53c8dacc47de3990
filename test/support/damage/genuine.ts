import { MARK_FILE } from '../../../src/format/file-names.js'
import { MARK_SLOT_BYTES, MARK_SLOT_OFFSETS } from '../../../src/format/mark.js'
import type { BuiltLog } from '../build-log.js'

/*
 * What a writer really wrote. The model of the decision table never computes a checksum: bytes are valid where they are,
 * in their place, the very bytes of something that was written there. That is what checksums are for, and a check that
 * used the same checksums could share their faults.
 */

/** The bytes of a segment's header that say something. */
export const HEADER_CHECKED_BYTES = 128
/** Where frames begin, and what a file has to have at least. */
export const HEADER_BLOCK_BYTES = 4096
export const FRAME_HEAD_BYTES = 56

export interface GenuineFrame {
  readonly offset: number
  readonly bytes: Buffer
  /** Head and body: the padding behind them says nothing. */
  readonly checkedBytes: number
  readonly firstLsn: number
  readonly lastLsn: number
  readonly timestampMs: number
  readonly mark: number
}

export interface GenuineFooter {
  readonly offset: number
  readonly bytes: Buffer
  readonly mark: number
  readonly lastLsn: number
}

export interface GenuineSegment {
  readonly name: string
  readonly header: Buffer
  readonly logId: string
  readonly firstLsn: number
  readonly previousEndOffset: number
  readonly mark: number
  readonly frames: readonly GenuineFrame[]
  readonly footer: GenuineFooter | undefined
  /** Where the frames end. */
  readonly endOffset: number
}

export interface GenuineSlot {
  readonly bytes: Buffer
  readonly logId: string
  readonly sequence: number
  readonly durableLsn: number
  readonly firstLsn: number
  readonly segmentFirstLsn: number
  readonly endOffset: number
}

/** Everything that was ever written, of this log and of others whose files may be found in its folder. */
export interface Genuine {
  readonly segments: readonly GenuineSegment[]
  readonly slots: readonly GenuineSlot[]
}

export function genuineOf(...logs: readonly BuiltLog[]): Genuine {
  return {
    segments: logs.flatMap((log) => log.segments.map((segment) => genuineSegment(segment))),
    slots: logs.flatMap((log) => slotsOf(log.files.get(MARK_FILE))),
  }
}

function genuineSegment({ name, bytes, frames, endOffset }: BuiltLog['segments'][number]): GenuineSegment {
  const header = Buffer.from(bytes.subarray(0, HEADER_CHECKED_BYTES))
  const sealed = bytes.length > endOffset && bytes.toString('latin1', endOffset, endOffset + 4) === 'SLFT'
  return {
    name,
    header,
    logId: header.toString('hex', 24, 40),
    firstLsn: uint64(header, 56),
    previousEndOffset: uint64(header, 72),
    mark: uint64(header, 80),
    frames: frames.map((frame) => ({
      offset: frame.offset,
      bytes: Buffer.from(frame.bytes),
      checkedBytes: FRAME_HEAD_BYTES + frame.bytes.readUInt32LE(12),
      firstLsn: frame.firstLsn,
      lastLsn: frame.lastLsn,
      timestampMs: frame.timestampMs,
      mark: uint64(frame.bytes, 40),
    })),
    footer: sealed ? genuineFooter(bytes, endOffset) : undefined,
    endOffset,
  }
}

function genuineFooter(segment: Buffer, offset: number): GenuineFooter {
  const bytes = Buffer.from(segment.subarray(offset, offset + segment.readUInt32LE(offset + 8)))
  return { offset, bytes, mark: uint64(bytes, 32), lastLsn: uint64(bytes, 24) }
}

function slotsOf(file: Buffer | undefined): GenuineSlot[] {
  if (file === undefined) return []
  const slots = MARK_SLOT_OFFSETS.map((at) => Buffer.from(file.subarray(at, at + MARK_SLOT_BYTES)))
  return slots.filter((bytes) => bytes.toString('latin1', 0, 8) === 'SLUICEMK').map(genuineSlot)
}

function genuineSlot(bytes: Buffer): GenuineSlot {
  return {
    bytes,
    logId: bytes.toString('hex', 16, 32),
    sequence: uint64(bytes, 32),
    durableLsn: uint64(bytes, 40),
    firstLsn: uint64(bytes, 48),
    segmentFirstLsn: uint64(bytes, 56),
    endOffset: uint64(bytes, 64),
  }
}

function uint64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at))
}
