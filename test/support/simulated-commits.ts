import { Random } from '../../src/testing/random.js'
import { Batch } from '../../src/writer/batch.js'
import type { BatchDelay } from '../../src/writer/batch-delay.js'

/** Who appends. Times are drawn around their mean, as those of independent users are: exponentially. */
export type Traffic =
  /** Each waits for its append, thinks, and appends again. */
  | { readonly kind: 'closed'; readonly producers: number; readonly thinkMs: number; readonly evenly?: boolean }
  /** Records come whatever becomes of the ones before. */
  | { readonly kind: 'open'; readonly perMs: number }

export interface SimulatedRun {
  readonly recordsPerMs: number
  readonly recordsPerBatch: number
  /** From the append to the end of its sync. */
  readonly latencyMsMean: number
}

/** For so many syncs a run lasts. */
const COMMITS = 2000

/** Commits one batch after the other on a disk whose syncs take `syncMs`, with a clock that exists only here. */
export function simulateCommits(delay: BatchDelay, traffic: Traffic, syncMs: number, seed: number): SimulatedRun {
  const numbers = new Random(seed)
  const drawn = (meanMs: number): number => -meanMs * Math.log(1 - numbers.next() / 2 ** 32)
  const think = (): number =>
    traffic.kind === 'closed' ? (traffic.evenly === true ? traffic.thinkMs : drawn(traffic.thinkMs)) : 0
  const endMs = COMMITS * syncMs
  /** When the records come that are not there yet; ascending. */
  const due: number[] = []
  const add = (atMs: number): void => {
    let place = due.length
    while (place > 0 && (due[place - 1] ?? 0) > atMs) place--
    due.splice(place, 0, atMs)
  }
  if (traffic.kind === 'closed') for (let i = 0; i < traffic.producers; i++) add(think())
  else for (let atMs = drawn(1 / traffic.perMs); atMs < endMs; atMs += drawn(1 / traffic.perMs)) due.push(atMs)

  let nowMs = 0
  let pending: number[] = []
  let [records, batches, waitedMs] = [0, 0, 0]
  let taken = 0
  while (nowMs < endMs && (pending.length > 0 || taken < due.length)) {
    if (pending.length === 0) nowMs = Math.max(nowMs, due[taken] ?? nowMs)
    while (taken < due.length && (due[taken] ?? 0) <= nowMs) pending.push(due[taken++] ?? 0)
    const batch = Object.assign(new Batch(), { records: pending.length, handedOverMs: pending[0] ?? 0 })
    const holdUntilMs = delay.holdUntilMs(batch)
    if (holdUntilMs > nowMs) {
      nowMs = Math.min(holdUntilMs, due[taken] ?? Number.POSITIVE_INFINITY)
      continue
    }
    const beganMs = nowMs
    nowMs += syncMs
    const waiting = due.filter((atMs, index) => index >= taken && atMs <= nowMs).length
    delay.noteCommit({ records: pending.length, beganMs, endedMs: nowMs, syncMs, waiting })
    records += pending.length
    batches++
    due.splice(0, taken)
    taken = 0
    for (const atMs of pending) {
      waitedMs += nowMs - atMs
      if (traffic.kind === 'closed') add(nowMs + think())
    }
    pending = []
  }
  return { recordsPerMs: records / nowMs, recordsPerBatch: records / batches, latencyMsMean: waitedMs / records }
}
