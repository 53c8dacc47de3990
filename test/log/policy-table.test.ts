import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { LogOptions } from '../../src/log/contract.js'
import type { SimulatedFileSystem } from '../../src/testing/index.js'
import {
  ACK_LEVELS,
  isPossible,
  type Outcome,
  outcomeOf,
  POLICIES,
  POLICIES_PAGE,
  POLICY_NAMES,
  POLICY_TABLE,
  SIMULATED_SITUATIONS,
  type SimulatedSituation,
  withTables,
} from '../support/policy-table.js'
import { type Cell, PolicyTrial, refusalOf } from '../support/policy-trial.js'
import {
  LEAST_PENDING_BYTES,
  openSimulated,
  quiet,
  recoveredTexts,
  SEGMENT,
  throws,
  watch,
} from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

type Observed = Outcome | string
type Observer = (open: (options?: LogOptions) => Promise<PolicyTrial>, cell: Cell) => Promise<Observed>

const SMALL: LogOptions = { maxPendingBytes: LEAST_PENDING_BYTES }

/** A batch an append, where that is not the policy's own way. */
function single(cell: Cell): LogOptions {
  return cell.policy === 'immediate' ? {} : { batch: { maxRecords: 1 } }
}

/** How `count` appends of one turn are synced, each of them with its write before it. */
async function synced(trial: PolicyTrial, count: number): Promise<Observed> {
  const appends = Promise.all(Array.from({ length: count }, () => trial.append('x')))
  const watched = watch(appends)
  await quiet()
  const atOnce = trial.syncs
  await trial.elapse()
  const inTime = trial.syncs - atOnce
  if (atOnce === 1 && inTime === 0)
    return count === 1 && trial.log.stats().batchesByCause.immediate > 0 ? 'each' : 'together'
  if (atOnce === count && inTime === 0) return 'each'
  if (atOnce === 0 && inTime === 1) return 'in time'
  const { log } = trial
  const byItself = `${atOnce} at once, ${inTime} in time`
  if (atOnce !== 0 || watched.settled?.kind !== 'resolved' || log.durableLsn !== 1) return byItself
  return (await log.flush()) === 1 + count && trial.syncs === 1 ? 'not by itself' : byItself
}

/** What the power leaves at the worst moment from when the append may resolve until it has. */
async function afterPowerCut(trial: PolicyTrial, cell: Cell): Promise<SimulatedFileSystem> {
  let beforeSync: SimulatedFileSystem | undefined
  const { fileSystem } = trial
  fileSystem.onCall(({ call, path }) => {
    if (call === 'datasyncSync' && SEGMENT.test(path)) beforeSync ??= fileSystem.stateAfterCrash({ keep: 'none' })
  })
  await trial.settle(trial.append('x'))
  // A written append may resolve before that sync. Here it can't, as writer and test share one thread.
  const worst = cell.ack === 'written' ? beforeSync : undefined
  return worst ?? fileSystem.stateAfterCrash({ keep: 'none' })
}

async function found(fileSystem: SimulatedFileSystem): Promise<Outcome> {
  return (await recoveredTexts(fileSystem)).length === 2 ? 'there' : 'may be gone'
}

/** What becomes of an append whose sync fails, and whether that takes the log with it. */
async function failedSync(trial: PolicyTrial, error: string): Promise<Observed> {
  let failure: SluiceError | undefined
  trial.log.on('failed', (told) => {
    failure = told
  })
  trial.fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error })
  const append = watch(trial.append('x'))
  await trial.elapseOrFlush()
  if (failure === undefined || trial.log.status !== 'failed' || trial.syncs !== 1) return 'the log goes on'
  if (append.settled?.kind === 'rejected') return refusalOf(append.settled.error)
  const named = failure.firstLsn === 2 && failure.lastLsn === 2
  return append.settled?.kind === 'resolved' && named ? 'failed later' : 'it is not named'
}

/** What becomes of an append whose write fails, or of one behind it. A log that goes on gives its LSN again. */
async function failedWrite(trial: PolicyTrial, error: string, behind: boolean): Promise<Observed> {
  trial.fileSystem.inject({ call: 'writeSync', path: SEGMENT, error })
  const first = trial.append('x')
  const second = behind ? trial.append('y') : undefined
  const [outcome] = await Promise.all([trial.refusal(second ?? first), first.catch(() => {})])
  if (outcome !== 'disk full') return trial.log.status === 'failed' ? outcome : `${outcome}, and the log goes on`
  const again = await trial.settle(trial.append('z'))
  return again.kind === 'resolved' && again.value === 2 ? outcome : 'its LSN is not free again'
}

const OBSERVERS: Readonly<Record<SimulatedSituation, Observer>> = {
  async append(open) {
    const trial = await open()
    const append = trial.append('x')
    let syncs = -1
    append.then(() => {
      syncs = trial.syncs
    })
    await trial.settle(append)
    const whenSyncFails = await failedSync(await open(), 'EIO')
    if (whenSyncFails === 'failed later') return 'after write'
    return syncs === 1 && whenSyncFails === 'indeterminate' ? 'after sync' : `after ${syncs} syncs, ${whenSyncFails}`
  },
  syncedAlone: async (open) => synced(await open(), 1),
  syncedTogether: async (open) => synced(await open(), 3),
  async kill(open) {
    const trial = await open()
    await trial.settle(trial.append('x'))
    return found(trial.fileSystem.killProcess())
  },
  powerCut: async (open, cell) => found(await afterPowerCut(await open(), cell)),
  async flush(open) {
    const trial = await open()
    const append = watch(trial.append('x'))
    const flushed = await trial.log.flush()
    const after = await recoveredTexts(trial.fileSystem.stateAfterCrash({ keep: 'none' }))
    return flushed === 2 && append.settled?.kind === 'resolved' && after.length === 2 ? 'durable' : `${flushed}`
  },
  async close(open) {
    const trial = await open()
    const append = watch(trial.append('x'))
    await trial.log.close()
    const after = await recoveredTexts(trial.fileSystem.stateAfterCrash({ keep: 'none' }))
    return append.settled?.kind === 'resolved' && after.length === 2 ? 'durable' : after.join()
  },
  async abortedBefore(open) {
    const trial = await open()
    const settled = await trial.settle(trial.append('x', { signal: AbortSignal.abort('why') }))
    const refused = settled.kind === 'rejected' && settled.error === 'why' && trial.log.nextLsn === 2
    return refused ? 'reason' : settled.kind
  },
  async abortedWaiting(open) {
    const trial = await open(SMALL)
    const accepted = trial.fill()
    const controller = new AbortController()
    const late = trial.late({ signal: controller.signal })
    controller.abort('why')
    const settled = await trial.settle(late)
    await Promise.all(accepted)
    const refused = settled.kind === 'rejected' && settled.error === 'why' && trial.log.nextLsn === 4
    return refused ? 'reason' : settled.kind
  },
  async abortedAccepted(open) {
    const trial = await open()
    const controller = new AbortController()
    const append = trial.append('x', { signal: controller.signal })
    controller.abort('why')
    const settled = await trial.settle(append)
    return settled.kind === 'resolved' && settled.value === 2 ? 'resolves' : settled.kind
  },
  async fullWait(open) {
    const trial = await open(SMALL)
    const accepted = trial.fill()
    const late = watch(trial.late())
    const { waiting } = trial.log.stats()
    await trial.elapse()
    await trial.elapse()
    await Promise.all(accepted)
    const admitted = waiting === 1 && late.settled?.kind === 'resolved' && late.settled.value === 4
    return admitted ? 'waits' : `${waiting}, ${late.settled?.kind}`
  },
  async fullReject(open) {
    const trial = await open({ ...SMALL, onFull: 'reject' })
    const accepted = trial.fill()
    const outcome = trial.refusal(trial.late())
    await Promise.all(accepted)
    return outcome
  },
  async fullMaxWaiting(open) {
    const trial = await open({ ...SMALL, maxWaiting: 1 })
    const accepted = [...trial.fill(), trial.late()]
    const refused = watch(trial.late())
    await trial.elapse()
    await trial.elapse()
    await Promise.all(accepted)
    return refused.settled?.kind === 'rejected' ? refusalOf(refused.settled.error) : 'resolved'
  },
  async fullWaitingBytes(open) {
    const trial = await open(SMALL)
    const accepted = [...trial.fill(), ...trial.fill()]
    const refused = watch(trial.append('x'.repeat(1000)))
    for (let rounds = 0; rounds < 3; rounds++) await trial.elapse()
    await Promise.all(accepted)
    return refused.settled?.kind === 'rejected' ? refusalOf(refused.settled.error) : 'resolved'
  },
  async ready(open) {
    const trial = await open({ ...SMALL, onFull: 'reject' })
    const order: string[] = []
    trial.log.on('drain', () => order.push('drain'))
    const accepted = trial.fill()
    await trial.late().catch(() => order.push('refused'))
    const ready = trial.log.ready().then(() => order.push('ready'))
    await trial.elapse()
    await Promise.all([...accepted, ready])
    return order.join() === 'refused,drain,ready' ? 'drain' : order.join()
  },
  async closeWaiting(open) {
    const trial = await open(SMALL)
    const accepted = trial.fill()
    const late = trial.late()
    const closed = trial.log.close()
    const outcome = await trial.refusal(late)
    await Promise.all([...accepted, closed])
    return outcome
  },
  syncFails: async (open) => failedSync(await open(), 'EIO'),
  syncFull: async (open) => failedSync(await open(), 'ENOSPC'),
  writeFails: async (open) => failedWrite(await open(), 'EIO', false),
  behindFailure: async (open, cell) => failedWrite(await open(single(cell)), 'EIO', true),
  writeFull: async (open) => failedWrite(await open(), 'ENOSPC', false),
  writeQuota: async (open) => failedWrite(await open(), 'EDQUOT', false),
  behindFull: async (open, cell) => failedWrite(await open(single(cell)), 'ENOSPC', true),
  async waitsAsWriteFails(open) {
    const trial = await open(SMALL)
    trial.fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'EIO' })
    const accepted = trial.fill()
    const late = trial.late()
    const outcome = await trial.refusal(late)
    await Promise.allSettled(accepted)
    return outcome
  },
  async waitsAsDiskFills(open) {
    const trial = await open(SMALL)
    trial.fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
    const accepted = trial.fill()
    const late = watch(trial.late())
    await trial.elapse()
    await trial.elapse()
    const outcomes = await Promise.allSettled(accepted)
    const freed = outcomes.every(({ status }) => status === 'rejected') ? 2 : Number.NaN
    return late.settled?.kind === 'resolved' && late.settled.value === freed ? 'waits' : `${late.settled?.kind}`
  },
  async afterFailure(open) {
    const trial = await open()
    await failedWrite(trial, 'EIO', false)
    return trial.refusal(trial.append('late'))
  },
  async afterClose(open) {
    const trial = await open()
    const closed = trial.log.close()
    const outcome = await trial.refusal(trial.append('late'))
    await closed
    return outcome
  },
}

async function observe(
  t: ExecutionContext,
  clock: SteppedClock,
  situation: SimulatedSituation,
  cell: Cell,
): Promise<Observed> {
  const trials: PolicyTrial[] = []
  const open = async (options?: LogOptions): Promise<PolicyTrial> => {
    const trial = await PolicyTrial.open(cell, clock, options)
    trials.push(trial)
    return trial
  }
  const observed = await OBSERVERS[situation](open, cell)
  for (const trial of trials) await trial.end(t)
  return observed
}

for (const situation of SIMULATED_SITUATIONS) {
  test.serial(`under every policy, at every level: ${POLICY_TABLE[situation].situation}`, async (t) => {
    const clock = SteppedClock.install(t)
    for (const policy of POLICY_NAMES) {
      for (const ack of ACK_LEVELS.filter((level) => isPossible(policy, level))) {
        for (const ackOf of ['log', 'append'] as const) {
          const observed = await observe(t, clock, situation, { policy, ack, ackOf })
          t.is(observed, outcomeOf(situation, policy, ack), `${policy}, ${ack} of the ${ackOf}`)
        }
      }
    }
  })
}

test('the page has the table as it is here', (t) => {
  const page = readFileSync(POLICIES_PAGE, 'utf8')
  t.is(page, withTables(page), 'write it anew: node dist/test/fixtures/write-policies-page.js')
})

test.serial(
  'a durable acknowledgement that could wait for ever is refused: of the log, and of an append',
  async (t) => {
    for (const policy of POLICY_NAMES.filter((name) => !isPossible(name, 'durable'))) {
      const flush = POLICIES[policy]
      const { log, fileSystem } = await openSimulated({ flush, ack: 'written' })
      const refused = { code: 'SLUICE_INVALID_ARGUMENT', mentions: "ack: 'durable'" } as const
      throws(t, () => log.append('x', { ack: 'durable' }), refused)
      throws(t, () => log.appendMany(['x'], { ack: 'durable' }), refused)
      t.is(log.nextLsn, 1)
      await log.close()
      const option = await t.throwsAsync(async () => openSimulated({ flush, ack: 'durable' }, fileSystem))
      t.true(option instanceof SluiceError && option.code === 'SLUICE_INVALID_OPTION')
      t.regex(option?.message ?? '', /ack: 'durable'/)
    }
    t.deepEqual(
      POLICY_NAMES.filter((name) => !isPossible(name, 'durable')),
      ['everyRecords', 'never'],
    )
  },
)
