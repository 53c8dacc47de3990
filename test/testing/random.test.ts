import test from 'ava'
import { Random } from '../../src/testing/random.js'

test('the same seed gives the same numbers, for ever', (t) => {
  const random = new Random(42)
  t.deepEqual(
    Array.from({ length: 3 }, () => random.next()),
    [4093052395, 1542978525, 2980210069],
  )
})

test('other seeds give other numbers, also seeds that are alike', (t) => {
  const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => new Random(seed).next()))
  t.true(firsts.size > 9_990)
})

test('numbers stay below their limit, and reach all below it', (t) => {
  const random = new Random(7)
  const seen = new Set(Array.from({ length: 1000 }, () => random.below(5)))
  t.deepEqual([...seen].sort(), [0, 1, 2, 3, 4])
  t.is(new Random(1).below(1), 0)
})

test('a chance is as good as it says', (t) => {
  const random = new Random(7)
  const hits = Array.from({ length: 10_000 }, () => random.chance(0.25)).filter(Boolean).length
  t.true(hits > 2_300 && hits < 2_700, String(hits))
  t.false(random.chance(0))
  t.true(random.chance(1))
})
