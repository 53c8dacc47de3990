import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { MemoryRepository, SimulatedFileSystem } from '../../src/testing/index.js'
import type { JournalOptions, WriteBehindOptions } from '../../src/write-behind/contract.js'
import { createWriteBehind } from '../../src/write-behind/create-write-behind.js'
import { DIRECTORY, openPaths, quiet, rejection, rejects, segmentsOf, throws, watch } from '../support/simulated-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { type WrittenBehind, writtenBehind } from '../support/written-behind.js'

const SEGMENT_BYTES = 16 * 1024

type Options<V> = Omit<Partial<WriteBehindOptions<V>>, 'journal'> & { readonly journal?: Partial<JournalOptions> }

function journalled<V = unknown>(
  fileSystem: SimulatedFileSystem,
  { journal, ...options }: Options<V> = {},
): WrittenBehind<V> {
  return writtenBehind<V>({
    ...options,
    journal: { directory: DIRECTORY, fileSystem, segmentBytes: SEGMENT_BYTES, ...journal },
  })
}

/** What a new write-behind finds in the journal, and saves. */
async function replayed(t: ExecutionContext, fileSystem: SimulatedFileSystem): Promise<[string, unknown][]> {
  const { behind, repository } = journalled(fileSystem)
  await behind.ready()
  await behind.close()
  t.is(behind.stats().replayed, repository.values.size)
  return [...repository.values]
}

test('what was marked and not saved is saved after a crash; what was saved is not saved again', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, repository, pass } = journalled(fileSystem)
  await Promise.all([behind.markDirty('saved', 1), behind.markDirty('both', 1)])
  await pass(1000)
  t.is(repository.values.size, 2)
  await quiet()
  await Promise.all([
    behind.markDirty('both', 2),
    behind.markDirty('new', { deep: [1, 'ü'] }),
    behind.markDirty('', null),
  ])
  await behind.markDirty('both', 3)
  const after = fileSystem.crash({ keep: 'none' })
  t.deepEqual(await replayed(t, after), [
    ['new', { deep: [1, 'ü'] }],
    ['', null],
    ['both', 3],
  ])
  t.deepEqual(await replayed(t, after), [], 'it was saved, and noted')
  t.deepEqual(openPaths(after), [])
})

test('a mark resolves once its record is durable, and is dirty from then on', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind } = journalled(fileSystem)
  const marked = watch(behind.markDirty('a', 1))
  t.false(behind.isDirty('a'))
  await behind.ready()
  await quiet()
  t.is(marked.settled?.kind, 'resolved')
  t.true(behind.isDirty('a'))
  await behind.close()
})

test('flush and close include marks that are still on their way into the journal', async (t) => {
  const { behind, repository } = journalled(new SimulatedFileSystem())
  void behind.markDirty('a', 1)
  await behind.flush()
  t.is(repository.values.get('a'), 1)
  void behind.markDirty('a', 2)
  await behind.close()
  t.is(repository.values.get('a'), 2)
})

test('a mark without a value journals what is read then, and saves the same', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  let level = 1
  const { behind, repository } = journalled<number>(fileSystem, { read: () => level })
  await behind.markDirty('a')
  const crashed = fileSystem.stateAfterCrash({ keep: 'none' })
  level = 2
  await behind.flush()
  t.is(repository.values.get('a'), 1, 'a crash would replay this one: it must not go back behind what was saved')
  await behind.close()
  t.deepEqual(await replayed(t, crashed), [['a', 1]])
})

test('a mark that finds nothing to read is journalled too: what was marked before is neither saved nor replayed', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const live = new Map<string, number>([
    ['a', 1],
    ['b', 1],
  ])
  const { behind, repository } = journalled<number>(fileSystem, { read: (key) => live.get(key) })
  await Promise.all([behind.markDirty('a'), behind.markDirty('b')])
  // Two marks of a key on their way into the journal: the newest counts.
  live.set('a', 2)
  const marks = [behind.markDirty('a')]
  live.delete('a')
  marks.push(behind.markDirty('a'))
  t.is(behind.dirtyValue('a'), 1)
  await Promise.all(marks)
  t.is(behind.dirtyValue('a'), undefined)
  t.deepEqual(await replayed(t, fileSystem.stateAfterCrash({ keep: 'none' })), [['b', 1]])
  // It is there again, but nobody has marked it: a crash would not bring this value back.
  live.set('a', 3)
  await behind.flush()
  t.deepEqual([...repository.values], [['b', 1]])
  t.false(behind.isDirty('a'))
  await quiet()
  t.deepEqual(await replayed(t, fileSystem.stateAfterCrash({ keep: 'none' })), [])
  await behind.markDirty('a')
  const after = fileSystem.crash({ keep: 'none' })
  t.deepEqual(await replayed(t, after), [['a', 3]])
})

test('values that JSON does not have are refused at once', async (t) => {
  const { behind } = journalled(new SimulatedFileSystem())
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const value of [circular, 5n, () => {}, Symbol('s')]) {
    const error = throws(t, () => behind.markDirty('a', value), { code: 'SLUICE_INVALID_ARGUMENT', mentions: '"a"' })
    t.true(error.cause instanceof TypeError)
  }
  t.is(behind.stats().dirty, 0)
  await behind.close()
})

test('a codec of one’s own: what is no bytes is refused, what can’t be decoded is not replayed', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const codec = {
    encode: (value: number) => (value < 0 ? ('\ud800' as string) : Buffer.from([value])),
    decode: (bytes: Buffer) => {
      if (bytes[0] === 13) throw new RangeError('no luck')
      return bytes[0] ?? 0
    },
  }
  const first = journalled<number>(fileSystem, { codec })
  throws(t, () => first.behind.markDirty('a', -1), { code: 'SLUICE_INVALID_ARGUMENT' })
  await Promise.all([first.behind.markDirty('a', 7), first.behind.markDirty('b', 13)])
  const after = fileSystem.crash({ keep: 'none' })
  const second = journalled<number>(after, { codec })
  const error = await rejects(t, second.behind.ready(), { code: 'SLUICE_CORRUPT', firstLsn: 2 })
  t.true(error.cause instanceof RangeError)
  const mended = journalled<number>(after, { codec: { ...codec, decode: (bytes) => bytes[0] ?? 0 } })
  await mended.behind.close()
  t.deepEqual(
    [...mended.repository.values],
    [
      ['a', 7],
      ['b', 13],
    ],
  )
})

test('on a real disk, by the thread that writes it, marks outlive a write-behind that could not save them', async (t) => {
  const directory = join(temporaryDirectory(t), 'journal')
  const dead = { saveMany: () => Promise.reject(new Error('away')) }
  const first = createWriteBehind<number>({ repository: dead, journal: directory, retry: { flushAttempts: 1 } })
  await Promise.all(Array.from({ length: 50 }, (_, i) => first.markDirty(`k${i}`, i)))
  await rejects(t, first.close(), { code: 'SLUICE_SAVE_FAILED' })
  const repository = new MemoryRepository<number>()
  const second = createWriteBehind<number>({ repository, journal: directory })
  await second.ready()
  t.is(second.stats().replayed, 50)
  await second.close()
  t.is(repository.values.get('k49'), 49)
})

test('keys and values of every size come back, or are refused', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind } = journalled(fileSystem)
  const key = 'k'.repeat(64 * 1024)
  await Promise.all([behind.markDirty(key, 'x'.repeat(1_000_000)), behind.markDirty('__proto__', { ключ: '\0' })])
  await rejects(t, behind.markDirty('large', 'x'.repeat(16 * 1024 * 1024)), { code: 'SLUICE_RECORD_TOO_LARGE' })
  const after = fileSystem.crash({ keep: 'none' })
  const [large, other] = await replayed(t, after)
  t.true(large?.[0] === key && large[1] === 'x'.repeat(1_000_000))
  t.deepEqual(other, ['__proto__', { ключ: '\0' }])
})

test('a disk that is full refuses a mark, which is void; marks work again once there is room', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, repository } = journalled(fileSystem, { maxDirty: 2 })
  await behind.markDirty('a', 1)
  await quiet()
  fileSystem.quotaBytes = 0
  await rejects(t, behind.markDirty('a', 'x'.repeat(100_000)), { code: 'SLUICE_DISK_FULL', outcome: 'not-written' })
  await rejects(t, behind.markDirty('b', 'x'.repeat(100_000)), { code: 'SLUICE_DISK_FULL' })
  fileSystem.quotaBytes = Number.POSITIVE_INFINITY
  t.is(behind.dirtyValue('a'), 1)
  t.false(behind.isDirty('b'))
  await behind.markDirty('c', 3) // What came to nothing takes no room.
  await behind.close()
  t.deepEqual(
    [...repository.values],
    [
      ['a', 1],
      ['c', 3],
    ],
  )
})

test('marks on their way into the journal take room, one for each key', async (t) => {
  const { behind, repository, events } = journalled(new SimulatedFileSystem(), { maxDirty: 2 })
  await behind.ready()
  const taken = [behind.markDirty('a', 1), behind.markDirty('a', 2), behind.markDirty('b', 1)]
  t.deepEqual([behind.stats().waiting, events], [0, []])
  taken.push(behind.markDirty('c', 1), behind.markDirty('b', 2))
  t.deepEqual([behind.stats().waiting, events], [1, ['strained full 1000']])
  const release = repository.hold()
  await quiet()
  t.deepEqual([behind.stats().dirty, behind.stats().waiting], [2, 1])
  release()
  await behind.flush()
  await Promise.all(taken)
  t.deepEqual([behind.isDirty('a'), behind.isDirty('b'), behind.dirtyValue('c')], [false, false, 1])
  await behind.close()
})

test('a key that is dirty already takes no more room while it is marked again', async (t) => {
  const { behind } = journalled(new SimulatedFileSystem(), { maxDirty: 2 })
  await behind.markDirty('a', 1)
  const again = [behind.markDirty('a', 2), behind.markDirty('b', 1)]
  t.is(behind.stats().waiting, 0)
  await Promise.all(again)
  await behind.close()
})

test('a mark that came to nothing makes room, but not that of another mark of its key', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind } = journalled(fileSystem, { maxDirty: 1 })
  await behind.ready()
  const taken = behind.markDirty('a', 1)
  await rejects(t, behind.markDirty('a', 'x'.repeat(17 * 2 ** 20)), { code: 'SLUICE_RECORD_TOO_LARGE' })
  const waiting = behind.markDirty('b', 1)
  t.is(behind.stats().waiting, 1)
  await taken
  await behind.flush()
  await waiting
  await behind.flush()
  fileSystem.quotaBytes = 0
  const lost = rejection(behind.markDirty('c', 'x'.repeat(100_000)))
  const next = watch(behind.markDirty('d', 'x'.repeat(100_000)))
  t.is(behind.stats().waiting, 1)
  t.like(await lost, { code: 'SLUICE_DISK_FULL' })
  await quiet()
  t.like(next.settled, { kind: 'rejected', error: { code: 'SLUICE_DISK_FULL' } })
  fileSystem.quotaBytes = Number.POSITIVE_INFINITY
  await behind.close()
})

test('what was replayed is saved without waiting for an interval', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  await journalled(fileSystem).behind.markDirty('a', 1)
  const { behind, repository } = journalled(fileSystem.crash({ keep: 'none' }))
  await behind.ready()
  await quiet()
  t.deepEqual([...repository.values], [['a', 1]])
  await behind.close()
})

test('where the journal fails marks reject, and what is dirty is saved all the same', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, repository, events } = journalled(fileSystem)
  await behind.markDirty('a', 1)
  await quiet()
  fileSystem.inject({ call: 'datasyncSync', path: /\.seg$/, error: 'EIO' })
  await rejects(t, behind.markDirty('b', 1), { code: 'SLUICE_COMMIT_FAILED', outcome: 'indeterminate' })
  await rejects(t, behind.markDirty('c', 1), { code: 'SLUICE_FAILED' })
  await behind.close()
  t.deepEqual([...repository.values], [['a', 1]])
  t.deepEqual(events, ['journalFailed SLUICE_FAILED', 'close'])
})

test('a journal that does not open: ready, marks and flush tell why', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const first = journalled(fileSystem)
  await first.behind.ready()
  const second = journalled(fileSystem)
  const marked = rejection(second.behind.markDirty('a', 1))
  t.like(await rejection(second.behind.ready()), { code: 'SLUICE_LOCKED' })
  t.like(await marked, { code: 'SLUICE_LOCKED' })
  await rejects(t, second.behind.flush(), { code: 'SLUICE_LOCKED' })
  await second.behind.close()
  t.deepEqual(second.events, ['journalFailed SLUICE_LOCKED', 'close'])
  await first.behind.close()
})

test('records that are none of a journal are refused, not replayed', async (t) => {
  const records = [
    [Buffer.from('{}'), 'SLUICE_CORRUPT'],
    [Buffer.from([1, 1, 255, 255, 255, 255, 0]), 'SLUICE_CORRUPT'],
    [Buffer.from([1, 1, 0]), 'SLUICE_CORRUPT'],
    [Buffer.from([1, 2, 0]), 'SLUICE_CORRUPT'],
    [Buffer.from([1, 4]), 'SLUICE_CORRUPT'],
    [Buffer.from([1, 1, 0, 0, 0, 0, 0x7b]), 'SLUICE_CORRUPT'],
    [Buffer.from([2, 1, 0, 0, 0, 0]), 'SLUICE_UNSUPPORTED_FORMAT'],
  ] as const
  for (const [record, code] of records) {
    const fileSystem = new SimulatedFileSystem()
    const log = await openLog(DIRECTORY, { fileSystem })
    await log.append(record)
    await log.close()
    const { behind } = journalled(fileSystem)
    // '{' is 123: a version that is newer than this one.
    const expected = record[0] === 0x7b ? 'SLUICE_UNSUPPORTED_FORMAT' : code
    t.like(await rejection(behind.ready()), { code: expected, firstLsn: 1 })
    await behind.close()
    t.deepEqual(openPaths(fileSystem), [])
  }
})

test('what was saved is trimmed', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, pass } = journalled(fileSystem)
  for (let round = 0; round < 20; round++) {
    await behind.markDirty(`k${round % 3}`, 'x'.repeat(5000))
    await pass(1000)
  }
  const segments = segmentsOf(fileSystem)
  t.true(segments.length <= 2 && (segments[0] ?? 0) > 1, `${segments}`)
  await behind.close()
})

test('an entry that stays dirty does not let the journal grow without bound', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const journal = { compactBytes: 2 * SEGMENT_BYTES }
  const { behind, repository, pass } = journalled(fileSystem, { journal })
  repository.fail({ error: new Error('bad'), keys: (key) => key === 'poison', times: 1e9 })
  await behind.markDirty('poison', 'old')
  let largest = 0
  for (let round = 0; round < 60; round++) {
    await behind.markDirty('k', 'x'.repeat(5000))
    await pass(1000)
    largest = Math.max(largest, segmentsOf(fileSystem).length)
  }
  t.true(largest <= 6, `${largest} segments of 16 KiB for one small record`)
  t.false(behind.isDirty('k'))
  await quiet()
  const after = fileSystem.crash({ keep: 'none' })
  const found = await replayed(t, after)
  t.deepEqual(
    found.map(([key]) => key),
    ['poison'],
  )
  t.is(found[0]?.[1], 'old')
})

test('a dead repository does not let the journal grow without bound either', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const journal = { compactBytes: 2 * SEGMENT_BYTES }
  const { behind, repository } = journalled(fileSystem, { journal })
  repository.fail({ error: new Error('away'), times: 1e9 })
  await behind.markDirty('rare', 'old')
  for (let round = 0; round < 60; round++) await behind.markDirty('k', `${round}`.repeat(2500))
  await quiet()
  const segments = segmentsOf(fileSystem)
  t.true(segments.length <= 6, `${segments}`)
  const after = fileSystem.crash({ keep: 'none' })
  const found = new Map(await replayed(t, after))
  t.deepEqual([...found.keys()].sort(), ['k', 'rare'])
  t.is(found.get('rare'), 'old')
  t.true(found.get('k') === '59'.repeat(2500))
})

test('room that can’t be given back is told, and tried again', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, pass, events } = journalled(fileSystem)
  const mend = fileSystem.inject({ call: 'removeSync', path: /\.seg$/, error: 'EIO', once: false })
  for (let round = 0; round < 8; round++) {
    await behind.markDirty('k', 'x'.repeat(5000))
    await pass(1000)
  }
  t.true(events.includes('journalFailed SLUICE_IO'), `${events}`)
  mend()
  await behind.markDirty('k', 'x'.repeat(20_000))
  await pass(1000)
  await behind.markDirty('k', 'x'.repeat(20_000))
  await pass(1000)
  t.true(segmentsOf(fileSystem).length <= 3, `${segmentsOf(fileSystem)}`)
  await behind.close()
})

/** What a new write-behind finds, and how many records the log has. */
async function left(t: ExecutionContext, fileSystem: SimulatedFileSystem): Promise<[Map<string, unknown>, number]> {
  const log = await openLog(DIRECTORY, { fileSystem })
  let records = 0
  for await (const { lsn } of log.read()) records += lsn > 0 ? 1 : 0
  await log.close()
  return [new Map(await replayed(t, fileSystem)), records]
}

test('what could not be noted as saved for want of room is noted once there is some', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const journal = { segmentBytes: 2 ** 20, compactBytes: 2 ** 30 }
  const { behind, repository, events } = journalled(fileSystem, { journal })
  await behind.markDirty('a', 'x'.repeat(4000))
  await quiet()
  fileSystem.quotaBytes = 0
  // Where one more mark has no room, the note of what was saved has none.
  const marked = (at: number): Promise<boolean> =>
    behind.markDirty(`${at}`, at).then(
      () => true,
      () => false,
    )
  for (let at = 0; await marked(at); at++);
  await behind.flush()
  await quiet()
  t.is(repository.values.get('a'), 'x'.repeat(4000))
  t.true(events.includes('journalFailed SLUICE_DISK_FULL'), `${events}`)
  fileSystem.quotaBytes = Number.POSITIVE_INFINITY
  await behind.markDirty('b', 1)
  await behind.flush()
  await quiet()
  t.deepEqual(segmentsOf(fileSystem), [1], 'nothing of it was trimmed')
  const [found] = await left(t, fileSystem.crash({ keep: 'none' }))
  t.deepEqual([...found.keys()], [])
})

test('a journal that fails while it notes what was saved tells so once', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, events } = journalled(fileSystem)
  await behind.markDirty('a', 1)
  await quiet()
  fileSystem.inject({ call: 'datasyncSync', path: /\.seg$/, error: 'EIO' })
  await behind.flush()
  await quiet()
  t.deepEqual(events, ['journalFailed SLUICE_FAILED'])
  await behind.close()
  t.deepEqual(events, ['journalFailed SLUICE_FAILED', 'close'])
})

test('all of a large flush is noted as saved', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind } = journalled(fileSystem, { journal: { segmentBytes: 2 ** 20, compactBytes: 2 ** 30 } })
  await Promise.all(Array.from({ length: 20_000 }, (_, at) => behind.markDirty(`${at}`, at)))
  await behind.flush()
  await quiet()
  const [found] = await left(t, fileSystem.crash({ keep: 'none' }))
  t.is(found.size, 0)
})

test('entries are appended anew only where that is worth it', async (t) => {
  const journal = { compactBytes: 2 * SEGMENT_BYTES }
  const dead = (fileSystem: SimulatedFileSystem) => {
    const opened = journalled(fileSystem, { journal })
    opened.repository.fail({ error: new Error('away'), times: 1e9 })
    return opened
  }
  // All that the journal holds is needed.
  const full = new SimulatedFileSystem()
  const one = dead(full)
  for (let key = 0; key < 20; key++) await one.behind.markDirty(`${key}`, `${key % 10}`.repeat(5000))
  await one.pass(2000)
  const [all, allRecords] = await left(t, full.crash({ keep: 'none' }))
  t.deepEqual([all.size, allRecords], [20, 20])
  // Little of it is, but it is little.
  const little = new SimulatedFileSystem()
  const two = dead(little)
  await two.behind.markDirty('rare', 'old')
  for (let round = 0; round < 10; round++) await two.behind.markDirty('k', `${round}`.repeat(2500))
  await two.pass(2000)
  const [few, fewRecords] = await left(t, little.crash({ keep: 'none' }))
  t.deepEqual([few.size, fewRecords], [2, 11])
})

test('segments that begin while the journal is tidied are tidied too', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const { behind, repository } = journalled(fileSystem, { journal: { compactBytes: SEGMENT_BYTES } })
  repository.fail({ error: new Error('away'), times: 1e9 })
  await behind.markDirty('rare', 'old')
  const release = fileSystem.inject({ call: 'read', path: /\.seg$/, hold: true })
  for (let round = 0; round < 30; round++) await behind.markDirty('k', `${round}`.repeat(2500))
  release()
  await quiet()
  t.true(segmentsOf(fileSystem).length <= 4, `${segmentsOf(fileSystem)}`)
})

test('what a journal held when it was opened counts as held', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const first = journalled(fileSystem, { journal: { compactBytes: 2 ** 30 } })
  first.repository.fail({ error: new Error('away'), times: 1e9 })
  await first.behind.markDirty('rare', 'old')
  for (let round = 0; round < 30; round++) await first.behind.markDirty('k', `${round}`.repeat(2500))
  const after = fileSystem.crash({ keep: 'none' })
  t.true(segmentsOf(after).length > 4)
  const second = journalled(after, { journal: { compactBytes: SEGMENT_BYTES } })
  second.repository.fail({ error: new Error('away'), times: 1e9 })
  await second.pass(1)
  await quiet()
  t.true(segmentsOf(after).length <= 3, `${segmentsOf(after)}`)
})

/** A write-behind whose journal is about to append `rare` and `k` anew, and waits for the record of one of them to be read. */
async function aboutToCompact() {
  const fileSystem = new SimulatedFileSystem()
  const opened = journalled<string>(fileSystem, { journal: { compactBytes: SEGMENT_BYTES } })
  const mend = opened.repository.fail({ error: new Error('away'), times: 1e9 })
  await opened.behind.markDirty('k', 'old')
  const release = fileSystem.inject({ call: 'read', path: /\.seg$/, hold: true })
  for (let round = 0; round < 8; round++) await opened.behind.markDirty('often', `${round}`.repeat(5000))
  await quiet()
  return { ...opened, fileSystem, mend, release }
}

test('a mark that comes while its key is appended anew is the one that is replayed', async (t) => {
  // It is durable before the older one is appended anew, or on its way there.
  for (const isDurable of [true, false]) {
    const { behind, fileSystem, release } = await aboutToCompact()
    if (isDurable) await behind.markDirty('k', 'new')
    release()
    if (!isDurable) await behind.markDirty('k', 'new')
    await quiet()
    const [found] = await left(t, fileSystem.crash({ keep: 'none' }))
    t.is(found.get('k'), 'new')
  }
})

test('what is saved, and marked again, while it is appended anew is replayed as it was marked', async (t) => {
  const { behind, fileSystem, repository, mend, release } = await aboutToCompact()
  mend()
  await behind.flush()
  t.is(repository.values.get('k'), 'old')
  const saved = fileSystem.stateAfterCrash({ keep: 'none' })
  await behind.markDirty('k', 'new')
  release()
  await quiet()
  const [found] = await left(t, fileSystem.crash({ keep: 'none' }))
  t.is(found.get('k'), 'new')
  // The note of what was saved is behind: then it is saved once more.
  t.is((await left(t, saved))[0].get('k'), 'old')
})

test('what is saved while its record is appended anew is not saved again after a crash', async (t) => {
  const saves: (() => void)[] = []
  const fileSystem = new SimulatedFileSystem()
  let isAway = true
  const repository = {
    saveMany: () => (isAway ? Promise.reject(new Error('away')) : new Promise<void>((resolve) => saves.push(resolve))),
  }
  const { behind } = journalled<string>(fileSystem, { repository, journal: { compactBytes: SEGMENT_BYTES } })
  await behind.markDirty('k', 'old')
  const release = fileSystem.inject({ call: 'read', path: /\.seg$/, hold: true })
  for (let round = 0; round < 8; round++) await behind.markDirty('often', `${round}`.repeat(5000))
  await quiet()
  isAway = false
  const flushed = behind.flush()
  await quiet()
  release()
  // In this turn the record is appended, and not yet durable.
  for (let tasks = 0; tasks < 100; tasks++) await null
  for (const save of saves) save()
  await flushed
  await quiet()
  const [found] = await left(t, fileSystem.crash({ keep: 'none' }))
  t.deepEqual([...found.keys()], [])
})
