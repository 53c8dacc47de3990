import type { Results } from '../results.js'
import type { Chart } from './chart.js'
import { growthCharts } from './growth-charts.js'
import { loadCharts } from './load-charts.js'
import { percentileCharts } from './percentile-charts.js'
import { tuningCharts } from './tuning-charts.js'

/** Every chart of a page, as far as the results have anything to show in it. */
export function chartsOf(results: Results): readonly Chart[] {
  return [...loadCharts(results), ...percentileCharts(results), ...tuningCharts(results), ...growthCharts(results)]
}
