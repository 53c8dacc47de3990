import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Random } from '../../src/testing/random.js'
import { combinedDamages, first } from '../support/damage/combined-damages.js'
import { alone, type Depth, sampled, type Tally, tryDamages } from '../support/damage/damage-run.js'
import type { Outcome } from '../support/damage/damage-trial.js'
import {
  BLOCK_BYTES,
  bodyBits,
  cuts,
  type Damage,
  headerBits,
  movedFiles,
  spoiltBlocks,
} from '../support/damage/damages.js'
import { LARGE_SHAPE, type LogShape, SMALL_SHAPES } from '../support/damage/log-shapes.js'

/*
 * Damages logs in every way that the quick tests only sample: `node dist/test/slow/damage.js [--seed S] [--seconds N]
 * [--combined | --every-bit]`. Rounds go on until the time is over; the first one takes every damage of every small log where there is
 * time for it. `--every-bit` has no end but that: it opens every small log with each bit of each header flipped, and with each
 * file cut at each length, and says how many those are. `--combined` tries nothing but two or three damages at once, repairs each log, and reads one in two.
 */

const OUTCOMES: readonly Outcome[] = ['harmless', 'torn', 'refused', 'found by verify']

const OPTIONS = {
  seed: { type: 'string' },
  seconds: { type: 'string' },
  combined: { type: 'boolean' },
  'every-bit': { type: 'boolean' },
} as const
const { values } = parseArgs({ options: OPTIONS })
const seed = Number(values.seed ?? process.env['SLUICE_SEED'] ?? randomInt(2 ** 32))
const endMs = performance.now() + 1000 * Number(values.seconds ?? 600)
const random = new Random(seed)
const tally: Tally = new Map()

console.log(`seed ${seed}`)
try {
  if (values['every-bit']) await tryEveryBit()
  else for (let round = 1; !isOver(); round++) await tryRound(round)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
printTable()
console.log(`seed ${seed}; ${process.exitCode === 1 ? 'A VIOLATION, SEE ABOVE' : 'no violation'}`)

/** Every one of the damages of these kinds, in order; opening alone is judged. */
async function tryEveryBit(): Promise<void> {
  const kinds = {
    'every bit of every header': headerBits,
    'every file cut at every length': (shape: LogShape) => cuts(shape, 1),
  }
  for (const [what, damagesOf] of Object.entries(kinds)) {
    let tried = 0
    for (const shape of SMALL_SHAPES) {
      const trials = [...alone(damagesOf(shape))]
      await tryDamages(shape, trials, { repairOneIn: 0, readOneIn: 0 }, random, tally)
      tried += trials.length
    }
    console.log(`${what} of ${SMALL_SHAPES.length} logs: ${tried} tried, which are all`)
  }
}

/** Sources of damage by turns, so that a run that is cut short has tried something of each. */
async function tryRound(round: number): Promise<void> {
  const sources = [...SMALL_SHAPES, LARGE_SHAPE].flatMap((shape) => sourcesOf(shape, round))
  const turns = sources.map(({ shape, trials }) => ({ shape, trials: trials[Symbol.iterator]() }))
  while (turns.length > 0 && !isOver()) {
    for (const turn of [...turns]) {
      const some: (readonly Damage[])[] = []
      for (let n = 0; n < 20; n++) {
        const next = turn.trials.next()
        if (next.done) {
          turns.splice(turns.indexOf(turn), 1)
          break
        }
        some.push(next.value)
      }
      await tryDamages(turn.shape, some, depthFor(turn.shape), random, tally)
      if (isOver()) return
    }
  }
}

function depthFor(shape: LogShape): Depth {
  if (values.combined) return { repairOneIn: 1, readOneIn: 2 }
  return { repairOneIn: 3, readOneIn: shape === LARGE_SHAPE ? 0 : 20 }
}

interface Source {
  readonly shape: LogShape
  readonly trials: Iterable<readonly Damage[]>
}

function sourcesOf(shape: LogShape, round: number): Source[] {
  const large = shape === LARGE_SHAPE
  const combined = first(combinedDamages(shape, random), large ? 20 : 400)
  if (values.combined) return large ? [] : [{ shape, trials: combined }]
  const step = large ? 512 : 1
  const oneIn = large ? 20 : round === 1 ? 1 : 4
  const damages = [
    headerBits(shape),
    bodyBits(shape, random, large ? 1 : 40),
    cuts(shape, step),
    spoiltBlocks(shape, random, BLOCK_BYTES.sector),
    spoiltBlocks(shape, random, BLOCK_BYTES.page),
    movedFiles(shape),
  ]
  const sources = damages.map((some) => ({ shape, trials: shuffled([...sampled(alone(some), oneIn, random)]) }))
  return [...sources, { shape, trials: combined }]
}

/** A run that is cut short has tried damages from everywhere, not only from where files begin. */
function shuffled<T>(trials: T[]): T[] {
  for (let left = trials.length - 1; left > 0; left--) {
    const other = random.below(left + 1)
    const [one, two] = [trials[left], trials[other]]
    // Both indexes lie inside of the array.
    if (one !== undefined && two !== undefined) [trials[left], trials[other]] = [two, one]
  }
  return trials
}

function isOver(): boolean {
  return performance.now() >= endMs
}

function printTable(): void {
  const merged = new Map<string, Map<Outcome, number>>()
  for (const [kind, outcomes] of tally) {
    const name = kind.includes(' + ') ? 'two or three of those at once' : kind
    const row = merged.get(name) ?? new Map<Outcome, number>()
    for (const [outcome, count] of outcomes) row.set(outcome, (row.get(outcome) ?? 0) + count)
    merged.set(name, row)
  }
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(36) : String(cell).padStart(16))).join('')
  console.log(row(['damage', 'tried', ...OUTCOMES]))
  let total = 0
  for (const [kind, outcomes] of [...merged].sort()) {
    const counts = OUTCOMES.map((outcome) => outcomes.get(outcome) ?? 0)
    const tried = counts.reduce((sum, count) => sum + count, 0)
    total += tried
    console.log(row([kind, tried, ...counts]))
  }
  console.log(row(['all', total]))
}
