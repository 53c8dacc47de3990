import { Random } from '../src/testing/random.js'

/**
 * The same things in another order each round, so that none always follows the same one: what a trial leaves for the disk
 * to do would always slow the same other one down. An order depends on the round alone.
 */
export function inTurnOrder<Item>(items: readonly Item[], round: number): readonly Item[] {
  const random = new Random(round)
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
