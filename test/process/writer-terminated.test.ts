import type { Worker } from 'node:worker_threads'
import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { openLog } from '../../src/log/open-log.js'
import { within } from '../support/fixture-process.js'
import { random } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ROUNDS = 8
const APPENDS = 400

test('a writer thread that is terminated at any moment, with appends pending, loses nothing that was acknowledged', async (t) => {
  const { seed, below } = random()
  t.log(`seed ${seed}`)
  const directory = temporaryDirectory(t)
  let expected: string[] = []
  const found = { acked: 0, indeterminate: 0, notWritten: 0, indeterminateThere: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const when = `round ${round}, seed ${seed}`
    let writer: Worker | undefined
    process.once('worker', (worker) => {
      writer = worker
    })
    const log = await openLog(directory, { segmentBytes: 64 * 1024, batch: { maxRecords: 1 + below(50) } })
    const first = log.nextLsn
    t.is(first, expected.length + 1, when)
    const records = Array.from({ length: APPENDS }, (_, index) => `${round}.${index} ${'x'.repeat(below(600))}`)
    const appends = records.map((record) => log.append(record))
    await appends[below(APPENDS / 2)]
    await writer?.terminate()
    const outcomes = await within('outcomes', () => log.status, Promise.allSettled(appends))
    let acked = first - 1
    let notWritten = Number.POSITIVE_INFINITY
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') {
        t.is(outcome.value, first + index, when)
        acked = outcome.value
        found.acked++
        continue
      }
      const { reason } = outcome
      if (!(reason instanceof SluiceError) || reason.code !== 'SLUICE_COMMIT_FAILED')
        return t.fail(`${when}: ${reason}`)
      if (reason.outcome === 'not-written') notWritten = Math.min(notWritten, first + index)
      found[reason.outcome === 'not-written' ? 'notWritten' : 'indeterminate']++
    }
    t.is(acked, log.durableLsn, when)
    await log.close()
    const reopened = await openLog(directory)
    const last = reopened.durableLsn
    t.true(last >= acked, `${when}: LSN ${acked} was acknowledged, and ${last} is the last`)
    t.true(last < notWritten, `${when}: LSN ${notWritten} was said not to be written, and ${last} is the last`)
    found.indeterminateThere += last - acked
    expected = [...expected, ...records.slice(0, last - first + 1)]
    const there: string[] = []
    for await (const { data } of reopened.read()) there.push(data.toString())
    t.deepEqual(there, expected, when)
    await reopened.close()
  }
  t.log(found)
  t.true(found.acked > 0 && found.indeterminate + found.notWritten > 0, 'some were acknowledged, and some were not')
})
