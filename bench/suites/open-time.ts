import { spreadOf } from '../statistics.js'
import { counted, formatTable, shown } from '../table.js'
import type { OpenFigures } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import type { Suite } from './suite.js'

const SEGMENTS = 1000
/** The smallest there can be: opening reads heads and footers only, whatever lies between them. */
const SEGMENT_BYTES = 16 * 1024

/** How long it takes to open a log of many sealed segments that was closed well. */
export const openTime: Suite = async (trials, settings, progress) => {
  const directory = trials.makeDirectory()
  progress(`writing ${SEGMENTS} segments`)
  const sealed = await trials.run({ kind: 'seal', directory, segments: SEGMENTS, segmentBytes: SEGMENT_BYTES })
  const opens: OpenFigures[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    progress(`opening them, round ${round} of ${settings.rounds}`)
    opens.push(await trials.run({ kind: 'open', directory }))
  }
  removeDirectory(directory)
  const open = spreadOf(opens.map((figures) => figures.openMs))
  const recovery = spreadOf(opens.map((figures) => figures.recoveryMs))
  const [last] = opens
  const rows = [
    ['openLog, ms', shown(open.median), shown(open.min), shown(open.max)],
    ['of which recovery, ms', shown(recovery.median), shown(recovery.min), shown(recovery.max)],
    ['bytes read', counted(last?.bytesRead), '', ''],
    ['segments', counted(last?.segments), '', ''],
    ['records', counted(last?.records), '', ''],
  ]
  return {
    text: formatTable(
      `Opening a log of ${SEGMENTS} sealed segments of ${SEGMENT_BYTES / 1024} KiB, closed well, its pages cached`,
      ['', 'median', 'from', 'to'],
      rows,
      'A process that does nothing else, started for each. Zero-filling ahead comes after: outside the clock.',
    ),
    data: { sealed, opens },
    figures: [
      { name: `open ${SEGMENTS} sealed segments`, reached: open.median / 1000, unit: 's', wanted: 0.5, bound: 'below' },
    ],
  }
}
