import { type Distribution, isTold, PERCENTILES } from '../distributions.js'
import { RECORD_BYTES } from '../drivers/driver.js'
import { DRIVER_NAMES } from '../drivers/drivers.js'
import type { Results } from '../results.js'
import { counted, shown } from '../table.js'
import type { LineChart, Point } from './chart.js'
import { logScale, percentileScale, short } from './scale.js'
import { labelOf, styleOfDriver } from './series-style.js'

/** Whole distributions, as HDR plots show them: for every number of producers of the throughput suite. */
export function percentileCharts({ distributions }: Results): readonly LineChart[] {
  const own = distributions.filter(({ suite, recordBytes }) => suite === 'throughput' && recordBytes === RECORD_BYTES)
  const loads = [...new Set(own.map(({ load }) => load))].sort((a, b) => a - b)
  return loads.map((load) =>
    chartOf(
      load,
      own.filter((one) => one.load === load),
    ),
  )
}

function chartOf(load: number, distributions: readonly Distribution[]): LineChart {
  const highest = Math.max(...distributions.map(({ samples }) => highestOf(samples)))
  // Labels of the throughput suite are its drivers.
  const drivers = DRIVER_NAMES.filter((name) => distributions.some(({ label }) => label === name))
  const series = drivers.map((name) => ({
    name,
    ...labelOf(name),
    style: styleOfDriver(name),
    points: distributions.filter(({ label }) => label === name).flatMap(pointsOf),
  }))
  return {
    kind: 'lines',
    id: `percentiles-${load}`,
    title: `Latency by percentile, ${counted(load)} ${load === 1 ? 'producer' : 'producers'}, records of ${RECORD_BYTES} B`,
    note: 'All rounds together; each line ends with its largest value, at the percentile that so many samples can tell.',
    xLabel: 'percentile',
    yLabel: 'latency, ms',
    x: percentileScale(highest),
    y: logScale(
      series.flatMap(({ points }) => points.map(({ y }) => y)),
      short,
    ),
    series,
    dots: false,
  }
}

/** Where the largest of so many samples stands. */
function highestOf(samples: number): number {
  return 100 * (1 - 1 / Math.max(2, samples))
}

export function pointsOf({ samples, ms }: Distribution): readonly Point[] {
  const told = PERCENTILES.filter((percent) => isTold(percent, samples))
  return told.flatMap((percent, index) => {
    const y = ms[index]
    if (y === undefined) return []
    const what = percent === 100 ? `largest of ${counted(samples)}` : `${percent} %`
    return [{ x: Math.min(percent, highestOf(samples)), y, told: `${shown(y)} ms, ${what}` }]
  })
}
