import { checksum, positionSeed, readUint64, writeUint64 } from './checksum.js'

/*
 * The foot of a sealed segment: it begins where the frames end, and ends the file.
 *
 *    0      4     8        12      16        24       32     40         48        56      60  64        end-8     end-4
 *    ┌──────┬─────┬────────┬───────┬─────────┬────────┬──────┬──────────┬─────────┬───────┬───┬─────────┬─────────┬──────┐
 *    │ SLFT │ crc │ footer │entries│first LSN│last LSN│ mark │first     │last     │frames │ 0 │ entries │ footer  │ SLFE │
 *    │      │     │ bytes  │       │         │        │      │timestamp │timestamp│       │   │         │ bytes   │      │
 *    └──────┴─────┴────────┴───────┴─────────┴────────┴──────┴──────────┴─────────┴───────┴───┴─────────┴─────────┴──────┘
 *
 * The checksum covers byte 8 to the end, seeded like a frame's with the segment's nonce and the footer's offset.
 * An entry is a frame's first LSN less the segment's (4 bytes), and that frame's offset (4 bytes): not of every frame,
 * but of one in each 16 KiB or so; the first entry is the first frame.
 */

const FOOTER_MAGIC = 0x54464c53 // SLFT
const TRAILER_MAGIC = 0x45464c53 // SLFE
const FIXED_BYTES = 64
const ENTRY_BYTES = 8
/** The last bytes of a sealed segment: the footer's length and a magic. */
export const FOOTER_TRAILER_BYTES = 8
/** Fewer bytes than this can't be a footer. */
export const MIN_FOOTER_BYTES = FIXED_BYTES + FOOTER_TRAILER_BYTES

export interface SegmentFooter {
  readonly firstLsn: number
  readonly lastLsn: number
  /** The highest LSN that was durable when this footer was written. */
  readonly mark: number
  readonly firstTimestampMs: number
  readonly lastTimestampMs: number
  readonly frameCount: number
  /** First LSNs of indexed frames, ascending. */
  readonly entryLsns: readonly number[]
  /** Their offsets in the segment, ascending. */
  readonly entryOffsets: readonly number[]
}

/** See {@link glanceAtFooter}. */
export interface FooterGlance {
  readonly footerBytes: number
  readonly firstLsn: number
  readonly lastLsn: number
}

export type SegmentFooterResult =
  | { readonly kind: 'valid'; readonly footer: SegmentFooter; readonly footerBytes: number }
  | { readonly kind: 'invalid'; readonly reason: string }

/** The length of a footer with this many entries. */
export function footerBytesFor(entries: number): number {
  return FIXED_BYTES + entries * ENTRY_BYTES + FOOTER_TRAILER_BYTES
}

/** The footer's bytes, for its place at `offset` of the segment. */
export function encodeSegmentFooter(footer: SegmentFooter, nonceChecksum: number, offset: number): Buffer {
  const entries = footer.entryLsns.length
  const bytes = footerBytesFor(entries)
  const target = Buffer.alloc(bytes)
  target.writeUInt32LE(FOOTER_MAGIC, 0)
  target.writeUInt32LE(bytes, 8)
  target.writeUInt32LE(entries, 12)
  writeUint64(target, footer.firstLsn, 16)
  writeUint64(target, footer.lastLsn, 24)
  writeUint64(target, footer.mark, 32)
  writeUint64(target, footer.firstTimestampMs, 40)
  writeUint64(target, footer.lastTimestampMs, 48)
  target.writeUInt32LE(footer.frameCount, 56)
  for (const [index, lsn] of footer.entryLsns.entries()) {
    const at = FIXED_BYTES + index * ENTRY_BYTES
    target.writeUInt32LE(lsn - footer.firstLsn, at)
    target.writeUInt32LE(footer.entryOffsets[index] ?? 0, at + 4)
  }
  target.writeUInt32LE(bytes, bytes - 8)
  target.writeUInt32LE(TRAILER_MAGIC, bytes - 4)
  target.writeUInt32LE(checksum(target.subarray(8), positionSeed(nonceChecksum, offset)), 4)
  return target
}

/**
 * The length of the footer that ends a file, from the file's last {@link FOOTER_TRAILER_BYTES} bytes; `undefined` where
 * they don't end a footer, or one longer than the file. Only a hint: {@link readSegmentFooter} proves it.
 */
export function footerBytesFromTrailer(trailer: Buffer, fileBytes: number): number | undefined {
  if (trailer.length < FOOTER_TRAILER_BYTES || trailer.readUInt32LE(4) !== TRAILER_MAGIC) return undefined
  const bytes = trailer.readUInt32LE(0)
  return bytes >= MIN_FOOTER_BYTES && bytes <= fileBytes ? bytes : undefined
}

/**
 * What the fixed part of a footer says, unproven: enough to see that a segment ends as its successor's header says it
 * does, without reading every entry. `undefined` where there is no footer.
 */
export function glanceAtFooter(bytes: Buffer): FooterGlance | undefined {
  if (bytes.length < FIXED_BYTES || bytes.readUInt32LE(0) !== FOOTER_MAGIC) return undefined
  return { footerBytes: bytes.readUInt32LE(8), firstLsn: readUint64(bytes, 16), lastLsn: readUint64(bytes, 24) }
}

/** Whether the bytes at `at` begin like a footer. Only a hint: {@link readSegmentFooter} proves it. */
export function beginsLikeFooter(bytes: Buffer, at: number): boolean {
  return bytes.length - at >= 4 && bytes.readUInt32LE(at) === FOOTER_MAGIC
}

/** Reads the footer at the beginning of `bytes`, which begin at `offset` of the segment and reach to the file's end. */
export function readSegmentFooter(bytes: Buffer, nonceChecksum: number, offset: number): SegmentFooterResult {
  if (bytes.length < MIN_FOOTER_BYTES) return invalid('fewer bytes than a footer')
  if (bytes.readUInt32LE(0) !== FOOTER_MAGIC) return invalid('no footer: wrong magic')
  const footerBytes = bytes.readUInt32LE(8)
  const entries = bytes.readUInt32LE(12)
  if (footerBytes > bytes.length || footerBytes !== footerBytesFor(entries)) {
    return invalid('the footer length does not fit')
  }
  if (bytes.readUInt32LE(4) !== checksum(bytes.subarray(8, footerBytes), positionSeed(nonceChecksum, offset))) {
    return invalid('the footer checksum does not match')
  }
  const firstLsn = readUint64(bytes, 16)
  const entryLsns: number[] = []
  const entryOffsets: number[] = []
  for (let at = FIXED_BYTES; at < footerBytes - FOOTER_TRAILER_BYTES; at += ENTRY_BYTES) {
    entryLsns.push(firstLsn + bytes.readUInt32LE(at))
    entryOffsets.push(bytes.readUInt32LE(at + 4))
  }
  const footer: SegmentFooter = {
    firstLsn,
    lastLsn: readUint64(bytes, 24),
    mark: readUint64(bytes, 32),
    firstTimestampMs: readUint64(bytes, 40),
    lastTimestampMs: readUint64(bytes, 48),
    frameCount: bytes.readUInt32LE(56),
    entryLsns,
    entryOffsets,
  }
  const wellFormed = firstLsn >= 1 && footer.lastLsn >= firstLsn && footer.mark <= footer.lastLsn
  return wellFormed ? { kind: 'valid', footer, footerBytes } : invalid('the footer contradicts itself')
}

function invalid(reason: string): SegmentFooterResult {
  return { kind: 'invalid', reason }
}
