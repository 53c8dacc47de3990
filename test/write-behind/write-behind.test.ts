import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { WriteBehindOptions } from '../../src/write-behind/contract.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { quiet, rejection, rejects, throws, watch } from '../support/simulated-log.js'
import { writtenBehind } from '../support/written-behind.js'

const AWAY = new Error('the repository is away')

test('a hundred marks of a key cost one save, of the value at the time of the save', async (t) => {
  let health = 0
  const reads: string[] = []
  const read = (key: string): number => {
    reads.push(key)
    return health
  }
  const { behind, batches, pass } = writtenBehind({ read })
  for (health = 1; health <= 100; health++) await behind.markDirty('player')
  t.deepEqual(reads, [])
  await pass(999)
  t.deepEqual(batches(), [])
  await pass(1)
  t.deepEqual(batches(), ['player=101'])
  t.deepEqual(reads, ['player'])
  await pass(10_000)
  t.is(batches().length, 1, 'what is clean is not saved again')
})

test('only dirty entries are saved, the newest value of each', async (t) => {
  const { behind, batches, pass } = writtenBehind()
  for (const [key, value] of [
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['__proto__', 7],
    ['', 8],
  ] as const) {
    await behind.markDirty(key, value)
  }
  await pass(1000)
  await behind.markDirty('b', 2)
  await pass(1000)
  t.deepEqual(batches(), ['a=2 b=1 __proto__=7 =8', 'b=2'])
  t.false(behind.isDirty('a'))
})

test('maxBatch dirty entries are flushed without waiting, in batches, so many at the same time', async (t) => {
  const { behind, repository, batches } = writtenBehind({ maxBatch: 10, concurrency: 2 })
  const release = repository.hold()
  for (let key = 0; key < 35; key++) void behind.markDirty(`k${key}`, key)
  await quiet()
  t.is(repository.running, 2)
  t.is(behind.stats().saving, 20)
  release()
  await quiet()
  t.deepEqual(
    repository.batches.map((batch) => batch.length),
    [10, 10, 10, 5],
  )
  t.is(repository.runningMax, 2)
  t.is(new Set(batches().flatMap((batch) => batch.split(' '))).size, 35)
})

test('an entry that is marked again during its save is saved again, after it', async (t) => {
  const { behind, repository, batches, pass } = writtenBehind()
  await behind.markDirty('a', 1)
  const release = repository.hold()
  await pass(1000)
  await behind.markDirty('a', 2)
  await pass(5000)
  t.deepEqual(batches(), ['a=1'], 'never two saves of a key at the same time')
  t.is(behind.dirtyValue('a'), 2)
  release()
  await quiet()
  t.true(behind.isDirty('a'))
  await pass(10_000) // The interval was stretched by a save of five seconds.
  t.deepEqual(batches(), ['a=1', 'a=2'])
  t.false(behind.isDirty('a'))
})

test('what is marked again during its save is saved an interval after that began', async (t) => {
  const saved: string[] = []
  const ends = new Map<string, () => void>()
  const repository = {
    saveMany: (entries: readonly { readonly key: string; readonly value: number }[]) => {
      saved.push(entries.map(({ key, value }) => `${key}=${value}`).join(' '))
      return new Promise<void>((resolve) => ends.set(entries[0]?.key ?? '', resolve))
    },
  }
  const { behind, pass } = writtenBehind({ repository, maxBatch: 2 })
  for (const key of ['a', 'b', 'c']) void behind.markDirty(key, 1)
  await quiet()
  t.deepEqual(saved, ['a=1 b=1', 'c=1'])
  await behind.markDirty('a', 2)
  // Also while another batch of the same flush is still being saved.
  ends.get('a')?.()
  await pass(999)
  t.is(saved.length, 2)
  await pass(1)
  t.deepEqual(saved.slice(2), ['a=2'])
})

test('a read that finds nothing settles its entry, one that throws fails it alone', async (t) => {
  let spoilt = true
  const read = (key: string): number | undefined => {
    if (key === 'spoilt' && spoilt) throw new Error('not now')
    return key === 'gone' ? undefined : 5
  }
  const { behind, batches, pass, events } = writtenBehind({ read })
  const summaries: unknown[] = []
  behind.on('flush', (summary) => summaries.push(summary))
  for (const key of ['gone', 'spoilt', 'here']) await behind.markDirty(key)
  await pass(1000)
  t.deepEqual(batches(), ['here=5'])
  t.deepEqual([behind.isDirty('gone'), behind.isDirty('spoilt')], [false, true])
  t.deepEqual(events, ['saveFailed spoilt'])
  t.deepEqual(summaries, [{ saved: 1, failed: 1, batches: 1, durationMs: 0, dirty: 1 }])
  t.is(behind.stats().totalSaveErrors, 1)
  spoilt = false
  await behind.flush()
  t.is(summaries.length, 2)
  await behind.markDirty('gone')
  await behind.flush()
  t.deepEqual([summaries.length, behind.stats().flushes], [2, 2], 'a flush that found nothing to save has done nothing')
  t.deepEqual(batches(), ['here=5', 'spoilt=5'])
})

test('of a batch that failed in part only what failed stays dirty, and is retried later and later', async (t) => {
  const { behind, repository, batches, pass, clock, events } = writtenBehind()
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'b', times: 4 })
  for (const key of ['a', 'b', 'c']) await behind.markDirty(key, 1)
  await pass(1000)
  t.deepEqual([behind.isDirty('a'), behind.isDirty('b'), behind.isDirty('c')], [false, true, false])
  const times: number[] = []
  for (let saved = 1; behind.isDirty('b'); ) {
    await pass(10)
    if (batches().length === saved) continue
    saved = batches().length
    times.push(clock.nowMs())
  }
  t.deepEqual(times, [1100, 1300, 1700, 2500])
  t.deepEqual(batches(), ['a=1 b=1 c=1', 'b=1', 'b=1', 'b=1', 'b=1'])
  t.is(events[0], 'saveFailed b')
  const { totalSaved, totalSaveErrors, consecutiveFailures } = behind.stats()
  t.deepEqual(
    { totalSaved, totalSaveErrors, consecutiveFailures },
    { totalSaved: 3, totalSaveErrors: 4, consecutiveFailures: 0 },
  )
})

test('an entry that was saved once begins with the shortest delay again', async (t) => {
  const { behind, repository, batches, pass } = writtenBehind({ intervalMs: 10_000 })
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'a', times: 3 })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  await pass(10_000)
  await pass(300)
  t.is(batches().length, 3, 'it has failed three times')
  const release = repository.hold()
  await pass(400)
  // Marked again while it is saved, it stays dirty.
  await behind.markDirty('a', 2)
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'a' })
  release()
  await quiet()
  behind.flush().catch(() => {})
  await quiet()
  t.deepEqual(batches().slice(3), ['a=1', 'a=2'])
  await pass(99)
  t.is(batches().length, 5)
  await pass(1)
  t.deepEqual(batches().slice(5), ['a=2'])
})

test('a mark does not wait for what is being delayed longer', async (t) => {
  const { behind, repository, pass, clock } = writtenBehind({ retry: { initialDelayMs: 60_000, maxDelayMs: 60_000 } })
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'bad', times: 1e9 })
  await behind.markDirty('bad', 0)
  await pass(1000)
  await behind.markDirty('good', 1)
  await pass(1000)
  t.is(repository.values.get('good'), 1, `at ${clock.nowMs()} ms`)
})

test('jitter shortens a delay by up to a half', async (t) => {
  const { behind, repository, batches, pass } = writtenBehind({ random: () => 0.999 })
  repository.fail({ error: AWAY })
  await behind.markDirty('a', 1)
  await pass(1000)
  await pass(50)
  t.is(batches().length, 1)
  await pass(1)
  t.is(batches().length, 2)
})

test('the breaker leaves a dead repository alone, tries it with one batch, and closes by itself', async (t) => {
  const { behind, repository, batches, pass, events } = writtenBehind({ maxBatch: 2, concurrency: 2 })
  const comesBack = repository.fail({ error: AWAY, times: 1e9 })
  for (let key = 0; key < 6; key++) await behind.markDirty(`k${key}`, key)
  await pass(100) // A full batch does not wait for the interval: they fail at 0 and 100.
  const opened = batches().length
  t.true(events.includes('breakerOpen 5000'), events.join('; '))
  t.is(behind.stats().breaker, 'open')
  t.is(opened, 5)
  await pass(4999)
  t.is(batches().length, opened, 'nothing is tried while it is open')
  await pass(1)
  t.is(batches().length, opened + 1, 'one batch tries it')
  await behind.markDirty('later', 9)
  comesBack()
  await pass(4999)
  t.is(batches().length, opened + 1)
  await pass(1)
  t.is(behind.stats().breaker, 'closed')
  t.is(behind.stats().dirty, 0)
  t.deepEqual(events.slice(-1), ['breakerClosed'])
  t.is(events.filter((event) => event.startsWith('breakerOpen')).length, 1)
  t.is(repository.values.size, 7)
  t.deepEqual(repository.overlaps, [])
})

test('the try of a breaker takes what its dead repository has failed, however long that would wait', async (t) => {
  const retry = { initialDelayMs: 60_000, maxDelayMs: 60_000 }
  const { behind, repository, pass } = writtenBehind({ retry, breaker: { failures: 1 } })
  repository.fail({ error: AWAY })
  await behind.markDirty('a', 1)
  await pass(1000)
  t.is(behind.stats().breaker, 'open')
  await pass(5000)
  t.deepEqual([behind.stats().breaker, repository.values.get('a')], ['closed', 1])
})

test('a try that fails gives up for a flush only what is not being saved at that moment', async (t) => {
  const { behind, repository, pass } = writtenBehind({ maxBatch: 1, concurrency: 2, breaker: { failures: 1 } })
  repository.fail({ error: AWAY, keys: (key) => key === 'b', times: 1e9 })
  const release = repository.hold()
  await behind.markDirty('a', 1)
  await quiet()
  const saving = repository.running
  // A save that began before the breaker opened goes on; those that begin from now on end at once.
  const { saveMany } = repository
  repository.saveMany = () => Promise.reject(AWAY)
  await behind.markDirty('b', 1)
  await quiet()
  t.deepEqual([saving, behind.stats().breaker], [1, 'open'])
  const flushed = watch(behind.flush())
  await pass(5000)
  t.is(flushed.settled, undefined, 'one of them is being saved')
  release()
  repository.saveMany = saveMany
  await quiet()
  t.like(flushed.settled, { kind: 'rejected', error: { code: 'SLUICE_SAVE_FAILED', keys: ['b'] } })
})

test('a repository that reports every entry as failed is dead too', async (t) => {
  const { behind, repository, pass } = writtenBehind({ breaker: { failures: 2 } })
  repository.fail({ error: AWAY, keys: () => true, times: 2 })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  await pass(1000)
  t.is(behind.stats().breaker, 'closed')
  await pass(100)
  t.is(behind.stats().breaker, 'open')
  await pass(5000)
  t.deepEqual([behind.stats().breaker, behind.stats().dirty], ['closed', 0])
})

test('entries that fail one by one do not open the breaker while others are saved', async (t) => {
  const { behind, repository, pass } = writtenBehind({ retry: { initialDelayMs: 1000, maxDelayMs: 1000 } })
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'bad', times: 1e9 })
  await behind.markDirty('bad', 0)
  for (let round = 0; round < 20; round++) {
    await behind.markDirty('good', round)
    await pass(1000)
    t.is(behind.stats().breaker, 'closed')
  }
  t.is(repository.values.get('good'), 19)
})

test('flush saves at once, also what was being delayed, and resolves when all is saved', async (t) => {
  const { behind, repository, batches, pass } = writtenBehind()
  repository.fail({ error: AWAY })
  await behind.markDirty('a', 1)
  await pass(1000)
  await behind.markDirty('b', 1)
  const release = repository.hold()
  const flushed = watch(behind.flush())
  await quiet()
  t.is(flushed.settled, undefined)
  void behind.markDirty('a', 2) // During the save, and after the call: not its affair.
  release()
  await quiet()
  t.is(flushed.settled?.kind, 'resolved')
  t.deepEqual(batches()[1]?.split(' ').sort(), ['a=1', 'b=1'])
  await behind.flush()
  t.is(repository.values.get('a'), 2)
  await behind.flush()
  t.is(batches().length, 3, 'where nothing is dirty there is nothing to do')
})

test('flush says what could not be saved, after so many attempts; that stays dirty', async (t) => {
  const { behind, repository, pass } = writtenBehind()
  const fixed = repository.fail({ error: new Error('bad'), keys: (key) => key.startsWith('bad'), times: 1e9 })
  for (const key of ['a', 'bad 1', 'bad 2']) await behind.markDirty(key, 1)
  const flushed = rejection(behind.flush())
  await pass(100)
  await pass(200)
  const error = (await flushed) as SluiceError
  t.is(error.code, 'SLUICE_SAVE_FAILED')
  t.deepEqual(error.keys, ['bad 1', 'bad 2'])
  t.is((error.cause as Error).message, 'bad')
  t.is(repository.batches.length, 3)
  t.is(behind.stats().dirty, 2)
  fixed()
  await behind.flush()
  t.is(behind.stats().dirty, 0)
})

test('flush does not name what was saved after all before it ended', async (t) => {
  let release = (): void => {}
  const failed: string[] = []
  const repository = {
    saveMany: async ([entry]: readonly { readonly key: string }[]) => {
      if (entry?.key === 'a') await new Promise<void>((resolve) => (release = resolve))
      else if (failed.length === 0) throw AWAY
    },
  }
  const { behind, pass } = writtenBehind({ repository, maxBatch: 1, retry: { flushAttempts: 1 } })
  behind.on('saveFailed', ({ keys }) => failed.push(...keys))
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  const flushed = watch(behind.flush())
  await pass(100)
  t.deepEqual([failed, behind.isDirty('b'), flushed.settled], [['b'], false, undefined])
  release()
  await quiet()
  t.is(flushed.settled?.kind, 'resolved')
})

test('while the breaker is open flush waits for the next try, and rejects where that fails', async (t) => {
  const { behind, repository, pass, batches } = writtenBehind({ breaker: { failures: 1 } })
  const comesBack = repository.fail({ error: AWAY, times: 1e9 })
  await behind.markDirty('a', 1)
  const first = rejection(behind.flush())
  await pass(4999)
  t.is(batches().length, 1)
  await pass(1)
  t.like(await first, { code: 'SLUICE_SAVE_FAILED', keys: ['a'], cause: AWAY })
  t.is(batches().length, 2)
  const third = behind.flush()
  comesBack()
  await pass(5000)
  await third
  t.is(repository.values.get('a'), 1)
})

test('close saves everything, refuses marks, and ends without a timer; twice is as good as once', async (t) => {
  const { behind, repository, clock, events } = writtenBehind()
  await behind.markDirty('a', 1)
  const closed = behind.close()
  t.is(behind.close(), closed)
  await rejects(t, behind.markDirty('b', 1), { code: 'SLUICE_CLOSED' })
  await closed
  t.deepEqual([...repository.values], [['a', 1]])
  t.is(clock.timers, 0)
  t.deepEqual(events, ['close'])
  await rejects(t, behind.flush(), { code: 'SLUICE_CLOSED' })
})

test('close says what could not be saved, and has ended all the same', async (t) => {
  const { behind, repository, clock, pass, events } = writtenBehind({ maxDirty: 1, retry: { flushAttempts: 2 } })
  repository.fail({ error: AWAY, times: 1e9 })
  await behind.markDirty('a', 1)
  const waiting = rejection(behind.markDirty('b', 1))
  const closed = rejection(behind.close())
  t.like(await waiting, { code: 'SLUICE_CLOSED' })
  await pass(100)
  t.like(await closed, { code: 'SLUICE_SAVE_FAILED', keys: ['a'] })
  t.is(clock.timers, 0)
  t.is(events.at(-1), 'close')
  await pass(100_000)
  t.is(repository.batches.length, 2)
})

test('close waits for saves that are under way, also where others can’t be saved', async (t) => {
  const failures: (() => void)[] = []
  const repository = {
    saveMany: () => new Promise<void>((_, reject) => failures.push(() => reject(AWAY))),
  }
  const { behind, pass } = writtenBehind({ repository, maxBatch: 1, concurrency: 2, retry: { flushAttempts: 1 } })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  const closed = watch(behind.close())
  await quiet()
  failures[0]?.()
  await pass(100)
  t.is(failures.length, 3, 'the first is tried again, while the second is still being saved')
  failures[1]?.()
  await quiet()
  t.is(closed.settled, undefined)
  failures[2]?.()
  await quiet()
  t.is(closed.settled?.kind, 'rejected')
})

test('past maxDirty marks of further keys wait in line, and go on once there is room', async (t) => {
  const { behind, repository, events, pass } = writtenBehind({ maxDirty: 2, maxWaiting: 3, intervalMs: 100 })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  const c = watch(behind.markDirty('c', 1))
  const cAgain = watch(behind.markDirty('c', 2))
  const d = watch(behind.markDirty('d', 1))
  await behind.markDirty('a', 2) // It takes no room.
  await rejects(t, behind.markDirty('e', 1), { code: 'SLUICE_QUEUE_FULL' })
  await quiet()
  t.deepEqual([c.settled, cAgain.settled, d.settled, behind.stats().waiting], [undefined, undefined, undefined, 3])
  t.true(behind.stats().strained)
  await pass(100)
  t.deepEqual([c.settled?.kind, cAgain.settled?.kind, d.settled?.kind], ['resolved', 'resolved', 'resolved'])
  await pass(100)
  t.deepEqual(
    [...repository.values],
    [
      ['a', 2],
      ['b', 1],
      ['c', 2],
      ['d', 1],
    ],
  )
  t.deepEqual(events, ['strained full 100', 'recovered'])
  t.false(behind.stats().strained)
})

test('the strain of a full line is over once half of the room is free', async (t) => {
  const { behind, repository, events, pass } = writtenBehind({ maxDirty: 4, intervalMs: 100 })
  const mend = repository.fail({ error: new Error('bad'), keys: (key) => key !== 'a', times: 1e9 })
  for (const key of ['a', 'b', 'c', 'd']) await behind.markDirty(key, 1)
  const fifth = watch(behind.markDirty('e', 1))
  await pass(100)
  t.deepEqual([fifth.settled?.kind, behind.stats().dirty, behind.stats().strained], ['resolved', 4, true])
  mend()
  await behind.flush()
  t.false(behind.stats().strained)
  t.deepEqual(
    events.filter((event) => !event.startsWith('saveFailed')),
    ['strained full 100', 'recovered'],
  )
})

test('one strain that is over is told once the other one is, too, and each is told once', async (t) => {
  const { behind, repository, events, pass } = writtenBehind({ maxDirty: 1, latencyMs: 800 })
  await behind.markDirty('a', 1)
  void behind.markDirty('b', 1)
  await pass(1800)
  t.deepEqual(events, ['strained full 1000', 'strained slow 1600'])
  await pass(2400)
  t.deepEqual([behind.stats().dirty, behind.stats().waiting, behind.stats().flushes], [0, 0, 2])
  t.true(behind.stats().strained, 'flushes are slow')
  t.is(events.length, 2)
  repository.latencyMs = 0
  await behind.markDirty('c', 1)
  await pass(1600)
  t.deepEqual(events.slice(2), ['recovered'])
})

test('onFull: reject refuses at once', async (t) => {
  const { behind } = writtenBehind({ maxDirty: 1, onFull: 'reject' })
  await behind.markDirty('a', 1)
  await rejects(t, behind.markDirty('b', 1), { code: 'SLUICE_QUEUE_FULL' })
  t.is(behind.stats().dirty, 1)
})

test('a flush of more than half of the interval stretches it, and it comes back by itself', async (t) => {
  const { behind, repository, pass, events, clock, batches } = writtenBehind({ latencyMs: 800 })
  await behind.markDirty('a', 1)
  await pass(1000)
  await behind.markDirty('a', 2)
  await pass(800)
  t.deepEqual(events, ['strained slow 1600'])
  t.is(behind.stats().intervalMs, 1600)
  repository.latencyMs = 10
  await pass(799)
  t.is(batches().length, 1, 'the next flush begins an interval after this one began')
  await pass(1)
  t.is(clock.nowMs(), 2600)
  t.is(batches().length, 2)
  await pass(10)
  t.deepEqual(events, ['strained slow 1600', 'recovered'])
  t.is(behind.stats().intervalMs, 1000)
})

test('the interval is stretched to 16 times what was asked for at the most', async (t) => {
  const { behind, pass } = writtenBehind({ latencyMs: 100_000 })
  await behind.markDirty('a', 1)
  await pass(101_000)
  t.is(behind.stats().intervalMs, 16_000)
})

test('the signal of a save is aborted when its time is over; until it settles its key is not saved again', async (t) => {
  const signals: AbortSignal[] = []
  let settle = (): void => {}
  const repository = {
    saveMany: (_: unknown, { signal }: { signal: AbortSignal }) => {
      signals.push(signal)
      return new Promise<void>((_, reject) => {
        settle = () => reject(signal.reason)
      })
    },
  }
  const { behind, pass } = writtenBehind({ repository, saveTimeoutMs: 300 })
  await behind.markDirty('a', 1)
  await pass(1000)
  t.false(signals[0]?.aborted)
  await pass(300)
  t.true(signals[0]?.aborted)
  await pass(10_000)
  t.is(signals.length, 1)
  settle()
  await pass(1000)
  t.is(signals.length, 2)
})

test('stats tell what was done, and a line goes to the logger only where something was', async (t) => {
  const lines: string[] = []
  const line = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
  const logger = { info: line('info'), warn: line('warn'), error: line('error') }
  const { behind, repository, pass } = writtenBehind({ logger, latencyMs: 40 })
  t.like(behind.stats(), { dirty: 0, flushes: 0, lastFlushMs: undefined, lastSuccessfulFlush: undefined })
  await behind.markDirty('a', 1)
  await behind.markDirty('b', 1)
  await pass(1000)
  await pass(40)
  repository.fail({ error: AWAY })
  await behind.markDirty('c', 1)
  await pass(1000)
  await pass(40)
  const { lastSuccessfulFlush, flushMs, ...stats } = behind.stats()
  t.like(stats, {
    dirty: 1,
    flushes: 2,
    savedInLastFlush: 0,
    totalSaved: 2,
    totalSaveErrors: 1,
    consecutiveFailures: 1,
  })
  t.is(lastSuccessfulFlush?.getTime(), 1_700_000_001_040)
  t.is(flushMs.count, 2)
  t.true(Math.abs(flushMs.p50 - 40) < 0.1)
  t.deepEqual(lines, [
    'info wrote 2 entries behind {"saved":2,"failed":0,"batches":1,"durationMs":40,"dirty":0}',
    'warn wrote 0 entries behind; 1 saves failed {"saved":0,"failed":1,"batches":1,"durationMs":40,"dirty":1}',
  ])
})

test('a repository that answers nonsense has saved nothing', async (t) => {
  for (const answer of [null, 5, {}, { failed: 5 }, { failed: [{ key: 'other', error: AWAY }] }, { failed: [7] }]) {
    const repository = { saveMany: async () => answer as unknown as undefined }
    const { behind } = writtenBehind({ repository, retry: { flushAttempts: 1 } })
    await behind.markDirty('a', 1)
    const error = await rejects(t, behind.flush(), { code: 'SLUICE_SAVE_FAILED' })
    t.is((error.cause as SluiceError).code, 'SLUICE_INVALID_ARGUMENT')
    t.true(behind.isDirty('a'))
  }
})

test('a repository that throws before it answers has failed', async (t) => {
  const repository = {
    saveMany: (): Promise<void> => {
      throw AWAY
    },
  }
  const { behind } = writtenBehind({ repository, retry: { flushAttempts: 1 } })
  await behind.markDirty('a', 1)
  await rejects(t, behind.flush(), { code: 'SLUICE_SAVE_FAILED', cause: AWAY })
})

test.serial('listeners and loggers that throw harm nothing; what they throw is thrown again', async (t) => {
  const thrown: unknown[] = []
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error))
  t.teardown(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const bad = (): never => {
    throw new Error('bad listener')
  }
  const { behind, repository } = writtenBehind({ logger: { info: bad, warn: bad, error: bad } })
  behind.on('flush', bad)
  await behind.markDirty('a', 1)
  await behind.flush()
  await quiet()
  t.is(repository.values.get('a'), 1)
  t.is(thrown.length, 2)
})

test('bad arguments are refused at once', (t) => {
  const { behind } = writtenBehind()
  const mark =
    (...values: readonly unknown[]) =>
    () =>
      Reflect.apply(behind.markDirty, behind, values)
  throws(t, mark(5, 1), { code: 'SLUICE_INVALID_ARGUMENT', mentions: '5' })
  throws(t, mark('\ud800', 1), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'lone surrogates' })
  throws(t, mark('a'), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'read' })
})

test('bad options are refused at once, and named', (t) => {
  const repository = { saveMany: async () => {} }
  const refused: readonly (readonly [object, string])[] = [
    [{}, 'repository'],
    [{ repository: {} }, 'saveMany'],
    [{ repository, intervalMS: 5 }, 'intervalMS'],
    [{ repository, intervalMs: 0 }, 'intervalMs'],
    [{ repository, maxBatch: 1.5 }, 'maxBatch'],
    [{ repository, concurrency: '4' }, 'concurrency'],
    [{ repository, maxDirty: -1 }, 'maxDirty'],
    [{ repository, onFull: 'drop' }, 'onFull'],
    [{ repository, retry: { delay: 5 } }, 'retry.delay'],
    [{ repository, retry: { initialDelayMs: 500, maxDelayMs: 400 } }, 'maxDelayMs'],
    [{ repository, breaker: 5 }, 'breaker'],
    [{ repository, breaker: { failures: 0 } }, 'breaker.failures'],
    [{ repository, journal: {} }, 'journal.directory'],
    [{ repository, journal: { directory: 'x', flush: 'never' } }, 'journal.flush'],
    [{ repository, journal: { directory: 'x', segmentBytes: 5 } }, 'journal.segmentBytes'],
    [{ repository, codec: { encode: () => '' } }, 'decode'],
    [{ repository, logger: { info: () => {} } }, 'warn'],
    [{ repository, clock: {} }, 'nowMs'],
    [{ repository, random: 5 }, 'random'],
    [{ repository, read: 5 }, 'read'],
  ]
  for (const [options, mentions] of refused) {
    throws(t, () => createWriteBehind(options as WriteBehindOptions<number>), {
      code: 'SLUICE_INVALID_OPTION',
      mentions,
    })
  }
  throws(t, () => createWriteBehind({ repository, journal: '' }), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'path' })
  t.true(new SluiceError('SLUICE_SAVE_FAILED', '', { keys: ['a'] }).keys?.includes('a'))
})

test('without a clock of its own it flushes by the system’s', async (t) => {
  const saved = new Promise<readonly unknown[]>((resolve) => {
    const repository = { saveMany: async (entries: readonly unknown[]) => resolve(entries) }
    const behind = createWriteBehind<number>({ repository, intervalMs: 1 })
    void behind.markDirty('a', 1)
  })
  t.deepEqual(await saved, [{ key: 'a', value: 1 }])
})
