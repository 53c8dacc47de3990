import { setTimeout as delay } from 'node:timers/promises'
import { type LogStats, openLog } from 'sluice'
import { audit } from './audit.js'
import type { Belongings } from './belongings.js'
import type { LiveView } from './live-view.js'
import { type LoadInterval, type LoadOutcome, LoadProcess, percentile } from './load-process.js'
import { type Flush, ServiceProcess } from './service-process.js'

/** How large the story is told. */
export interface Scale {
  /** Of each load. */
  readonly seconds: number
  readonly connections: number
}

/** What befalls the folder of a service that was killed, before it is started again. */
export type Mishap = (directory: string) => Promise<void>

interface Measured {
  readonly outcome: LoadOutcome
  /** Shortly before the end: a service that was killed can't be asked any more. */
  readonly stats: LogStats
}

/**
 * An ingest service under load, killed in the middle of it, and what is left of what it had acknowledged. Then the same
 * load with a sync for every append, to see what sharing one is worth.
 */
export class Story {
  readonly #scale: Scale
  readonly #belongings: Belongings
  readonly #view: LiveView

  constructor(scale: Scale, belongings: Belongings, view: LiveView) {
    this.#scale = scale
    this.#belongings = belongings
    this.#view = view
  }

  /** Tells it. Resolves to whether all was there that had been acknowledged. */
  async tell(mishap: Mishap): Promise<boolean> {
    const { connections } = this.#scale
    const directory = this.#belongings.makeDirectory()
    this.#view.say(
      `1. ${connections} connections append to a log in ${directory}: every append that waits shares one sync`,
    )
    const shared = await this.#underLoad(directory, 'batch', 'kill')
    await mishap(directory)

    this.#view.say('2. the service is killed in the middle of it (SIGKILL), and started again on the same folder')
    const intact = await this.#recover(directory, shared.outcome)

    this.#view.say('3. the same load, with a sync for every append')
    const alone = await this.#underLoad(this.#belongings.makeDirectory(), 'immediate', 'stop')

    this.#view.say('')
    this.#view.say(comparison(shared, alone))
    return intact
  }

  /** Runs the service under load, and ends it in one way or the other while the load is still on. */
  async #underLoad(directory: string, flush: Flush, end: 'kill' | 'stop'): Promise<Measured> {
    const service = await ServiceProcess.start(this.#belongings, directory, flush)
    let stats = await service.stats()
    const load = new LoadProcess(this.#belongings, service.url, this.#scale.connections)
    const before = await load.started()
    for (const endsAt = performance.now() + this.#scale.seconds * 1000; performance.now() < endsAt; ) {
      await delay(Math.min(500, Math.max(0, endsAt - performance.now())))
      stats = await service.stats()
      this.#view.show(figuresLine(load.lastInterval, stats))
    }
    if (load.acknowledgedCount === before) throw new Error('the load made no progress')
    if (end === 'kill') await service.kill()
    const outcome = await load.stop(end === 'kill' ? 'stop once broken' : 'stop')
    if (end === 'stop') await service.stop()
    if (end === 'kill' && !(outcome.interruptedRequests !== undefined && outcome.interruptedRequests > 0)) {
      throw new Error('the kill interrupted no request: it was not in the middle of the load')
    }
    const refused = Object.entries(outcome.refused).map(([status, count]) => `${count} times ${status}`)
    if (refused.length > 0) throw new Error(`the service refused requests: ${refused.join(', ')}`)
    return { outcome, stats }
  }

  /** Starts the service again, then compares what it recovered with what had been acknowledged. */
  async #recover(directory: string, outcome: LoadOutcome): Promise<boolean> {
    const service = await ServiceProcess.start(this.#belongings, directory, 'batch')
    const { recoveredRecords, recoveryMs } = service.ready
    await service.stop()
    const log = await openLog(directory)
    const { acknowledged, recovered, lost } = await audit(outcome.acknowledged, log.read())
    await log.close()
    this.#view.say(`   ${outcome.interruptedRequests} requests were on their way when it died`)
    this.#view.say(
      `   ${recoveredRecords} records recovered in ${recoveryMs.toFixed(0)} ms, each acknowledged one compared byte for byte`,
    )
    this.#view.say(`acknowledged ${acknowledged}, lost ${lost.length}`)
    for (const { lsn, id } of lost.slice(0, 5)) this.#view.say(`   lost: record ${id}, acknowledged with LSN ${lsn}`)
    if (recovered !== recoveredRecords) {
      this.#view.say(`   ${recovered} records were read back, where the service had recovered ${recoveredRecords}`)
    }
    return lost.length === 0 && recovered === recoveredRecords
  }
}

function figuresLine(interval: LoadInterval, stats: LogStats): string {
  const { recordsPerBatch, syncMs } = stats.histograms
  return [
    `${perSecond(interval.acknowledged, interval.elapsedMs).padStart(7)} appends/s`,
    `batch ${recordsPerBatch.mean.toFixed(1).padStart(6)}`,
    `sync p50 ${syncMs.p50.toFixed(2)} ms`,
    `request p50 ${percentile(interval.latenciesMs, 50).toFixed(1)} ms`,
    `p99 ${percentile(interval.latenciesMs, 99).toFixed(1)} ms`,
  ].join('   ')
}

function comparison(shared: Measured, alone: Measured): string {
  const rows = [
    ['', 'shared sync', 'a sync each'],
    ...[
      ['requests/s', (m: Measured) => perSecond(m.outcome.acknowledged.length, m.outcome.activeMs)] as const,
      ['request p50, ms', (m: Measured) => percentile(m.outcome.latenciesMs, 50).toFixed(1)] as const,
      ['request p99, ms', (m: Measured) => percentile(m.outcome.latenciesMs, 99).toFixed(1)] as const,
      ['records a batch', (m: Measured) => m.stats.histograms.recordsPerBatch.mean.toFixed(1)] as const,
      ['requests answered', (m: Measured) => String(m.outcome.acknowledged.length)] as const,
      ['syncs', (m: Measured) => String(m.stats.syncs)] as const,
    ].map(([name, figure]) => [name, figure(shared), figure(alone)]),
  ]
  return rows.map(([name = '', a = '', b = '']) => `  ${name.padEnd(18)}${a.padStart(13)}${b.padStart(13)}`).join('\n')
}

function perSecond(count: number, elapsedMs: number): string {
  return elapsedMs > 0 ? ((count / elapsedMs) * 1000).toFixed(0) : '0'
}
