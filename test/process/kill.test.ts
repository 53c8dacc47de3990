import test from 'ava'
import { KillTrial } from '../support/kill-trial.js'
import { random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ROUNDS = 20
/** The least at which the next segment is prepared ahead. */
const SEGMENT_BYTES = 1024 * 1024

test('a process killed at any moment, again and again, loses nothing that was acknowledged', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const trial = new KillTrial(t, temporaryDirectory(t), numbers, SEGMENT_BYTES)
  const { figures } = trial
  for (let round = 0; round < ROUNDS; round++) t.deepEqual(await trial.round(), [])
  t.log(figures)
  t.is(figures.lost, 0)
  t.true(figures.segmentsMost > 1 && figures.firstLsn > 1 && figures.prepared > 0, 'it rotated, trimmed and prepared')
})

test('the trial finds out a process that says that it has what it only accepted', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const trial = new KillTrial(t, temporaryDirectory(t), numbers, SEGMENT_BYTES, ['lying'])
  const problems: string[] = []
  // A killed opening says nothing, and so can't lie.
  for (let round = 0; round < 20 && problems.length === 0; round++) problems.push(...(await trial.round()))
  t.regex(problems.join('\n'), /, lying, .*LSN \d+ was acknowledged, and \d+ (is the last|comes next)/)
  t.true(trial.figures.lost > 0)
})
