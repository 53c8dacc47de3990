import test from 'ava'
import { Random } from '../../src/testing/random.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { bodyBits, headerBits } from '../support/damage/damages.js'
import { SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const EVERY_BIT = shapeNamed('sealed, sealed, last')

test.serial(`${EVERY_BIT.name}: every bit of every header`, async (t) => {
  const numbers = new Random(seed)
  const tally = await tryDamages(EVERY_BIT, alone(headerBits(EVERY_BIT)), { repairOneIn: 40, readOneIn: 400 }, numbers)
  t.is(tally.get('bit of a segment header')?.get('refused'), 3 * 128 * 8)
  t.true(trialsIn(tally) > 9000)
})

for (const shape of SMALL_SHAPES) {
  test.serial(`${shape.name}: some bits of headers and bodies`, async (t) => {
    const numbers = new Random(seed)
    const depth = { repairOneIn: 4, readOneIn: 12 }
    const headers = sampled(alone(headerBits(shape)), 100, numbers)
    const tally = await tryDamages(shape, headers, depth, numbers)
    await tryDamages(shape, alone(bodyBits(shape, numbers, 4)), depth, numbers, tally)
    t.true(trialsIn(tally) > 30)
  })
}
