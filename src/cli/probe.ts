import { probeStorage } from '../probe/probe-storage.js'
import type { StorageReport, TimeSpread } from '../probe/storage-report.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { shownBytes, shownDuration, shownRate } from './quantity.js'
import { type Column, list, table } from './table.js'

export const help = `Usage: sluice probe [--json] DIR

Measures the storage of the folder DIR for a second or two, on a slow disk for longer: how long writes and syncs take
there, whether they look too fast to be true, and which options of openLog fit. It works on up to 32 MiB in a
folder of its own inside DIR, and removes it.

Options:
  --json  one JSON object; times in milliseconds

Examples:
  sluice probe /var/lib/app
  sluice probe --json /var/lib/app | jq .commitMs.p99
`

const COLUMNS: readonly Column[] = [
  { heading: 'WHAT', align: 'left' },
  { heading: 'P50', align: 'right' },
  { heading: 'P99', align: 'right' },
  { heading: 'MAX', align: 'right' },
  { heading: 'TIMES', align: 'right' },
]

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, { json: { type: 'boolean' } })
  const report = await probeStorage(directory)
  if (values.json === true) output.put(`${JSON.stringify(report, undefined, 2)}\n`)
  else for (const line of linesOf(report)) output.putLine(line)
  return 0
}

function linesOf(report: StorageReport): string[] {
  const { recommendations, doubt } = report
  return [
    ...list([
      ['directory', report.directory],
      ['file system', report.device === undefined ? report.fileSystem : `${report.fileSystem} on ${report.device}`],
      ['storage', report.storageClass],
      ['free', shownBytes(report.availableBytes)],
      ['page cache', report.directAccess ? 'bypassed' : 'in between: direct access does not work here'],
    ]),
    '',
    ...table(COLUMNS, [
      row('write 4 KiB', report.writeMs),
      row('sync it', report.syncMs),
      row('both: a commit', report.commitMs),
      row('a commit that makes the file grow', report.growingCommitMs),
      row('a commit of 128 KiB', report.largeCommitMs),
      row('one that makes the file grow', report.growingLargeCommitMs),
      row('sync a folder: a new segment', report.directorySyncMs),
    ]),
    '',
    ...list([
      ['1 MiB at a time, synced', shownRate(report.bytesPerSecond / 1e6, 1000, 'MB')],
      ['zero-filling', shownRate(report.zeroFillBytesPerSecond / 1e6, 1000, 'MB')],
      ...(doubt === undefined ? [] : [['DOUBT', doubt] as const]),
    ]),
    '',
    'recommended:',
    ...recommendations.flatMap(({ option, value, isDefault, reason }) => [
      `  ${option}: ${value}${isDefault ? ', the default' : ''}`,
      `    ${reason}`,
    ]),
  ]
}

function row(what: string, { p50, p99, max, count }: TimeSpread): string[] {
  return [what, shownDuration(p50), shownDuration(p99), shownDuration(max), String(count)]
}
