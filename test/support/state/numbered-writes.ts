import type { StateStore } from '../../../src/state/contract.js'

/** So many keys are written in turn. */
const KEYS = 97

/** What asynchronous updates count, beside the numbered writes. */
export const COUNTED_IN_TURN = 'counted in turn'
/** What updates count: no other write touches it. */
const COUNTER = 'counter'

/** The nth write of all: it sets a key, two at once, deletes one, or counts. Those before it were made before it was. */
export function writeNumber(store: StateStore<number>, number: number): Promise<unknown> {
  const [key, other] = keysOf(number)
  if (isCounted(number)) return store.update(COUNTER, (count = 0) => count + 1)
  if (number % 11 === 0) return store.delete(key)
  if (number % 7 !== 0) return store.set(key, number)
  return store.transact((tx) => {
    tx.set(key, number)
    tx.set(other, number)
  })
}

/** The state after so many writes. */
export function stateAfter(numbers: number): Map<string, number> {
  const state = new Map<string, number>()
  for (let number = 1; number <= numbers; number++) {
    const [key, other] = keysOf(number)
    if (isCounted(number)) state.set(COUNTER, (state.get(COUNTER) ?? 0) + 1)
    else if (number % 11 === 0) state.delete(key)
    else state.set(key, number)
    if (!isCounted(number) && number % 11 !== 0 && number % 7 === 0) state.set(other, number)
  }
  return state
}

function isCounted(number: number): boolean {
  return number % 5 === 0
}

function keysOf(number: number): [key: string, other: string] {
  return [`key ${number % KEYS}`, `key ${(number * 5) % KEYS}`]
}
