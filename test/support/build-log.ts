import { crc32 } from 'node:zlib'
import { checksum } from '../../src/format/checksum.js'
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
import { encodeSegmentFooter, type SegmentFooter } from '../../src/format/segment-footer.js'
import { SEGMENT_HEADER_BYTES, type SegmentHeader, writeSegmentHeader } from '../../src/format/segment-header.js'
import { SegmentIndex } from '../../src/segment/segment-index.js'

/** A frame to build: its records, and what is not as a writer would have it. */
export interface FramePlan {
  readonly records: readonly (string | Uint8Array)[]
  /** @default 1,000 and one more for each frame of the log */
  readonly timestampMs?: number
  /** @default the last LSN before this frame */
  readonly mark?: number
  /** @default the LSN after the frame before */
  readonly firstLsn?: number
  /** Makes the last record's length a lie, under good checksums. */
  readonly brokenRecords?: boolean
}

/** A segment to build. */
export interface SegmentPlan {
  readonly frames: readonly (FramePlan | FramePlan['records'])[]
  /** Whether it ends in a footer. @default all but the last one do */
  readonly sealed?: boolean
  /** Zeros after its end. @default 0 */
  readonly zeros?: number
  /** Instead of what the header would say. */
  readonly header?: Partial<SegmentHeader>
  /** Instead of what the footer would say. */
  readonly footer?: Partial<SegmentFooter>
}

/** A log to build. */
export interface LogPlan {
  readonly segments: readonly SegmentPlan[]
  /** Instead of what the mark file would say; `undefined`: there is none. By default everything is durable, not closed. */
  readonly mark?: Partial<Mark> | undefined
  /** @default 1 */
  readonly firstLsn?: number
  /** @default a fixed one */
  readonly logId?: Buffer
}

export interface BuiltFrame {
  readonly offset: number
  readonly bytes: Buffer
  readonly firstLsn: number
  readonly lastLsn: number
  readonly timestampMs: number
}

export interface BuiltSegment {
  readonly name: string
  readonly firstLsn: number
  readonly lastLsn: number
  readonly nonce: Buffer
  readonly nonceChecksum: number
  readonly frames: readonly BuiltFrame[]
  /** Where the frames end. */
  readonly endOffset: number
  /** The whole file: change it at will before it is put somewhere. */
  readonly bytes: Buffer
}

export interface BuiltLog {
  readonly logId: Buffer
  readonly segments: readonly BuiltSegment[]
  readonly mark: Mark | undefined
  /** Every file by name: the segments' bytes are those of `segments`. */
  readonly files: Map<string, Buffer>
}

export const LOG_ID = Buffer.from('0123456789abcdef', 'latin1')

/** The bytes of one frame for its place. */
export function buildFrame(
  plan: FramePlan,
  place: { firstLsn: number; timestampMs: number; mark: number; nonceChecksum: number; offset: number },
): Buffer {
  const records = plan.records.map((record) => Buffer.from(record))
  const bodyBytes = records.reduce((sum, record) => sum + recordBytes(record.length), 0)
  const target = Buffer.alloc(frameBytesFor(bodyBytes))
  const { firstLsn, timestampMs, mark, nonceChecksum, offset } = place
  writeFrameDraft(target, 0, { bodyBytes, recordCount: records.length, firstLsn, timestampMs })
  let at = FRAME_HEADER_BYTES
  for (const [index, record] of records.entries()) {
    const lie = plan.brokenRecords === true && index === records.length - 1 ? 1000 : 0
    target.writeUInt32LE(record.length + lie, at)
    record.copy(target, at + RECORD_HEADER_BYTES)
    at += recordBytes(record.length)
  }
  sealFrame(target, 0, nonceChecksum, offset, mark)
  return target
}

/** A nonce that is the same in every run. */
export function nonceFor(firstLsn: number, salt = 0): Buffer {
  const nonce = Buffer.alloc(16)
  for (let at = 0; at < 16; at += 4) nonce.writeUInt32LE(crc32(`${firstLsn}/${salt}/${at}`), at)
  return nonce
}

/** Composes the files of a log as a writer would leave them, but for what the plan says. */
export function buildLog(plan: LogPlan): BuiltLog {
  const logId = plan.logId ?? LOG_ID
  const segments: BuiltSegment[] = []
  let nextLsn = plan.firstLsn ?? 1
  let timestampMs = 1000
  for (const [position, segmentPlan] of plan.segments.entries()) {
    const sealed = segmentPlan.sealed ?? position < plan.segments.length - 1
    const previous = segments.at(-1)
    const built = buildSegment(segmentPlan, { logId, firstLsn: nextLsn, timestampMs, previous, sealed })
    segments.push(built)
    nextLsn = built.lastLsn + 1
    timestampMs = (built.frames.at(-1)?.timestampMs ?? timestampMs - 1) + 1
  }
  const last = segments.at(-1)
  const marked: Mark = {
    logId,
    sequence: 7,
    durableLsn: nextLsn - 1,
    firstLsn: plan.firstLsn ?? 1,
    segmentFirstLsn: last?.firstLsn ?? 0,
    endOffset: last?.endOffset ?? 0,
    closed: false,
    ...plan.mark,
  }
  const mark = 'mark' in plan && plan.mark === undefined ? undefined : marked
  const files = new Map(segments.map((segment) => [segment.name, segment.bytes]))
  if (mark !== undefined) files.set(MARK_FILE, markFileBytes(mark))
  return { logId, segments, mark, files }
}

/** A mark file with this mark in the slot that its sequence asks for, and the one before it in the other. */
export function markFileBytes(mark: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_FILE_BYTES)
  const slot = mark.sequence % 2 === 1 ? 0 : 1
  writeMarkSlot(bytes.subarray(MARK_SLOT_OFFSETS[slot]), mark)
  if (mark.sequence > 1) {
    writeMarkSlot(bytes.subarray(MARK_SLOT_OFFSETS[slot === 0 ? 1 : 0]), { ...mark, sequence: mark.sequence - 1 })
  }
  return bytes
}

interface SegmentPlace {
  readonly logId: Buffer
  readonly firstLsn: number
  readonly timestampMs: number
  readonly previous: BuiltSegment | undefined
  readonly sealed: boolean
}

function buildSegment(plan: SegmentPlan, place: SegmentPlace): BuiltSegment {
  const header: SegmentHeader = {
    logId: place.logId,
    nonce: nonceFor(place.firstLsn),
    firstLsn: place.firstLsn,
    previousLastLsn: place.firstLsn - 1,
    previousEndOffset: place.previous?.endOffset ?? 0,
    mark: place.firstLsn - 1,
    createdMs: place.timestampMs,
    ...plan.header,
  }
  const nonceChecksum = checksum(header.nonce)
  const head = Buffer.alloc(SEGMENT_HEADER_BYTES)
  writeSegmentHeader(head, header)
  const frames: BuiltFrame[] = []
  const index = new SegmentIndex()
  let offset = SEGMENT_HEADER_BYTES
  let nextLsn = place.firstLsn
  let timestampMs = place.timestampMs
  for (const planned of plan.frames) {
    const frame: FramePlan = 'records' in planned ? planned : { records: planned }
    const firstLsn = frame.firstLsn ?? nextLsn
    timestampMs = frame.timestampMs ?? timestampMs
    const mark = frame.mark ?? firstLsn - 1
    const bytes = buildFrame(frame, { firstLsn, timestampMs, mark, nonceChecksum, offset })
    const lastLsn = firstLsn + frame.records.length - 1
    frames.push({ offset, bytes, firstLsn, lastLsn, timestampMs })
    index.add(firstLsn, offset)
    offset += bytes.length
    nextLsn = lastLsn + 1
    timestampMs++
  }
  const footer: SegmentFooter = {
    firstLsn: place.firstLsn,
    lastLsn: nextLsn - 1,
    mark: nextLsn - 1,
    firstTimestampMs: frames[0]?.timestampMs ?? 0,
    lastTimestampMs: frames.at(-1)?.timestampMs ?? 0,
    frameCount: frames.length,
    entryLsns: index.lsns,
    entryOffsets: index.offsets,
    ...plan.footer,
  }
  const bytes = Buffer.concat([
    head,
    ...frames.map((frame) => frame.bytes),
    place.sealed ? encodeSegmentFooter(footer, nonceChecksum, offset) : Buffer.alloc(0),
    Buffer.alloc(plan.zeros ?? 0),
  ])
  const name = segmentFileName(place.firstLsn)
  const { nonce } = header
  return {
    name,
    firstLsn: place.firstLsn,
    lastLsn: nextLsn - 1,
    nonce,
    nonceChecksum,
    frames,
    endOffset: offset,
    bytes,
  }
}
