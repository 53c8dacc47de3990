import { verifyLog } from '../log/maintenance.js'
import type { VerifyReport } from '../segment/verify.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { extentText, findingText } from './finding-text.js'
import { inspectFolder } from './log-folder-report.js'
import { counted, shownBytes } from './quantity.js'

export const help = `Usage: sluice verify [--json] DIR

Reads every byte of the log in DIR, and says what is wrong with it: where, which LSNs it concerns, and why. It takes no
lock and changes nothing. Beside a writer it may find the end torn that is being written just then.

It exits with 0 where the log is sound, and with 1 where it is damaged. What a crash leaves behind, a torn tail too, is
said but is no damage: it was never acknowledged as durable, and opening the log deals with it.

Options:
  --json  one JSON object: ok, findings, and the LSNs that are whole

Examples:
  sluice verify /var/lib/app/log
  sluice verify --json /var/lib/app/log | jq .findings
`

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, { json: { type: 'boolean' } })
  await inspectFolder(directory)
  const report = await verify(directory)
  if (values.json === true) output.put(`${JSON.stringify(report, undefined, 2)}\n`)
  else for (const line of linesOf(report)) output.putLine(line)
  return report.ok ? 0 : 1
}

/** A log to which another process writes can look damaged for a moment: damage is what is found twice. */
async function verify(directory: string): Promise<VerifyReport> {
  const report = await verifyLog(directory)
  return report.ok ? report : await verifyLog(directory)
}

function linesOf(report: VerifyReport): string[] {
  const { ok, findings, firstLsn, lastLsn, segments, bytes, durableLsn } = report
  const size = `${counted(segments, 'segment')}, ${shownBytes(bytes)}`
  const whole = extentText(firstLsn, lastLsn)
  const verdict = ok
    ? `sound: ${whole}; ${size}`
    : `damaged: whole from the beginning on are ${whole}; durable was all up to LSN ${durableLsn}; ${size}`
  return [...findings.map(findingText), verdict]
}
