import type { StateStore } from '../../../src/state/contract.js'

/** So many keys are written in turn. */
const KEYS = 97

/** The nth write of all: it sets a key, two at once, or deletes one. Those before it were made before it was. */
export function writeNumber(store: StateStore<number>, number: number): Promise<unknown> {
  const [key, other] = keysOf(number)
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
    if (number % 11 === 0) state.delete(key)
    else state.set(key, number)
    if (number % 11 !== 0 && number % 7 === 0) state.set(other, number)
  }
  return state
}

function keysOf(number: number): [key: string, other: string] {
  return [`key ${number % KEYS}`, `key ${(number * 5) % KEYS}`]
}
