import test from 'ava'
import { MARK_FILE } from '../../src/format/file-names.js'
import { Random } from '../../src/testing/random.js'
import { alone, sampled, trialsIn, tryDamages } from '../support/damage/damage-run.js'
import { cuts } from '../support/damage/damages.js'
import { LARGE_SHAPE, SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const EVERY_LENGTH = shapeNamed('one segment')

test.serial(`${EVERY_LENGTH.name}: cut at every length`, async (t) => {
  const numbers = new Random(seed)
  const segments = new Map([...EVERY_LENGTH.files].filter(([name]) => name !== MARK_FILE))
  const ofSegments = cuts({ ...EVERY_LENGTH, files: segments })
  const tally = await tryDamages(EVERY_LENGTH, alone(ofSegments), { repairOneIn: 100, readOneIn: 1000 }, numbers)
  const lengths = [...segments.values()].reduce((sum, bytes) => sum + bytes.length, 0)
  t.is(trialsIn(tally), lengths)
})

for (const shape of [...SMALL_SHAPES, LARGE_SHAPE]) {
  test.serial(`${shape.name}: files cut at sectors, and around all that begins or ends`, async (t) => {
    const numbers = new Random(seed)
    const some = sampled(alone(cuts(shape, 512)), shape === LARGE_SHAPE ? 10 : 2, numbers)
    const tally = await tryDamages(shape, some, { repairOneIn: 4, readOneIn: shape === LARGE_SHAPE ? 0 : 30 }, numbers)
    t.true(trialsIn(tally) > 10)
  })
}
