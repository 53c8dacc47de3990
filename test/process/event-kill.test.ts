import test from 'ava'
import { EventKillTrial } from '../support/event-kill-trial.js'
import { random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const KILLS = 20

test.serial(
  'of 200 appends that race for a username one wins, whenever the process is killed, and afterwards too',
  async (t) => {
    const numbers = random()
    t.log(`seed ${numbers.seed}`)
    const trial = new EventKillTrial(t, temporaryDirectory(t), numbers)
    for (let round = 0; round < KILLS; round++) t.deepEqual(await trial.round(), [])
    const { figures } = trial
    t.log(figures)
    t.true(figures.unfinished > 0, 'kills cut races short')
    t.true(figures.retried > 0 && figures.rebuilt > 0 && figures.indexed > 0, 'ids, the log and the index were of use')
  },
)

for (const [manner, problem] of [
  ['unguarded', /race \d+ was won twice/],
  ['hasty', /was acknowledged at \d+ to \d+, and is not there/],
] as const) {
  test.serial(`the trial finds out a process that is ${manner}`, async (t) => {
    const numbers = random()
    t.log(`seed ${numbers.seed}`)
    const trial = new EventKillTrial(t, temporaryDirectory(t), numbers, [manner])
    const problems: string[] = []
    // A killed opening says nothing, and so does nothing wrong.
    for (let round = 0; round < 10 && problems.length === 0; round++) problems.push(...(await trial.round()))
    t.regex(problems.join('\n'), problem)
  })
}
