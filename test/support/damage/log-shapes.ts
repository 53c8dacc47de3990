import { MARK_FILE } from '../../../src/format/file-names.js'
import { MARK_SLOT_OFFSETS, type Mark, writeMarkSlot } from '../../../src/format/mark.js'
import { type BuiltLog, buildLog, type FramePlan, type LogPlan } from '../build-log.js'
import { type Genuine, genuineOf } from './genuine.js'

/** A log to damage: its files, and all that may be found in them. */
export interface LogShape {
  readonly name: string
  readonly built: BuiltLog
  /** The files as they lie there before they are damaged. */
  readonly files: ReadonlyMap<string, Buffer>
  readonly genuine: Genuine
  /** A segment of another log, to be put among this one's, and that log's mark file. */
  readonly foreign: Buffer
  readonly foreignMark: Buffer
}

/** The record that was appended under this LSN: of many lengths, none too, and some that look like frames. */
export function recordOf(lsn: number): Buffer {
  if (lsn % 7 === 0) return Buffer.alloc(0)
  if (lsn % 11 === 0) return Buffer.from(`SLFR${'SLFT'.repeat(lsn % 5)}SLUICESG`)
  const bytes = (lsn * 53) % 131
  return Buffer.alloc(bytes + 1, `record ${lsn};`)
}

const FOREIGN_ID = Buffer.alloc(16, 7)

/** The record that the log of this id has under this LSN: no log has that of another one. */
export function recordOfLog(logId: string | undefined, lsn: number): Buffer {
  return logId === FOREIGN_ID.toString('hex') ? Buffer.from(`of another log: ${lsn}`) : recordOf(lsn)
}

/** Frames with as many records each, from `firstLsn` on; marks are those of a writer that syncs each frame. */
function frames(firstLsn: number, counts: readonly number[], mark?: (firstLsn: number) => number): FramePlan[] {
  let lsn = firstLsn
  return counts.map((count) => {
    const records = Array.from({ length: count }, (_, index) => recordOf(lsn + index))
    const plan = { records, mark: mark?.(lsn) ?? lsn - 1 }
    lsn += count
    return plan
  })
}

const SEALED_TWICE = [{ frames: frames(1, [1, 2]) }, { frames: frames(4, [2, 1]) }]
const LAST = { frames: frames(7, [1, 2, 1]) }

/** What of the last frame is there, in a log whose process was killed while it wrote it. */
const TORN_BYTES = 61

interface ShapePlan extends LogPlan {
  readonly name: string
  /** The slot that is not the newest. @default the same mark */
  readonly older?: Partial<Mark>
  /** Cuts that many bytes of the last frame short. */
  readonly torn?: boolean
}

const PLANS: readonly ShapePlan[] = [
  { name: 'one segment', segments: [{ frames: frames(1, [1, 2, 1]) }], older: { durableLsn: 3 } },
  { name: 'sealed, sealed, last', segments: [...SEALED_TWICE, LAST], older: { durableLsn: 9 } },
  { name: 'marks in frames only', segments: [...SEALED_TWICE, LAST], mark: undefined },
  {
    name: 'a mark before the end',
    segments: [...SEALED_TWICE, { frames: frames(7, [1, 2, 1, 1], () => 6) }],
    mark: { durableLsn: 9, endOffset: 0 },
    older: { durableLsn: 7, endOffset: 0 },
  },
  {
    name: 'last segment unmarked',
    segments: [...SEALED_TWICE, { frames: frames(7, [1, 2, 1], () => 6) }],
    mark: { durableLsn: 6, segmentFirstLsn: 4, endOffset: 0 },
  },
  {
    name: 'trimmed inside of a segment',
    firstLsn: 4,
    segments: [{ frames: frames(4, [2, 1]) }, { frames: frames(7, [1, 2]) }, { frames: frames(10, [1, 1]) }],
    mark: { firstLsn: 5 },
    older: { firstLsn: 4, durableLsn: 10 },
  },
  { name: 'closed', segments: [...SEALED_TWICE, LAST], mark: { closed: true } },
  {
    name: 'killed, with a torn tail',
    segments: [...SEALED_TWICE, { frames: frames(7, [1, 2, 2], (lsn) => Math.min(lsn - 1, 7)) }],
    mark: { durableLsn: 9, endOffset: 0 },
    torn: true,
  },
  {
    name: 'filled ahead with zeros',
    segments: [...SEALED_TWICE, { frames: frames(7, [1, 2, 1]), zeros: 8192 }],
    older: { durableLsn: 9 },
  },
  { name: 'sealed to the end', segments: [...SEALED_TWICE, { ...LAST, sealed: true }] },
]

/** A log with pages and index entries enough: its segments have tens of KiB. */
const LARGE: ShapePlan = {
  name: 'large',
  segments: [
    { frames: frames(1, [40, 300, 1, 250]) },
    {
      frames: frames(
        592,
        [...Array(60).keys()].map((n) => (n % 9) + 1),
      ),
    },
    { frames: frames(883, [100, 1, 30, 90, 7, 120]), zeros: 20_000 },
  ],
  older: { durableLsn: 1110 },
}

/** Small logs, in all the states that a log may be found in. */
export const SMALL_SHAPES: readonly LogShape[] = PLANS.map(shapeOf)
export const LARGE_SHAPE: LogShape = shapeOf(LARGE)

export function shapeNamed(name: string): LogShape {
  const shape = SMALL_SHAPES.find((candidate) => candidate.name === name)
  if (shape === undefined) throw new RangeError(`there is no shape ${name}`)
  return shape
}

function shapeOf(plan: ShapePlan): LogShape {
  const built = withMarks(plan)
  const records = [7, 8, 9].map((lsn) => recordOfLog(FOREIGN_ID.toString('hex'), lsn))
  const other = buildLog({ logId: FOREIGN_ID, firstLsn: 7, segments: [{ frames: [records] }] })
  const files = new Map([...built.files].map(([name, bytes]) => [name, Buffer.from(bytes)]))
  const last = built.segments.at(-1)
  if (plan.torn && last !== undefined) {
    const offset = last.frames.at(-1)?.offset ?? 0
    files.set(last.name, Buffer.from(last.bytes.subarray(0, offset + TORN_BYTES)))
  }
  const foreign = other.segments[0]?.bytes ?? Buffer.alloc(0)
  const foreignMark = other.files.get(MARK_FILE) ?? Buffer.alloc(0)
  return { name: plan.name, built, files, genuine: genuineOf(built, other), foreign, foreignMark }
}

/** Builds the log with its newest mark in one slot, and the older one in the other: each names where its LSN ends. */
function withMarks(plan: ShapePlan): BuiltLog {
  const built = buildLog(plan)
  const file = built.files.get(MARK_FILE)
  if (built.mark === undefined || file === undefined) return built
  const newest = placed(built, built.mark)
  writeMarkSlot(file.subarray(MARK_SLOT_OFFSETS[0]), newest)
  writeMarkSlot(file.subarray(MARK_SLOT_OFFSETS[1]), placed(built, { ...newest, sequence: 6, ...plan.older }))
  return built
}

/** Names the place where the mark's LSN ends. */
function placed(built: BuiltLog, mark: Mark): Mark {
  for (const { firstLsn, frames: inSegment } of built.segments) {
    const frame = inSegment.find(({ lastLsn }) => lastLsn === mark.durableLsn)
    if (frame !== undefined) return { ...mark, segmentFirstLsn: firstLsn, endOffset: frame.offset + frame.bytes.length }
  }
  throw new RangeError(`no frame ends with LSN ${mark.durableLsn}`)
}
