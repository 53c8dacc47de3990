import { setImmediate as turn } from 'node:timers/promises'
import { build } from 'hdr-histogram-js'
import { CpuMeter } from './cpu-meter.js'
import type { Subject } from './drivers/driver.js'
import { randomRecord } from './records.js'

/** Records that arrive whether or not the ones before are durable. */
export interface Arrivals {
  readonly ratePerSecond: number
  readonly recordBytes: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** What an open loop measured. Latencies count from when a record was due, not from when there was time to append it. */
export interface OpenLoopFigures {
  readonly latencyMsP50: number
  readonly latencyMsP99: number
  readonly latencyMsP999: number
  readonly latencyMsMax: number
  /** Acknowledged records a second, until the last one. */
  readonly recordsPerSecond: number
  /** False where so many appends were waiting in the end that they can't have come at this rate for long. */
  readonly keptUp: boolean
  readonly cpuUsPerRecord: number
  readonly othersCpuShare: number
}

const NS_PER_MS = 1e6
/** Where more than this is waiting, the arrivals stop: memory would be what is measured. */
const WAITING_MAX = 500_000
/** Behind by more than this share of the measured time is not kept up. */
const BACKLOG_SHARE_MAX = 0.05
const LATENCY_NS_MAX = 120e9

/** Appends at fixed intervals. Between two turns of the event loop all that has become due meanwhile is appended. */
export async function measureOpenLoop(
  subject: Subject & { kind: 'asynchronous' },
  arrivals: Arrivals,
): Promise<OpenLoopFigures> {
  const record = randomRecord(arrivals.recordBytes)
  const intervalMs = 1000 / arrivals.ratePerSecond
  const histogram = build({
    bitBucketSize: 64,
    highestTrackableValue: LATENCY_NS_MAX,
    numberOfSignificantValueDigits: 3,
  })
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
    histogram.recordValue(Math.min(LATENCY_NS_MAX, Math.round((performance.now() - startedAt - dueMs) * NS_PER_MS)))
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
  const at = (percent: number): number => histogram.getValueAtPercentile(percent) / NS_PER_MS
  return {
    latencyMsP50: at(50),
    latencyMsP99: at(99),
    latencyMsP999: at(99.9),
    latencyMsMax: histogram.maxValue / NS_PER_MS,
    recordsPerSecond: (measured / Math.max(1, elapsedMs - warmUpMs)) * 1000,
    keptUp:
      elapsedMs <= endMs + arrivals.seconds * 1000 * BACKLOG_SHARE_MAX && issued >= Math.floor(endMs / intervalMs),
    cpuUsPerRecord: cpu.ownUs / measured,
    othersCpuShare: cpu.othersShare,
  }
}
