import { randomInt } from 'node:crypto'
import { Random as Numbers } from '../../src/testing/random.js'

/** Numbers that a seed decides, and that seed. */
export interface Random {
  readonly seed: number
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number
}

/** Numbers from the seed in `SLUICE_SEED`, or from a new one. Whoever uses them logs the seed. */
export function random(seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 32))): Random {
  const numbers = new Numbers(seed)
  return { seed, below: (limit) => numbers.below(limit) }
}
