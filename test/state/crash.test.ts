import test from 'ava'
import fc from 'fast-check'
import { openStateStore } from '../../src/state/open-state-store.js'
import { FixtureProcess } from '../support/fixture-process.js'
import { random } from '../support/random.js'
import { COUNTED_IN_TURN, stateAfter } from '../support/state/numbered-writes.js'
import { lives, StateLives } from '../support/state/state-life.js'
import { shownState } from '../support/state/state-model.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

/** `npm run test:state` asks for more. */
const RUNS = Number(process.env['SLUICE_STATE_RUNS'] ?? 25)
const KILLS = Number(process.env['SLUICE_STATE_KILLS'] ?? 3)
/** What a process tells before it is killed: more where there is time for many kills. */
const LINES_MAX = process.env['SLUICE_STATE_KILLS'] === undefined ? 1500 : 3000

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
  await fc.assert(property, { seed: seed | 0, numRuns: RUNS })
  t.log(seen)
  for (const [what, times] of Object.entries(seen)) t.true(times > 0, `${what} never happened: the test shows nothing`)
})

test('a process killed at any moment, again and again, leaves the state of a prefix with all that it acknowledged', async (t) => {
  const numbers = random(seed)
  const directory = `${temporaryDirectory(t)}/numbers`
  const seen = { acknowledged: 0, checkpoints: 0, beyond: 0, counted: 0 }
  let last = 0
  let counts = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = new FixtureProcess(t, 'state-writer', [directory, String(last + 1)])
    await writer.until('ready')
    // Once at least there is a snapshot; where in its life the others come, the seed decides.
    if (kill === 0) while (!(await writer.line()).startsWith('checkpoint '));
    for (let lines = numbers.below(LINES_MAX); lines > 0; lines--) await writer.line()
    const { lines } = await writer.kill()
    const told = lines.filter((line) => line.startsWith('durable ')).map((line) => Number(line.slice(8)))
    const acknowledged = Math.max(last, ...told)
    seen.acknowledged += told.length
    seen.checkpoints += lines.filter((line) => line.startsWith('checkpoint ')).length

    const store = await openStateStore<number>(directory, { compaction: false })
    const state = new Map(store)
    const counted = lines.filter((line) => line.startsWith('counted ')).map((line) => Number(line.slice(8)))
    t.is(new Set(counted).size, counted.length, 'no count was lost to another one')
    const acknowledgedCounts = Math.max(counts, ...counted)
    counts = state.get(COUNTED_IN_TURN) ?? 0
    // One at a time is under way.
    t.true(counts >= acknowledgedCounts && counts <= acknowledgedCounts + 1, `${acknowledgedCounts}, then ${counts}`)
    seen.counted += counted.length
    state.delete(COUNTED_IN_TURN)
    const found = shownState(state)
    t.deepEqual([store.recovery.damaged, store.recovery.missing], [[], []])
    await store.close()
    last = acknowledged
    // No more than the writers had under way.
    while (shownState(stateAfter(last)) !== found && last < acknowledged + 40) last++
    t.is(found, shownState(stateAfter(last)), `killed after ${acknowledged} was acknowledged`)
    seen.beyond += last - acknowledged
  }
  t.log(seen)
  t.true(seen.acknowledged > 0 && seen.checkpoints > 0 && seen.counted > 0, 'there was something to lose')
})
