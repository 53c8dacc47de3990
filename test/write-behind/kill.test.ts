import test from 'ava'
import { BehindKillTrial } from '../support/behind-kill-trial.js'
import { random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Rounds of one kill or more. `npm run test:behind` asks for more. */
const ROUNDS = Number(process.env['SLUICE_BEHIND_KILLS'] ?? 3)

test('a process killed at any moment, again and again, loses no mark that it acknowledged', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed} (set SLUICE_SEED to repeat it)`)
  const trial = new BehindKillTrial(t, temporaryDirectory(t), numbers)
  for (let round = 0; round < ROUNDS; round++) t.deepEqual(await trial.round(), [])
  const { figures } = trial
  t.log(figures)
  t.true(figures.acknowledged > 0 && figures.replayed > 0, 'there was something to lose')
  t.true(figures.saves > 0 && figures.firstLsn > 1, 'it was saved and trimmed behind the marks')
})

test('the trial finds out a process that says that it has what it only asked for', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const trial = new BehindKillTrial(t, temporaryDirectory(t), numbers, 'lying')
  const problems: string[] = []
  // A kill may come at a moment at which it has what it said.
  for (let round = 0; round < 20 && problems.length === 0; round++) problems.push(...(await trial.round()))
  t.regex(problems.join('\n'), /, lying, .*mark \d+ of .* was acknowledged, and \d+ is saved/)
})
