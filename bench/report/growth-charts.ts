import type { Results } from '../results.js'
import { type Spread, spreadOf } from '../statistics.js'
import type { GrowthTrial } from '../suites/growth.js'
import { counted, shown } from '../table.js'
import type { LineChart, Series } from './chart.js'
import { logScale, short, tickedLogScale } from './scale.js'
import { styleOfIndex } from './series-style.js'

const WAYS = [
  ['closed', 'Opening a log that was closed well', (trial: GrowthTrial) => trial.closedOpenMs],
  ['killed', 'Opening a log whose writer was killed', (trial: GrowthTrial) => trial.killedOpenMs],
] as const

export function growthCharts({ suites: { growth } }: Results): readonly LineChart[] {
  if (growth.length === 0) return []
  return WAYS.map(([id, title, ms]) => {
    const series = seriesOf(growth, ms)
    return {
      kind: 'lines',
      id: `growth-${id}`,
      title,
      note: 'openLog in a fresh process, the start of the writer’s thread included; a line for each number of segments. After a kill the last segment is read back.',
      xLabel: 'records of 64 B in the log',
      yLabel: 'openLog, ms',
      x: tickedLogScale(
        growth.map(({ records }) => records),
        short,
      ),
      y: logScale(
        series.flatMap(({ points }) => points.map(({ y }) => y)),
        short,
      ),
      series,
      dots: true,
    }
  })
}

function seriesOf(growth: readonly GrowthTrial[], ms: (trial: GrowthTrial) => number): readonly Series[] {
  const counts = [...new Set(growth.map(({ segments }) => segments))].sort((a, b) => a - b)
  return counts.map((segments, index) => {
    const own = growth.filter((trial) => trial.segments === segments)
    const sizes = [...new Set(own.map(({ records }) => records))].sort((a, b) => a - b)
    return {
      name: segments === 1 ? '1 segment' : `${counted(segments)} segments`,
      style: styleOfIndex(index),
      points: sizes.map((records) => {
        const spread: Spread = spreadOf(own.filter((trial) => trial.records === records).map(ms))
        return {
          x: records,
          y: spread.median,
          spread: [spread.min, spread.max] as const,
          told: `${shown(spread.median)} ms, ${counted(records)} records`,
        }
      }),
    }
  })
}
