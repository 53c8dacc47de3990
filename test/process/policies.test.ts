import test from 'ava'
import type { LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { isPossible, POLICIES, POLICY_NAMES } from '../support/policy-table.js'
import { collect } from '../support/records.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const PRODUCERS = 16
const ROUNDS = 40

/** What goes with each policy, so that it is met at all. */
const TUNINGS: readonly LogOptions[] = [
  {},
  { segmentBytes: 16 * 1024, directorySync: 'always', maxPendingBytes: 16 * 1024, maxWaiting: 1000 },
  { batch: { maxRecords: 5, maxDelayMs: 'adaptive' } },
  { batch: { maxBytes: 2000, maxDelayMs: 1 } },
]

for (const policy of POLICY_NAMES) {
  test(`in a thread of its own the writer keeps to the policy: ${policy}`, async (t) => {
    for (const [number, tuning] of TUNINGS.entries()) {
      if (policy === 'immediate' && tuning.batch !== undefined) continue
      const directory = temporaryDirectory(t)
      const ack = isPossible(policy, 'durable') ? 'durable' : 'written'
      const log = await openLog(directory, { flush: POLICIES[policy], ack, ...tuning })
      const expected: string[] = []
      const produce = async (producer: number): Promise<void> => {
        for (let round = 0; round < ROUNDS; round++) {
          const text = `${producer}/${round} ${'x'.repeat((producer * round) % 300)}`
          const level = round % 4 === 0 ? 'written' : ack
          const appended =
            round % 5 === 0
              ? await log.appendMany([text, `${text}!`], { ack: level })
              : { first: await log.append(text, { ack: level }) }
          expected[appended.first - 1] = text
          if (round % 5 === 0) expected[appended.first] = `${text}!`
          if (level === 'durable' && log.durableLsn < appended.first) t.fail(`LSN ${appended.first} is not durable`)
        }
      }
      await Promise.all(Array.from({ length: PRODUCERS }, (_, producer) => produce(producer)))
      t.is(await log.flush(), expected.length)
      const { records, batches, syncs, batchesByCause, pendingBytes } = log.stats()
      t.is(records, expected.length)
      t.is(pendingBytes, 0)
      if (policy === 'immediate') t.is(batchesByCause.immediate, batches)
      if (policy === 'batch' || policy === 'immediate') t.true(syncs >= batches)
      if (policy === 'never' && number === 0) t.true(syncs <= 3, `${syncs} syncs`)
      await log.close()
      const reopened = await openLog(directory)
      const { records: found } = await collect(reopened.read())
      t.deepEqual(
        found.map((record) => record.data.toString()),
        expected,
      )
      t.true(reopened.recovery.cleanShutdown)
      await reopened.close()
    }
  })
}
