import test from 'ava'
import { measure } from '../../bench/closed-loop.js'

const WORKLOAD = { producers: 8, recordBytes: 16, recordsPerAppend: 1 }
const DURATION = { warmUpSeconds: 0.02, seconds: 0.02 }

test('what can rest does so once, after the warm-up, while no append is under way; all producers then go on', async (t) => {
  const pending = new Set<symbol>()
  let appends = 0
  let atRest = 0
  let rests = 0
  let most = 0
  const figures = await measure(
    {
      kind: 'asynchronous',
      async append() {
        const own = Symbol()
        pending.add(own)
        most = Math.max(most, pending.size)
        appends += 1
        await new Promise(setImmediate)
        pending.delete(own)
      },
      async rest() {
        t.is(pending.size, 0)
        rests += 1
        atRest = appends
        most = 0
        await new Promise(setImmediate)
        t.is(appends, atRest, 'nobody appended meanwhile')
      },
      async close() {},
    },
    WORKLOAD,
    DURATION,
    undefined,
  )
  t.is(rests, 1)
  t.true(atRest > 0, 'there was a warm-up')
  t.true(appends > atRest)
  t.is(most, WORKLOAD.producers)
  t.true(figures.recordsPerSecond > 0)
  t.true(figures.latencySamples > 0)
})

test('what can’t rest is not interrupted', async (t) => {
  let pending = 0
  let gaps = 0
  await measure(
    {
      kind: 'asynchronous',
      async append() {
        if (pending === 0) gaps += 1
        pending += 1
        await new Promise(setImmediate)
        // One that comes next is counted before this one ends.
        process.nextTick(() => {
          pending -= 1
        })
      },
      async close() {},
    },
    WORKLOAD,
    DURATION,
    undefined,
  )
  t.is(gaps, 1)
})
