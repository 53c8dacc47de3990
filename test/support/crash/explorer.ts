import { Random } from '../../../src/testing/index.js'
import type { SteppedClock } from '../stepped-clock.js'
import { type CrashState, StateCheck, type StateKind } from './crash-state.js'
import { Model, Violation } from './model.js'
import { changes, drawCrash, drawScenario, type Profile, type Scenario } from './operation.js'
import { drawProfile } from './profiles.js'
import type { Subject } from './subject.js'
import { Workload } from './workload.js'

/** Of so many calls that come behind a change one is crashed at. */
const RARITY = 4
/** Ways in which the moment at which a workload ends is crashed. */
const LAST_CRASHES = 4

export interface Exploration {
  readonly subject: Subject
  readonly clock: SteppedClock
  readonly seed: number
  /** How many states to try: it ends with the workload in which they are reached. */
  readonly states: number
  /** @default one of all, as often as it is worth */
  readonly profile?: Profile
  readonly progress?: (states: number) => void
}

/** A crash that was not survived. */
export interface Failure {
  readonly scenario: Scenario
  readonly violation: Violation
  /** What was crashed; `undefined` where the workload itself was let down. */
  readonly crash: { readonly kind: CrashState['kind']; readonly call: number; readonly operation: number } | undefined
}

export interface Explored {
  readonly states: number
  readonly byKind: ReadonlyMap<StateKind, number>
  readonly workloads: ReadonlyMap<string, number>
  readonly policies: ReadonlyMap<string, number>
  /** States in which something was lost that nobody had been told was durable. */
  readonly withLosses: number
  readonly failure: Failure | undefined
}

/** Tries crash states until there are enough of them, or one is not survived. */
export async function explore(exploration: Exploration): Promise<Explored> {
  const { subject, clock, seed, states, progress } = exploration
  const check = new StateCheck(subject)
  const workloads = new Map<string, number>()
  const policies = new Map<string, number>()
  let failure: Failure | undefined
  for (let number = 0; check.states < states && failure === undefined; number++) {
    const numbers = new Random(seed + number)
    const scenario = drawScenario(seed + number, exploration.profile ?? drawProfile(numbers), numbers)
    countIn(workloads, scenario.profile.name)
    countIn(policies, JSON.stringify(scenario.options.flush ?? 'batch'))
    failure = await tryScenario({ subject, clock, scenario, check, thorough: false })
    progress?.(check.states)
  }
  return { states: check.states, byKind: check.counts, workloads, policies, withLosses: check.withLosses, failure }
}

function countIn(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

export interface Trial {
  readonly subject: Subject
  readonly clock: SteppedClock
  readonly scenario: Scenario
  readonly check: StateCheck
  /** Whether each call is crashed at, in several ways. */
  readonly thorough: boolean
}

interface Snapshot extends CrashState {
  readonly call: number
  readonly operation: number
  readonly seed: number
}

/** Runs one workload, crashes it at some calls and at its end, and says what was not survived. */
export async function tryScenario({ subject, clock, scenario, check, thorough }: Trial): Promise<Failure | undefined> {
  const numbers = new Random(scenario.seed ^ 0x5eed)
  const snapshots: Snapshot[] = []
  const rarity = thorough ? 1 : RARITY
  let changed = true
  const ways = thorough ? 6 : 1
  const workload: Workload = new Workload(subject, scenario, new Model(), clock, (number, call, fileSystem, model) => {
    const wasChanged = changed
    changed = changes(call)
    if (!wasChanged || numbers.below(rarity) > 0) return
    for (let way = 0; way < ways; way++) {
      snapshots.push({
        fileSystem: fileSystem.stateAfterCrash(drawCrash(numbers)),
        model: model.clone(),
        kind: 'power cut',
        call: number,
        operation: workload.operation,
        seed: numbers.next(),
      })
    }
  })
  try {
    await workload.run()
    snapshots.push(...lastStates(workload, numbers, thorough ? 24 : LAST_CRASHES))
  } catch (error) {
    return { scenario, violation: asViolation(error), crash: undefined }
  } finally {
    await workload.end()
  }
  for (const snapshot of snapshots) {
    try {
      await check.check(snapshot, new Random(snapshot.seed), scenario.profile.damaged)
    } catch (error) {
      const { kind, call, operation } = snapshot
      return { scenario, violation: asViolation(error), crash: { kind, call, operation } }
    }
  }
  return undefined
}

/** The power goes, or the process is killed, and then the power goes all the same. */
function lastStates(workload: Workload, numbers: Random, ways: number): Snapshot[] {
  const place = { model: workload.model, call: workload.calls, operation: workload.operation }
  const states: Snapshot[] = []
  for (let way = 0; way < ways; way++) {
    const fileSystem = workload.fileSystem.stateAfterCrash(drawCrash(numbers))
    states.push({ ...place, fileSystem, kind: 'power cut', seed: numbers.next() })
  }
  const killed = workload.fileSystem.killProcess()
  const fileSystem = killed.stateAfterCrash(drawCrash(numbers))
  states.push({ ...place, fileSystem, kind: 'kill, then power cut', seed: numbers.next() })
  states.push({ ...place, fileSystem: killed, kind: 'kill', seed: numbers.next() })
  return states
}

function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error
  // Whatever else a check meets, it didn't expect.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Violation(`unexpected: ${text}`, { cause: error })
}
