import test from 'ava'
import { spreadOf, standardError } from '../../bench/statistics.js'

test('the median of an odd number of values is the middle one, of an even number lies between two', (t) => {
  t.deepEqual(spreadOf([5, 1, 9]), { median: 5, min: 1, max: 9, trials: 3 })
  t.deepEqual(spreadOf([10, 1, 2, 9]), { median: 5.5, min: 1, max: 10, trials: 4 })
  t.is(spreadOf([]).trials, 0)
  t.true(Number.isNaN(spreadOf([]).median))
})

test('trials without a value count for nothing', (t) => {
  t.deepEqual(spreadOf([undefined, 3, undefined]), { median: 3, min: 3, max: 3, trials: 1 })
})

test('the standard error shrinks with the root of the number of values', (t) => {
  t.is(standardError([1, 3]), 1)
  t.is(standardError([4, 4, 4]), 0)
  t.true(Math.abs(standardError(Array.from({ length: 10_000 }, (_, i) => i % 2)) - 0.005) < 1e-6)
})
