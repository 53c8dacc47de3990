import type { FrameHeader } from '../format/frame.js'
import type { SegmentFooter } from '../format/segment-footer.js'
import { FOOTER_TRAILER_BYTES, footerBytesFromTrailer, readSegmentFooter } from '../format/segment-footer.js'
import { SEGMENT_HEADER_BYTES } from '../format/segment-header.js'
import type { SegmentFile } from './segment-file.js'
import { type FramePosition, INDEX_SPACING_BYTES, type IndexedFrame, SegmentIndex } from './segment-index.js'

/** What is read at one go to find frame headers. */
const SCAN_BYTES = 64 * 1024
/** A whole footer has an entry for each {@link INDEX_SPACING_BYTES} at the most, and some bytes around them. */
const FOOTER_BYTES_SPARE = 4096

/** How far a segment may be read. */
export interface SegmentReach {
  /** The last LSN that may be looked at: durable, and in this segment. */
  readonly lastLsn: number
  /** Whether the next segment exists, so that this one has a footer. */
  readonly sealed: boolean
}

/**
 * Finds where to begin reading for an LSN: by the footer of a sealed segment, or else by the headers of the frames
 * before it, each of which is looked at once and noted in an index of its own. A damaged footer costs that scan, nothing
 * else: it only repeats what the frames say.
 */
export class FrameLocator {
  readonly #file: SegmentFile
  #index = new SegmentIndex()
  /** All frames before this one are in the index. */
  #unindexed: FramePosition
  #footer: 'untried' | 'read' | 'unusable' = 'untried'
  #search: Promise<unknown> = Promise.resolve()

  constructor(file: SegmentFile) {
    this.#file = file
    this.#unindexed = { firstLsn: file.firstLsn, offset: SEGMENT_HEADER_BYTES }
  }

  /**
   * Where to begin for `lsn`: at its frame, or at one of the few in the 16 KiB before it.
   * Rejects with `SLUICE_CORRUPT` where a header before it is damaged, and `SLUICE_IO`.
   */
  async locate(lsn: number, reach: SegmentReach): Promise<IndexedFrame> {
    const known = this.#known(lsn)
    if (known !== undefined) return known
    // One search after the other: what many callers look for at once is read once.
    const search = this.#search.then(() => this.#find(lsn, reach))
    this.#search = search.catch(() => {})
    return search
  }

  /** Tells of a frame that was read anyway: the index grows where this is the next one. */
  note(header: FrameHeader, offset: number): void {
    if (this.#footer === 'read' || offset !== this.#unindexed.offset) return
    this.#index.add(header.firstLsn, offset)
    this.#unindexed = { firstLsn: header.lastLsn + 1, offset: offset + header.frameBytes }
  }

  #known(lsn: number): IndexedFrame | undefined {
    if (lsn === this.#unindexed.firstLsn) return { ...this.#unindexed, nextOffset: undefined }
    return this.#footer === 'read' || lsn < this.#unindexed.firstLsn ? this.#index.positionFor(lsn) : undefined
  }

  async #find(lsn: number, reach: SegmentReach): Promise<IndexedFrame> {
    if (reach.sealed && this.#footer === 'untried' && this.#known(lsn) === undefined) await this.#readFooter()
    let known = this.#known(lsn)
    while (known === undefined) {
      await this.#scan(lsn, reach.lastLsn)
      known = this.#known(lsn)
    }
    return known
  }

  /** Reads one window of headers, up to `lsn`. */
  async #scan(lsn: number, lastLsn: number): Promise<void> {
    const begin = this.#unindexed
    const window = await this.#file.window(begin.offset, SCAN_BYTES)
    let position = begin
    while (position.firstLsn <= lsn) {
      const found = window.header(position)
      if (found.kind === 'valid') {
        this.note(found.header, position.offset)
        position = { firstLsn: found.header.lastLsn + 1, offset: position.offset + found.header.frameBytes }
      } else if (position.offset === begin.offset) {
        const reason = found.kind === 'cut' ? 'the file ends where a frame is expected' : found.reason
        throw this.#file.corrupt(reason, position.offset, position.firstLsn, lastLsn)
      } else {
        return // The next window begins here, and says whether this is damage or only the end of this one.
      }
    }
  }

  async #readFooter(): Promise<void> {
    // What can't be read of it is taken for damage: the frames are read next, and fail by themselves if they must.
    const footer = await this.#provedFooter().catch(() => undefined)
    this.#footer = footer === undefined ? 'unusable' : 'read'
    if (footer !== undefined) this.#index = new SegmentIndex(footer.entryLsns, footer.entryOffsets)
  }

  /** The footer; `undefined` where it is damaged, or not one that fits this segment. */
  async #provedFooter(): Promise<SegmentFooter | undefined> {
    const size = await this.#file.size()
    if (size < SEGMENT_HEADER_BYTES + FOOTER_TRAILER_BYTES) return undefined
    const trailer = await this.#file.window(size - FOOTER_TRAILER_BYTES, FOOTER_TRAILER_BYTES, FOOTER_TRAILER_BYTES)
    const footerBytes = footerBytesFromTrailer(trailer.bytes, size - SEGMENT_HEADER_BYTES)
    if (footerBytes === undefined || footerBytes > longestFooterBytes(size)) return undefined
    const offset = size - footerBytes
    const window = await this.#file.window(offset, footerBytes, footerBytes)
    const result = readSegmentFooter(window.bytes, this.#file.nonceChecksum, offset)
    return result.kind === 'valid' && fits(result.footer, this.#file.firstLsn, offset) ? result.footer : undefined
  }
}

function longestFooterBytes(segmentBytes: number): number {
  return FOOTER_BYTES_SPARE + Math.ceil(segmentBytes / INDEX_SPACING_BYTES) * 8
}

/** Whether the entries begin with the first frame, and ascend within the segment. */
function fits(footer: SegmentFooter, firstLsn: number, endOffset: number): boolean {
  const { entryLsns, entryOffsets } = footer
  if (footer.firstLsn !== firstLsn || entryLsns[0] !== firstLsn || entryOffsets[0] !== SEGMENT_HEADER_BYTES)
    return false
  const ascends = (values: readonly number[]) =>
    values.every((value, index) => index === 0 || value > (values[index - 1] ?? value))
  const lastLsn = entryLsns.at(-1) ?? firstLsn
  const lastOffset = entryOffsets.at(-1) ?? 0
  return ascends(entryLsns) && ascends(entryOffsets) && lastLsn <= footer.lastLsn && lastOffset < endOffset
}
