import { DRIVERS } from '../drivers/drivers.js'
import { spreadOf, standardError } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import { removeDirectory } from '../trials.js'
import { preparationNote } from './load.js'
import type { Suite } from './suite.js'

/** Many batches a second, and many records in each. */
const PRODUCERS = 1024
/** A pair takes a tenth of a second: the difference is small beside what a disk does from one moment to the next. */
const PAIRS_PER_ROUND = 50

/** What counters and histograms cost: the same log with and without them, in turns, compared pair by pair. */
export const figuresCost: Suite = async (trials, settings, progress) => {
  progress('figures on and off in turns')
  const directory = trials.makeDirectory()
  const warmUpSeconds = Math.min(DRIVERS.sluice.warmUpSeconds, settings.warmUpSecondsMax)
  const count = settings.rounds * PAIRS_PER_ROUND
  const { pairs } = await trials.run({
    kind: 'switch-figures',
    directory,
    producers: PRODUCERS,
    warmUpSeconds,
    pairs: count,
  })
  removeDirectory(directory)
  const rows = (['on', 'off'] as const).map((state) => {
    const { median, min, max } = spreadOf(pairs.map((pair) => pair[state]))
    return [`figures ${state}, records/s`, shown(median), shown(min), shown(max), '']
  })
  const costs = pairs.map(({ on, off }) => (1 - on / off) * 100)
  const { median, min, max } = spreadOf(costs)
  rows.push(['cost in a pair, %', shown(median), shown(min), shown(max), shown(standardError(costs))])
  return {
    text: formatTable(
      `What the figures cost, with ${PRODUCERS} producers: ${count} pairs of windows within one log`,
      ['', 'median', 'from', 'to', 'standard error'],
      rows,
      preparationNote(['sluice']),
    ),
    data: pairs,
    figures: [{ name: 'cost of the figures', reached: median, unit: '%', wanted: 3, bound: 'below' }],
  }
}
