import { RECORD_BYTES } from '../drivers/driver.js'
import { type DriverName, driverOf } from '../drivers/drivers.js'
import type { OpenLoopFigures } from '../open-loop.js'
import { spreadOf } from '../statistics.js'
import { formatTable, shown } from '../table.js'
import { removeDirectory } from '../trials.js'
import { installed } from './installed.js'
import { preparationNote } from './load.js'
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

interface Trial extends OpenLoopFigures {
  readonly driver: DriverName
  readonly ratePerSecond: number
  readonly round: number
}

/** Records that come at a fixed rate, whatever becomes of the ones before: no driver slows its own load down. */
export const openLoop: Suite = async (trials, settings, progress) => {
  const drivers = installed(DRIVERS)
  const results: Trial[] = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const ratePerSecond of settings.rates) {
      for (let turn = 0; turn < drivers.length; turn += 1) {
        const driver = drivers[(turn + round) % drivers.length] ?? 'sluice'
        progress(`round ${round} of ${settings.rounds}: ${driver}, ${ratePerSecond} records/s`)
        const directory = trials.makeDirectory()
        const figures = await trials.run({
          kind: 'open-loop',
          driver,
          directory,
          producers: PRODUCERS,
          recordsPerAppend: 1,
          inFlightMax: PRODUCERS,
          ratePerSecond,
          recordBytes: RECORD_BYTES,
          warmUpSeconds: Math.min(driverOf(driver).warmUpSeconds, settings.warmUpSecondsMax),
          seconds: settings.seconds,
        })
        removeDirectory(directory)
        results.push({ driver, ratePerSecond, round, ...figures })
      }
    }
  }
  const head = [
    'driver',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'max ms',
    'records/s',
    'kept up',
    'CPU µs a record',
    'others CPU %',
  ]
  const tables = settings.rates.map((rate) => {
    const rows = drivers.map((driver) => {
      const own = results.filter((trial) => trial.driver === driver && trial.ratePerSecond === rate)
      const median = (figure: (trial: Trial) => number): string => shown(spreadOf(own.map(figure)).median)
      return [
        driverOf(driver).promise.isP1 ? driver : `${driver} *`,
        median((trial) => trial.latencyMsP50),
        median((trial) => trial.latencyMsP99),
        median((trial) => trial.latencyMsP999),
        median((trial) => trial.latencyMsMax),
        median((trial) => trial.recordsPerSecond),
        `${own.filter((trial) => trial.keptUp).length} of ${own.length}`,
        median((trial) => trial.cpuUsPerRecord),
        median((trial) => trial.othersCpuShare * 100),
      ]
    })
    const notes = [
      'Latencies from when a record was due; medians of the rounds. The event loop turns without a pause, which takes a core.',
      ...(drivers.every((driver) => driverOf(driver).promise.isP1)
        ? []
        : ['* Its acknowledgement promises less than P1.']),
      preparationNote(drivers),
    ]
    return formatTable(
      `Open loop: ${rate.toLocaleString('en-US')} records/s of ${RECORD_BYTES} B`,
      head,
      rows,
      notes.join('\n  '),
    )
  })
  return { text: tables.join('\n'), data: results, figures: [] }
}
