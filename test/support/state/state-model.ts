import type { StateReader } from '../../../src/state/contract.js'

/** What the stores of these tests hold: a number, and the schema version that the value was brought to. */
export interface Item {
  readonly n: number
  readonly version: number
  /** Fills segments, so that there is something to trim. */
  readonly padding: string
}

export function itemOf(n: number, version: number): Item {
  return { n, version, padding: 'x'.repeat((n % 10) * 300) }
}

/** One write call: what each key has after it; `undefined` where it has nothing. */
export interface ModelStep {
  readonly changes: ReadonlyMap<string, number | undefined>
  /** The LSN that it was acknowledged with; `undefined` while it wasn't. 0 where it told none. */
  acknowledged: number | undefined
}

/** A plain `Map` that does what a store should, and remembers each step. */
export class StateModel {
  readonly #base: Map<string, number>
  readonly #now: Map<string, number>
  readonly steps: ModelStep[] = []

  constructor(base: ReadonlyMap<string, number> = new Map()) {
    this.#base = new Map(base)
    this.#now = new Map(base)
  }

  get now(): ReadonlyMap<string, number> {
    return this.#now
  }

  write(changes: readonly (readonly [key: string, n: number | undefined])[]): ModelStep {
    const step: ModelStep = { changes: new Map(changes), acknowledged: undefined }
    this.steps.push(step)
    apply(this.#now, step)
    return step
  }

  /** The state after so many steps. */
  after(steps: number): Map<string, number> {
    const state = new Map(this.#base)
    for (const step of this.steps.slice(0, steps)) apply(state, step)
    return state
  }

  /** The least steps that must have survived: all up to the last one that was acknowledged. */
  get acknowledgedSteps(): number {
    return this.steps.findLastIndex(({ acknowledged }) => acknowledged !== undefined) + 1
  }

  /** Whether this is the state of some prefix that holds every acknowledged step. */
  isPossible(found: ReadonlyMap<string, number>): boolean {
    const state = this.after(this.acknowledgedSteps)
    if (same(state, found)) return true
    for (const step of this.steps.slice(this.acknowledgedSteps)) {
      apply(state, step)
      if (same(state, found)) return true
    }
    return false
  }
}

/** The numbers of a state; fails where a value has another version than it should. */
export function numbersOf(state: StateReader<Item>, version: number): Map<string, number> {
  const numbers = new Map<string, number>()
  for (const [key, item] of state.entries()) {
    if (item.version !== version) throw new Error(`${JSON.stringify(key)} has version ${item.version}, not ${version}`)
    numbers.set(key, item.n)
  }
  if (numbers.size !== state.size) throw new Error(`${numbers.size} keys were given, and size is ${state.size}`)
  return numbers
}

/** As text that can be compared and shown. */
export function shownState(state: ReadonlyMap<string, number>): string {
  return JSON.stringify([...state].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function same(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, n]) => other.get(key) === n)
}

function apply(state: Map<string, number>, { changes }: ModelStep): void {
  for (const [key, n] of changes) {
    if (n === undefined) state.delete(key)
    else state.set(key, n)
  }
}
