import type { Mark } from '../format/mark.js'
import type { SegmentHead } from './segment-head.js'

/*
 * Whose log lies in a folder? Each file says so by a random id. Where they disagree, something is out of place, and what
 * is kept then has to be this log's: a record of another log that is given as one of this log is worse than one that is
 * lost, for what is lost is said, and kept aside.
 *
 * The mark file decides, for opening and readers as for `verify` and `repair`: there is one of it, it is noted in after
 * each batch, and no other log's is put in its place by copying segments. It stands as long as a single segment has its
 * id, and also where no segment does but one: then one file speaks for either log. The segments may well be gone whose
 * mark this is, and nothing but a stranger be left; to take that for the log would be to make its records this log's.
 *
 * Only two segments together overrule it: both under their own names, with the same id, where no header has the mark's.
 * Two strangers have hardly got here by mistake, each in its own place, while every segment of this log has lost its
 * header; one mark file may have. More segments don't weigh more.
 *
 * Without a mark file the segments under their own names decide, by their number. A header under another name says whose
 * file it is, but the file is out of place as it is; it counts only where there is nothing else.
 */

/** The fewest segments of the same other log that the mark file yields to. */
const OVERRULING_SEGMENTS = 2

/** Whether the mark file is the one that is out of place. Opening refuses the log then, as it does for any other id. */
export function isForeignMark(mark: Mark, heads: readonly SegmentHead[]): boolean {
  if (heads.some(({ result }) => result.kind === 'valid' && result.header.logId.equals(mark.logId))) return false
  // What lies wholly below the trim mark says nothing: opening removes it, whatever it is.
  if (mark.durableLsn < mark.firstLsn && heads.every((head) => head.firstLsn < mark.firstLsn)) return false
  return (mostNamed(heads)?.segments ?? 0) >= OVERRULING_SEGMENTS
}

/** The log's id as the segments tell it; `undefined` where no header is valid. */
export function logIdOfSegments(heads: readonly SegmentHead[]): Buffer | undefined {
  const named = mostNamed(heads)
  if (named !== undefined) return named.logId
  for (const { result } of heads) {
    if (result.kind === 'valid') return result.header.logId
  }
  return undefined
}

/** Whether a segment's header is valid, and another log's. */
export function isOfAnotherLog({ result }: SegmentHead, logId: Buffer | undefined): boolean {
  return result.kind === 'valid' && logId !== undefined && !result.header.logId.equals(logId)
}

/** The id of most segments under their own names; where two have as many, that of the lower names. */
function mostNamed(heads: readonly SegmentHead[]): { readonly logId: Buffer; readonly segments: number } | undefined {
  const counts = new Map<string, { logId: Buffer; segments: number }>()
  for (const { firstLsn, result } of heads) {
    if (result.kind !== 'valid' || result.header.firstLsn !== firstLsn) continue
    const { logId } = result.header
    const key = logId.toString('hex')
    const count = counts.get(key) ?? { logId, segments: 0 }
    count.segments++
    counts.set(key, count)
  }
  let most: { readonly logId: Buffer; readonly segments: number } | undefined
  for (const count of counts.values()) if (count.segments > (most?.segments ?? 0)) most = count
  return most
}
