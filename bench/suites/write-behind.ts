import { spreadOf } from '../statistics.js'
import { shown } from '../table.js'
import { removeDirectory } from '../trials.js'
import { reached, type Suite } from './suite.js'

/** Seconds in each of the two ways: PostgreSQL flushes what it likes meanwhile. */
const UPSERT_SECONDS = 5

export interface WriteBehindTrial {
  readonly round: number
  /** Rows a second to PostgreSQL, where it is installed. */
  readonly behindRowsPerSecond?: number
  readonly singleRowsPerSecond?: number
  /** 100 dirty sessions over a repository that takes 5 ms a save: the slowest of 20 flushes, and one by one. */
  readonly flushMs: number
  readonly singleMs: number
}

/** Writing behind in batches, against saving one by one. */
export const writeBehind: Suite<WriteBehindTrial> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    bench.progress('flushing 100 sessions')
    const flushed = await bench.trials.run({ kind: 'flush-sessions' })
    if (!bench.takesPart('postgresql')) {
      keep({ round, ...flushed })
      return
    }
    bench.progress('upserting to PostgreSQL')
    const directory = bench.trials.makeDirectory()
    const upserted = await bench.trials.run({ kind: 'upsert-sessions', directory, seconds: UPSERT_SECONDS })
    removeDirectory(directory)
    keep({ round, ...upserted, ...flushed })
  },
  tables(trials) {
    if (trials.length === 0) return []
    const row = (name: string, values: readonly (number | undefined)[]): string[] => {
      const { median, min, max } = spreadOf(values)
      return [name, shown(median), shown(min), shown(max)]
    }
    return [
      {
        title: 'Writing behind, and saving one by one',
        head: ['', 'median', 'from', 'to'],
        rows: [
          row(
            'PostgreSQL, written behind, rows/s',
            trials.map((trial) => trial.behindRowsPerSecond),
          ),
          row(
            'PostgreSQL, one upsert a row, rows/s',
            trials.map((trial) => trial.singleRowsPerSecond),
          ),
          row(
            '100 sessions at 5 ms a save, one flush, ms',
            trials.map(({ flushMs }) => flushMs),
          ),
          row(
            '100 sessions at 5 ms a save, one by one, ms',
            trials.map(({ singleMs }) => singleMs),
          ),
        ],
        notes: [
          'PostgreSQL on loopback, synchronous_commit on, 10,000 rows of jsonb, four connections each way; of the flushes the slowest of 20.',
          'Zero-filling ahead: none; no log is written here.',
        ],
      },
    ]
  },
  figures: (trials) => [
    {
      name: 'PostgreSQL, rows/s written behind ÷ one upsert a row',
      ...reached(spreadOf(trials.map(ratioOf))),
      unit: '×',
      wanted: 10,
      bound: 'at least',
    },
    {
      name: 'one flush of 100 dirty sessions, 5 ms a save',
      ...reached(spreadOf(trials.map(({ flushMs }) => flushMs))),
      unit: 'ms',
      wanted: 25,
      bound: 'below',
    },
  ],
}

function ratioOf({ behindRowsPerSecond: behind, singleRowsPerSecond: single }: WriteBehindTrial): number | undefined {
  return behind === undefined || single === undefined ? undefined : behind / single
}
