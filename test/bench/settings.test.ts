import test from 'ava'
import { readSettings } from '../../bench/settings.js'
import { SUITE_NAMES } from '../../bench/suites/suite-names.js'
import { inTurnOrder } from '../../bench/turn-order.js'

test('without flags a selection runs, quickly, and with --full everything', (t) => {
  const settings = readSettings([])
  t.deepEqual(settings?.only, ['throughput', 'append-many', 'recovery', 'growth'])
  t.deepEqual(readSettings(['--full'])?.only, SUITE_NAMES)
  t.deepEqual(settings?.concurrency, [1, 64, 1024])
})

test('flags are taken', (t) => {
  const args = '--only recovery,throughput --concurrency 2,3 --seconds 0.25 --rounds 4 --recovery 8'.split(' ')
  t.like(readSettings([...args, '--json', 'out.json', '--html', 'out.html', '--docs', '--log', 'access.log']), {
    only: ['recovery', 'throughput'],
    concurrency: [2, 3],
    seconds: 0.25,
    rounds: 4,
    recoveryBytes: 8 * 2 ** 20,
    json: 'out.json',
    html: 'out.html',
    docs: true,
    log: 'access.log',
  })
  t.is(readSettings(['--help']), undefined)
})

test('drivers that are asked for are measured at every concurrency', (t) => {
  t.true((readSettings(['--full'])?.slowerDrivers.length ?? 0) > 0)
  t.like(readSettings(['--full', '--drivers', 'sluice,postgresql']), {
    drivers: ['sluice', 'postgresql'],
    slowerDrivers: [],
  })
})

test('--full takes longer, and single flags still win', (t) => {
  const [quick, full] = [readSettings([]), readSettings(['--full', '--rounds', '1'])]
  t.true((full?.seconds ?? 0) > (quick?.seconds ?? 0))
  t.is(full?.rounds, 1)
})

for (const [args, message] of [
  [['--only', 'nothing'], /no suite nothing/],
  [['--drivers', 'sluice,nobody'], /no driver nobody/],
  [['--concurrency', '0'], /--concurrency must be a positive number, not 0/],
  [['--records', '10,-1'], /--records must be a positive number, not -1/],
  [['--rounds', '1.5'], /--rounds must be whole, not 1.5/],
  [['--seconds', 'long'], /--seconds must be a positive number, not long/],
  [['--fast'], /--fast/],
] as const) {
  test(`${args.join(' ')} is refused`, (t) => {
    t.throws(() => readSettings(args), { message })
  })
}

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
