import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { type Belongings, exitOf } from './belongings.js'
import type { Acknowledgement, LoadMessage, LoadOrder } from './messages.js'

const START_PATIENCE_MS = 30_000

/** What happened in the last fraction of a second. */
export interface LoadInterval {
  readonly acknowledged: number
  readonly elapsedMs: number
  readonly latenciesMs: readonly number[]
}

/** All that a load did, once it has ended. */
export interface LoadOutcome {
  readonly acknowledged: readonly Acknowledgement[]
  /** From the first acknowledgement to the last one. */
  readonly activeMs: number
  readonly latenciesMs: readonly number[]
  readonly refused: Readonly<Record<string, number>>
  readonly interruptedRequests: number | undefined
}

/** autocannon, in its own process, and everything that it has seen acknowledged. */
export class LoadProcess {
  readonly #child: ChildProcess
  readonly #acknowledged: Acknowledgement[] = []
  readonly #latenciesMs: number[] = []
  #lastInterval: LoadInterval = { acknowledged: 0, elapsedMs: 0, latenciesMs: [] }
  readonly #outcome: Promise<LoadOutcome>
  readonly #started: Promise<number>

  constructor(belongings: Belongings, url: string, connections: number) {
    this.#child = belongings.start('load.js', ['--url', url, '--connections', String(connections)])
    this.#outcome = new Promise((resolve, reject) => {
      // Its messages are of this type, and no other.
      this.#child.on('message', (message: LoadMessage) => {
        if (message.kind === 'done') return resolve(this.#outcomeWith(message))
        this.#note(message)
      })
      exitOf(this.#child).then((end) => reject(new Error(`the load ended by itself: ${end}`)), reject)
    })
    this.#started = new Promise((resolve, reject) => {
      this.#child.on('message', () => {
        if (this.acknowledgedCount > 0) resolve(this.acknowledgedCount)
      })
      this.#outcome.catch(reject)
    })
    // Whoever stops the load sees it fail; until then a failure must not count as unhandled.
    this.#outcome.catch(() => {})
    this.#started.catch(() => {})
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length
  }

  /** Resolves to how many records were acknowledged, once there are any: how long a process takes to start is no load. */
  async started(): Promise<number> {
    const patience = delay(START_PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`nothing was acknowledged in ${START_PATIENCE_MS / 1000} s`)
    })
    return Promise.race([this.#started, patience])
  }

  get lastInterval(): LoadInterval {
    return this.#lastInterval
  }

  /** Ends the load, that of a service that was killed once it has noticed; resolves to all that it did. */
  async stop(order: LoadOrder): Promise<LoadOutcome> {
    if (this.#child.connected) this.#child.send(order)
    const outcome = await this.#outcome
    await exitOf(this.#child)
    return outcome
  }

  #note(progress: LoadMessage & { kind: 'progress' }): void {
    // Not spread into push: there may be more than a call can take as arguments.
    for (const acknowledgement of progress.acknowledged) this.#acknowledged.push(acknowledgement)
    for (const latency of progress.latenciesMs) this.#latenciesMs.push(latency)
    const { acknowledged, elapsedMs, latenciesMs } = progress
    this.#lastInterval = { acknowledged: acknowledged.length, elapsedMs, latenciesMs }
  }

  #outcomeWith(done: LoadMessage & { kind: 'done' }): LoadOutcome {
    return {
      acknowledged: this.#acknowledged,
      activeMs: done.activeMs,
      latenciesMs: this.#latenciesMs,
      refused: done.refused,
      interruptedRequests: done.interruptedRequests,
    }
  }
}

/** The smallest of the values that `percent` of them don't exceed; 0 where there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}
