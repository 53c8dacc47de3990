import { setTimeout as delay } from 'node:timers/promises'
import { nodeFileSystem } from '../../../src/fs/node-file-system.js'
import type { Log, LogOptions } from '../../../src/log/contract.js'
import { openLog } from '../../../src/log/open-log.js'
import { verifyLog } from '../../../src/segment/verify.js'
import { within } from '../fixture-process.js'
import type { Random } from '../random.js'
import type { Teardown } from '../teardown.js'
import { judge, type Verdict } from './judgement.js'
import { runProducers } from './producers.js'
import { checkRecord, DistantFollower, followAll, followSlowly, readAnywhere } from './readers.js'
import { openFilesBelow, type Resources, sampleResources } from './resources.js'
import { SoakState } from './soak-state.js'
import { trimming } from './trimming.js'

export interface SoakSettings {
  readonly directory: string
  readonly durationMs: number
  readonly numbers: Random
  /** Ends the run early. */
  readonly signal: AbortSignal
  readonly onSample: (state: SoakState, elapsedMs: number, sample: Resources) => void
}

export interface SoakResult {
  readonly state: SoakState
  readonly elapsedMs: number
  readonly samples: readonly Resources[]
  /** `undefined` where the run was too short to judge. */
  readonly verdicts: readonly Verdict[] | undefined
}

/** Small, so that bursts find no room: 1 MiB for what is accepted, as much for what waits. */
const MAX_PENDING_BYTES = 2 * 2 ** 20
const MAX_WAITING = 1_000
const SEGMENT_BYTES = 2 * 2 ** 20
const SAMPLE_EVERY_MS = 1_000
/** A log is open for a minute, or for a fifth of a short run. */
const OPEN_MS = 60_000
const SHORT_PART = 5

/** Every flush policy under which a durable acknowledgement comes by itself, in turn. */
const POLICIES: readonly LogOptions[] = [
  { flush: 'batch' },
  { flush: 'batch', batch: { maxDelayMs: 'adaptive' } },
  { flush: { everyMs: 10 } },
  { flush: { everyRecords: 300, everyMs: 25 } },
  { flush: 'immediate' },
]

/** Appends, reads, follows and trims for as long as it is told, and checks everything that it sees. */
export async function soak(owner: Teardown, settings: SoakSettings): Promise<SoakResult> {
  const { directory, durationMs, numbers, signal } = settings
  const state = new SoakState(directory, numbers)
  const started = performance.now()
  const elapsedMs = (): number => performance.now() - started
  await using opened = new Openings(state)
  await opened.next()
  const steady = new DistantFollower(owner, state, true, 1)
  const parts = [runProducers(state), followSlowly(state), readAnywhere(state), passingFollowers(owner, state)]
  const samples: Resources[] = []
  const openMs = Math.min(OPEN_MS, durationMs / SHORT_PART)
  let closeAt = openMs
  while (elapsedMs() < durationMs && !signal.aborted && state.violations.length === 0) {
    await delay(Math.min(SAMPLE_EVERY_MS, durationMs / 10), undefined, { signal }).catch(() => {})
    const sample = sampleResources(directory, steady.pid)
    samples.push(sample)
    checkStats(state)
    state.ledger.compare(undefined)
    settings.onSample(state, elapsedMs(), sample)
    if (elapsedMs() < closeAt || elapsedMs() >= durationMs) continue
    await opened.next()
    closeAt = elapsedMs() + openMs
  }
  state.stopping = true
  await within('end of producers and readers', () => `${state.violations}`, Promise.all(parts))
  await opened.close()
  await caughtUp(state)
  await steady.stop()
  state.ledger.compare(undefined)
  await checkWhatIsLeft(state)
  return { state, elapsedMs: elapsedMs(), samples, verdicts: judge(samples) }
}

/** Opens the log again and again, each time under another policy, with a follower of all its records. */
class Openings implements AsyncDisposable {
  readonly #state: SoakState
  #times = 0
  #following: Promise<void> = Promise.resolve()

  constructor(state: SoakState) {
    this.#state = state
  }

  async next(): Promise<void> {
    const state = this.#state
    await this.close()
    const policy = POLICIES[this.#times++ % POLICIES.length]
    const log = await openLog(state.directory, {
      ...policy,
      segmentBytes: SEGMENT_BYTES,
      maxPendingBytes: MAX_PENDING_BYTES,
      maxWaiting: MAX_WAITING,
    })
    checkRecovery(state, log)
    log.on('rotate', trimming(state, log))
    log.on('failed', (error) => state.violate(`the log failed: ${error.message}`))
    this.#following = followAll(state, log)
    state.log = log
  }

  async close(): Promise<void> {
    const state = this.#state
    const { log } = state
    if (log === undefined) return
    state.log = undefined
    await log.close()
    await this.#following
    state.counts.reopened++
    if (state.ledger.completeLsn !== log.durableLsn) {
      state.violate(`LSN ${log.durableLsn} was durable, and ${state.ledger.completeLsn} is the last acknowledged one`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state.log?.close()
  }
}

function checkRecovery(state: SoakState, { recovery }: Log): void {
  const { cleanShutdown, lastLsn, torn, rewrittenRecords } = recovery
  const { completeLsn } = state.ledger
  if (cleanShutdown && torn === undefined && rewrittenRecords === 0 && lastLsn === completeLsn) return
  state.violate(
    `LSN ${completeLsn} was the last one when the log was closed, and opening found ${JSON.stringify(recovery)}`,
  )
}

function checkStats(state: SoakState): void {
  const { log, counts } = state
  if (log === undefined) return
  const { pendingBytes, waiting, waitingBytes } = log.stats()
  counts.waitingMost = Math.max(counts.waitingMost, waiting)
  if (pendingBytes + waitingBytes > MAX_PENDING_BYTES || waiting > MAX_WAITING) {
    state.violate(`${pendingBytes} bytes are pending, and ${waiting} appends of ${waitingBytes} bytes wait for room`)
  }
}

/** Slow followers in other processes, one after the other. */
async function passingFollowers(owner: Teardown, state: SoakState): Promise<void> {
  const { below } = state.numbers
  while (!state.stopping) {
    const follower = new DistantFollower(owner, state, false, below(state.ledger.completeLsn + 1))
    for (let left = 5 + below(60); left > 0 && !state.stopping; left--) await delay(100)
    await follower.stop()
    state.counts.followersEnded++
  }
}

/** Resolves once the follower in another process has everything that is durable. */
async function caughtUp(state: SoakState): Promise<void> {
  const { steady, ledger, violations } = state
  const waiting = (async () => {
    while (steady.elsewhere < ledger.completeLsn && violations.length === 0) await new Promise(setImmediate)
  })()
  await within('last record in another process', () => `LSN ${steady.elsewhere} of ${ledger.completeLsn}`, waiting)
}

/** With the log closed: nothing is damaged, nothing is missing, and this process holds none of its files. */
async function checkWhatIsLeft(state: SoakState): Promise<void> {
  const { directory, ledger, steady } = state
  if (ledger.uncompared > 0) state.violate(`${ledger.uncompared} stretches were read, and never acknowledged`)
  if (steady.here !== ledger.completeLsn) state.violate(`followed up to ${steady.here} of ${ledger.completeLsn}`)
  const files = openFilesBelow(directory)
  if (files.length > 0) state.violate(`files of the closed log are open: ${files.join(', ')}`)
  const { ok, findings, lastLsn, firstLsn } = verifyLog(nodeFileSystem, directory)
  if (!ok || findings.length > 0) state.violate(`verify found ${JSON.stringify(findings)}`)
  if (lastLsn !== ledger.completeLsn) state.violate(`verify found LSN ${lastLsn} as the last of ${ledger.completeLsn}`)
  await using log = await openLog(directory)
  checkRecovery(state, log)
  let next = firstLsn
  for await (const record of log.read()) checkRecord(state, record, next++)
  if (next !== ledger.completeLsn + 1)
    state.violate(`the log ends before LSN ${next}, not behind ${ledger.completeLsn}`)
}
