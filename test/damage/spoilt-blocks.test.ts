import test from 'ava'
import { Random } from '../../src/testing/random.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { BLOCK_BYTES, spoiltBlocks } from '../support/damage/damages.js'
import { LARGE_SHAPE, SMALL_SHAPES } from '../support/damage/log-shapes.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  const large = shape === LARGE_SHAPE
  for (const unit of ['sector', 'page'] as const) {
    test.serial(`${shape.name}: a ${unit} of zeros, ones, noise, or from elsewhere`, async (t) => {
      const numbers = new Random(seed)
      const oneIn = unit === 'page' ? (large ? 8 : 1) : large ? 60 : 3
      const trials = sampled(alone(spoiltBlocks(shape, numbers, BLOCK_BYTES[unit])), oneIn, numbers)
      const tally = await tryDamages(shape, trials, { repairOneIn: 4, readOneIn: large ? 0 : 25 }, numbers)
      t.true(trialsIn(tally) > 5)
    })
  }
}
