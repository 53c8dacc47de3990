import {
  DRAFT_CHECKSUM_AT,
  DRAFT_CHECKSUMMED,
  DRAFT_FLAGS_AT,
  DRAFT_HANDED_OVER_AT,
  DRAFT_WANTS_WRITTEN,
} from './layout.js'

/** What the writer must know of a frame, and the frame on disk does not say: see layout.ts for where it lies. */
export interface DraftNotes {
  /** Milliseconds on the shared monotonic clock. */
  readonly handedOverMs: number
  /** Somebody waits for the frame to be written, not only for it to be durable. */
  readonly wantsWritten: boolean
  /** The checksum of its body without a seed, where the coordinator made it. */
  readonly checksum: number | undefined
}

/** Notes it in the draft of a frame that begins at `place`. */
export function writeDraftNotes(bytes: Buffer, place: number, notes: DraftNotes): void {
  const { handedOverMs, wantsWritten, checksum } = notes
  bytes.writeDoubleLE(handedOverMs, place + DRAFT_HANDED_OVER_AT)
  if (checksum !== undefined) bytes.writeUInt32LE(checksum, place + DRAFT_CHECKSUM_AT)
  const flags = (wantsWritten ? DRAFT_WANTS_WRITTEN : 0) | (checksum === undefined ? 0 : DRAFT_CHECKSUMMED)
  bytes.writeUInt32LE(flags, place + DRAFT_FLAGS_AT)
}

/** What {@link writeDraftNotes} noted. Sealing the frame writes over it. */
export function readDraftNotes(bytes: Buffer, place: number): DraftNotes {
  const flags = bytes.readUInt32LE(place + DRAFT_FLAGS_AT)
  return {
    handedOverMs: bytes.readDoubleLE(place + DRAFT_HANDED_OVER_AT),
    wantsWritten: (flags & DRAFT_WANTS_WRITTEN) !== 0,
    checksum: (flags & DRAFT_CHECKSUMMED) === 0 ? undefined : bytes.readUInt32LE(place + DRAFT_CHECKSUM_AT),
  }
}
