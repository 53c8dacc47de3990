import type { DriverName } from '../drivers/drivers.js'
import { type Spread, spreadOf } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import type { Suite } from './suite.js'
import { preparationNote, runLoad } from './throughput.js'

/** Many batches a second, and many records in each. */
const PRODUCERS = 1024
/** The effect is small beside what one trial differs from the next: it takes more of them than anything else here. */
const ROUNDS_FACTOR = 4
const PAIR = ['sluice', 'sluice-without-figures'] as const satisfies readonly DriverName[]

/** What counters and histograms cost: the same load with and without them, in turns, compared pair by pair. */
export const figuresCost: Suite = async (trials, settings, progress) => {
  const rounds = settings.rounds * ROUNDS_FACTOR
  const pairs: Record<(typeof PAIR)[number], number>[] = []
  const others: number[] = []
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`)
    const rates = { sluice: Number.NaN, 'sluice-without-figures': Number.NaN }
    // Each goes first in every other round: a disk that gets slower, or faster, must not favour one of them.
    for (const driver of round % 2 === 0 ? PAIR : PAIR.toReversed()) {
      const figures = await runLoad(trials, settings, driver, PRODUCERS, PRODUCERS)
      rates[driver] = figures.recordsPerSecond
      others.push(figures.othersCpuShare * 100)
    }
    pairs.push(rates)
  }
  const cost = spreadOf(pairs.map((pair) => (1 - pair.sluice / pair['sluice-without-figures']) * 100))
  const row = (driver: (typeof PAIR)[number]): string[] =>
    line(`${driver}, records/s`, spreadOf(pairs.map((pair) => pair[driver])))
  return {
    text: formatTable(
      `What the figures cost, with ${PRODUCERS} producers in ${rounds} rounds`,
      ['', 'median', 'from', 'to'],
      [...PAIR.map(row), line('cost in a round, %', cost), line('others CPU, %', spreadOf(others))],
      preparationNote(PAIR),
    ),
    data: pairs,
    figures: [{ name: 'cost of the figures', reached: cost.median, unit: '%', wanted: 3, bound: 'below' }],
  }
}

function line(name: string, { median, min, max }: Spread): string[] {
  return [name, shown(median), shown(min), shown(max)]
}
