import { crc32 } from 'node:zlib'
import type { LogPlan } from './build-log.js'

/** Two sealed segments (LSNs 1-3 and 4-6) and an active one (7-10). */
export const THREE_SEGMENTS: LogPlan = {
  segments: [
    { frames: [['one'], ['two', 'three']] },
    { frames: [['four', 'five'], ['six']] },
    { frames: [['seven'], ['eight', 'nine'], ['ten']] },
  ],
}

/** The same, with nothing above LSN 6 noted as durable anywhere. */
export const LAST_SEGMENT_UNMARKED: LogPlan = {
  segments: [
    ...THREE_SEGMENTS.segments.slice(0, 2),
    {
      frames: [
        { records: ['seven'], mark: 6 },
        { records: ['eight', 'nine'], mark: 6 },
        { records: ['ten'], mark: 6 },
      ],
    },
  ],
  mark: { durableLsn: 6 },
}

/** The same, with nothing above LSN 7 noted as durable: the last segment has its name for good. */
export const LAST_FRAMES_UNMARKED: LogPlan = {
  ...LAST_SEGMENT_UNMARKED,
  mark: { durableLsn: 7, segmentFirstLsn: 7, endOffset: 4096 + 72 },
}

/** Makes a segment's header, or a mark's slot, one of the next version: its checksum is good. */
export function makeNewer(header: Buffer): void {
  header.writeUInt16LE(2, 12)
  header.writeUInt32LE(crc32(header.subarray(12, 128)), 8)
}
