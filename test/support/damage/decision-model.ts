import { MARK_FILE } from '../../../src/format/file-names.js'
import {
  FRAME_HEAD_BYTES,
  type Genuine,
  type GenuineFrame,
  type GenuineSegment,
  type GenuineSlot,
  HEADER_BLOCK_BYTES,
  HEADER_CHECKED_BYTES,
} from './genuine.js'

/*
 * The decision table of docs/FORMAT.md, written down a second time, from bytes that are known to be genuine instead of
 * from checksums. It shares no code with src/segment, and says of any set of files what opening, `verify` and `repair` have
 * to make of it.
 */

export type Files = ReadonlyMap<string, Buffer>

/** One segment file, as far as it is what was written. */
export interface FoundSegment {
  readonly name: string
  readonly firstLsn: number
  readonly bytes: Buffer
  /** What the header proves it to be; `undefined` where the header is damaged. */
  readonly genuine: GenuineSegment | undefined
  /** Whether it is a segment of this log under its own name. */
  readonly sound: boolean
  /** The frames that are valid from the first one on. */
  readonly frames: readonly GenuineFrame[]
  /** All whole frames in their place, also those behind damage. */
  readonly wholeFrames: readonly GenuineFrame[]
  readonly endOffset: number
  readonly nextLsn: number
  readonly end: 'end' | 'zeros' | 'sealed' | 'invalid'
  /** The highest mark in it. */
  readonly mark: number
  /** The highest LSN that anything valid in it names. */
  readonly highestLsn: number
}

export interface FoundLog {
  readonly slots: readonly (GenuineSlot | undefined)[]
  readonly hasMarkFile: boolean
  readonly newest: GenuineSlot | undefined
  readonly logId: string | undefined
  readonly segments: readonly FoundSegment[]
}

/**
 * Reads the files of a folder by what is known to have been written. `knownLogId` is for a log that was open before they
 * were damaged: the files don't have to tell it which log it is.
 */
export function findLog(files: Files, genuine: Genuine, knownLogId?: string): FoundLog {
  const markFile = files.get(MARK_FILE)
  const slots = [0, 4096].map((at) => {
    const bytes = markFile?.subarray(at, at + 128)
    return bytes && genuine.slots.find((slot) => slot.bytes.equals(bytes))
  })
  const newest = slots.reduce((one, other) => ((other?.sequence ?? 0) > (one?.sequence ?? 0) ? other : one), undefined)
  const named = [...files].flatMap(([name, bytes]) => {
    const digits = /^(\d{16})\.seg$/.exec(name)?.[1]
    return digits === undefined ? [] : [{ name, firstLsn: Number(digits), bytes }]
  })
  const heads = named
    .sort((one, other) => one.firstLsn - other.firstLsn)
    .map((file) => ({ ...file, genuine: genuineHeader(file.bytes, genuine) }))
  const logId = knownLogId ?? newest?.logId ?? idOfMost(heads) ?? heads.find(({ genuine }) => genuine)?.genuine?.logId
  const segments = heads.map((head) => {
    const sound = head.genuine !== undefined && head.genuine.logId === logId && head.genuine.firstLsn === head.firstLsn
    const found = framesIn(head.bytes, head.genuine, head.genuine?.firstLsn ?? head.firstLsn)
    if (sound || head.genuine === undefined) return { ...head, sound, ...found }
    // Under another name it is no part of the log; what it holds is still known.
    return { ...head, sound, ...framesIn(head.bytes, undefined, head.firstLsn), highestLsn: found.highestLsn }
  })
  return { slots, hasMarkFile: markFile !== undefined, newest, logId, segments }
}

/** How many segments lie under their own names, of each log. */
export function countByLog(segments: readonly Pick<FoundSegment, 'firstLsn' | 'genuine'>[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { firstLsn, genuine } of segments) {
    if (genuine?.firstLsn === firstLsn) counts.set(genuine.logId, (counts.get(genuine.logId) ?? 0) + 1)
  }
  return counts
}

function idOfMost(segments: readonly Pick<FoundSegment, 'firstLsn' | 'genuine'>[]): string | undefined {
  // Sorting is stable: of two with as many segments the one that was met first stays first.
  return [...countByLog(segments)].sort(([, one], [, other]) => other - one)[0]?.[0]
}

function genuineHeader(bytes: Buffer, genuine: Genuine): GenuineSegment | undefined {
  if (bytes.length < HEADER_BLOCK_BYTES) return undefined
  const header = bytes.subarray(0, HEADER_CHECKED_BYTES)
  return genuine.segments.find((segment) => segment.header.equals(header))
}

type FoundFrames = Pick<
  FoundSegment,
  'frames' | 'wholeFrames' | 'endOffset' | 'nextLsn' | 'end' | 'mark' | 'highestLsn'
>

function framesIn(bytes: Buffer, genuine: GenuineSegment | undefined, firstLsn: number): FoundFrames {
  const endOffset = HEADER_BLOCK_BYTES
  const none = { frames: [], wholeFrames: [], endOffset, nextLsn: firstLsn, mark: 0, highestLsn: firstLsn }
  if (genuine === undefined) return { ...none, end: 'invalid' }
  const wholeFrames = genuine.frames.filter((frame) => isWhole(bytes, frame))
  const broken = genuine.frames.findIndex((frame) => !wholeFrames.includes(frame))
  const frames = broken < 0 ? genuine.frames : genuine.frames.slice(0, broken)
  const last = frames.at(-1)
  const reached = last === undefined ? endOffset : last.offset + last.bytes.length
  const nextLsn = (last?.lastLsn ?? firstLsn - 1) + 1
  const end = endAt(bytes, reached, genuine)
  // A mark counts in any frame header that is whole, whatever became of its body and of what lies before it.
  const heads = end === 'invalid' ? genuine.frames.filter((frame) => hasWholeHead(bytes, frame)) : frames
  const footer = hasFooter(bytes, genuine, end) ? genuine.footer : undefined
  const mark = Math.max(genuine.mark, firstLsn - 1, footer?.mark ?? 0, ...heads.map((frame) => frame.mark))
  const highestLsn = Math.max(nextLsn - 1, footer?.lastLsn ?? 0, firstLsn, ...heads.map((frame) => frame.lastLsn))
  return { frames, wholeFrames, endOffset: reached, nextLsn, end, mark, highestLsn }
}

function isWhole(bytes: Buffer, frame: GenuineFrame): boolean {
  if (bytes.length < frame.offset + frame.bytes.length) return false
  return frame.bytes.compare(bytes, frame.offset, frame.offset + frame.checkedBytes, 0, frame.checkedBytes) === 0
}

function hasWholeHead(bytes: Buffer, frame: GenuineFrame): boolean {
  if (bytes.length < frame.offset + FRAME_HEAD_BYTES) return false
  return frame.bytes.compare(bytes, frame.offset, frame.offset + FRAME_HEAD_BYTES, 0, FRAME_HEAD_BYTES) === 0
}

function endAt(bytes: Buffer, at: number, genuine: GenuineSegment): FoundSegment['end'] {
  if (at === bytes.length) return 'end'
  if (onlyZeros(bytes, at)) return 'zeros'
  return at === genuine.endOffset && hasFooter(bytes, genuine, 'sealed') ? 'sealed' : 'invalid'
}

/** Whether the footer is there, with nothing but zeros behind it. */
function hasFooter(bytes: Buffer, { footer }: GenuineSegment, end: FoundSegment['end']): boolean {
  if (footer === undefined || end === 'end' || end === 'zeros') return false
  const endsAt = footer.offset + footer.bytes.length
  return bytes.subarray(footer.offset, endsAt).equals(footer.bytes) && onlyZeros(bytes, endsAt)
}

function onlyZeros(bytes: Buffer, from: number): boolean {
  return bytes.subarray(from).every((byte) => byte === 0)
}
