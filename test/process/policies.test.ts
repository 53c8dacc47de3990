import test, { type ExecutionContext } from 'ava'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import type { AppendOptions, Log, LogOptions } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { verifyLog } from '../../src/segment/verify.js'
import { type MortalLog, openMortal, replacedInSilence, settled } from '../support/mortal-log.js'
import { order } from '../support/mortal-writer.js'
import {
  ACK_LEVELS,
  isPossible,
  type Outcome,
  outcomeOf,
  POLICIES,
  POLICY_NAMES,
  type ThreadSituation,
} from '../support/policy-table.js'
import { type Cell, defaultAck, refusalOf } from '../support/policy-trial.js'
import { collect } from '../support/records.js'
import { HALF_BYTES, LEAST_PENDING_BYTES } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const PRODUCERS = 16
const ROUNDS = 20

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
      t.deepEqual(await textsOf(log), expected)
      await log.close()
      const { ok, lastLsn, findings } = verifyLog(nodeFileSystem, directory)
      t.deepEqual({ ok, lastLsn, findings }, { ok: true, lastLsn: expected.length, findings: [] })
      // What is on the disk is looked at above; what an opening makes of it differs with the number of segments alone.
      if (number > 1) continue
      const reopened = await openLog(directory)
      t.like(reopened.recovery, { cleanShutdown: true, lastLsn: expected.length })
      t.deepEqual(await textsOf(reopened), expected)
      await reopened.close()
    }
  })
}

async function textsOf(log: Log): Promise<string[]> {
  const { records } = await collect(log.read())
  return records.map(({ data }) => data.toString())
}

/** What was seen, for each of these rows of the table. */
type Observed<Rows extends ThreadSituation> = Record<Rows, Outcome | string>
type Observer<Rows extends ThreadSituation> = (t: ExecutionContext, cell: Cell) => Promise<Observed<Rows>>

function optionsOf(cell: Cell): LogOptions {
  return { flush: POLICIES[cell.policy], ack: defaultAck(cell) }
}

function appendOptions({ ack, ackOf }: Cell): AppendOptions {
  return ackOf === 'append' ? { ack } : {}
}

/** What the table calls the error that a call of a log is rejected with. */
async function refusal({ log }: MortalLog, call: Promise<unknown>): Promise<Outcome | string> {
  return settled(log, call).then((value) => `resolved to ${value}`, refusalOf)
}

const dyingAsItWrites: Observer<'threadDiesWriting' | 'behindDeath' | 'waitsAsThreadDies'> = async (t, cell) => {
  const mortal = await openMortal(t, { ...optionsOf(cell), maxPendingBytes: LEAST_PENDING_BYTES })
  const { log, failed } = mortal
  const append = (data: string): Promise<Outcome | string> => refusal(mortal, log.append(data, appendOptions(cell)))
  await settled(log, log.append('first', { ack: 'written' }))
  const calls = [
    append(order('write', 'exit')),
    append('queued'.padEnd(HALF_BYTES)),
    append('waits'.padEnd(HALF_BYTES)),
  ] as const
  t.is(log.stats().waiting, 1)
  const [threadDiesWriting, behindDeath, waitsAsThreadDies] = await Promise.all(calls)
  t.is((await failed()).code, 'SLUICE_FAILED')
  await log.close()
  return { threadDiesWriting, behindDeath, waitsAsThreadDies }
}

const dyingAsItSyncs: Observer<'threadDiesSyncing'> = async (t, cell) => {
  const mortal = await openMortal(t, optionsOf(cell))
  const { log, failed } = mortal
  await settled(log, log.append('first', { ack: 'written' }))
  const append = settled(log, log.append(order('sync', 'exit'), appendOptions(cell)))
  const outcome = append.then(() => 'resolved' as const, refusalOf)
  if (!isPossible(cell.policy, 'durable')) {
    await append
    t.is(await refusal(mortal, log.flush()), 'indeterminate')
  }
  const { firstLsn, lastLsn } = await failed()
  await log.close()
  const named = firstLsn === 2 && lastLsn === 2
  const observed = await outcome
  return { threadDiesSyncing: observed === 'resolved' && named ? 'failed later' : observed }
}

const replaced: Observer<'threadReplaced'> = async (t, cell) => {
  const mortal = await replacedInSilence(t, optionsOf(cell))
  const { log, failed } = mortal
  const threadReplaced = await refusal(mortal, log.append('x', appendOptions(cell)))
  t.is((await failed()).code, 'SLUICE_FAILED')
  await log.close()
  return { threadReplaced }
}

for (const policy of POLICY_NAMES) {
  // Serial, as the replaced thread is told from others by nothing but when it is started.
  test.serial(`what becomes of an append whose writer thread dies: under ${policy}, at every level`, async (t) => {
    for (const ack of ACK_LEVELS.filter((level) => isPossible(policy, level))) {
      // Whose level it is makes no difference to a policy: seen under one of them.
      for (const ackOf of policy === 'batch' ? (['log', 'append'] as const) : (['log'] as const)) {
        const cell = { policy, ack, ackOf }
        const observed: Observed<ThreadSituation> = {
          ...(await dyingAsItWrites(t, cell)),
          ...(await dyingAsItSyncs(t, cell)),
          ...(await replaced(t, cell)),
        }
        for (const [situation, outcome] of Object.entries(observed)) {
          // They are the record's keys.
          t.is(outcome, outcomeOf(situation as ThreadSituation, policy, ack), `${situation}, ${ack} of the ${ackOf}`)
        }
      }
    }
  })
}
