import test from 'ava'
import fc from 'fast-check'
import { random } from '../support/random.js'
import { lives, StateLives } from '../support/state/state-life.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

/** `npm run test:state` asks for more. */
const RUNS = Number(process.env['SLUICE_STATE_RUNS'] ?? 40)

test('after a crash at any call the state is that of a prefix that holds every acknowledged write', async (t) => {
  const seen = { stopped: 0, checkpoints: 0, compressed: 0, migrated: 0, trimmed: 0 }
  const property = fc.asyncProperty(lives, async (story) => {
    const subject = new StateLives()
    for (const life of story) {
      const { version } = subject
      const before = subject.fileSystem
      await subject.live(life)
      if (before.stoppedAt !== undefined) seen.stopped++
      if (subject.version > version) seen.migrated++
      await subject.check()
      const names = subject.fileSystem.listSync('/data/players/snapshots')
      if (names.length > 0) seen.checkpoints++
      if (names.some((name) => name.endsWith('.gzip.snapshot'))) seen.compressed++
      if (!subject.fileSystem.listSync('/data/players/log').includes('0000000000000001.seg')) seen.trimmed++
      if (names.some((name) => name.endsWith('.tmp'))) throw new Error(`left behind: ${names.join()}`)
    }
  })
  await fc.assert(property, {
    seed: seed | 0,
    numRuns: RUNS,
    interruptAfterTimeLimit: RUNS * 1000,
    markInterruptAsFailure: true,
  })
  t.log(seen)
  for (const [what, times] of Object.entries(seen)) t.true(times > 0, `${what} never happened: the test shows nothing`)
})
