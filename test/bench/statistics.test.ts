import test from 'ava'
import { percentile, spreadOf, standardError } from '../../bench/statistics.js'

test('the median of an odd number of values is the middle one, of an even number lies between two', (t) => {
  t.deepEqual(spreadOf([5, 1, 9]), { median: 5, min: 1, max: 9, trials: 3 })
  t.deepEqual(spreadOf([10, 1, 2, 9]), { median: 5.5, min: 1, max: 10, trials: 4 })
  t.is(spreadOf([]).trials, 0)
  t.true(Number.isNaN(spreadOf([]).median))
})

test('a percentile is a value that was there', (t) => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.is(percentile(values, 50), 50)
  t.is(percentile(values, 99), 99)
  t.is(percentile(values, 100), 100)
  t.is(percentile([7], 1), 7)
  t.true(Number.isNaN(percentile([], 50)))
})

test('the standard error shrinks with the root of the number of values', (t) => {
  t.is(standardError([1, 3]), 1)
  t.is(standardError([4, 4, 4]), 0)
  t.true(Math.abs(standardError(Array.from({ length: 10_000 }, (_, i) => i % 2)) - 0.005) < 1e-6)
})
