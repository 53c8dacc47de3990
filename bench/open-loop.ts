import { setImmediate as turn } from 'node:timers/promises'
import { CpuMeter } from './cpu-meter.js'
import type { Subject } from './drivers/driver.js'
import { Latencies, type LatencyFigures } from './latencies.js'
import { randomRecord } from './records.js'

/** Records that arrive whether or not the ones before are durable. */
export interface Arrivals {
  readonly ratePerSecond: number
  readonly recordBytes: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** What an open loop measured. Latencies count from when a record was due, not from when there was time to append it. */
export interface OpenLoopFigures extends LatencyFigures {
  /** Acknowledged records a second, until the last one. */
  readonly recordsPerSecond: number
  /** False where so many appends were waiting in the end that they can't have come at this rate for long. */
  readonly keptUp: boolean
  readonly cpuUsPerRecord: number
  readonly othersCpuShare: number
  /** All latencies, encoded: for Latencies.decode. */
  readonly histogram: string
}

/** Where more than this is waiting, the arrivals stop: memory would be what is measured. */
const WAITING_MAX = 500_000
/** Behind by more than this share of the measured time is not kept up. */
const BACKLOG_SHARE_MAX = 0.05

/** Appends at fixed intervals. Between two turns of the event loop all that has become due meanwhile is appended. */
export async function measureOpenLoop(
  subject: Subject & { kind: 'asynchronous' },
  arrivals: Arrivals,
): Promise<OpenLoopFigures> {
  const record = randomRecord(arrivals.recordBytes)
  const intervalMs = 1000 / arrivals.ratePerSecond
  const latencies = new Latencies()
  const warmUpMs = arrivals.warmUpSeconds * 1000
  const endMs = warmUpMs + arrivals.seconds * 1000
  const startedAt = performance.now()
  let meter = new CpuMeter()
  let isMeasuring = false
  let [issued, acknowledged, measured] = [0, 0, 0]
  let failure: unknown
  const acknowledge = (dueMs: number): void => {
    acknowledged += 1
    if (dueMs < warmUpMs) return
    measured += 1
    latencies.record(performance.now() - startedAt - dueMs)
  }
  const fail = (error: unknown): void => {
    acknowledged += 1
    failure ??= error
  }
  for (;;) {
    const nowMs = performance.now() - startedAt
    if (!isMeasuring && nowMs >= warmUpMs) {
      isMeasuring = true
      meter = new CpuMeter()
    }
    const due = Math.floor(Math.min(nowMs, endMs) / intervalMs)
    while (issued < due && issued - acknowledged < WAITING_MAX) {
      const dueMs = issued * intervalMs
      issued += 1
      subject.append(record).then(() => acknowledge(dueMs), fail)
    }
    if (nowMs >= endMs || issued - acknowledged >= WAITING_MAX) break
    await turn()
  }
  // Timers are too coarse to wait for a due time: the loop above turns without a pause, and so does this one.
  while (acknowledged < issued) await turn()
  if (failure !== undefined) throw failure
  const elapsedMs = performance.now() - startedAt
  const cpu = meter.read()
  return {
    ...latencies.figures(),
    histogram: latencies.encode(),
    recordsPerSecond: (measured / Math.max(1, elapsedMs - warmUpMs)) * 1000,
    keptUp:
      elapsedMs <= endMs + arrivals.seconds * 1000 * BACKLOG_SHARE_MAX && issued >= Math.floor(endMs / intervalMs),
    cpuUsPerRecord: cpu.ownUs / measured,
    othersCpuShare: cpu.othersShare,
  }
}
