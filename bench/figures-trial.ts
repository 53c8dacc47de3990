import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openLogWithFigures } from '../src/log/open-log.js'
import { type BatchFigures, Figures } from '../src/observe/figures.js'
import { RECORD_BYTES } from './drivers/driver.js'
import type { TrialResults, TrialSpec } from './trial-spec.js'

/** Long beside a batch, short beside the moods of a disk. */
const WINDOW_MS = 50

/** Figures that can be switched on and off at any time. */
class SwitchedFigures extends Figures {
  on = true

  override recordAppends(latencyNs: number, count: number): void {
    if (this.on) super.recordAppends(latencyNs, count)
  }

  override recordBatch(batch: BatchFigures): void {
    if (this.on) super.recordBatch(batch)
  }

  override recordSync(ns: number): void {
    if (this.on) super.recordSync(ns)
  }

  override recordDirectorySync(ns: number): void {
    if (this.on) super.recordDirectorySync(ns)
  }
}

/**
 * Puts one log under load, with its figures switched on and off in turns: two windows that follow one another differ in
 * little else, which two processes never do. The order changes from pair to pair.
 */
export async function switchFigures(
  spec: TrialSpec & { kind: 'switch-figures' },
): Promise<TrialResults['switch-figures']> {
  const figures = new SwitchedFigures()
  const log = await openLogWithFigures(join(spec.directory, 'log'), {}, figures)
  const record = randomFillSync(Buffer.alloc(RECORD_BYTES))
  let goesOn = true
  let records = 0
  const produce = async (): Promise<void> => {
    while (goesOn) {
      await log.append(record)
      records += 1
    }
  }
  const ends = Array.from({ length: spec.producers }, produce)
  const rate = async (on: boolean): Promise<number> => {
    figures.on = on
    const before = records
    const startedAt = performance.now()
    await delay(WINDOW_MS)
    return ((records - before) / (performance.now() - startedAt)) * 1000
  }
  await delay(spec.warmUpSeconds * 1000)
  const pairs: { on: number; off: number }[] = []
  while (pairs.length < spec.pairs) {
    if (pairs.length % 2 === 0) pairs.push({ on: await rate(true), off: await rate(false) })
    else {
      const off = await rate(false)
      pairs.push({ on: await rate(true), off })
    }
  }
  goesOn = false
  await Promise.all(ends)
  await log.close()
  return { pairs }
}
