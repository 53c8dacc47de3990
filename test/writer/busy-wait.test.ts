import test from 'ava'
import { BusyWait } from '../../src/writer/busy-wait.js'

/** Long enough for a condition that is looked at a few times, on any machine; it is waited for in vain but a few times. */
const LONGEST_MS = 20

/** Whether a wait is made now, rather than skipped: who waits looks at the condition. */
function waits(wait: BusyWait): boolean {
  let looked = false
  wait.until(() => {
    looked = true
    return true
  })
  return looked
}

test('it waits until the condition holds, and no longer', (t) => {
  const wait = new BusyWait(60_000)
  let looks = 0
  t.true(wait.until(() => ++looks === 1000))
  t.is(looks, 1000)
})

test('it gives up once its time is over', (t) => {
  let looks = 0
  const beganMs = performance.now()
  t.false(new BusyWait(LONGEST_MS).until(() => ++looks < 0))
  t.true(performance.now() - beganMs >= LONGEST_MS)
  t.true(looks > 0)
})

test('each wait in vain doubles how many are skipped, up to 64', (t) => {
  const wait = new BusyWait(1)
  for (const skipped of [1, 3, 7, 15, 31, 63, 64, 64]) {
    t.false(wait.until(() => false))
    for (let skip = 0; skip < skipped; skip++) t.false(waits(wait), `${skip} of ${skipped}`)
  }
  t.true(waits(wait), 'and then it is tried again')
})

test('a wait that was not in vain ends the skipping', (t) => {
  const wait = new BusyWait(1)
  wait.until(() => false)
  waits(wait)
  t.true(waits(wait))
  wait.until(() => false)
  t.false(waits(wait), 'one is skipped, as after the first one in vain')
  t.true(waits(wait))
})

test('a sleep that was as short ends the skipping; a longer one does not', (t) => {
  const wait = new BusyWait(1)
  wait.until(() => false)
  wait.noteSleep(1.5)
  t.false(waits(wait))
  t.true(waits(wait))
  wait.until(() => false)
  wait.noteSleep(0.5)
  t.true(waits(wait))
})

test('with no time it never looks', (t) => {
  const wait = new BusyWait(0)
  t.false(waits(wait))
  wait.noteSleep(0)
  t.false(waits(wait))
})
