import type { Random } from '../../../src/testing/random.js'
import { BLOCK_BYTES, bodyBits, cuts, type Damage, headerBits, movedFiles, spoiltBlocks } from './damages.js'
import type { LogShape } from './log-shapes.js'

/** How many damages of whole files come on one inside of a file. */
const WHOLE_FILES_TO_ONE_INSIDE = 2

/**
 * Two or three damages at once, without end: what one of them does to the other. Most are of whole files, which speak for
 * one another; some lie inside of a file.
 */
export function* combinedDamages(shape: LogShape, random: Random): Generator<readonly Damage[]> {
  const whole = [...movedFiles(shape)]
  const inside = [
    ...headerBits(shape),
    ...bodyBits(shape, random, 10),
    ...cuts(shape, 512),
    ...spoiltBlocks(shape, random, BLOCK_BYTES.sector),
    ...spoiltBlocks(shape, random, BLOCK_BYTES.page),
  ]
  for (;;) {
    const damages: Damage[] = []
    for (let left = 2 + random.below(2); left > 0; left--) {
      const some = random.below(WHOLE_FILES_TO_ONE_INSIDE + 1) === 0 ? inside : whole
      damages.push(...some.slice(random.below(some.length)).slice(0, 1))
    }
    yield damages
  }
}

/** The first `count` of them. */
export function* first<T>(trials: Iterable<T>, count: number): Generator<T> {
  let left = count
  if (left === 0) return
  for (const trial of trials) {
    yield trial
    if (--left === 0) return
  }
}
