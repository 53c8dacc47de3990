import { randomInt } from 'node:crypto'

/** A seeded generator of numbers (mulberry32): the same seed gives the same run. */
export interface Random {
  readonly seed: number
  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number
}

/** A generator with the seed in `SLUICE_SEED`, or a new one. Whoever uses it logs the seed. */
export function random(seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 32))): Random {
  let state = seed
  return {
    seed,
    below(bound) {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
    },
  }
}
