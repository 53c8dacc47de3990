import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { align8, checksum } from '../../src/format/checksum.js'
import { MARK_FILE, segmentFileName } from '../../src/format/file-names.js'
import {
  FRAME_HEADER_BYTES,
  frameBytesFor,
  RECORD_HEADER_BYTES,
  recordBytes,
  sealFrame,
  writeFrameDraft,
} from '../../src/format/frame.js'
import { MARK_FILE_BYTES, MARK_SLOT_OFFSETS, type Mark, writeMarkSlot } from '../../src/format/mark.js'
import { encodeSegmentFooter } from '../../src/format/segment-footer.js'
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../src/format/segment-header.js'
import { SegmentIndex } from '../../src/segment/segment-index.js'

/** The log that all composed segments belong to, unless a test says otherwise. */
export const LOG_ID = sixteenBytes('log')

/** A frame of a composed segment. */
export interface ComposedFrame {
  readonly offset: number
  readonly bytes: number
  readonly firstLsn: number
  readonly lastLsn: number
  readonly timestampMs: number
}

/** A segment's bytes, and what a test wants to know of them. */
export interface ComposedSegment {
  readonly name: string
  /** A test may damage them. */
  readonly bytes: Buffer
  readonly firstLsn: number
  readonly lastLsn: number
  readonly frames: readonly ComposedFrame[]
  readonly records: readonly Buffer[]
  readonly endOffset: number
  readonly index: SegmentIndex
}

export interface SegmentPlan {
  readonly firstLsn: number
  /** For each frame its records. */
  readonly frames: readonly (readonly Buffer[])[]
  /** Whether a footer ends it. */
  readonly sealed: boolean
  readonly logId?: Buffer
  readonly nonce?: Buffer
  /** Zeros after the last frame of a segment that isn't sealed, as the writer prepares them. */
  readonly zeros?: number
}

/** Composes a segment file, byte for byte as a writer would. */
export function composeSegment(plan: SegmentPlan): ComposedSegment {
  const { firstLsn, logId = LOG_ID, nonce = sixteenBytes(`nonce ${plan.firstLsn}`) } = plan
  const nonceChecksum = checksum(nonce)
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  const mark = firstLsn - 1
  const previousEndOffset = firstLsn === 1 ? 0 : SEGMENT_HEADER_BYTES
  writeSegmentHeader(header, { logId, nonce, firstLsn, previousLastLsn: mark, previousEndOffset, mark, createdMs: 1 })
  const parts: Uint8Array[] = [header]
  const frames: ComposedFrame[] = []
  const index = new SegmentIndex()
  let offset = SEGMENT_HEADER_BYTES
  let lsn = firstLsn
  for (const records of plan.frames) {
    const frame = composeFrame(records, { firstLsn: lsn, timestampMs: timestampOf(lsn), nonceChecksum, offset })
    const lastLsn = lsn + records.length - 1
    frames.push({ offset, bytes: frame.length, firstLsn: lsn, lastLsn, timestampMs: timestampOf(lsn) })
    index.add(lsn, offset)
    parts.push(frame)
    offset += frame.length
    lsn = lastLsn + 1
  }
  const endOffset = offset
  if (plan.sealed) {
    const footer = {
      firstLsn,
      lastLsn: lsn - 1,
      mark: lsn - 1,
      firstTimestampMs: timestampOf(firstLsn),
      lastTimestampMs: frames.at(-1)?.timestampMs ?? 0,
      frameCount: frames.length,
      entryLsns: index.lsns,
      entryOffsets: index.offsets,
    }
    parts.push(encodeSegmentFooter(footer, nonceChecksum, endOffset))
  } else {
    parts.push(Buffer.alloc(plan.zeros ?? 0))
  }
  const name = segmentFileName(firstLsn)
  const records = plan.frames.flat()
  return { name, bytes: Buffer.concat(parts), firstLsn, lastLsn: lsn - 1, frames, records, endOffset, index }
}

/** Composes one frame for its place. */
export function composeFrame(
  records: readonly Buffer[],
  place: { firstLsn: number; timestampMs: number; nonceChecksum: number; offset: number },
): Buffer {
  const bodyBytes = records.reduce((sum, record) => sum + recordBytes(record.length), 0)
  const frame = Buffer.alloc(align8(frameBytesFor(bodyBytes)))
  const { firstLsn, timestampMs } = place
  writeFrameDraft(frame, 0, { bodyBytes, recordCount: records.length, firstLsn, timestampMs })
  let at = FRAME_HEADER_BYTES
  for (const record of records) {
    frame.writeUInt32LE(record.length, at)
    record.copy(frame, at + RECORD_HEADER_BYTES)
    at += recordBytes(record.length)
  }
  sealFrame(frame, 0, place.nonceChecksum, place.offset, firstLsn - 1)
  return frame
}

/** Composes the segments of a log: for each its frames, for each its records. All but the last are sealed. */
export function composeLog(segments: readonly (readonly (readonly Buffer[])[])[], zeros = 0): ComposedSegment[] {
  const composed: ComposedSegment[] = []
  for (const [index, frames] of segments.entries()) {
    const firstLsn = (composed.at(-1)?.lastLsn ?? 0) + 1
    composed.push(composeSegment({ firstLsn, frames, sealed: index < segments.length - 1, zeros }))
  }
  return composed
}

/** Composes a mark file with `mark` in one slot, and the one before it in the other. */
export function composeMark(mark: Partial<Mark> & { readonly durableLsn: number }): Buffer {
  const file = Buffer.alloc(MARK_FILE_BYTES)
  const full: Mark = {
    logId: LOG_ID,
    sequence: 1,
    firstLsn: 1,
    segmentFirstLsn: 0,
    endOffset: 0,
    closed: false,
    ...mark,
  }
  writeMarkSlot(file.subarray(MARK_SLOT_OFFSETS[full.sequence % 2 === 0 ? 1 : 0]), full)
  return file
}

/** The files of a composed log, by path. */
export function filesOf(directory: string, segments: readonly ComposedSegment[], mark?: Buffer): Map<string, Buffer> {
  const files = new Map(segments.map((segment) => [join(directory, segment.name), segment.bytes]))
  if (mark !== undefined) files.set(join(directory, MARK_FILE), mark)
  return files
}

/** Records of `bytes` each, all different: `count` of them, for the LSNs from `firstLsn` on. */
export function somePayloads(firstLsn: number, count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.alloc(bytes, `${firstLsn + index};`))
}

/** One frame for each of `count` records. */
export function framesOfOne(firstLsn: number, count: number, bytes: number): Buffer[][] {
  return somePayloads(firstLsn, count, bytes).map((record) => [record])
}

/** The timestamp of the frame that begins at `lsn`. */
export function timestampOf(lsn: number): number {
  return 1_700_000_000_000 + lsn
}

export function sixteenBytes(seed: string): Buffer {
  return createHash('sha256').update(seed).digest().subarray(0, 16)
}
