import test from 'ava'
import fc from 'fast-check'
import { ManualClock, MemoryRepository, SimulatedFileSystem } from '../../src/testing/index.js'
import type { HybridOptions } from '../../src/write-behind/hybrid-contract.js'
import { createHybridRepository } from '../../src/write-behind/hybrid-repository.js'
import { stateRepository } from '../../src/write-behind/state-repository.js'
import { random } from '../support/random.js'
import { DIRECTORY, quiet, rejection, rejects, throws } from '../support/simulated-log.js'

function hybrid<V = number>(options: Partial<HybridOptions<V>> = {}) {
  const clock = new ManualClock()
  const repository = new MemoryRepository<V>({ clock })
  const archive = new MemoryRepository<V>({ clock })
  const loads: string[] = []
  const load = repository.load.bind(repository)
  repository.load = (key) => {
    loads.push(key)
    return load(key)
  }
  const { writeBehind, ...rest } = options
  const live = createHybridRepository<V>({
    repository,
    archive,
    ...rest,
    writeBehind: { clock, random: () => 0, ...writeBehind },
  })
  return { clock, repository, archive, live, loads }
}

test('reads fall through memory, repository and archive, and remember what they found', async (t) => {
  const { live, repository, archive, loads } = hybrid()
  repository.values.set('saved', 1)
  archive.values.set('archived', 2)
  await live.set('live', 3)
  t.deepEqual(await Promise.all(['live', 'saved', 'archived', 'none'].map((key) => live.get(key))), [
    3,
    1,
    2,
    undefined,
  ])
  t.deepEqual(loads, ['saved', 'archived', 'none'])
  t.deepEqual(await Promise.all(['live', 'saved', 'archived'].map((key) => live.get(key))), [3, 1, 2])
  t.is(loads.length, 3)
  t.like(live.stats(), { live: 3, dirty: 1, hits: 4, misses: 3 })
  await live.close()
})

test('reads of one missing key share one load', async (t) => {
  const { live, repository, loads, clock } = hybrid()
  repository.values.set('a', 1)
  repository.latencyMs = 5
  const reads = Promise.all(Array.from({ length: 100 }, () => live.get('a')))
  await quiet()
  clock.advance(5)
  t.deepEqual(new Set(await reads), new Set([1]))
  t.deepEqual(loads, ['a'])
})

test('a load that fails fails its reads, and the next read loads anew', async (t) => {
  const { live, repository } = hybrid()
  repository.values.set('a', 1)
  const { load } = repository
  repository.load = () => Promise.reject(new Error('away'))
  t.is(((await rejection(live.get('a'))) as Error).message, 'away')
  repository.load = load
  t.is(await live.get('a'), 1)
})

test('the least recently used clean values make room; dirty ones stay until they are saved', async (t) => {
  const { live, repository } = hybrid({ maxLive: 3 })
  for (const key of ['a', 'b', 'c', 'd', 'e']) await live.set(key, 1)
  t.is(live.stats().live, 5, 'none of them is saved')
  await live.flush()
  t.is(live.stats().live, 3)
  t.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((key) => live.peek(key)),
    [undefined, undefined, 1, 1, 1],
  )
  live.peek('c')
  t.is(await live.get('a'), 1)
  t.deepEqual(
    ['c', 'd', 'e', 'a'].map((key) => live.peek(key)),
    [1, undefined, 1, 1],
  )
  t.is(live.stats().evicted, 3)
  t.is(repository.values.size, 5)
})

test('a load that a set overtakes is worthless, also when that value was saved and evicted since', async (t) => {
  const { live, repository, clock } = hybrid({ maxLive: 1 })
  repository.values.set('a', 1)
  repository.latencyMs = 5
  const read = live.get('a')
  await quiet()
  repository.latencyMs = 0
  await live.set('a', 2)
  await live.flush()
  await live.set('b', 1)
  await live.flush()
  t.is(live.peek('a'), undefined, 'it is evicted')
  clock.advance(5)
  t.is(await read, 2)
})

/** A hybrid whose loads end when a test says so. */
function withHeldLoads(options: Partial<HybridOptions<number>> = {}) {
  const made = hybrid(options)
  const loads: ((value: number | undefined) => void)[] = []
  made.repository.load = () => new Promise((resolve) => loads.push(resolve))
  return { ...made, loads }
}

test('what a load found before a set is never read after it', async (t) => {
  const { live, loads } = withHeldLoads({ maxLive: 1 })
  const read = live.get('a')
  await quiet()
  await live.set('a', 2)
  await live.flush()
  await live.set('b', 1)
  await live.flush()
  t.is(live.peek('a'), undefined, 'it is evicted')
  loads[0]?.(1)
  await quiet()
  t.is(live.peek('a'), undefined, 'what was loaded is worthless')
  loads[1]?.(2)
  t.is(await read, 2)
  await live.close()
})

test('what a load found before a mark past the hybrid is never read after it', async (t) => {
  const { live, loads, repository } = withHeldLoads()
  const read = live.get('a')
  await quiet()
  await live.writeBehind.markDirty('a', 2)
  loads[0]?.(1)
  t.is(await read, 2)
  t.is(live.peek('a'), 2)
  await live.close()
  t.is(repository.values.get('a'), 2)
})

test('dirty values count against the bound: clean ones make room for them', async (t) => {
  const { live } = hybrid({ maxLive: 3 })
  for (const key of ['a', 'b']) await live.set(key, 1)
  await live.flush()
  for (const key of ['c', 'd', 'e']) await live.set(key, 1)
  t.like(live.stats(), { live: 3, dirty: 3, evicted: 2 })
  await live.close()
})

/** A repository with room for one value: that of `a`, which is saved, and on its way to the archive until `release`. */
async function archivingA() {
  const { live, archive } = hybrid({ maxLive: 1 })
  await live.set('a', 1)
  await live.flush()
  const release = archive.hold()
  const finished = live.finish('a')
  await quiet()
  return { live, release, finished }
}

test('a value that is being archived stays in memory, also when it is set again and saved', async (t) => {
  const { live, release, finished } = await archivingA()
  await live.set('b', 1)
  await live.flush()
  t.is(live.peek('a'), 1)
  await live.set('a', 2)
  await live.flush()
  await live.set('c', 1)
  await live.flush()
  t.is(live.peek('a'), 2)
  release()
  t.true(await finished)
  await live.set('d', 1)
  await live.flush()
  t.deepEqual([live.peek('a'), live.stats().live], [undefined, 1], 'then it is clean, as any other')
  await live.close()
})

test('a value that was set again while it was archived is not evicted before it is saved', async (t) => {
  const { live, release, finished } = await archivingA()
  await live.set('a', 2)
  release()
  await finished
  await live.set('b', 1)
  t.like(live.stats(), { live: 2, dirty: 2, evicted: 0 })
  await live.close()
})

test('a value that could not be archived may be evicted as any other', async (t) => {
  const { live, archive } = hybrid({ maxLive: 1, writeBehind: { retry: { flushAttempts: 1 } } })
  await live.set('a', 1)
  archive.fail({ error: new Error('archive away') })
  await rejects(t, live.finish('a'), { code: 'SLUICE_SAVE_FAILED' })
  await live.set('b', 1)
  await live.flush()
  t.deepEqual([live.peek('a'), live.stats().live], [undefined, 1])
  await live.close()
})

test('a value that is set while it is saved, in order to be finished, is archived as it is then', async (t) => {
  const { live, repository, archive } = hybrid()
  await live.set('a', 1)
  const release = repository.hold()
  const finished = [live.finish('a'), live.finish('a')]
  await quiet()
  await live.set('a', 2)
  release()
  t.deepEqual(await Promise.all(finished), [true, true])
  t.deepEqual([repository.values.get('a'), archive.values.get('a')], [2, 2])
  t.is(live.peek('a'), undefined)
  t.deepEqual([live.stats().archived, archive.batches.length], [1, 1], 'both calls finished it once')
  await live.close()
})

test('closing finishes what is being finished, and leaves nothing behind', async (t) => {
  const { live, loads, archive, clock } = withHeldLoads({ writeBehind: { retry: { flushAttempts: 1 } } })
  const finished = live.finish('a')
  await quiet()
  const closed = live.close()
  await quiet()
  loads[0]?.(1)
  t.true(await finished)
  t.is(archive.values.get('a'), 1)
  await closed
  t.is(clock.timers, 0)
  const dead = hybrid({ writeBehind: { retry: { flushAttempts: 1 } } })
  dead.archive.fail({ error: new Error('archive away'), times: 1e9 })
  await dead.live.set('a', 1)
  await rejects(t, dead.live.finish('a'), { code: 'SLUICE_SAVE_FAILED' })
  await dead.live.close()
  t.is(dead.clock.timers, 0, 'the archive is not tried any more')
})

test('with a journal values are finished as well: the archive needs none', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { live, archive } = hybrid({ writeBehind: { journal: { directory: DIRECTORY, fileSystem } } })
  await live.set('a', 1)
  t.true(await live.finish('a'))
  t.is(archive.values.get('a'), 1)
  await live.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('a value that is finished is saved, archived and evicted', async (t) => {
  const { live, repository, archive } = hybrid()
  await live.set('a', 1)
  t.true(await live.finish('a'))
  t.is(live.peek('a'), undefined)
  t.deepEqual([repository.values.get('a'), archive.values.get('a')], [1, 1])
  repository.values.delete('a')
  t.is(await live.get('a'), 1, 'the archive has it')
  t.false(await live.finish('none'))
  t.is(live.stats().archived, 1)
})

test('to finish one value does not hurry what is being delayed', async (t) => {
  const { live, repository } = hybrid({ writeBehind: { retry: { flushAttempts: 1 } } })
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'bad', times: 1e9 })
  await live.set('bad', 1)
  await live.flush().catch(() => {})
  const tries = (): number => repository.batches.filter((batch) => batch.some(({ key }) => key === 'bad')).length
  const before = tries()
  for (let i = 0; i < 10; i++) {
    await live.set(`k${i}`, 1)
    await live.finish(`k${i}`)
  }
  t.is(tries(), before)
})

test('values finished at the same time are archived in one batch', async (t) => {
  const { live, archive } = hybrid()
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
  await Promise.all(keys.map((key) => live.set(key, 1)))
  await live.flush()
  await Promise.all(keys.map((key) => live.finish(key)))
  t.true(archive.batches.length < 50, `${archive.batches.length} batches`)
  t.is(archive.values.size, 50)
})

test('a value that is set again while it is archived stays live', async (t) => {
  const { live, archive, repository } = hybrid()
  await live.set('a', 1)
  const release = archive.hold()
  const finished = live.finish('a')
  await quiet()
  await live.set('a', 2)
  await live.flush()
  release()
  t.true(await finished)
  t.is(live.peek('a'), 2)
  await live.close()
  t.is(repository.values.get('a'), 2)
})

test('what could not be archived stays live, and can be finished again', async (t) => {
  const { live, archive, clock } = hybrid({ writeBehind: { retry: { flushAttempts: 1 } } })
  await live.set('a', 1)
  archive.fail({ error: new Error('archive away') })
  await rejects(t, live.finish('a'), { code: 'SLUICE_SAVE_FAILED' })
  t.is(live.peek('a'), 1)
  t.true(await live.finish('a'))
  t.is(archive.values.get('a'), 1)
  await live.close()
  t.is(clock.timers, 0)
})

test('what the journal holds after a crash is read before the repository', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const before = hybrid({ writeBehind: { journal: { directory: DIRECTORY, fileSystem } } })
  before.repository.values.set('a', 1)
  await before.live.set('a', 2)
  const after = hybrid({
    writeBehind: { journal: { directory: DIRECTORY, fileSystem: fileSystem.crash({ keep: 'none' }) } },
  })
  after.repository.values.set('a', 1)
  after.repository.hold()
  t.is(await after.live.get('a'), 2)
})

test('bad arguments and options are refused at once', async (t) => {
  const repository = new MemoryRepository<number>()
  const create = (options: object) => () => createHybridRepository(options as HybridOptions<number>)
  const refused: readonly (readonly [object, string])[] = [
    [{ repository: { saveMany: async () => {} } }, 'load'],
    [{ repository, maxLive: 0 }, 'maxLive'],
    [{ repository, archive: {} }, 'archive'],
    [{ repository, lru: 5 }, 'lru'],
    [{ repository, writeBehind: { read: () => 1 } }, 'writeBehind.read'],
    [{ repository, writeBehind: { interval: 5 } }, 'interval'],
  ]
  for (const [options, mentions] of refused) throws(t, create(options), { code: 'SLUICE_INVALID_OPTION', mentions })
  const live = createHybridRepository<number | undefined>({ repository })
  throws(t, () => live.set('a', undefined), { code: 'SLUICE_INVALID_ARGUMENT', mentions: '"a"' })
  throws(t, () => live.finish('a'), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'archive' })
  await live.close()
})

test('a read never returns an older value than one that was seen before', async (t) => {
  const { seed } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), key: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.nat(2) }) },
    fc.record({ kind: fc.constant('finish' as const), key: fc.nat(2) }),
    fc.record({ kind: fc.constant('purge' as const), key: fc.nat(2) }),
    fc.record({ kind: fc.constant('fail' as const), key: fc.nat(2) }),
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), key: fc.nat(40) }) },
  )
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, withJournal) => {
    const journal = { directory: DIRECTORY, fileSystem: new SimulatedFileSystem() }
    const { live, repository, archive, clock } = hybrid({
      maxLive: 1,
      writeBehind: { intervalMs: 10, ...(withJournal ? { journal } : {}) },
    })
    const seen = [0, 0, 0]
    let value = 0
    const calls: Promise<unknown>[] = []
    const see = (key: number, found: number | undefined, atLeast: number): void => {
      if ((found ?? 0) < atLeast) throw new Error(`${key} is ${found} after ${atLeast}`)
      seen[key] = Math.max(seen[key] ?? 0, found ?? 0)
    }
    for (const { kind, key } of steps) {
      const name = `k${key}`
      const atLeast = seen[key] ?? 0
      if (kind === 'get') calls.push(live.get(name).then((found) => see(key, found, atLeast)))
      else if (kind === 'set') calls.push(live.set(name, ++value))
      else if (kind === 'finish') calls.push(live.finish(name).catch(() => {}))
      else if (kind === 'purge' && archive.values.get(name) === repository.values.get(name))
        repository.values.delete(name)
      else if (kind === 'fail') repository.fail({ error: new Error('away'), saved: key === 1 })
      else if (kind === 'pass') {
        repository.latencyMs = key % 4
        archive.latencyMs = key % 3
        await new Promise(setImmediate)
        clock.advance(key)
      }
    }
    const all = Promise.all(calls)
    let done = false
    const ended = all.then(
      () => {},
      () => {},
    )
    void ended.then(() => {
      done = true
    })
    while (!done) {
      await new Promise(setImmediate)
      clock.advance(10)
    }
    await all
    if (repository.overlaps.length + archive.overlaps.length > 0) throw new Error('a key was saved twice at once')
  })
  await t.notThrowsAsync(fc.assert(property, { seed, numRuns: 300 }))
})

test('a keyed store is a repository', async (t) => {
  const values = new Map<string, number>()
  const store = {
    get: (key: string) => values.get(key),
    async set(key: string, value: number) {
      if (key === 'bad') throw new Error('no')
      values.set(key, value)
    },
  }
  const live = createHybridRepository<number>({
    repository: stateRepository(store),
    writeBehind: { retry: { flushAttempts: 1 } },
  })
  await live.set('a', 1)
  await live.set('bad', 1)
  t.like(await rejection(live.close()), { code: 'SLUICE_SAVE_FAILED', keys: ['bad'] })
  t.deepEqual([...values], [['a', 1]])
  t.is(await live.get('a'), 1)
  throws(t, () => stateRepository({} as typeof store), { code: 'SLUICE_INVALID_ARGUMENT', mentions: 'get and set' })
})
