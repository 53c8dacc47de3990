import { openLogReader } from '../log/log-reader.js'
import type { CommandStreams } from './command.js'
import { parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { firstOf, parseRange } from './record-range.js'
import { recordPutter } from './record-text.js'

export const help = `Usage: sluice cat [--from N] [--to N] [--last N] [--json] DIR

Writes the durable records of the log in DIR to standard output, in the order of their LSNs, each followed by a newline.
It takes no lock and changes nothing: another process may be writing.

Options:
  --from N  begin with LSN N; by default with the first one that the log still has
  --to N    end with LSN N; by default with the last durable one
  --last N  the last N records only
  --json    a JSON object a line: {"lsn":1,"timestamp":1700000000000,"data":"…"}; timestamp in milliseconds since the
            epoch; where a record is not well-formed UTF-8, "base64" stands instead of "data"

Examples:
  sluice cat /var/lib/app/log > records.txt
  sluice cat --from 1000 --to 1999 /var/lib/app/log
  sluice cat --last 10 --json /var/lib/app/log
`

export async function run(args: readonly string[], { output }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, {
    from: { type: 'string' },
    to: { type: 'string' },
    last: { type: 'string' },
    json: { type: 'boolean' },
  })
  const range = parseRange(values)
  const put = recordPutter(values.json)
  const reader = await openLogReader(directory)
  try {
    const to = range.to === undefined ? {} : { to: range.to }
    for await (const record of reader.read({ from: firstOf(range, reader), ...to })) {
      put(output, record)
      if (output.isFull) await output.flush()
      if (output.closed.aborted) break
    }
    await output.flush()
  } finally {
    await reader.close()
  }
  return 0
}
