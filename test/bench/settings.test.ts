import test from 'ava'
import { readSettings, SUITE_NAMES } from '../../bench/settings.js'

test('without flags a selection runs, quickly, and with --full everything', (t) => {
  const settings = readSettings([])
  t.deepEqual(settings?.only, ['throughput', 'figures-cost', 'open-time', 'recovery'])
  t.deepEqual(readSettings(['--full'])?.only, SUITE_NAMES)
  t.deepEqual(settings?.concurrency, [1, 64, 1024])
})

test('flags are taken', (t) => {
  const args = ['--only', 'recovery,throughput', '--concurrency', '2,3', '--seconds', '0.25', '--rounds', '4']
  t.like(readSettings([...args, '--json', 'out.json']), {
    only: ['recovery', 'throughput'],
    concurrency: [2, 3],
    seconds: 0.25,
    rounds: 4,
    json: 'out.json',
  })
  t.is(readSettings(['--help']), undefined)
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
  [['--rounds', '1.5'], /--rounds must be whole, not 1.5/],
  [['--seconds', 'long'], /--seconds must be a positive number, not long/],
  [['--fast'], /--fast/],
] as const) {
  test(`${args.join(' ')} is refused`, (t) => {
    t.throws(() => readSettings(args), { message })
  })
}
