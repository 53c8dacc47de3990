import test from 'ava'
import { Random } from '../../src/testing/random.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { bodyBits, headerBits } from '../support/damage/damages.js'
import { SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const MANY_BITS = shapeNamed('sealed, sealed, last')

test.serial(`${MANY_BITS.name}: one bit in eight of every header`, async (t) => {
  const numbers = new Random(seed)
  const tally = await tryDamages(
    MANY_BITS,
    sampled(alone(headerBits(MANY_BITS)), 8, numbers),
    { repairOneIn: 20, readOneIn: 200 },
    numbers,
  )
  const headers = tally.get('bit of a segment header')
  t.deepEqual([...(headers?.keys() ?? [])], ['refused'])
  t.true(trialsIn(tally) > 1000)
})

for (const shape of SMALL_SHAPES) {
  test.serial(`${shape.name}: some bits of headers and bodies`, async (t) => {
    const numbers = new Random(seed)
    const depth = { repairOneIn: 4, readOneIn: 30 }
    const headers = sampled(alone(headerBits(shape)), 100, numbers)
    const tally = await tryDamages(shape, headers, depth, numbers)
    await tryDamages(shape, alone(bodyBits(shape, numbers, 4)), depth, numbers, tally)
    t.true(trialsIn(tally) > 30)
  })
}
