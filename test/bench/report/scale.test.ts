import test from 'ava'
import { logScale, percentileScale, short, tickedLogScale } from '../../../bench/report/scale.js'

test('a logarithmic axis holds all its values, and its ticks', (t) => {
  for (const values of [
    [0.13, 250],
    [5, 5],
    [3000, 12_000_000],
    [0.09, 0.1],
  ]) {
    const { place, ticks } = logScale(values, short)
    for (const value of values) t.true(place(value) >= 0 && place(value) <= 1, `${value} of ${values}`)
    t.true(ticks.length >= 1 && ticks.length <= 9, `${values}: ${ticks.length} ticks`)
    for (const tick of ticks)
      t.true(place(tick.value) > -1e-6 && place(tick.value) < 1 + 1e-6, `${tick.value} of ${values}`)
  }
})

test('each of the values has its tick', (t) => {
  const { place, ticks } = tickedLogScale([64, 1, 64, 4096], String)
  t.deepEqual(
    ticks.map(({ label }) => label),
    ['1', '64', '4096'],
  )
  t.deepEqual([place(1), place(64), place(4096)], [0, 0.5, 1])
})

test('each further nine takes as much room as the one before', (t) => {
  const { place, ticks } = percentileScale(99.99)
  t.deepEqual(
    ticks.map(({ label }) => label),
    ['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %'],
  )
  for (const [percent, wanted] of [
    [0, 0],
    [90, 0.25],
    [99, 0.5],
    [99.9, 0.75],
    [99.99, 1],
    [100, 1],
  ] as const) {
    t.true(Math.abs(place(percent) - wanted) < 1e-6, `${percent}: ${place(percent)}`)
  }
})

test('numbers on axes are short', (t) => {
  t.deepEqual([0.1, 5, 1500, 20_000, 1_500_000].map(short), ['0.1', '5', '1,500', '20 k', '1.5 M'])
})
