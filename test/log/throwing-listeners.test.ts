import test from 'ava'
import { FixtureProcess } from '../support/fixture-process.js'

test('listeners that throw harm neither the log nor those behind them, and what they throw surfaces', async (t) => {
  const { code, lines, complaints } = await new FixtureProcess(t, 'throwing-listeners', ['caught']).end()
  t.is(code, 0, complaints)
  t.deepEqual(lines.slice(0, 2), ['appended 1,2,3,4', 'appended 5'])
  const { length, status, behind, uncaught } = JSON.parse(lines[2] ?? '') as Record<string, unknown> // The fixture's report.
  t.is(length, 5)
  t.is(status, 'closed')
  t.deepEqual(Object.keys(behind as object).sort(), [
    'close',
    'commit',
    'drain',
    'durable',
    'failed',
    'rollback',
    'rotate',
  ])
  t.deepEqual(
    (uncaught as string[]).sort(),
    Object.keys(behind as object)
      .sort()
      .map((event) => `thrown by a listener of ${event}`),
  )
})

test('where nothing catches what a listener throws, the process ends as it does for any uncaught exception', async (t) => {
  const { code, lines, complaints } = await new FixtureProcess(t, 'throwing-listeners').end()
  t.is(code, 1)
  t.regex(complaints, /thrown by a listener of commit/)
  t.true(lines.length < 3)
})
