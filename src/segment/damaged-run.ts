import type { FileWindow } from './file-window.js'
import { FrameScan, type ScanEnd } from './frame-scan.js'
import { findLaterHeader } from './later-evidence.js'
import type { SegmentScan } from './segment-scan.js'

/** A stretch of a segment whose frames can't be read. */
export interface DamagedRun {
  readonly offset: number
  /** The LSNs that should be there; absent where none are missing. */
  readonly firstLsn?: number
  readonly lastLsn?: number
  readonly reason: string
}

/**
 * What of a segment can't be read, up to before `wantedLsn`: behind each invalid place the reading goes on at the next
 * frame that is whole, so that one flipped bit doesn't hide what lies behind it. The window stands on the segment.
 */
export function findDamagedRuns(
  window: FileWindow,
  nonceChecksum: number,
  scan: SegmentScan,
  wantedLsn: number,
): readonly DamagedRun[] {
  const runs: DamagedRun[] = []
  let { endOffset: offset, nextLsn, end } = scan
  while (nextLsn < wantedLsn) {
    const next = end.kind === 'invalid' ? nextWholeRun(window, nonceChecksum, offset + 8) : undefined
    const reason = reasonOf(end)
    if (next === undefined || next.firstLsn >= wantedLsn) {
      runs.push({ offset, firstLsn: nextLsn, lastLsn: wantedLsn - 1, reason })
      break
    }
    const missing = next.firstLsn > nextLsn ? { firstLsn: nextLsn, lastLsn: next.firstLsn - 1 } : {}
    runs.push({ offset, ...missing, reason })
    offset = next.endOffset
    nextLsn = next.nextLsn
    end = next.end
  }
  return runs
}

interface WholeRun {
  readonly firstLsn: number
  readonly nextLsn: number
  readonly endOffset: number
  readonly end: ScanEnd
}

/** The next valid frames that continue each other, at `from` or behind it. */
function nextWholeRun(window: FileWindow, nonceChecksum: number, from: number): WholeRun | undefined {
  for (let at = from; ; ) {
    const found = findLaterHeader(window, nonceChecksum, at)
    if (found === undefined) return undefined
    const { offset, header } = found
    const start = { offset, lsn: header.firstLsn, timestampMs: 0, checkRecords: true }
    const scan = new FrameScan(window, nonceChecksum, start)
    const end = scan.finish()
    if (scan.frameCount > 0) {
      return { firstLsn: header.firstLsn, nextLsn: scan.nextLsn, endOffset: scan.endOffset, end }
    }
    at = offset + 8
  }
}

function reasonOf(end: ScanEnd): string {
  switch (end.kind) {
    case 'end':
      return 'the file ends here'
    case 'zeros':
      return 'there are only zeros from here on'
    case 'sealed':
      return 'the segment is sealed here, and the one after it is missing'
    case 'invalid':
      return end.reason
  }
}
