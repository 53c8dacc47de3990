import { Distributions } from '../../bench/distributions.js'
import { DRIVER_NAMES, type DriverName, driverOf } from '../../bench/drivers/drivers.js'
import { Latencies } from '../../bench/latencies.js'
import { type Results, tellingSettings } from '../../bench/results.js'
import { readSettings } from '../../bench/settings.js'
import type { LoadTrial } from '../../bench/suites/load.js'
import { emptyRows } from '../../bench/suites/suites.js'

const PRODUCERS = [1, 16, 64, 256, 1024, 4096]
const ROUNDS = [1, 2]

/** A trial whose figures follow from how fast it is. */
export function madeTrial(driver: DriverName, round: number, changes: Partial<LoadTrial> = {}): LoadTrial {
  const speed = (driver === 'device' ? 2 : 1) / (1 + DRIVER_NAMES.indexOf(driver))
  const producers = changes.producers ?? 64
  return {
    label: driver,
    driver,
    round,
    producers,
    recordBytes: 256,
    recordsPerAppend: 1,
    recordsPerSecond: 5000 * producers * speed * (1 + round / 100),
    latencySamples: 20_000,
    latencyMsP50: 0.1 / speed,
    latencyMsP99: 0.3 / speed,
    latencyMsP999: 0.9 / speed,
    latencyMsMax: 3 / speed,
    cpuUsPerRecord: 1.5,
    othersCpuShare: 0.01,
    loopDelayMsP99: driverOf(driver).role === 'limit' ? undefined : 1.4,
    recordsPerBatch: driver === 'sluice' ? producers : undefined,
    peakMemoryMiB: 80,
    ...changes,
  }
}

let made: Results | undefined

/** Something in every suite, as a run could have measured it: made once, and only read. */
export function madeResults(): Results {
  made ??= makeResults()
  return made
}

function makeResults(): Results {
  const settings = readSettings(['--full'])
  if (settings === undefined) throw new Error('there are no settings')
  const suites = emptyRows()
  const distributions = new Distributions()
  for (const round of ROUNDS) {
    for (const driver of DRIVER_NAMES) {
      for (const producers of PRODUCERS) {
        const trial = madeTrial(driver, round, { producers })
        suites.throughput.push(trial)
        const latencies = new Latencies()
        for (let i = 1; i <= 1000; i += 1) latencies.record(trial.latencyMsP50 * (1 + i / 500))
        distributions.add({ suite: 'throughput', label: driver, load: producers, recordBytes: 256 }, latencies.encode())
      }
    }
    for (const driver of ['sluice', 'sluice-prepared', 'device', 'lmdb-flushed'] as const) {
      for (const recordBytes of [64, 16_384]) suites.sizes.push(madeTrial(driver, round, { recordBytes }))
      suites.replay.push(madeTrial(driver, round, { recordBytes: 237 }))
      suites['append-many'].push(madeTrial(driver, round, { producers: 16, recordsPerAppend: 100 }))
      for (const ratePerSecond of [1000, 50_000]) {
        suites['open-loop'].push({ ...madeTrial(driver, round), ratePerSecond, keptUp: true })
      }
    }
    for (const driver of ['sluice', 'device-preparing', 'device-growing'] as const) {
      suites['large-records'].push(madeTrial(driver, round, { recordBytes: 16_384 }))
    }
    for (const label of ["'batch'", "'never'"]) suites['flush-policies'].push(madeTrial('sluice', round, { label }))
    for (const maxRecords of [16, 64, 256, 1024, 65_536]) {
      for (const maxDelayMs of [0, 1, 2, 5, 10]) {
        const label = `${maxRecords} records, ${maxDelayMs} ms`
        const recordsPerSecond = 1000 * maxRecords + maxDelayMs
        suites.tuning.push(madeTrial('sluice', round, { label, producers: 1024, recordsPerSecond }))
      }
    }
    const rates = { bareScan: 9e6, read: 4e6, follow: 4.5e6, getInOrder: 4e5, getAnywhere: 1e4 }
    suites.reading.push({ round, recordsPerBatch: 64, records: 1_000_000, ...rates })
    suites.recovery.push({
      round,
      records: 1e6,
      rewrittenRecords: 8,
      bytesRead: 273e6,
      uncachedRecoveryMs: 200,
      uncachedOpenMs: 260,
      cachedRecoveryMs: 100,
      cachedOpenMs: 160,
      scanMs: 80,
      scanBytes: 273e6,
    })
    for (const [records, segments] of [
      [1000, 1],
      [1_000_000, 100],
      [10_000_000, 100],
      [10_000_000, 1000],
    ] as const) {
      suites.growth.push({
        round,
        records,
        segments,
        segmentsFound: segments,
        killedOpenMs: 60 + segments / 10,
        recoveryMs: 10,
        recoveredBytes: 7e6,
        closedOpenMs: 50 + segments / 20,
        scanLastMs: 5,
        lastBytes: 6.9e6,
      })
    }
    for (const [producers, thinkMs, syncMs, gain] of [
      [16, 1, 10, 1.5],
      [64, 3, 10, 1.15],
      [1024, 0, 0, 0.99],
    ] as const) {
      suites['adaptive-delay'].push({
        ...{ round, producers, thinkMs, syncMs },
        ...{ noneRecordsPerSecond: 800, noneLatencyMsMean: 19, noneRecordsPerBatch: producers / 2 },
        ...{ adaptiveRecordsPerSecond: 800 * gain, adaptiveLatencyMsMean: 12, adaptiveRecordsPerBatch: producers },
      })
    }
    suites['figures-cost'].push({ round, on: 1_980_000, off: 2_000_000 })
    suites.events.push(
      {
        ...{ kind: 'append', round, producers: 64, tagging: 'unique', recordBytes: 256 },
        ...{ bare: 3e5, unconditional: 2.4e5, conditional: 2.3e5 },
        ...{ unconditionalToBare: 0.8, conditionalToUnconditional: 0.96 },
      },
      { kind: 'growth', round, producers: 64, events: 1_000_000, small: 2.4e5, large: 2.3e5, largeToSmall: 0.97 },
      {
        ...{ kind: 'open', round, tagging: 'unique', openMs: 300, loaded: 1_000_000, rebuilt: 0, events: 1_000_000 },
        ...{ indexBytes: 80e6, memoryMiB: 150, addedMemoryMiB: 90 },
      },
      { kind: 'read', round, events: 1_000_000, readUsP50: 30, readUsP99: 80 },
    )
    suites.state.push(
      {
        kind: 'set',
        round,
        producers: 64,
        recordBytes: 140,
        bare: 3e5,
        text: 2.5e5,
        set: 2.4e5,
        setToBare: 0.8,
        setToText: 0.96,
      },
      { kind: 'open', round, keys: 1_000_000, snapshotBytes: 150e6, openMs: 2000, parseMs: 1200 },
      {
        ...{ kind: 'checkpoint', round, keys: 1_000_000, producers: 64, checkpointMs: 9000 },
        ...{ before: 2e5, meanwhile: 1.8e5, loopMsP99Before: 2, loopMsP99: 4, loopMsMax: 9 },
      },
    )
    suites['write-behind'].push({
      round,
      behindRowsPerSecond: 60_000,
      singleRowsPerSecond: 5000,
      flushMs: 7,
      singleMs: 530,
    })
  }
  return {
    startedAt: '2026-01-02T03:04:05.678Z',
    durationSeconds: 2000,
    roundsDone: 2,
    machine: {
      cpu: 'a processor',
      cores: 2,
      memoryGiB: 8,
      kernel: 'Linux 6',
      fileSystem: 'ext4 (rw)',
      node: 'v20.19.0',
    },
    versions: { sluice: '0.1.0', lmdb: '3.5.6' },
    settings: tellingSettings({ ...settings, rounds: 2 }),
    missing: {},
    lines: '10,000 made lines (seed 1)',
    fsyncs: { threads: 16, inFlight: 64 },
    suites,
    distributions: distributions.rows(),
  }
}
