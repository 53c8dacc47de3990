import type { SteppedClock } from '../stepped-clock.js'
import { StateCheck } from './crash-state.js'
import { type Failure, tryScenario } from './explorer.js'
import type { Operation, Scenario } from './operation.js'
import type { Subject } from './subject.js'

/** How long shrinking may take: then the shortest trace so far has to do. */
const LIMIT_MS = 20_000
/** Among so many calls is looked for the one at which the world has to stop. */
const STOPS_MAX = 200

/** Finds a shorter workload that fails still: whole runs of operations are left out, then single ones. */
export async function shrink(subject: Subject, clock: SteppedClock, failure: Failure): Promise<Failure> {
  return new Shrinking(subject, clock, failure).run()
}

/**
 * All that is needed to see a failure again, as short as it can be made. Whatever becomes of making it short, what failed
 * is told: there may be no second time.
 */
export async function trace(subject: Subject, clock: SteppedClock, failure: Failure): Promise<string> {
  const { scenario, violation } = failure
  const whole = describe(failure, scenario.seed)
  try {
    const again = await tryScenario({ subject, clock, scenario, check: new StateCheck(subject), thorough: false })
    // Then something else than the seed has decided, and no shorter workload tells more.
    if (again === undefined)
      return `${whole}\nthe same workload did not fail again; it had failed by ${violation.stack}`
    return describe(await shrink(subject, clock, failure), scenario.seed)
  } catch (error) {
    return `${whole}\nthen shrinking failed: ${error instanceof Error ? error.stack : String(error)}`
  }
}

class Shrinking {
  readonly #subject: Subject
  readonly #clock: SteppedClock
  readonly #began = process.hrtime.bigint()
  #shortest: Failure

  constructor(subject: Subject, clock: SteppedClock, failure: Failure) {
    this.#subject = subject
    this.#clock = clock
    this.#shortest = failure
  }

  async run(): Promise<Failure> {
    const { crash, scenario } = this.#shortest
    if (crash !== undefined) await this.#try(scenario.operations.slice(0, crash.operation + 1))
    for (let size = Math.ceil(this.#operations.length / 2); size >= 1; ) {
      const removed = await this.#removeAny(size)
      if (!removed || size > this.#operations.length) size = Math.floor(size / 2)
    }
    return this.#shortest
  }

  get #operations(): readonly Operation[] {
    return this.#shortest.scenario.operations
  }

  /** Leaves out runs of this many operations, wherever that still fails. Returns whether one went. */
  async #removeAny(size: number): Promise<boolean> {
    let removed = false
    for (let at = 0; at < this.#operations.length; ) {
      const rest = [...this.#operations.slice(0, at), ...this.#operations.slice(at + size)]
      if (await this.#try(rest)) removed = true
      else at += size
    }
    return removed
  }

  async #try(operations: readonly Operation[]): Promise<boolean> {
    const whole = { ...this.#shortest.scenario, operations, stop: undefined }
    if (await this.#fails(whole, true)) return true
    const { stop } = this.#shortest.scenario
    if (stop === undefined) return false
    // Without some of the operations the world has to stop at another call.
    const last = Math.min(STOPS_MAX, (this.#shortest.crash?.call ?? 0) + 1)
    for (let call = last; call >= 1; call--) {
      if (await this.#fails({ ...whole, stop: { call, behindChange: false } }, false)) return true
    }
    return false
  }

  async #fails(scenario: Scenario, thorough: boolean): Promise<boolean> {
    if (process.hrtime.bigint() - this.#began > BigInt(LIMIT_MS) * 1_000_000n) return false
    const check = new StateCheck(this.#subject)
    const failure = await tryScenario({ subject: this.#subject, clock: this.#clock, scenario, check, thorough })
    if (failure !== undefined) this.#shortest = failure
    return failure !== undefined
  }
}

/** All that is needed to see a failure again. */
export function describe(failure: Failure, seed = failure.scenario.seed): string {
  const { scenario, violation, crash } = failure
  const where =
    crash === undefined ? 'in the workload itself' : `${crash.kind} before call ${crash.call + (scenario.stop ? 1 : 0)}`
  return [
    violation.message,
    `${where}; profile ${scenario.profile.name}, options ${JSON.stringify(scenario.options)}`,
    `the first workload of SLUICE_SEED=${seed}; the shortest that fails has these operations:`,
    ...scenario.operations.map((operation, index) => `  ${index}: ${JSON.stringify(operation, shown)}`),
    ...(scenario.stop === undefined ? [] : [`  the world stops: ${JSON.stringify(scenario.stop)}`]),
  ].join('\n')
}

function shown(_key: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value
}
