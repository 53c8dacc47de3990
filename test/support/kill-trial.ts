import { readdirSync, statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { nodeFileSystem } from '../../src/fs/node-file-system.js'
import type { Log } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import type { RecoveryReport } from '../../src/segment/recovery-report.js'
import { verifyLog } from '../../src/segment/verify.js'
import { AcknowledgedLog } from './acknowledged-log.js'
import { FixtureProcess } from './fixture-process.js'
import type { Random } from './random.js'
import type { Teardown } from './teardown.js'

/** Policies of test/fixtures/appender.ts. */
const POLICIES = ['batch', 'interval', 'immediate', 'never', 'adaptive', 'count'] as const
/** And those that need segments that are prepared ahead. */
const ALL_POLICIES = [...POLICIES, 'prepared'] as const
/** Smaller segments are not prepared ahead. */
const PREPARED_FROM_BYTES = 2 ** 20

/** About what it takes to start a process, to open a log, and to append a little; and opening alone. */
const START_MS = 400
const OPENING_MS = 40

export interface KillFigures {
  rounds: number
  kills: number
  /** Of them, those that hit a process while it opened the log, recovering what the one before it had left. */
  killsWhileOpening: number
  acknowledged: number
  /** Records that were found, over all rounds. */
  recovered: number
  rewritten: number
  torn: number
  /** Acknowledged records that were not there, or were others. */
  lost: number
  segmentsMost: number
  firstLsn: number
  lastLsn: number
  /** Segments that were prepared, or being prepared, when a process was killed. */
  prepared: number
}

/**
 * One log, and processes that append to it and are killed, one after the other. After each round it must have what was
 * acknowledged, byte for byte, what was sent behind that up to some append, and nothing else.
 */
export class KillTrial {
  readonly figures: KillFigures = {
    rounds: 0,
    kills: 0,
    killsWhileOpening: 0,
    acknowledged: 0,
    recovered: 0,
    rewritten: 0,
    torn: 0,
    lost: 0,
    segmentsMost: 0,
    firstLsn: 0,
    lastLsn: 0,
    prepared: 0,
  }
  readonly #owner: Teardown
  readonly #directory: string
  readonly #numbers: Random
  readonly #segmentBytes: number
  readonly #policies: readonly string[]
  readonly #heard = new AcknowledgedLog()
  #problems: string[] = []
  #when = ''

  constructor(
    owner: Teardown,
    directory: string,
    numbers: Random,
    segmentBytes: number,
    policies: readonly string[] = segmentBytes < PREPARED_FROM_BYTES ? POLICIES : ALL_POLICIES,
  ) {
    this.#owner = owner
    this.#directory = directory
    this.#numbers = numbers
    this.#segmentBytes = segmentBytes
    this.#policies = policies
  }

  /** Returns all that is wrong afterwards. */
  async round(): Promise<readonly string[]> {
    const { figures } = this
    const heard = this.#heard
    this.#problems = []
    const before = heard.acknowledgements
    const policy = this.#policies[figures.rounds % this.#policies.length] ?? 'batch'
    this.#when = `round ${figures.rounds}, ${policy}, seed ${this.#numbers.seed}`
    // Each second time on average, what a kill left is recovered by a process that is killed in its turn.
    for (let processes = 1 + this.#numbers.below(2); processes > 0; processes--) await this.#appendUntilKilled(policy)
    // Under that policy they lie there all the time.
    figures.prepared += readdirSync(this.#directory).filter((name) => name.startsWith('prepared-')).length
    const acknowledged = heard.acknowledgements - before
    this.#when += `, ${acknowledged} acknowledged`
    this.#isUndamaged(heard.ackedLsn)
    const log = await openLog(this.#directory)
    await this.#isWhole(log)
    if (acknowledged > 0) this.#check(!log.recovery.cleanShutdown, 'a process was killed, and the shutdown was clean')
    await log.close()
    this.#isUndamaged(log.durableLsn)
    this.#count(log.recovery, acknowledged)
    return this.#problems
  }

  #count(recovery: RecoveryReport, acknowledged: number): void {
    const { figures } = this
    figures.rounds++
    figures.acknowledged += acknowledged
    figures.recovered += recovery.records
    figures.rewritten += recovery.rewrittenRecords
    figures.torn += recovery.torn === undefined ? 0 : 1
    figures.segmentsMost = Math.max(figures.segmentsMost, recovery.segments)
    figures.firstLsn = recovery.firstLsn
    figures.lastLsn = recovery.lastLsn
  }

  /** Kills a process that appends: after some acknowledgements, while it opens the log, or at any moment. */
  async #appendUntilKilled(policy: string): Promise<void> {
    const { below } = this.#numbers
    const args = [this.#directory, `${below(2 ** 32)}`, policy, 'trim', `${this.#segmentBytes}`]
    const appender = new FixtureProcess(this.#owner, 'appender', args)
    const moment = below(10)
    let opening = false
    let ready = false
    const hear = (line: string): void => {
      opening ||= line === 'opening'
      ready ||= line.startsWith('ready')
      this.#hear(line)
    }
    if (moment < 2) await delay(below(START_MS))
    else if (moment < 4) {
      hear(await appender.until('opening'))
      await delay(below(OPENING_MS))
    } else {
      for (let acknowledgements = 1 + below(800); acknowledgements > 0; ) {
        const line = await appender.line()
        hear(line)
        if (line.startsWith('acked')) acknowledgements--
      }
    }
    const { signal, complaints } = await appender.kill()
    this.#check(signal === 'SIGKILL' && complaints === '', `the process ended by itself (${signal}): ${complaints}`)
    for (const line of appender.unread) hear(line)
    this.figures.kills++
    if (opening && !ready) this.figures.killsWhileOpening++
  }

  #hear(line: string): void {
    try {
      this.#heard.hear(line)
    } catch (error) {
      // A process opened the log, and found less than was acknowledged.
      this.figures.lost++
      this.#check(false, String(error))
    }
  }

  #isUndamaged(lastLsn: number): void {
    const { ok, findings, ...found } = verifyLog(nodeFileSystem, this.#directory)
    this.#check(ok, `verify found ${JSON.stringify(findings)}`)
    this.#check(found.lastLsn >= lastLsn, `verify found ${found.lastLsn} as the last LSN, of ${lastLsn}`)
  }

  async #isWhole(log: Log): Promise<void> {
    const { firstLsn, durableLsn, recovery } = log
    const heard = this.#heard
    const { ackedLsn } = heard
    this.#check(durableLsn >= ackedLsn, `LSN ${ackedLsn} was acknowledged, and ${durableLsn} is the last`)
    this.#check(durableLsn <= heard.sentLsn, `LSN ${durableLsn} was never sent`)
    this.#check(firstLsn >= heard.trimmedTo, `LSNs below ${heard.trimmedTo} were given up, and ${firstLsn} is there`)
    this.#check(firstLsn <= heard.trimTarget, `LSN ${heard.trimTarget} was never given up, and ${firstLsn} comes first`)
    this.#check(log.nextLsn === durableLsn + 1, `LSN ${log.nextLsn} comes next behind ${durableLsn}`)
    const { records, rewrittenRecords, torn } = recovery
    const told = recovery.firstLsn === firstLsn && recovery.lastLsn === durableLsn
    const added = records === durableLsn - firstLsn + 1 && rewrittenRecords <= records && recovery.durationMs > 0
    const kept = torn === undefined || statSync(torn.keptIn).size === torn.bytes
    this.#check(
      told && added && kept,
      `recovery tells ${JSON.stringify(recovery)} of LSNs ${firstLsn} to ${durableLsn}`,
    )
    this.figures.lost += Math.max(0, ackedLsn - durableLsn) + Math.max(0, firstLsn - heard.trimTarget)
    this.#check(heard.foundLast(durableLsn) === undefined, 'part of one append was found')
    heard.foundFirst(firstLsn)
    await this.#hasWhatWasSent(log, ackedLsn)
  }

  async #hasWhatWasSent(log: Log, ackedLsn: number): Promise<void> {
    const expected = this.#heard.records(log.firstLsn)
    let lastTimestamp = 0
    for await (const { lsn, data, timestamp } of log.read()) {
      const { value } = expected.next()
      if (value?.lsn !== lsn || !data.equals(value.data)) {
        this.#check(false, `LSN ${lsn} is not what was sent`)
        this.figures.lost += lsn <= ackedLsn ? 1 : 0
      }
      this.#check(timestamp >= lastTimestamp, `LSN ${lsn} has a timestamp before that of the one before it`)
      lastTimestamp = timestamp
    }
    this.#check(expected.next().done === true, 'records are missing at the end')
  }

  #check(holds: boolean, problem: string): void {
    if (!holds && this.#problems.length < 10) this.#problems.push(`${this.#when}: ${problem}`)
  }
}
