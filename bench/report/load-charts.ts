import { RECORD_BYTES } from '../drivers/driver.js'
import { DRIVER_NAMES, type DriverName } from '../drivers/drivers.js'
import type { Results } from '../results.js'
import { spreadOf } from '../statistics.js'
import { counted, shown, shownBytes } from '../table.js'
import type { LineChart, Series } from './chart.js'
import { logScale, short, tickedLogScale } from './scale.js'
import { labelOf, styleOfDriver } from './series-style.js'

const MB = 1e6

/** One trial, as a chart sees it. */
interface Spot {
  readonly driver: DriverName
  readonly x: number
  readonly y: number
}

type Drawn = Pick<LineChart, 'id' | 'title' | 'note' | 'xLabel' | 'yLabel'> & {
  readonly spots: readonly Spot[]
  readonly xText: (x: number) => string
  readonly yText: (y: number) => string
}

const RINGS = 'Rings: the acknowledgement promises less than P1. Bars: the lowest and the highest of the rounds.'

/** What depends on the load: producers, sizes, arrivals. */
export function loadCharts({ suites }: Results): readonly LineChart[] {
  const byProducers = suites.throughput.map((trial) => ({ ...trial, x: trial.producers }))
  const producers = { xLabel: 'producers', xText: (x: number) => `${counted(x)} ${x === 1 ? 'producer' : 'producers'}` }
  const rate = (y: number): string => `${shown(y)} records/s`
  const ms = (y: number): string => `${shown(y)} ms`
  const bySize = [
    ...suites.throughput.filter(({ driver }) => suites.sizes.some((trial) => trial.driver === driver)),
    ...suites.sizes,
  ]
  const sizeLoads = [...new Set(suites.sizes.map((trial) => trial.producers))]
  return [
    {
      id: 'throughput',
      title: `Throughput, records of ${RECORD_BYTES} B`,
      note: `Every append is awaited. device is the limit: bare write + fdatasync of the same bytes. ${RINGS}`,
      ...producers,
      yLabel: 'records/s',
      yText: rate,
      spots: byProducers.map((trial) => ({ ...trial, y: trial.recordsPerSecond })),
    },
    {
      id: 'latency-p50',
      title: `Median latency, records of ${RECORD_BYTES} B`,
      note: `From the call to its acknowledgement, closed loop. ${RINGS}`,
      ...producers,
      yLabel: 'p50, ms',
      yText: ms,
      spots: byProducers.map((trial) => ({ ...trial, y: trial.latencyMsP50 })),
    },
    {
      id: 'latency-p99',
      title: `99th percentile of latency, records of ${RECORD_BYTES} B`,
      note: `From the call to its acknowledgement, closed loop. ${RINGS}`,
      ...producers,
      yLabel: 'p99, ms',
      yText: ms,
      spots: byProducers.map((trial) => ({ ...trial, y: trial.latencyMsP99 })),
    },
    ...sizeLoads.map(
      (load): Drawn => ({
        id: `sizes-${load}`,
        title: `Bytes a second by the size of a record, ${counted(load)} producers`,
        note: RINGS,
        xLabel: 'size of a record',
        xText: shownBytes,
        yLabel: 'MB/s',
        yText: (y) => `${shown(y)} MB/s`,
        spots: bySize
          .filter((trial) => trial.producers === load)
          .map(({ driver, recordBytes, recordsPerSecond }) => ({
            driver,
            x: recordBytes,
            y: (recordsPerSecond * recordBytes) / MB,
          })),
      }),
    ),
    {
      id: 'open-loop-p99',
      title: 'Open loop: 99th percentile of latency by arrival rate',
      note: `From when a record was due, corrected for coordinated omission: who falls behind shows it. ${RINGS}`,
      xLabel: `arrivals a second, ${RECORD_BYTES} B each`,
      xText: (x: number) => `${counted(x)} records/s`,
      yLabel: 'p99, ms',
      yText: ms,
      spots: suites['open-loop'].map((trial) => ({ ...trial, x: trial.ratePerSecond, y: trial.latencyMsP99 })),
    },
  ]
    .filter(({ spots }) => spots.length > 0)
    .map(chartOf)
}

function chartOf({ spots, xText, yText, ...told }: Drawn): LineChart {
  const drivers = DRIVER_NAMES.filter((name) => spots.some(({ driver }) => driver === name))
  return {
    kind: 'lines',
    ...told,
    x: tickedLogScale(
      spots.map(({ x }) => x),
      told.xLabel.startsWith('size') ? shownBytes : short,
    ),
    y: logScale(
      spots.map(({ y }) => y),
      short,
    ),
    series: drivers.map((driver) => seriesOf(driver, spots, xText, yText)),
    dots: true,
  }
}

function seriesOf(
  name: DriverName,
  spots: readonly Spot[],
  xText: (x: number) => string,
  yText: (y: number) => string,
): Series {
  const own = spots.filter(({ driver }) => driver === name)
  const places = [...new Set(own.map(({ x }) => x))].sort((a, b) => a - b)
  return {
    name,
    ...labelOf(name),
    style: styleOfDriver(name),
    points: places.map((x) => {
      const { median, min, max } = spreadOf(own.filter((spot) => spot.x === x).map(({ y }) => y))
      return { x, y: median, spread: [min, max] as const, told: `${yText(median)}, ${xText(x)}` }
    }),
  }
}
