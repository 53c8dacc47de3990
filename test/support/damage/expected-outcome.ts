import { countByLog, type FoundLog, type FoundSegment } from './decision-model.js'

/** What opening a log has to come to. */
export type ExpectedOpening =
  | { readonly kind: 'corrupt' }
  | {
      readonly kind: 'opens'
      readonly firstLsn: number
      readonly lastLsn: number
      /** The segment in which a torn tail is found, and where. */
      readonly torn: { readonly segment: string; readonly offset: number } | undefined
    }

/** All that has to be found in a set of files. */
export interface ExpectedOutcome {
  readonly opening: ExpectedOpening
  /** Whether `verify` finds damage. */
  readonly damaged: boolean
  /** The LSNs that `verify` has to name. */
  readonly named: readonly number[]
  /** Where damage has to be named: segment, and the offset at which it begins. */
  readonly places: readonly { readonly segment: string; readonly offset: number }[]
  /** What repair keeps. */
  readonly kept: { readonly firstLsn: number; readonly lastLsn: number }
  /** The LSNs that the damaged log can be proved to have had: repair keeps each of them, or says that it is lost. */
  readonly proved: ReadonlySet<number>
}

interface Evidence {
  readonly log: FoundLog
  /** The trim mark. */
  readonly firstLsn: number
  readonly kept: readonly FoundSegment[]
  /** Files with a segment's name and a bad header inside of a chain that is whole without them. */
  readonly strays: readonly FoundSegment[]
  /** M of the table. */
  readonly highestMark: number
}

/** `foreignMark`: the mark file is another log's, and `log` was found without it. */
export function expectedOutcome(log: FoundLog, foreignMark: boolean): ExpectedOutcome {
  const { newest, segments } = log
  if (segments.length === 0 && (!log.hasMarkFile || newest?.sequence === 1)) return NEW_LOG
  const evidence = gather(log)
  const repaired = keptBy(evidence)
  const damage = damageIn(evidence)
  if (foreignMark || (newest === undefined && segments.length === 0)) damage.push({ lsns: [] })
  return {
    opening: foreignMark ? { kind: 'corrupt' } : openingOf(evidence),
    damaged: damage.length > 0,
    named: [...new Set(damage.flatMap(({ lsns }) => lsns))].sort((one, other) => one - other),
    places: damage.flatMap(({ place }) => (place === undefined ? [] : [place])),
    kept: repaired,
    proved: provedBy(evidence),
  }
}

const NEW_LOG: ExpectedOutcome = {
  opening: { kind: 'opens', firstLsn: 1, lastLsn: 0, torn: undefined },
  damaged: false,
  named: [],
  places: [],
  kept: { firstLsn: 1, lastLsn: 0 },
  proved: new Set(),
}

/**
 * Whether the mark file is of another log: no segment has its id, and two that have another one, the same, lie where they
 * belong. One is not enough: it may itself be what was put there. Where all names lie below a trim mark, and nothing
 * above it was durable, opening asks nothing of what is there.
 */
export function hasForeignMark({ newest, segments }: FoundLog): boolean {
  if (newest === undefined || segments.some(({ genuine }) => genuine?.logId === newest.logId)) return false
  const reaches = segments.some(({ firstLsn }) => firstLsn >= newest.firstLsn)
  return (reaches || newest.durableLsn >= newest.firstLsn) && Math.max(0, ...countByLog(segments).values()) >= 2
}

function gather(log: FoundLog): Evidence {
  const { newest, segments } = log
  const strays = straysIn(segments, newest?.firstLsn ?? 0)
  const chain = segments.filter((segment) => !strays.includes(segment))
  const firstLsn = newest?.firstLsn ?? chain[0]?.firstLsn ?? 1
  const marked = Math.max(newest?.durableLsn ?? 0, firstLsn - 1)
  const kept = keptOf(chain, firstLsn, marked)
  const marks = kept.map((segment) => (segment.sound ? segment.mark : 0))
  return { log, firstLsn, kept, strays, highestMark: Math.max(marked, ...marks) }
}

/** The segments that are not wholly below the trim mark. */
function keptOf(chain: readonly FoundSegment[], firstLsn: number, marked: number): readonly FoundSegment[] {
  const first = chain.findIndex((_, index) => (chain[index + 1]?.firstLsn ?? Number.POSITIVE_INFINITY) > firstLsn)
  const allBelow = marked < firstLsn && chain.every((segment) => segment.firstLsn < firstLsn)
  const before = chain.slice(0, first + 1).findLast(({ sound }) => sound)
  if (before === undefined) return allBelow ? [] : chain.slice(first)
  // What follows it under a bad header may not begin where its name says, and so says nothing about where it ends.
  const reaches = before.highestLsn >= firstLsn || before.mark >= firstLsn
  if (reaches) return chain.slice(chain.indexOf(before))
  return allBelow ? [] : chain.slice(first)
}

/** Whether the successor's header says that it follows right behind the frames that are there. */
function links(before: FoundSegment, successor: FoundSegment): boolean {
  return (
    before.sound &&
    successor.sound &&
    before.nextLsn === successor.firstLsn &&
    successor.genuine?.previousEndOffset === before.endOffset
  )
}

function straysIn(segments: readonly FoundSegment[], trimLsn: number): FoundSegment[] {
  return segments.filter((segment, index) => {
    const before = segments.slice(0, index).findLast(({ sound }) => sound)
    const successor = segments.slice(index + 1).find(({ sound }) => sound)
    if (segment.sound || before === undefined || successor === undefined) return false
    return successor.firstLsn > trimLsn && links(before, successor)
  })
}

function openingOf({ log, firstLsn, kept, strays, highestMark }: Evidence): ExpectedOpening {
  const corrupt: ExpectedOpening = { kind: 'corrupt' }
  if (log.logId === undefined || strays.length > 0 || kept.some(({ sound }) => !sound)) return corrupt
  const last = kept.at(-1)
  if (last === undefined) return highestMark >= firstLsn ? corrupt : opens(firstLsn, firstLsn - 1)
  if ((kept[0]?.firstLsn ?? 0) > firstLsn) return corrupt
  for (const [index, successor] of kept.entries()) {
    const before = kept[index - 1]
    if (before !== undefined && !links(before, successor) && !footerSays(before, successor)) return corrupt
  }
  if (highestMark >= last.nextLsn) return corrupt
  if (last.frames.length > 0) return opens(firstLsn, last.nextLsn - 1, last.end === 'invalid' ? last : undefined)
  // A segment without one valid frame, that nobody was told of, goes as a whole.
  const before = kept.at(-2)
  if (before !== undefined && highestMark >= before.nextLsn) return corrupt
  const torn = { segment: last.name, offset: 0 }
  return { kind: 'opens', firstLsn, lastLsn: last.firstLsn - 1, torn }
}

function opens(firstLsn: number, lastLsn: number, tear?: FoundSegment): ExpectedOpening {
  const torn = tear && { segment: tear.name, offset: tear.endOffset }
  return { kind: 'opens', firstLsn, lastLsn, torn }
}

/**
 * Opening doesn't read sealed segments again. It believes the footer's fixed part that a sealed segment ends where its
 * successor says; damage before it is found by reading, and by `verify`.
 */
function footerSays({ bytes, firstLsn }: FoundSegment, successor: FoundSegment): boolean {
  const at = successor.genuine?.previousEndOffset ?? 0
  if (at + 64 > bytes.length || bytes.toString('latin1', at, at + 4) !== 'SLFT') return false
  return (
    bytes.readUInt32LE(at + 8) === bytes.length - at &&
    bytes.readBigUInt64LE(at + 16) === BigInt(firstLsn) &&
    bytes.readBigUInt64LE(at + 24) === BigInt(successor.firstLsn - 1)
  )
}

interface Damage {
  readonly lsns: readonly number[]
  readonly place?: { readonly segment: string; readonly offset: number }
}

function damageIn(evidence: Evidence): Damage[] {
  const { firstLsn, kept, strays, highestMark, log } = evidence
  const damage: Damage[] = strays.map(({ name }) => ({ lsns: [], place: { segment: name, offset: 0 } }))
  const first = kept[0]
  if (first !== undefined && first.firstLsn > firstLsn) damage.push({ lsns: range(firstLsn, first.firstLsn - 1) })
  if (first === undefined && highestMark >= firstLsn) damage.push({ lsns: range(firstLsn, highestMark) })
  for (const [index, segment] of kept.entries()) {
    const successor = kept[index + 1]
    const before = kept[index - 1]
    const { name, sound, nextLsn, end } = segment
    const lastLsn = successor === undefined ? highestMark : successor.firstLsn - 1
    if (!sound) {
      const lsns = range(segment.firstLsn, Math.max(lastLsn, segment.firstLsn))
      damage.push({ lsns, place: { segment: name, offset: 0 } })
      continue
    }
    if (before?.sound && before.nextLsn === segment.firstLsn && !links(before, segment)) {
      damage.push({ lsns: [], place: { segment: name, offset: 0 } })
    }
    damage.push(...contradictedMark(log, segment))
    const place = { segment: name, offset: segment.endOffset }
    if (successor !== undefined && nextLsn > successor.firstLsn) {
      damage.push({ lsns: range(successor.firstLsn, nextLsn - 1), place })
    } else if (nextLsn <= lastLsn) {
      damage.push({ lsns: range(nextLsn, lastLsn).filter((lsn) => !isWholeIn(segment, lsn)), place })
    } else if (successor !== undefined && end !== 'sealed') {
      damage.push({ lsns: [], place })
    }
  }
  return damage
}

function isWholeIn({ wholeFrames }: FoundSegment, lsn: number): boolean {
  return wholeFrames.some((frame) => frame.firstLsn <= lsn && lsn <= frame.lastLsn)
}

/** Readers go by the mark's end offset: where the frame of its LSN is there, it has to end there. */
function contradictedMark({ newest }: FoundLog, segment: FoundSegment): Damage[] {
  if (newest === undefined || newest.segmentFirstLsn !== segment.firstLsn) return []
  const { durableLsn, endOffset } = newest
  if (durableLsn < segment.firstLsn || durableLsn >= segment.nextLsn) return []
  const frame = segment.frames.find(({ lastLsn }) => lastLsn === durableLsn)
  if (frame !== undefined && frame.offset + frame.bytes.length === endOffset) return []
  return [{ lsns: [], place: { segment: segment.name, offset: endOffset } }]
}

/** The longest dense run of whole records, from the first segment that there is. */
function keptBy({ firstLsn, kept }: Evidence): { firstLsn: number; lastLsn: number } {
  let run = { firstLsn, lastLsn: firstLsn - 1 }
  for (const [index, segment] of kept.entries()) {
    const before = kept[index - 1]
    if (!segment.sound || segment.frames.length === 0 || segment.nextLsn <= firstLsn) break
    if (before !== undefined && !links(before, segment)) break
    run = { firstLsn: index === 0 ? Math.max(firstLsn, segment.firstLsn) : run.firstLsn, lastLsn: segment.nextLsn - 1 }
  }
  return run
}

/**
 * All that a mark covers, that any segment of this log holds, under its own name or another one, or that the name of a
 * segment tells whose header is damaged.
 */
function provedBy({ firstLsn, kept, highestMark, log }: Evidence): Set<number> {
  const proved = new Set(range(firstLsn, highestMark))
  for (const segment of kept) {
    const { sound, genuine, nextLsn, highestLsn } = segment
    // What a torn tail names is recovery's affair: nobody was told of it.
    const torn = segment === kept.at(-1) && sound && highestMark < nextLsn
    const ofThisLog = genuine?.logId === log.logId ? highestLsn : 0
    const last = genuine === undefined ? segment.firstLsn : torn ? nextLsn - 1 : ofThisLog
    for (const lsn of range(firstLsn, last)) proved.add(lsn)
  }
  return new Set([...proved].filter((lsn) => lsn >= firstLsn))
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}
