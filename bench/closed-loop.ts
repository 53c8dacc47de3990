import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { CpuMeter, type CpuUse } from './cpu-meter.js'
import type { Subject } from './drivers/driver.js'
import { Latencies, type LatencyFigures } from './latencies.js'
import { type LineSource, linesOf } from './lines.js'
import { randomRecord } from './records.js'

/** What one trial measured. */
export interface LoadFigures extends LatencyFigures {
  readonly recordsPerSecond: number
  /** Of all threads of the process, in microseconds. */
  readonly cpuUsPerRecord: number
  /** Of the machine's processors, what other processes used meanwhile: 0 to 1. */
  readonly othersCpuShare: number
  /**
   * The 99th percentile of the time between two visits to a timer that is due each millisecond: that millisecond is
   * included. `undefined` where the driver blocks the loop by design.
   */
  readonly loopDelayMsP99: number | undefined
  /** `undefined` where the driver doesn't count batches. */
  readonly recordsPerBatch: number | undefined
  /** All latencies, encoded: for Latencies.decode. */
  readonly histogram: string
}

export interface LoadDuration {
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** What the producers do. */
export interface Workload {
  readonly producers: number
  /** Where lines are replayed: their mean. */
  readonly recordBytes: number
  /** More than one: that many in each append, all or nothing. */
  readonly recordsPerAppend: number
}

/** Producers whose latencies are measured: reading the clock for every append of all of them would be the load itself. */
const PROBES_MAX = 16
const NS_PER_MS = 1e6
/** After a rest, until the producers are in step again. */
const LEAD_MS = 20

/** Runs a closed loop: each producer appends, waits until that is durable, and appends again. */
export function measure(
  subject: Subject,
  workload: Workload,
  duration: LoadDuration,
  lines: LineSource | undefined,
): Promise<LoadFigures> {
  return subject.kind === 'synchronous'
    ? measureSynchronous(subject, workload, duration)
    : measureAsynchronous(subject, workload, duration, lines)
}

type Asynchronous = Subject & { kind: 'asynchronous' }
type Synchronous = Subject & { kind: 'synchronous' }

/** What the producers of one trial share. */
interface Run {
  on: boolean
  /**
   * Latencies of appends that begin from then on, and before the measurement ends, are kept, whenever they end. What began
   * before may have waited for what is done when a measurement begins.
   */
  measuredFromMs: number
  measuredUntilMs: number
  /** How many such appends have begun. */
  probes: number
  records: number
  readonly recordsPerAppend: number
  readonly latenciesMs: number[]
}

async function measureAsynchronous(
  subject: Asynchronous,
  workload: Workload,
  duration: LoadDuration,
  lines: LineSource | undefined,
) {
  const append = lines === undefined ? appendOf(subject, workload) : replayOf(subject, linesOf(lines))
  let load = startLoad(append, workload)
  await delay(duration.warmUpSeconds * 1000)
  if (subject.rest !== undefined) {
    await load.stop()
    await subject.rest()
    load = startLoad(append, workload)
    await delay(LEAD_MS)
  }
  const { run } = load

  const batchesBefore = subject.batchCounts?.()
  const loopDelay = monitorEventLoopDelay({ resolution: 1 })
  loopDelay.enable()
  const meter = new CpuMeter()
  const recordsBefore = run.records
  const startedAt = performance.now()
  run.measuredFromMs = startedAt
  // On a machine that does something else meanwhile, the time can pass without a single record: then it goes on.
  do await delay(duration.seconds * 1000)
  while (run.records === recordsBefore || run.probes === 0)
  const elapsedMs = performance.now() - startedAt
  const cpu = meter.read()
  const records = run.records - recordsBefore
  run.measuredUntilMs = startedAt + elapsedMs
  loopDelay.disable()
  const batchesAfter = subject.batchCounts?.()
  const batches = (batchesAfter?.batches ?? 0) - (batchesBefore?.batches ?? 0)

  await load.stop()
  return {
    ...figures(records, elapsedMs, cpu, run.latenciesMs),
    loopDelayMsP99: loopDelay.percentile(99) / NS_PER_MS,
    recordsPerBatch:
      batchesBefore === undefined || batchesAfter === undefined || batches === 0
        ? undefined
        : (batchesAfter.records - batchesBefore.records) / batches,
  }
}

/** Starts all producers. */
function startLoad(append: () => Promise<unknown>, { producers, recordsPerAppend }: Workload) {
  const run: Run = {
    on: true,
    measuredFromMs: Number.POSITIVE_INFINITY,
    measuredUntilMs: Number.POSITIVE_INFINITY,
    probes: 0,
    records: 0,
    recordsPerAppend,
    latenciesMs: [],
  }
  // Spread over all producers, so that they stand for those that come early in a turn and those that come late.
  const probeEvery = Math.ceil(producers / PROBES_MAX)
  const ends = Array.from({ length: producers }, (_, at) =>
    at % probeEvery === 0 ? probe(append, run) : produce(append, run),
  )
  const stop = async (): Promise<void> => {
    run.on = false
    await Promise.all(ends)
  }
  return { run, stop }
}

/** One append of a producer: of one record, or of many. */
function appendOf(subject: Asynchronous, { recordBytes, recordsPerAppend }: Workload): () => Promise<unknown> {
  const record = randomRecord(recordBytes)
  if (recordsPerAppend === 1) return () => subject.append(record)
  const records = Array.from({ length: recordsPerAppend }, () => record)
  return () => {
    if (subject.appendMany === undefined) throw new Error('this driver appends one record at a time')
    return subject.appendMany(records)
  }
}

/** One append of a producer: of the next line, and after the last one of the first. */
function replayOf(subject: Asynchronous, lines: readonly Buffer[]): () => Promise<unknown> {
  let next = 0
  return () => {
    const line = lines[next % lines.length]
    if (line === undefined) throw new Error('there are no lines to replay')
    next += 1
    return subject.append(line)
  }
}

async function produce(append: () => Promise<unknown>, run: Run): Promise<void> {
  while (run.on) {
    await append()
    run.records += run.recordsPerAppend
  }
}

async function probe(append: () => Promise<unknown>, run: Run): Promise<void> {
  while (run.on) {
    const startedAt = performance.now()
    const isMeasured = startedAt >= run.measuredFromMs && startedAt < run.measuredUntilMs
    if (isMeasured) run.probes++
    await append()
    if (isMeasured) run.latenciesMs.push(performance.now() - startedAt)
    run.records += run.recordsPerAppend
  }
}

async function measureSynchronous(subject: Synchronous, workload: Workload, duration: LoadDuration) {
  const recordsPerCommit = workload.producers * workload.recordsPerAppend
  const warmUntil = performance.now() + duration.warmUpSeconds * 1000
  while (performance.now() < warmUntil) subject.commit()

  const latenciesMs: number[] = []
  const meter = new CpuMeter()
  const startedAt = performance.now()
  const until = startedAt + duration.seconds * 1000
  let now = startedAt
  while (now < until) {
    subject.commit()
    const after = performance.now()
    latenciesMs.push(after - now)
    now = after
  }
  const cpu = meter.read()
  return {
    ...figures(latenciesMs.length * recordsPerCommit, now - startedAt, cpu, latenciesMs),
    loopDelayMsP99: undefined,
    recordsPerBatch: recordsPerCommit,
  }
}

function figures(records: number, elapsedMs: number, cpu: CpuUse, latenciesMs: readonly number[]) {
  const latencies = new Latencies()
  for (const ms of latenciesMs) latencies.record(ms)
  return {
    recordsPerSecond: (records / elapsedMs) * 1000,
    ...latencies.figures(),
    histogram: latencies.encode(),
    cpuUsPerRecord: cpu.ownUs / records,
    othersCpuShare: cpu.othersShare,
  }
}
