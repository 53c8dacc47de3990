import type { InspectReport, SegmentSummary } from '../segment/inspect.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { inspectFolder } from './log-folder-report.js'
import { counted, shownTime } from './quantity.js'
import { type Column, table } from './table.js'

export const help = `Usage: sluice inspect [--json] DIR

Says what lies in the folder of the log in DIR: each segment file with its LSNs, sizes and times, the mark file, what
was kept aside (quarantine), and files that the next open removes. It takes no lock and changes nothing. It reads no
more than it must: whether all of it is whole, verify says.

Options:
  --json  one JSON object; times in milliseconds since the epoch

Examples:
  sluice inspect /var/lib/app/log
  sluice inspect --json /var/lib/app/log | jq '.segments[].lastLsn'
`

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, { json: { type: 'boolean' } })
  const report = await inspectFolder(directory)
  if (values.json === true) output.put(`${JSON.stringify(jsonOf(report), undefined, 2)}\n`)
  else for (const line of linesOf(report)) output.putLine(line)
  return 0
}

type MarkResult = InspectReport['mark']

const COLUMNS: readonly Column[] = [
  { heading: 'SEGMENT', align: 'left' },
  { heading: 'STATE', align: 'left' },
  { heading: 'FIRST LSN', align: 'right' },
  { heading: 'LAST LSN', align: 'right' },
  { heading: 'RECORDS', align: 'right' },
  { heading: 'FRAMES', align: 'right' },
  { heading: 'BYTES', align: 'right' },
  { heading: 'CREATED', align: 'left' },
  { heading: 'FIRST RECORD', align: 'left' },
  { heading: 'LAST RECORD', align: 'left' },
]

function linesOf({ logId, mark, segments, quarantined, temporaries }: InspectReport): string[] {
  return [
    `log ${logId ?? 'without an id'}`,
    '',
    ...(segments.length === 0
      ? ['no segment: nothing was appended, or all of it was trimmed']
      : table(COLUMNS, segments.map(rowOf))),
    ...segments.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`])),
    '',
    `mark        ${markText(mark)}`,
    ...quarantined.map(({ name, bytes }) => `quarantine  ${name}, ${counted(bytes, 'byte')}`),
    ...temporaries.map((name) => `left over   ${name}: the next open removes it`),
  ]
}

function rowOf(segment: SegmentSummary): string[] {
  const { name, firstLsn, lastLsn, records, frames, bytes, createdMs, firstTimestampMs, lastTimestampMs } = segment
  return [
    name,
    stateOf(segment),
    String(firstLsn),
    records === 0 ? '-' : String(lastLsn),
    String(records),
    String(frames),
    String(bytes),
    shownTime(createdMs),
    shownTime(firstTimestampMs),
    shownTime(lastTimestampMs),
  ]
}

function stateOf({ sealed, problem }: SegmentSummary): string {
  if (problem !== undefined) return 'problem'
  return sealed ? 'sealed' : 'active'
}

/** What a mark file says, in words. */
export function markText(result: MarkResult): string {
  if (result.kind === 'none') return 'none that is valid'
  if (result.kind === 'unsupported') return `of format version ${result.version}, which is newer than this sluice`
  const { durableLsn, firstLsn, closed } = result.mark
  const what =
    durableLsn < firstLsn
      ? `nothing is durable, the log begins at LSN ${firstLsn}`
      : `LSN ${firstLsn} to ${durableLsn} are durable`
  return `${what}; ${closed ? 'closed' : 'not closed: in use, repaired, or cut off by a crash'}`
}

/** Ids are hexadecimal in JSON. */
function jsonOf({ markSlots, mark, ...rest }: InspectReport): object {
  return { ...rest, mark: markJson(mark), markSlots: markSlots?.map(markJson) }
}

function markJson(result: MarkResult): object {
  if (result.kind !== 'valid') return result
  const { logId, ...mark } = result.mark
  return { kind: result.kind, ...mark, logId: logId.toString('hex') }
}
