import type { Results } from '../results.js'
import { tuningMaps } from '../suites/tuning.js'
import type { HeatMap } from './chart.js'

export function tuningCharts({ suites }: Results): readonly HeatMap[] {
  return tuningMaps(suites.tuning).map((map, index) => ({
    kind: 'heat',
    id: `tuning-${index + 1}`,
    title: `Tuning: ${map.title}, 1,024 producers`,
    note: `The stronger a cell, the better. Records in a batch at most, and how long it is held back for them.`,
    xLabel: 'batch.maxDelayMs',
    yLabel: 'batch.maxRecords',
    map,
  }))
}
