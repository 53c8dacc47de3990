import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, openLog } from '../src/index.js'
import { RECORD_BYTES } from './drivers/driver.js'
import type { DelayWindow, TrialResults, TrialSpec } from './trial-spec.js'
import { inTurnOrder } from './turn-order.js'

/** Producers whose latencies are measured. */
const PROBES_MAX = 16

/**
 * Puts two logs under the same load in turns, one with `maxDelayMs: 0`, the other one with `'adaptive'`: two windows that
 * follow one another differ in little else. The order changes from pair to pair.
 */
export async function compareDelays(
  spec: TrialSpec & { kind: 'compare-delays' },
): Promise<TrialResults['compare-delays']> {
  const { syncMs, windowMs } = spec
  // Piscina loads an entry without the query of its address; threads take on the environment of their process.
  process.env['SLUICE_BENCH_SYNC_MS'] = String(syncMs)
  const slow = syncMs === 0 ? {} : { workerUrl: new URL('./slow-writer.js', import.meta.url) }
  const none = await openLog(join(spec.directory, 'none'), { ...slow, batch: { maxDelayMs: 0 } })
  const adaptive = await openLog(join(spec.directory, 'adaptive'), { ...slow, batch: { maxDelayMs: 'adaptive' } })
  for (const log of [none, adaptive]) await window(log, spec, spec.warmUpSeconds * 500)
  const pairs: { none: DelayWindow; adaptive: DelayWindow }[] = []
  while (pairs.length < spec.pairs) {
    const measured = new Map<Log, DelayWindow>()
    for (const log of inTurnOrder([none, adaptive], pairs.length)) measured.set(log, await window(log, spec, windowMs))
    const [before, after] = [measured.get(none), measured.get(adaptive)]
    if (before !== undefined && after !== undefined) pairs.push({ none: before, adaptive: after })
  }
  await none.close()
  await adaptive.close()
  return { pairs }
}

/** Producers who think for a while, wait until an append of theirs is durable, and think again. */
async function window(
  log: Log,
  { producers, thinkMs }: TrialSpec & { kind: 'compare-delays' },
  windowMs: number,
): Promise<DelayWindow> {
  const record = randomFillSync(Buffer.alloc(RECORD_BYTES))
  const probeEvery = Math.ceil(producers / PROBES_MAX)
  let goesOn = true
  let [records, probed, waitedMs] = [0, 0, 0]
  // Drawn around the mean as those of independent users are. Without it they are in step.
  const think = (): Promise<void> => delay(-thinkMs * Math.log(1 - Math.random()))
  const produce = async (number: number): Promise<void> => {
    const isProbe = number % probeEvery === 0
    while (goesOn) {
      if (thinkMs > 0) await think()
      const beganMs = isProbe ? performance.now() : 0
      await log.append(record)
      records += 1
      if (!isProbe) continue
      probed += 1
      waitedMs += performance.now() - beganMs
    }
  }
  const before = log.stats()
  const startedAt = performance.now()
  const ends = Array.from({ length: producers }, (_, number) => produce(number))
  await delay(windowMs)
  const recordsPerSecond = (records / (performance.now() - startedAt)) * 1000
  goesOn = false
  await Promise.all(ends)
  const after = log.stats()
  return {
    recordsPerSecond,
    latencyMsMean: waitedMs / probed,
    recordsPerBatch: (after.records - before.records) / (after.batches - before.batches),
  }
}
