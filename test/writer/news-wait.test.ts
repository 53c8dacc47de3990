import test from 'ava'
import { NewsWait } from '../../src/writer/news-wait.js'

const LOOK_FOR_MS = 0.1
/** What a look at the ring takes, as time goes here. */
const LOOK_MS = 0.001

/** A wait on a ring whose news come when a test says, in a time that passes only by looking and sleeping. */
function trial(lookForMs = LOOK_FOR_MS) {
  let nowMs = 0
  let newsMs = Number.POSITIVE_INFINITY
  let signals = 0
  const seen = { looks: 0, sleepsMs: [] as number[] }
  const ring = {
    get signalCount(): number {
      seen.looks++
      nowMs += LOOK_MS
      return nowMs >= newsMs ? signals : signals - 1
    },
    waitForSignal(_: number, milliseconds: number): boolean {
      seen.sleepsMs.push(milliseconds)
      const news = newsMs <= nowMs + milliseconds
      nowMs = Math.max(nowMs, Math.min(newsMs, nowMs + milliseconds))
      return news
    },
  }
  const wait = new NewsWait(ring, lookForMs, () => nowMs)
  /** Waits, where news come after so many milliseconds; tells what was done meanwhile. */
  return (afterMs: number, milliseconds = 5) => {
    signals++
    newsMs = nowMs + afterMs
    seen.looks = 0
    seen.sleepsMs.length = 0
    const beganMs = nowMs
    const news = wait.wait(signals - 1, milliseconds)
    return { news, looked: seen.looks > 0, sleepsMs: [...seen.sleepsMs], tookMs: nowMs - beganMs }
  }
}

test('news that come soon are seen without sleeping', (t) => {
  const wait = trial()
  for (let round = 0; round < 100; round++) {
    const { news, sleepsMs, tookMs } = wait(0.04)
    t.true(news)
    t.deepEqual(sleepsMs, [])
    t.true(tookMs < 0.05)
  }
})

test('news that do not come soon are slept for; looking and sleeping together last no longer than asked', (t) => {
  const wait = trial()
  t.like(wait(3), { news: true, looked: true })
  const late = trial()(Number.POSITIVE_INFINITY, 0.15)
  t.false(late.news)
  t.true(late.looked)
  t.true(late.tookMs <= 0.15 + LOOK_MS, `${late.tookMs} ms`)
})

test('where there is less time than looking takes, it only sleeps', (t) => {
  const { news, looked, sleepsMs } = trial()(Number.POSITIVE_INFINITY, 0.05)
  t.false(news)
  t.false(looked)
  t.deepEqual(sleepsMs, [0.05])
})

test('each time in vain doubles how many are skipped, up to 64', (t) => {
  const wait = trial()
  for (const skipped of [1, 3, 7, 15, 31, 63, 64, 64]) {
    t.true(wait(1).looked)
    for (let skip = 0; skip < skipped; skip++) t.false(wait(1).looked, `${skip} of ${skipped}`)
  }
  t.true(wait(1).looked, 'and then it is tried again')
})

test('news that come a little later than it looks don’t bring it back: it would look in vain for ever', (t) => {
  const wait = trial()
  let looked = 0
  for (let round = 0; round < 1000; round++) if (wait(LOOK_FOR_MS * 1.5).looked) looked++
  t.true(looked <= 25, `${looked} of 1000`)
})

test('news that came soon while it slept bring it back', (t) => {
  const wait = trial()
  wait(1)
  t.like(wait(0.04), { looked: false, news: true })
  t.true(wait(1).looked)
  t.false(wait(1).looked, 'one is skipped, as after the first one in vain')
  t.true(wait(1).looked)
})

test('with no time to look it only sleeps', (t) => {
  const wait = trial(0)
  t.false(wait(0.01).looked)
  t.false(wait(3).looked)
})
