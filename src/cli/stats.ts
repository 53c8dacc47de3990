import type { InspectReport, SegmentSummary } from '../segment/inspect.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { extentText } from './finding-text.js'
import { markText } from './inspect.js'
import { inspectFolder } from './log-folder-report.js'
import { shownBytes, shownDuration, shownRate, shownTime } from './quantity.js'
import { list } from './table.js'

export const help = `Usage: sluice stats [--json] DIR

Sums up what the files of the log in DIR tell: records, sizes, frames, times, and how full the last segment is. It takes
no lock and changes nothing. (How long appends and syncs take, only the process that writes knows: log.stats().)

Options:
  --json  one JSON object; times in milliseconds since the epoch

Examples:
  sluice stats /var/lib/app/log
  sluice stats --json /var/lib/app/log | jq .records
`

/** A log in figures, as far as its segments can be read. */
interface LogFigures {
  readonly firstLsn: number
  readonly lastLsn: number
  readonly records: number
  readonly segments: number
  readonly sealedSegments: number
  readonly bytes: number
  readonly frames: number
  /** Up to where the frames end: what lies behind is a footer, or zeros for what is still to come. */
  readonly usedBytes: number
  readonly firstTimestampMs: number
  readonly lastTimestampMs: number
  /** The segment that is written on; absent where the next append begins a new one. */
  readonly active?: { readonly name: string; readonly bytes: number; readonly endOffset: number }
  readonly durableLsn?: number
  readonly closed?: boolean
}

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, { json: { type: 'boolean' } })
  const report = await inspectFolder(directory)
  const figures = figuresOf(report)
  if (values.json === true) output.put(`${JSON.stringify(figures, undefined, 2)}\n`)
  else for (const line of linesOf(figures, report)) output.putLine(line)
  return 0
}

function figuresOf({ segments, mark }: InspectReport): LogFigures {
  const sum = (figure: (segment: SegmentSummary) => number): number =>
    segments.reduce((total, segment) => total + figure(segment), 0)
  const filled = segments.filter(({ records }) => records > 0)
  const last = segments.at(-1)
  const marked = mark.kind === 'valid' ? mark.mark : undefined
  return {
    firstLsn: segments[0]?.firstLsn ?? marked?.firstLsn ?? 1,
    lastLsn: last?.lastLsn ?? (marked?.firstLsn ?? 1) - 1,
    records: sum(({ records }) => records),
    segments: segments.length,
    sealedSegments: segments.filter(({ sealed }) => sealed).length,
    bytes: sum(({ bytes }) => bytes),
    frames: sum(({ frames }) => frames),
    usedBytes: sum(({ endOffset }) => endOffset),
    firstTimestampMs: filled[0]?.firstTimestampMs ?? 0,
    lastTimestampMs: filled.at(-1)?.lastTimestampMs ?? 0,
    ...(last === undefined || last.sealed
      ? {}
      : { active: { name: last.name, bytes: last.bytes, endOffset: last.endOffset } }),
    ...(marked === undefined ? {} : { durableLsn: marked.durableLsn, closed: marked.closed }),
  }
}

function linesOf(figures: LogFigures, { segments, mark }: InspectReport): string[] {
  const { firstLsn, lastLsn, records, sealedSegments, bytes, frames, usedBytes, active } = figures
  const { firstTimestampMs, lastTimestampMs } = figures
  const spanMs = lastTimestampMs - firstTimestampMs
  const each = (total: number, count: number): string =>
    count === 0 ? '-' : String(Number((total / count).toPrecision(4)))
  const span = `${shownTime(firstTimestampMs)} to ${shownTime(lastTimestampMs)}, ${shownDuration(spanMs)}`
  return list([
    ['records', extentText(firstLsn, lastLsn)],
    ['segments', `${segments.length}, ${sealedSegments} of them sealed`],
    ['bytes', `${bytes} (${shownBytes(bytes)}), ${usedBytes} of them used`],
    ['frames', `${frames}, ${each(records, frames)} records each`],
    ['record size', `${each(usedBytes, records)} bytes on disk, headers and padding included`],
    ['time span', records === 0 ? '-' : span],
    ['rate', shownRate(records, spanMs, 'records') || '-'],
    ['active', active === undefined ? 'none: the next append begins a segment' : activeText(active)],
    ['mark', markText(mark)],
    ...segments.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [['problem', `${name}: ${problem}`] as const],
    ),
  ])
}

function activeText({ name, bytes, endOffset }: NonNullable<LogFigures['active']>): string {
  const percent = bytes === 0 ? 0 : Math.round((endOffset / bytes) * 100)
  return `${name}, ${endOffset} of ${bytes} bytes used, ${percent} %`
}
