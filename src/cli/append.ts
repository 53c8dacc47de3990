import type { Readable } from 'node:stream'
import { openLog } from '../log/open-log.js'
import { AppendReport } from './append-report.js'
import type { CommandStreams } from './command.js'
import { parseBytes, parseCommandLine } from './command-line.js'
import type { ExitCode } from './exit-code.js'
import { flushOptions } from './flush-argument.js'
import { Interruption } from './interruption.js'
import { LineSplitter } from './line-splitter.js'
import { RecordFeed } from './record-feed.js'

/** The library's default, named here because a longer line is refused before its end is read. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

export const help = `Usage: sluice append [--flush POLICY] [--segment-bytes N] [--quiet] DIR

Appends standard input to the log in DIR, one record a line, and makes the log where there is none. A record is the
bytes of a line as they are, without the newline: a carriage return stays, an empty line is an empty record, and a last
line without a newline is a record too. A line of more than 16 MiB is refused, by its number.

It ends once everything is durable, and says on standard error which LSNs that is. Where it fails or is interrupted,
what it names as durable are the first lines of the input, without a gap.

Options:
  --flush POLICY     when to sync: batch (all that waits shares a sync; the default), never (not before the end, or
                     the end of a segment), or an interval such as 100ms
  --segment-bytes N  how large a segment file becomes, from 16KiB to 1GiB; by default 64MiB
  -q, --quiet        say nothing where all goes well

Examples:
  sluice append /var/lib/app/log < access.log
  tail -F access.log | sluice append --flush 100ms /var/lib/app/log
`

export async function run(args: readonly string[], { input, messages }: CommandStreams): Promise<ExitCode> {
  const { directory, values } = parseCommandLine(args, {
    flush: { type: 'string' },
    'segment-bytes': { type: 'string' },
    quiet: { type: 'boolean', short: 'q' },
  })
  const segmentBytes = parseBytes('--segment-bytes', values['segment-bytes'])
  const options = {
    ...flushOptions(values.flush),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    maxRecordBytes: MAX_RECORD_BYTES,
  }
  const interruption = new Interruption()
  const log = await openLog(directory, options)
  const report = new AppendReport(log, messages)
  const quiet = values.quiet === true
  if (!quiet) {
    report.sayRecovered(log.recovery)
    report.start()
  }
  let failure: unknown
  try {
    const feed = new RecordFeed(log)
    await appendLines(input(interruption.signal), feed, report)
    await log.flush()
  } catch (error) {
    if (!isAbort(error)) failure = error
  }
  try {
    await log.close()
  } catch (error) {
    failure ??= error
  }
  report.stop()
  interruption.ignore()
  const { cause } = interruption
  if (failure !== undefined) report.sayStopped('stopped')
  else if (cause !== undefined) report.sayStopped(`ended by ${cause.name}`)
  else if (!quiet) report.sayDone()
  if (failure !== undefined) throw failure
  return cause?.exitCode ?? 0
}

async function appendLines(input: Readable, feed: RecordFeed, report: AppendReport): Promise<void> {
  const splitter = new LineSplitter(MAX_RECORD_BYTES)
  let lines: Buffer[] = []
  const take = (line: Buffer): void => {
    lines.push(line)
    report.bytes += line.length
  }
  // The input has no encoding, so that its chunks are Buffers.
  for await (const chunk of input as AsyncIterable<Buffer>) {
    try {
      splitter.split(chunk, take)
    } finally {
      // What stands before a line that is refused is appended all the same.
      const records = lines
      lines = []
      await feed.put(records)
    }
  }
  const rest = splitter.rest()
  if (rest !== undefined) take(rest)
  await feed.put(lines)
  await feed.drain()
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
