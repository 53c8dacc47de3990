import { spreadOf } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import type { OpenFigures } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import type { Suite } from './suite.js'

const MB = 1e6

/** How fast the last segment is read back after the writing process was killed. */
export const recovery: Suite = async (trials, settings, progress) => {
  const opens: OpenFigures[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    const directory = trials.makeDirectory()
    progress(`round ${round} of ${settings.rounds}: filling a segment, and killing the writer`)
    const written = await trials.runAndKill({ kind: 'append-until-killed', directory, bytes: settings.recoveryBytes })
    progress(`round ${round} of ${settings.rounds}: recovering it`)
    const opened = await trials.run({ kind: 'open', directory })
    if (opened.cleanShutdown) throw new Error('the log was found closed, though its writer was killed')
    if (opened.records < written.durableRecords) {
      throw new Error(`${written.durableRecords} records were durable, and ${opened.records} were recovered`)
    }
    opens.push(opened)
    removeDirectory(directory)
  }
  const speed = spreadOf(opens.map((open) => open.bytesRead / MB / (open.recoveryMs / 1000)))
  const row = (name: string, figure: (open: OpenFigures) => number): string[] => {
    const { median, min, max } = spreadOf(opens.map(figure))
    return [name, shown(median), shown(min), shown(max)]
  }
  return {
    text: formatTable(
      'Recovering the last segment after a SIGKILL, its pages not cached: it was written past the page cache',
      ['', 'median', 'from', 'to'],
      [
        ['MB/s', shown(speed.median), shown(speed.min), shown(speed.max)],
        row('MB read', (open) => open.bytesRead / MB),
        row('recovery, ms', (open) => open.recoveryMs),
        row('openLog, ms', (open) => open.openMs),
        row('records', (open) => open.records),
        row('records written again', (open) => open.rewrittenRecords),
      ],
      'Zero-filling ahead comes after recovery: outside the clock.',
    ),
    data: opens,
    figures: [
      { name: 'recovery of a large last segment', reached: speed.median, unit: 'MB/s', wanted: 500, bound: 'at least' },
    ],
  }
}
