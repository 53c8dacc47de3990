import { repairLog } from '../log/maintenance.js'
import type { RepairReport } from '../segment/repair.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { inspectFolder } from './log-folder-report.js'
import { repairLines } from './repair-text.js'
import { UsageError } from './usage-error.js'

export const help = `Usage: sluice repair [--yes] [--json] DIR

Makes a damaged log one that opens again, and gives up what can't be kept: the longest run of whole records from the
log's beginning on stays, without a gap. What is cut off is kept in DIR/quarantine. LSNs that are lost will be given to
new records. A log without damage is left alone: a torn tail is none, opening the log deals with it.

Records behind the damage go, too. Most of them can be read as long as the log is not repaired: sluice cat --from N,
where N is the LSN behind the damage that verify names.

Without --yes it says what it would do, and which LSNs would be lost, and asks; where there is no terminal to ask on, it
exits with 2. It holds the log's lock meanwhile.

Options:
  --yes   do it
  --json  one JSON object: findings, changes, lost. Nobody is asked

Examples:
  sluice repair /var/lib/app/log
  sluice cat --from 6609 /var/lib/app/log > rescued.txt
  sluice repair --yes /var/lib/app/log && sluice verify /var/lib/app/log
`

export async function run(args: readonly string[], streams: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, { yes: { type: 'boolean' }, json: { type: 'boolean' } })
  const json = values.json === true
  await inspectFolder(directory)
  const report = await repairLog(directory, { dryRun: values.yes !== true })
  await show(report, streams, json)
  if (!report.damaged || !report.dryRun) return 0
  if (json || !process.stdin.isTTY || !streams.messages.isTerminal) {
    throw new UsageError('repair changes nothing without --yes, or a yes on a terminal')
  }
  streams.messages.print('Do it? [y/N] ')
  if (!isYes(await answer())) {
    streams.messages.say('nothing was changed')
    return 1
  }
  await show(await repairLog(directory), streams, json)
  return 0
}

async function show(report: RepairReport, { output }: CommandStreams, json: boolean): Promise<void> {
  if (json) output.put(`${JSON.stringify(report, undefined, 2)}\n`)
  else for (const line of repairLines(report)) output.putLine(line)
  await output.flush()
}

/** The line that is typed: a terminal hands over whole ones. `undefined` where the input ends instead. */
async function answer(): Promise<string | undefined> {
  for await (const line of process.stdin) return String(line)
  return undefined
}

function isYes(line: string | undefined): boolean {
  return /^\s*y(es)?\s*$/i.test(line ?? '')
}
