import { spreadOf } from '../statistics.js'
import { counted, shown } from '../table.js'
import type { ReadingFigures } from '../trial-spec.js'
import { type Bench, type Figure, reached, type Suite } from './suite.js'

const GETS = 5000
const RECORD_BYTES = 256

const WAYS = [
  ['bareScan', 'bare scan of the frames'],
  ['read', 'read'],
  ['follow', 'follow'],
  ['getInOrder', 'get, in order'],
  ['getAnywhere', 'get, anywhere'],
] as const

export interface ReadingTrial extends ReadingFigures {
  readonly round: number
  readonly recordsPerBatch: number
}

/** How fast records come back, beside a loop that reads the files, walks the frame headers and checks the checksums. */
export const reading: Suite<ReadingTrial> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    const { directory, value } = await filled(bench)
    bench.progress('reading a log')
    const figures = await bench.trials.run({ kind: 'read', directory, gets: GETS })
    keep({ round, recordsPerBatch: value.recordsPerBatch, ...figures })
  },
  tables(trials) {
    const [first] = trials
    if (first === undefined) return []
    const rows = WAYS.map(([way, name]) => {
      const rate = spreadOf(trials.map((figures) => figures[way]))
      const share = spreadOf(trials.map((figures) => figures[way] / figures.bareScan))
      return [name, ...[rate.median, rate.min, rate.max, share.median].map(shown)]
    })
    return [
      {
        title: `Reading ${counted(first.records)} records of ${RECORD_BYTES} B, ${shown(first.recordsPerBatch)} a batch, from the page cache`,
        head: ['', 'records/s', 'from', 'to', '÷ bare scan'],
        rows,
        notes: [
          'Each way in turns, three times, after one to warm up; medians. The log is closed and read by openLogReader.',
          'Zero-filling ahead: none, nothing is written.',
        ],
      },
    ]
  },
  figures: (trials) =>
    (['read', 'follow'] as const).map(
      (way): Figure => ({
        name: `${way}, records/s ÷ those of a bare scan of the frames`,
        ...reached(spreadOf(trials.map((figures) => figures[way] / figures.bareScan))),
        unit: '×',
        wanted: 0.4,
        bound: 'at least',
      }),
    ),
}

function filled(bench: Bench) {
  return bench.trials.prepared('reading', (directory) => {
    bench.progress('filling a log')
    return bench.trials.run({ kind: 'fill', directory, records: bench.settings.readRecords, recordBytes: RECORD_BYTES })
  })
}
