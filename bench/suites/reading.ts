import { spreadOf } from '../statistics.js'
import { counted, formatTable, shown } from '../table.js'
import type { ReadingFigures } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import type { Figure, Suite } from './suite.js'

const RECORDS_QUICK = 500_000
const RECORDS = 2_000_000
const GETS = 5000
const RECORD_BYTES = 256

const WAYS = [
  ['bareScan', 'bare scan of the frames'],
  ['read', 'read'],
  ['follow', 'follow'],
  ['getInOrder', 'get, in order'],
  ['getAnywhere', 'get, anywhere'],
] as const

/** How fast records come back, beside a loop that reads the files, walks the frame headers and checks the checksums. */
export const reading: Suite = async (trials, settings, progress) => {
  const directory = trials.makeDirectory()
  progress('filling a log')
  // The full form is known by its calibration; anything shorter takes the smaller log.
  const records = settings.calibrate ? RECORDS : RECORDS_QUICK
  const filled = await trials.run({ kind: 'fill', directory, records, recordBytes: RECORD_BYTES })
  const rounds: ReadingFigures[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    progress(`reading it, round ${round} of ${settings.rounds}`)
    rounds.push(await trials.run({ kind: 'read', directory, gets: GETS }))
  }
  removeDirectory(directory)
  const rows = WAYS.map(([way, name]) => {
    const rate = spreadOf(rounds.map((figures) => figures[way]))
    const share = spreadOf(rounds.map((figures) => figures[way] / figures.bareScan))
    return [name, ...[rate.median, rate.min, rate.max, share.median].map(shown)]
  })
  const wanted = (['read', 'follow'] as const).map(
    (way): Figure => ({
      name: `${way}, records/s ÷ those of a bare scan of the frames`,
      reached: spreadOf(rounds.map((figures) => figures[way] / figures.bareScan)).median,
      unit: '×',
      wanted: 0.4,
      bound: 'at least',
    }),
  )
  return {
    text: formatTable(
      `Reading ${counted(filled.records)} records of ${RECORD_BYTES} B, ${shown(filled.recordsPerBatch)} a batch, from the page cache`,
      ['', 'records/s', 'from', 'to', '÷ bare scan'],
      rows,
      'The log is closed and read by openLogReader: no zero-filling ahead. Each way in turns, five times, after one to warm up; medians.',
    ),
    data: { filled, rounds },
    figures: wanted,
  }
}
