import { join } from 'node:path'
import { copyLog } from '../log-copy.js'
import { spreadOf } from '../statistics.js'
import { counted, shown, type Table } from '../table.js'
import { removeDirectory } from '../trials.js'
import { type Bench, type Figure, reached, type Suite } from './suite.js'

const RECORD_BYTES = 64
/** What a record of that size takes in a segment, about: with its length, and its part of the frame's header. */
const STORED_BYTES = 69
const SMALLEST_SEGMENT_BYTES = 16 * 1024
const LARGEST_SEGMENT_BYTES = 1024 * 1024 * 1024
const OPEN_MS_MAX = 100
const WANTED = { records: 10_000_000, segments: 100 } as const
const MANY_SEGMENTS = 1000

/** One log, opened after its writer was killed, and again after it was closed well. */
export interface GrowthTrial {
  readonly round: number
  readonly records: number
  /** As they were wanted; there may be a few more or less. */
  readonly segments: number
  readonly segmentsFound: number
  /** `openLog` after a SIGKILL, what it recovers included. */
  readonly killedOpenMs: number
  readonly recoveryMs: number
  readonly recoveredBytes: number
  /** `openLog` after a close. */
  readonly closedOpenMs: number
  /** A bare loop that reads the frames of the last segment, and checks their checksums. */
  readonly scanLastMs: number
  readonly lastBytes: number
}

/** How the cost of opening grows with the size of a log. */
export const growth: Suite<GrowthTrial> = {
  roundsMax: 2,
  async measure(bench, round, keep) {
    for (const records of bench.settings.growthRecords) {
      for (const segments of bench.settings.growthSegments) {
        if (isPossible(records, segments)) keep(await measureSize(bench, round, records, segments))
      }
    }
  },
  tables: (trials) => (trials.length === 0 ? [] : [table(trials)]),
  figures(trials) {
    const large = trials.filter((trial) => trial.records === WANTED.records && trial.segments === WANTED.segments)
    const open = (how: string, ms: (trial: GrowthTrial) => number): Figure => ({
      name: `openLog of ${counted(WANTED.records)} records in ${WANTED.segments} segments, ${how}, less a bare scan of the last`,
      ...reached(spreadOf(large.map((trial) => ms(trial) - trial.scanLastMs))),
      unit: 'ms',
      wanted: OPEN_MS_MAX,
      bound: 'at most',
    })
    return [
      open('closed well', (trial) => trial.closedOpenMs),
      open('killed', (trial) => trial.killedOpenMs),
      {
        name: `openLog of ${counted(MANY_SEGMENTS)} segments, closed well`,
        ...reached(
          spreadOf(trials.filter(({ segments }) => segments === MANY_SEGMENTS).map((trial) => trial.closedOpenMs)),
        ),
        unit: 'ms',
        wanted: 500,
        bound: 'below',
      },
    ]
  },
}

/** Whether so many records fill so many segments, and fit in. */
function isPossible(records: number, segments: number): boolean {
  const bytes = (records * STORED_BYTES) / segments
  return bytes < LARGEST_SEGMENT_BYTES / 1.3 && (segments === 1 || bytes >= SMALLEST_SEGMENT_BYTES)
}

async function measureSize(bench: Bench, round: number, records: number, segments: number): Promise<GrowthTrial> {
  const name = `${counted(records)} records in ${counted(segments)} segments`
  const { trials } = bench
  const killed = await trials.prepared(name, async (directory) => {
    bench.progress(`writing ${name}`)
    const perSegment = Math.ceil((records * STORED_BYTES) / segments)
    // A single segment must not fill up just before the end.
    const wanted = segments === 1 ? perSegment * 1.3 : perSegment
    const segmentBytes = Math.max(SMALLEST_SEGMENT_BYTES, Math.ceil(wanted))
    const size = { records, recordBytes: RECORD_BYTES, segmentBytes }
    const grown = await trials.runAndKill({ kind: 'grow', directory, ...size })
    // This brings the heads of the sealed segments into the page cache: all rounds then find them there.
    await measureCopy(bench, directory)
    return grown
  })
  bench.progress(`opening ${name}`)
  const { scan, opened, closed } = await measureCopy(bench, killed.directory)
  if (opened.records !== records || closed.records !== records) {
    throw new Error(`${records} records were durable, and ${opened.records} and ${closed.records} were found`)
  }
  return {
    round,
    records,
    segments,
    segmentsFound: opened.segments,
    killedOpenMs: opened.openMs,
    recoveryMs: opened.recoveryMs,
    recoveredBytes: opened.bytesRead,
    closedOpenMs: closed.openMs,
    scanLastMs: scan.scanMs,
    lastBytes: scan.bytes,
  }
}

/** Opens a copy of a killed log, and once more when it was closed well. */
async function measureCopy({ trials }: Bench, killed: string) {
  const parent = trials.makeDirectory()
  const directory = join(parent, 'log')
  copyLog(killed, directory)
  const scan = await trials.run({ kind: 'scan', directory, which: 'last' })
  const opened = await trials.run({ kind: 'open', directory })
  const closed = await trials.run({ kind: 'open', directory })
  removeDirectory(parent)
  return { scan, opened, closed }
}

function table(trials: readonly GrowthTrial[]): Table {
  const sizes = [...new Set(trials.map(({ records, segments }) => `${records}/${segments}`))]
  const rows = sizes.map((size) => {
    const own = trials.filter(({ records, segments }) => `${records}/${segments}` === size)
    const median = (figure: (trial: GrowthTrial) => number): number => spreadOf(own.map(figure)).median
    return [
      counted(median((trial) => trial.records)),
      counted(Math.round(median((trial) => trial.segmentsFound))),
      shown(median((trial) => trial.closedOpenMs)),
      shown(median((trial) => trial.killedOpenMs)),
      shown(median((trial) => trial.recoveryMs)),
      shown(median((trial) => trial.recoveredBytes) / 1e6),
      shown(median((trial) => trial.scanLastMs)),
      shown(median((trial) => trial.lastBytes) / 1e6),
    ]
  })
  return {
    title: `What opening costs by the size of the log, records of ${RECORD_BYTES} B`,
    head: [
      ...[
        'records',
        'segments',
        'openLog ms, closed well',
        'openLog ms, killed',
        'of which recovery ms',
        'MB read by it',
      ],
      ...['bare scan of the last segment ms', 'its MB'],
    ],
    rows,
    notes: [
      'Each in a process of its own, which does nothing else; the start of the writer’s thread is part of openLog. What is read lies in the page cache.',
      'Zero-filling ahead comes after opening: outside the clock.',
    ],
  }
}
