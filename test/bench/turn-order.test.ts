import test from 'ava'
import { inTurnOrder } from '../../bench/turn-order.js'

const NAMES = ['sluice', 'device', 'lmdb', 'sqlite', 'redis', 'nats']

test('each round takes all, in an order of its own', (t) => {
  for (let round = 1; round <= 5; round += 1) {
    const order = inTurnOrder(NAMES, round)
    t.deepEqual([...order].sort(), [...NAMES].sort())
    t.deepEqual(inTurnOrder(NAMES, round), order)
  }
})

test('none follows the same one in all of five rounds', (t) => {
  const before = NAMES.map((name) => {
    const rounds = [1, 2, 3, 4, 5].map((round) => inTurnOrder(NAMES, round))
    return new Set(rounds.map((order) => order[order.indexOf(name) - 1])).size
  })
  for (const different of before) t.true(different >= 3, before.join())
})
