import test from 'ava'
import { random } from '../support/random.js'
import { missingProc } from '../support/soak/resources.js'
import { soak } from '../support/soak/soak.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { testWith } from '../support/tools.js'

const DURATION_MS = 2_000

const onLinux = testWith(test.serial, missingProc())

onLinux('a short soak finds nothing wrong', async (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const { signal } = new AbortController()
  const directory = temporaryDirectory(t)
  const result = await soak(t, { directory, durationMs: DURATION_MS, numbers, signal, onSample: () => {} })
  const { violations, counts, ledger } = result.state
  t.log(counts)
  t.deepEqual(violations, [])
  t.true(ledger.acknowledged > 0 && ledger.acknowledged === ledger.completeLsn)
  // Each record is followed at least here and in another process.
  t.true(counts.followed >= 2 * ledger.acknowledged)
})
