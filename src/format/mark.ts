import { checksum, readUint64, writeUint64 } from './checksum.js'
import { FORMAT_VERSION } from './segment-header.js'

/*
 * The mark file: 8,192 bytes, two slots at 0 and 4,096, written in turn. The valid slot with the higher sequence counts.
 *
 *    0        8     12  14 16     32       40    48        56             64             72     80      128
 *    ┌────────┬─────┬───┬──┬──────┬────────┬─────┬─────────┬──────────────┬──────────────┬──────┬───────┐
 *    │SLUICEMK│ crc │ver│ 0│log id│sequence│mark │first LSN│ segment's    │ durable end  │flags │ zeros │
 *    │        │     │   │  │      │        │     │ kept    │ first LSN    │ offset in it │      │       │
 *    └────────┴─────┴───┴──┴──────┴────────┴─────┴─────────┴──────────────┴──────────────┴──────┴───────┘
 *
 * The checksum covers bytes 12 to 128. Flag 1: closed cleanly.
 */

export const MARK_FILE_BYTES = 8192
export const MARK_SLOT_BYTES = 128
/** Where the two slots begin: in different sectors and pages, so that one write can't damage both. */
export const MARK_SLOT_OFFSETS = [0, 4096] as const

const MAGIC = Buffer.from('SLUICEMK', 'latin1')
const FLAG_CLOSED = 1

export interface Mark {
  readonly logId: Buffer
  /** Grows by one with each note. */
  readonly sequence: number
  /** `durableLsn` when this was noted. */
  readonly durableLsn: number
  /** The trim mark: records below it were given up. 1 on a log that was never trimmed. */
  readonly firstLsn: number
  /** The first LSN of the segment that holds `durableLsn`; 0 while there is no segment. */
  readonly segmentFirstLsn: number
  /** Where the durable frames end in that segment; 0 while there is no segment. */
  readonly endOffset: number
  /** Whether the log was closed after this note. */
  readonly closed: boolean
}

export type MarkResult =
  | { readonly kind: 'valid'; readonly mark: Mark }
  | { readonly kind: 'unsupported'; readonly version: number }
  | { readonly kind: 'none' }

/** Writes a slot at the beginning of `target`, which holds at least {@link MARK_SLOT_BYTES}. */
export function writeMarkSlot(target: Buffer, mark: Mark): void {
  target.fill(0, 0, MARK_SLOT_BYTES)
  MAGIC.copy(target, 0)
  target.writeUInt16LE(FORMAT_VERSION, 12)
  mark.logId.copy(target, 16, 0, 16)
  writeUint64(target, mark.sequence, 32)
  writeUint64(target, mark.durableLsn, 40)
  writeUint64(target, mark.firstLsn, 48)
  writeUint64(target, mark.segmentFirstLsn, 56)
  writeUint64(target, mark.endOffset, 64)
  target.writeUInt32LE(mark.closed ? FLAG_CLOSED : 0, 72)
  target.writeUInt32LE(checksum(target.subarray(12, MARK_SLOT_BYTES)), 8)
}

/** The newest valid mark in the bytes of a mark file, which may be cut short. */
export function readMarkFile(bytes: Buffer): MarkResult {
  let newest: MarkResult = { kind: 'none' }
  for (const offset of MARK_SLOT_OFFSETS) {
    const slot = readMarkSlot(bytes.subarray(offset, offset + MARK_SLOT_BYTES))
    if (slot.kind === 'unsupported') return slot
    if (slot.kind === 'valid' && (newest.kind !== 'valid' || slot.mark.sequence > newest.mark.sequence)) newest = slot
  }
  return newest
}

/** Reads one slot. `none` for a torn, empty or damaged one: the other slot holds the truth then. */
export function readMarkSlot(slot: Buffer): MarkResult {
  if (slot.length < MARK_SLOT_BYTES || !slot.subarray(0, 8).equals(MAGIC)) return { kind: 'none' }
  if (slot.readUInt32LE(8) !== checksum(slot.subarray(12, MARK_SLOT_BYTES))) return { kind: 'none' }
  const version = slot.readUInt16LE(12)
  if (version > FORMAT_VERSION) return { kind: 'unsupported', version }
  const mark: Mark = {
    logId: Buffer.from(slot.subarray(16, 32)),
    sequence: readUint64(slot, 32),
    durableLsn: readUint64(slot, 40),
    firstLsn: readUint64(slot, 48),
    segmentFirstLsn: readUint64(slot, 56),
    endOffset: readUint64(slot, 64),
    closed: (slot.readUInt32LE(72) & FLAG_CLOSED) !== 0,
  }
  const wellFormed =
    version === FORMAT_VERSION &&
    mark.sequence >= 1 &&
    mark.durableLsn >= 0 &&
    mark.firstLsn >= 1 &&
    mark.segmentFirstLsn >= 0 &&
    mark.endOffset >= 0
  return wellFormed ? { kind: 'valid', mark } : { kind: 'none' }
}
