import type { Random } from '../../../src/testing/random.js'
import { AllocationWatch } from './allocation-watch.js'
import { checkRepair, damagedLog, inContext, judge, type Outcome, require } from './damage-trial.js'
import type { Damage } from './damages.js'
import type { LogShape } from './log-shapes.js'
import { checkDamagedWhileOpen, checkOpened, checkReader, checkRepaired } from './reading-trial.js'

/** How much is checked of each damage, beside opening, `verify` and `inspect`: one in so many, 0 for none. */
export interface Depth {
  readonly repairOneIn: number
  readonly readOneIn: number
}

export type Tally = Map<string, Map<Outcome, number>>

/** The window of recovery and `verify` is the largest buffer they take, unless a frame is longer than it. */
const WINDOW_BYTES = 1024 * 1024
const BYTES_SPARE = 64 * 1024
/** The writer's own buffer: it has that size whatever is found. */
const WRITER_BYTES = 4 * 1024 * 1024

/** Tries damages one after the other; each is a list of things done to the files. Throws at the first violation. */
export async function tryDamages(
  shape: LogShape,
  trials: Iterable<readonly Damage[]>,
  depth: Depth,
  random: Random,
  tally: Tally = new Map(),
): Promise<Tally> {
  for (const damages of trials) {
    const kind = damages.map((damage) => damage.kind).join(' + ')
    const outcome = await inContext(shape, damages, () => tryDamage(shape, damages, depth, random))
    const outcomes = tally.get(kind) ?? new Map<Outcome, number>()
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    tally.set(kind, outcomes)
  }
  return tally
}

async function tryDamage(shape: LogShape, damages: readonly Damage[], depth: Depth, random: Random): Promise<Outcome> {
  const log = damagedLog(shape, damages)
  const bytes = [...log.files.values()].reduce((sum, file) => sum + file.length, 0)
  const outcome = watched(Math.max(WINDOW_BYTES, bytes) + BYTES_SPARE, () => judge(log))
  if (depth.repairOneIn > 0 && random.below(depth.repairOneIn) === 0) {
    watched(Math.max(WINDOW_BYTES, bytes) + BYTES_SPARE, () => checkRepair(log))
  }
  if (depth.readOneIn === 0 || random.below(depth.readOneIn) > 0) return outcome
  const reading = new AllocationWatch()
  try {
    await checkOpened(log)
    await checkRepaired(log)
    await checkReader(log)
    await checkDamagedWhileOpen(shape, damages)
  } finally {
    reading.end()
  }
  require(reading.mostBytes <= Math.max(WRITER_BYTES, bytes), 'reading allocates', reading.mostBytes)
  return outcome
}

function watched<T>(mostBytes: number, work: () => T): T {
  const watch = new AllocationWatch()
  try {
    return work()
  } finally {
    watch.end()
    require(watch.mostBytes <= mostBytes, 'a buffer was allocated of', watch.mostBytes, 'bytes')
  }
}

/** Each damage by itself. */
export function* alone(damages: Iterable<Damage>): Generator<readonly Damage[]> {
  for (const damage of damages) yield [damage]
}

/** Some of them, as the seed has it: one in `oneIn`. */
export function* sampled<T>(trials: Iterable<T>, oneIn: number, random: Random): Generator<T> {
  for (const trial of trials) if (random.below(oneIn) === 0) yield trial
}

export function trialsIn(tally: Tally): number {
  return [...tally.values()].flatMap((outcomes) => [...outcomes.values()]).reduce((sum, count) => sum + count, 0)
}
