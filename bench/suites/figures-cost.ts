import { DRIVERS } from '../drivers/drivers.js'
import { spreadOf, standardError } from '../statistics.js'
import { shown } from '../table.js'
import { removeDirectory } from '../trials.js'
import { preparationNote } from './load-table.js'
import { reached, type Suite } from './suite.js'

/** Many batches a second, and many records in each. */
const PRODUCERS = 1024
/** A pair takes a tenth of a second: the difference is small beside what a disk does from one moment to the next. */
const PAIRS_PER_ROUND = 50

/** Records a second in two windows that follow one another. */
export interface FiguresPair {
  readonly round: number
  readonly on: number
  readonly off: number
}

/** What counters and histograms cost: the same log with and without them, in turns, compared pair by pair. */
export const figuresCost: Suite<FiguresPair> = {
  roundsMax: 3,
  async measure(bench, round, keep) {
    bench.progress('figures on and off in turns')
    const directory = bench.trials.makeDirectory()
    const { pairs } = await bench.trials.run({
      kind: 'switch-figures',
      directory,
      producers: PRODUCERS,
      warmUpSeconds: Math.min(DRIVERS.sluice.warmUpSeconds, bench.settings.warmUpSecondsMax),
      pairs: PAIRS_PER_ROUND,
    })
    removeDirectory(directory)
    for (const pair of pairs) keep({ round, ...pair })
  },
  tables(pairs) {
    if (pairs.length === 0) return []
    const rows = (['on', 'off'] as const).map((state) => {
      const { median, min, max } = spreadOf(pairs.map((pair) => pair[state]))
      return [`figures ${state}, records/s`, shown(median), shown(min), shown(max), '']
    })
    const { median, min, max } = spreadOf(costsOf(pairs))
    rows.push(['cost in a pair, %', shown(median), shown(min), shown(max), shown(standardError(costsOf(pairs)))])
    return [
      {
        title: `What the figures cost, with ${PRODUCERS.toLocaleString('en-US')} producers: ${pairs.length} pairs of windows, each within one log`,
        head: ['', 'median', 'from', 'to', 'standard error'],
        rows,
        notes: [preparationNote(['sluice'])],
      },
    ]
  },
  figures: (pairs) => [
    { name: 'cost of the figures', ...reached(spreadOf(costsOf(pairs))), unit: '%', wanted: 3, bound: 'below' },
  ],
}

function costsOf(pairs: readonly FiguresPair[]): number[] {
  return pairs.map(({ on, off }) => (1 - on / off) * 100)
}
