import { RECORD_BYTES } from '../drivers/driver.js'
import { type DriverName, driverOf } from '../drivers/drivers.js'
import type { OpenLoopFigures } from '../open-loop.js'
import { spreadOf } from '../statistics.js'
import { shown, type Table } from '../table.js'
import type { PeakMemory } from '../trial-spec.js'
import { removeDirectory } from '../trials.js'
import { inTurnOrder } from '../turn-order.js'
import { marked, preparationNote, promiseNote, serverNote, told } from './load-table.js'
import type { Suite } from './suite.js'

/** sluice, and the peers that come closest in a closed loop. */
const DRIVERS: readonly DriverName[] = [
  'sluice',
  'better-sqlite3-batched',
  'lmdb-flushed',
  'classic-level-batched',
  'sonic-boom',
  'redis-streams',
  'postgresql-batched',
]
/** The connections and threads of those that have any. */
const PRODUCERS = 64

export interface OpenLoopTrial extends Omit<OpenLoopFigures, 'histogram'>, PeakMemory {
  readonly driver: DriverName
  readonly ratePerSecond: number
  readonly round: number
}

/** Records that come at a fixed rate, whatever becomes of the ones before: no driver slows its own load down. */
export const openLoop: Suite<OpenLoopTrial> = {
  roundsMax: 2,
  async measure(bench, round, keep) {
    const drivers = DRIVERS.filter((driver) => bench.takesPart(driver))
    const { rates, seconds, warmUpSecondsMax } = bench.settings
    for (const ratePerSecond of rates) {
      for (const driver of inTurnOrder(drivers, round)) {
        bench.progress(`${driver}, ${ratePerSecond} records/s`)
        const directory = bench.trials.makeDirectory()
        const { histogram, ...figures } = await bench.trials.run({
          kind: 'open-loop',
          driver,
          directory,
          producers: PRODUCERS,
          recordsPerAppend: 1,
          inFlightMax: PRODUCERS,
          ratePerSecond,
          recordBytes: RECORD_BYTES,
          warmUpSeconds: Math.min(driverOf(driver).warmUpSeconds, warmUpSecondsMax),
          seconds,
        })
        removeDirectory(directory)
        const key = { suite: 'open-loop', label: driver, load: ratePerSecond, recordBytes: RECORD_BYTES }
        bench.distributions.add(key, histogram)
        keep({ driver, ratePerSecond, round, ...figures })
      }
    }
  },
  tables(trials) {
    const rates = [...new Set(trials.map(({ ratePerSecond }) => ratePerSecond))].sort((a, b) => a - b)
    return rates.map((rate) => table(trials, rate))
  },
  figures: () => [],
}

function table(trials: readonly OpenLoopTrial[], rate: number): Table {
  const under = trials.filter(({ ratePerSecond }) => ratePerSecond === rate)
  const drivers = DRIVERS.filter((driver) => under.some((trial) => trial.driver === driver))
  const rows = drivers.map((driver) => {
    const own = under.filter((trial) => trial.driver === driver)
    const median = (figure: (trial: OpenLoopTrial) => number | undefined): string =>
      shown(spreadOf(own.map(figure)).median)
    return [
      marked(driver, driver),
      median((trial) => trial.latencyMsP50),
      median((trial) => told(99, trial.latencySamples, trial.latencyMsP99)),
      median((trial) => told(99.9, trial.latencySamples, trial.latencyMsP999)),
      shown(spreadOf(own.map((trial) => trial.latencyMsMax)).max),
      median((trial) => trial.recordsPerSecond),
      `${own.filter((trial) => trial.keptUp).length} of ${own.length}`,
      median((trial) => trial.cpuUsPerRecord),
      median((trial) => trial.peakMemoryMiB),
      median((trial) => trial.othersCpuShare * 100),
    ]
  })
  return {
    title: `Open loop: ${rate.toLocaleString('en-US')} records/s of ${RECORD_BYTES} B`,
    head: [
      ...['driver', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'records/s', 'kept up', 'CPU µs a record', 'peak MiB'],
      'others CPU %',
    ],
    rows,
    notes: [
      'Latencies from when a record was due, whenever it was appended: none is omitted because others were late. Medians of the rounds; max is the largest of all.',
      'The event loop turns without a pause, which takes a core: CPU is mostly that.',
      ...promiseNote(drivers),
      ...serverNote(drivers),
      preparationNote(drivers),
    ],
  }
}
