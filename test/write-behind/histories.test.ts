import test from 'ava'
import fc from 'fast-check'
import { BehindHistory, type Life, type Step } from '../support/behind-history.js'
import { random } from '../support/random.js'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('mark' as const), key: fc.nat(5), large: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mark-unread' as const), key: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mark-gone' as const), key: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('turns' as const), turns: fc.nat(8) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      times: fc.integer({ min: 1, max: 8 }),
      key: fc.option(fc.nat(5), { nil: undefined }),
      saved: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('slow' as const), ms: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
)

const life: fc.Arbitrary<Life> = fc.record({
  steps: fc.array(step, { maxLength: 60 }),
  crashAt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 })),
  end: fc.constantFrom('power cut' as const, 'kill' as const, 'close' as const),
  lateSaves: fc.boolean(),
})

const bounds = {
  maxDirty: fc.constantFrom(2, 4, 100),
  maxBatch: fc.constantFrom(1, 2, 100),
  concurrency: fc.constantFrom(1, 3),
}

test('after any crashes the repository has each acknowledged mark, or a later one', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const options = fc.record({ seed: fc.nat(1e6), journal: fc.constant(true), ...bounds })
  const property = fc.asyncProperty(options, fc.array(life, { minLength: 1, maxLength: 3 }), (given, lives) =>
    new BehindHistory(given).live(lives),
  )
  await t.notThrowsAsync(fc.assert(property, { seed, numRuns: Number(process.env['SLUICE_RUNS'] ?? 120) }))
})

test('without a journal nothing that was marked is forgotten while the process lives', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const options = fc.record({ seed: fc.nat(1e6), journal: fc.constant(false), ...bounds })
  const property = fc.asyncProperty(options, life, (given, one) => new BehindHistory(given).live([one]))
  await t.notThrowsAsync(fc.assert(property, { seed, numRuns: Number(process.env['SLUICE_RUNS'] ?? 120) }))
})
