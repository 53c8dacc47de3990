import { readUint64 } from '../format/checksum.js'
import type { RingConsumer } from '../ring/consumer.js'
import { readDraftNotes } from '../ring/draft-notes.js'
import type { FrameDrafts } from '../segment/rotating-segments.js'

/** What bounds a batch. The first frame is always taken. */
export interface BatchBounds {
  readonly maxFrames: number
  readonly maxRecords: number
  readonly maxBytes: number
  /** Bytes left in the active segment. */
  readonly roomBytes: number
  /** Bytes for frames in a new segment: what counts where the first frame does not fit into the active one. */
  readonly roomAfterRotationBytes: number
}

/** The frames that one sync will commit: what the writer takes from the ring at one go. */
export class Batch {
  /** Where each frame begins in the ring. */
  readonly places: number[] = []
  /** The checksum of each frame's body without a seed, where the coordinator made it: sealing a frame writes over it. */
  readonly checksums: (number | undefined)[] = []
  records = 0
  bytes = 0
  /** Which bound ended it; `undefined` where there was nothing more to take. */
  endedBy: 'records' | 'bytes' | undefined
  /** Whether an append in it waits for the write alone. */
  wantsWritten = false
  firstLsn = 0
  /** When its first frame was handed over. */
  handedOverMs = 0

  get lastLsn(): number {
    return this.firstLsn + this.records - 1
  }

  /** Its frames, where the ring keeps them. */
  drafts(bytes: Buffer): FrameDrafts {
    return { bytes, places: this.places, checksums: this.checksums, firstLsn: this.firstLsn }
  }

  /** Looks at the frames that are there, without taking them. There is at least one. */
  static collect(ring: RingConsumer, bounds: BatchBounds): Batch {
    const batch = new Batch()
    let { maxBytes } = bounds
    const frames = Math.min(ring.available, bounds.maxFrames)
    for (let index = 0; index < frames; index++) {
      const at = ring.placeOf(index)
      const frameBytes = ring.bytes.readUInt32LE(at + 8)
      const recordCount = ring.bytes.readUInt32LE(at + 16)
      if (index === 0) {
        batch.firstLsn = readUint64(ring.bytes, at + 24)
        const room = frameBytes <= bounds.roomBytes ? bounds.roomBytes : bounds.roomAfterRotationBytes
        maxBytes = Math.min(maxBytes, room)
      } else if (batch.records + recordCount > bounds.maxRecords) {
        batch.endedBy = 'records'
        break
      } else if (batch.bytes + frameBytes > maxBytes) {
        batch.endedBy = 'bytes'
        break
      }
      batch.places.push(at)
      batch.records += recordCount
      batch.bytes += frameBytes
      const { handedOverMs, wantsWritten, checksum } = readDraftNotes(ring.bytes, at)
      if (index === 0) batch.handedOverMs = handedOverMs
      if (wantsWritten) batch.wantsWritten = true
      batch.checksums.push(checksum)
    }
    if (batch.records >= bounds.maxRecords) batch.endedBy ??= 'records'
    else if (batch.bytes >= maxBytes) batch.endedBy ??= 'bytes'
    return batch
  }
}
