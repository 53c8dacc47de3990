import { join } from 'node:path'
import { SluiceError } from '../errors.js'
import { glanceAtFooter, MIN_FOOTER_BYTES } from '../format/segment-footer.js'
import type { FileSystem } from '../fs/file-system.js'
import { readFully } from '../fs/transfer.js'
import type { FileWindow } from './file-window.js'
import type { SoundHead } from './segment-head.js'
import { scanSegment } from './segment-scan.js'

/**
 * Checks that `segment` ends where its successor's header says it ends. Sealed segments are not read again when a log is
 * opened: a glance at the footer is enough to see that no segment between the two is missing, and that none of the
 * frames is cut off. Only where the footer doesn't tell, the frames are read: a damaged footer alone is no reason to
 * refuse the log, for readers do without it.
 *
 * Throws `SLUICE_CORRUPT`, naming the segment, the offset and the LSNs that are missing or damaged.
 */
export function checkLink(
  fs: FileSystem,
  directory: string,
  segment: SoundHead,
  successor: SoundHead,
  window: FileWindow,
): void {
  const { previousLastLsn, previousEndOffset } = successor.header
  const corrupt = (offset: number, firstLsn: number, message: string): SluiceError =>
    new SluiceError('SLUICE_CORRUPT', `segment ${segment.name}, offset ${offset}: ${message}`, {
      segment: segment.name,
      offset,
      firstLsn,
      lastLsn: Math.max(firstLsn, previousLastLsn),
    })
  if (footerSays(fs, directory, segment, previousLastLsn, previousEndOffset)) return
  const scan = scanSegment(fs, directory, segment, window)
  const { nextLsn, endOffset, end } = scan
  if (nextLsn === successor.firstLsn && endOffset === previousEndOffset) return
  if (nextLsn > successor.firstLsn) {
    const overlap = `its frames reach LSN ${nextLsn - 1}, but segment ${successor.name} begins with ${successor.firstLsn}`
    throw corrupt(endOffset, successor.firstLsn, overlap)
  }
  if (nextLsn === successor.firstLsn) {
    const wrongEnd = `its frames end here, but segment ${successor.name} says that they end at ${previousEndOffset}`
    throw corrupt(endOffset, previousLastLsn, wrongEnd)
  }
  const lost = `LSNs ${nextLsn} to ${previousLastLsn} were durable, but`
  if (end.kind === 'invalid') throw corrupt(endOffset, nextLsn, `${lost} there is no valid frame: ${end.reason}`)
  const missing = `${lost} the frames end here, and the next segment is ${successor.name}`
  throw corrupt(endOffset, nextLsn, missing)
}

/** Whether a footer stands where the frames are said to end, reaches to the file's end, and names the same last LSN. */
function footerSays(
  fs: FileSystem,
  directory: string,
  segment: SoundHead,
  lastLsn: number,
  endOffset: number,
): boolean {
  if (endOffset >= segment.fileBytes) return false
  const fd = fs.openSync(join(directory, segment.name), 'read')
  try {
    const bytes = Buffer.alloc(MIN_FOOTER_BYTES)
    const glance = glanceAtFooter(bytes.subarray(0, readFully(fs, fd, bytes, 0, bytes.length, endOffset)))
    return (
      glance?.firstLsn === segment.firstLsn &&
      glance.lastLsn === lastLsn &&
      glance.footerBytes === segment.fileBytes - endOffset
    )
  } finally {
    fs.closeSync(fd)
  }
}
