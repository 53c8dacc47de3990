import { openLogReader } from '../log/log-reader.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { Interruption } from './interruption.js'
import { firstOf, parseRange } from './record-range.js'
import { recordPutter } from './record-text.js'

export const help = `Usage: sluice follow [--from N] [--last N] [--json] DIR

Writes the durable records of the log in DIR to standard output as cat does, and then each new one as soon as it is
durable, until it is interrupted. It takes no lock and changes nothing: another process is writing.

Options:
  --from N  begin with LSN N, which may be still to come; by default with the first one that the log still has
  --last N  begin with the last N records that there are; --last 0: only new ones
  --json    a JSON object a line, as for cat

Examples:
  sluice follow /var/lib/app/log
  sluice follow --last 0 --json /var/lib/app/log | jq .data
`

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, {
    from: { type: 'string' },
    last: { type: 'string' },
    json: { type: 'boolean' },
  })
  const range = parseRange(values)
  const put = recordPutter(values.json)
  const reader = await openLogReader(directory)
  const interruption = new Interruption()
  const signal = AbortSignal.any([interruption.signal, output.closed])
  try {
    for await (const record of reader.follow({ from: firstOf(range, reader), signal })) {
      put(output, record)
      if (output.isFull) await output.flush()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    interruption.ignore()
    await reader.close()
  }
  await output.flush()
  return interruption.cause?.exitCode ?? 0
}
