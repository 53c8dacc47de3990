import test from 'ava'
import type { CheckpointReport, StateOptions } from '../../src/state/contract.js'
import { openStateStore, restoreState, tryMigrations } from '../../src/state/open-state-store.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { bytesOf } from '../support/simulated-files.js'
import { putFiles, quiet, rejection, rejects, SEGMENT, turn, until } from '../support/simulated-log.js'
import {
  contentOf,
  openBegunState,
  openSimulatedState,
  SNAPSHOTS,
  STATE,
  snapshotsOf,
  textOf,
} from '../support/simulated-state.js'

// The timers of a store keep no process alive, and some of these tests wait for nothing else.
const alive = setInterval(() => {}, 60_000)
test.after.always(() => clearInterval(alive))

const DAY_MS = 86_400_000
const SMALL: StateOptions = { compaction: false, log: { segmentBytes: 16 * 1024 } }
const PADDING = 'x'.repeat(3000)
const SNAPSHOT = /snapshots\//

/** Flips a byte in the middle of a file. */
function damage(fileSystem: SimulatedFileSystem, path: string): void {
  const fd = fileSystem.openSync(path, 'write')
  const at = Math.floor(fileSystem.sizeSync(fd) / 2)
  const byte = Buffer.alloc(1)
  fileSystem.readSync(fd, byte, 0, 1, at)
  byte[0] = (byte[0] ?? 0) ^ 0xff
  fileSystem.writeSync(fd, byte, 0, 1, at)
  fileSystem.closeSync(fd)
}

/** A store with so many checkpoints, and something behind the last one. */
async function checkpointed(checkpoints: number, options: StateOptions = SMALL): Promise<SimulatedFileSystem> {
  const { store, fileSystem } = await openSimulatedState<string>(options)
  for (let at = 1; at <= checkpoints; at++) {
    for (let key = 0; key < 10; key++) await store.set(`${key}`, `${at} ${PADDING}`)
    await store.checkpoint()
  }
  await store.set('last', 'behind')
  await store.close()
  return fileSystem
}

function segmentsOf(fileSystem: SimulatedFileSystem): string[] {
  return fileSystem.listSync(`${STATE}/log`).filter((name) => name.endsWith('.seg'))
}

test('a checkpoint holds the state of its moment, and gives up the log that no backup needs', async (t) => {
  const { store, fileSystem } = await openSimulatedState<string>(SMALL)
  const reports: CheckpointReport[] = []
  const progress: unknown[] = []
  store.on('checkpoint', (report) => reports.push(report))
  store.on('checkpointProgress', (each) => progress.push(each))
  t.is(await store.checkpoint(), undefined, 'there is nothing yet')
  for (let at = 0; at < 10; at++) await store.set(`${at}`, PADDING)
  const first = await store.checkpoint()
  t.like(first, { lsn: 10, entries: 10, file: '0000000000000010-1.snapshot' })
  t.true((first?.bytes ?? 0) > 30_000 && (first?.durationMs ?? -1) >= 0)
  t.deepEqual(progress.at(-1), { lsn: 10, entries: 10, of: 10 })
  t.is(await store.checkpoint(), undefined, 'nothing has changed since')
  t.is(segmentsOf(fileSystem)[0], '0000000000000001.seg')
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 10; at++) await store.set(`${at}`, `${round} ${PADDING}`)
    await store.checkpoint()
  }
  t.is(reports.length, 4)
  t.deepEqual(
    snapshotsOf(fileSystem),
    reports.slice(1).map(({ file }) => file),
    'the last three are kept',
  )
  t.not(segmentsOf(fileSystem)[0], '0000000000000001.seg')
  const content = contentOf(store)
  await store.close()
  const { store: again } = await openSimulatedState<string>(SMALL, fileSystem)
  t.deepEqual(contentOf(again), content)
  t.is(again.recovery.snapshot, reports.at(-1)?.file)
  t.is(again.recovery.replayed, 1, 'the record of the checkpoint itself')
  await again.close()
})

test('sets go on during a checkpoint, which has none of them', async (t) => {
  const { store, fileSystem } = await openBegunState(1, SMALL)
  await Promise.all(Array.from({ length: 200 }, (_, at) => store.set(`${at}`, at)))
  const made = store.checkpoint()
  const during = [store.set('begun', 2), store.delete('7'), store.set('new', 3)]
  const report = await made
  await Promise.all(during)
  t.like(report, { lsn: 201, entries: 201 })
  const restored = await store.restore({ at: 201 })
  t.deepEqual([restored.get('begun'), restored.get('7'), restored.has('new'), restored.size], [1, 7, false, 201])
  t.deepEqual([store.get('begun'), store.has('7'), store.get('new'), store.size], [2, false, 3, 201])
  const content = contentOf(store)
  await store.close()
  const { store: again } = await openSimulatedState({}, fileSystem)
  t.deepEqual(contentOf(again), content)
  await again.close()
})

test('never two at a time: who asks meanwhile shares the next one', async (t) => {
  const { store, fileSystem } = await openBegunState(1, SMALL)
  const release = fileSystem.inject({ call: 'write', path: SNAPSHOT, hold: true })
  const first = store.checkpoint()
  await quiet()
  await store.set('a', 2)
  const [second, third] = [store.checkpoint(), store.checkpoint()]
  await quiet()
  t.is(fileSystem.calls.filter(({ call, path }) => call === 'openSync' && SNAPSHOT.test(path)).length, 1)
  t.is(await store.set('b', 3), 3, 'writes do not wait for it')
  release()
  t.like(await first, { lsn: 1 })
  t.is(second, third)
  t.like(await second, { entries: 3 })
  await store.close()
})

test('checkpoints are made by themselves: by bytes, by ratio, and by time', async (t) => {
  const bytes = await openSimulatedState<string>({ compaction: { logBytes: 10_000, ratio: 0 } })
  const made: number[] = []
  bytes.store.on('checkpoint', ({ lsn }) => made.push(lsn))
  for (let at = 0; at < 3; at++) await bytes.store.set('a', PADDING)
  await quiet()
  t.deepEqual(made, [])
  await bytes.store.set('a', PADDING)
  await until(() => made.length > 0)
  t.deepEqual(made, [4])
  await bytes.store.close()

  const ratio = await openSimulatedState<string>({ compaction: { logBytes: 1024, ratio: 3 } })
  made.length = 0
  ratio.store.on('checkpoint', ({ lsn }) => made.push(lsn))
  await ratio.store.set('a', PADDING)
  await until(() => made.length > 0)
  t.deepEqual(made, [1])
  for (let at = 0; at < 3; at++) await ratio.store.set('a', PADDING)
  await quiet()
  t.deepEqual(made, [1], 'not before the log has three times what the snapshot has')
  await ratio.store.set('a', PADDING)
  await until(() => made.length > 1)
  t.is(made.length, 2)
  await ratio.store.close()

  const time = await openSimulatedState({ compaction: { everyMs: 1 } })
  const told = new Promise<CheckpointReport>((resolve) => {
    time.store.on('checkpoint', resolve)
  })
  await time.store.set('a', 1)
  t.like(await told, { lsn: 1, entries: 1 })
  await time.store.close()

  const opened = await openSimulatedState<string>(SMALL)
  for (let at = 0; at < 4; at++) await opened.store.set('a', PADDING)
  await opened.store.close()
  const late = await openSimulatedState<string>({ compaction: { logBytes: 10_000 } }, opened.fileSystem)
  await until(() => snapshotsOf(opened.fileSystem).length > 0)
  t.is(snapshotsOf(opened.fileSystem).length, 1, 'what is due at opening is made then')
  await late.store.close()
})

test('a checkpoint that fails costs nothing but itself', async (t) => {
  const options: StateOptions = { compaction: { logBytes: 5000, ratio: 0 } }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const failures: unknown[] = []
  const made: number[] = []
  store.on('checkpointFailed', (error) => failures.push(Object(error).code))
  store.on('checkpoint', ({ lsn }) => made.push(lsn))
  fileSystem.inject({ call: 'write', path: SNAPSHOT, error: 'ENOSPC' })
  await store.set('a', PADDING)
  await store.set('b', PADDING)
  await until(() => failures.length > 0)
  t.deepEqual(failures, ['SLUICE_DISK_FULL'])
  t.deepEqual(snapshotsOf(fileSystem), [])
  await store.set('c', PADDING)
  await quiet()
  t.deepEqual(made, [], 'it is not tried again at once')
  await store.set('d', PADDING)
  await until(() => made.length > 0)
  t.deepEqual(made, [4])
  await store.set('e', PADDING)
  fileSystem.inject({ call: 'rename', path: SNAPSHOT, error: 'EIO' })
  await rejects(t, store.checkpoint(), { code: 'SLUICE_IO' })
  t.is(store.status, 'open')
  await store.set('e', PADDING)
  await store.close()
  t.deepEqual(snapshotsOf(fileSystem).length, 1)
  const again = await openSimulatedState<string>(options, fileSystem)
  t.is(again.store.size, 5)
  await again.store.close()
})

test('a checkpoint that is durable succeeds, also where tidying up behind it fails: that is told, and done the next time', async (t) => {
  const { store, fileSystem } = await openSimulatedState<string>({ ...SMALL, backups: { keep: 2, gzipAfterMs: false } })
  const failures: Error[] = []
  store.on('tidyFailed', (error) => failures.push(error))
  const made: string[] = []
  store.on('checkpoint', ({ file }) => made.push(file))
  const next = async (): Promise<void> => {
    for (let key = 0; key < 10; key++) await store.set(`${key}`, `${made.length} ${PADDING}`)
    const report = await store.checkpoint()
    t.is(report?.file, made.at(-1), 'the caller has what it asked for')
  }
  await next()
  await next()
  t.deepEqual([failures, store.tidyFailure], [[], undefined])
  fileSystem.inject({ call: 'remove', path: SNAPSHOT, error: 'EIO' })
  await next()
  t.is(failures.length, 1)
  t.is(store.tidyFailure, failures[0])
  t.like(store.tidyFailure, { code: 'SLUICE_IO' })
  t.deepEqual(snapshotsOf(fileSystem), made, 'the first one is one too many')
  await next()
  t.deepEqual([failures.length, store.tidyFailure], [1, undefined])
  t.deepEqual(snapshotsOf(fileSystem), made.slice(-2))

  fileSystem.inject({ call: 'removeSync', path: SEGMENT, error: 'EIO' })
  await next()
  t.is(failures.length, 2)
  const kept = segmentsOf(fileSystem)[0]
  fileSystem.inject({ call: 'remove', path: SNAPSHOT, error: 'EIO' })
  await next()
  t.is(failures.length, 3)
  t.is(store.status, 'open')
  // Nothing changes any more: who asks for a checkpoint has the tidying made up for.
  t.is(await store.checkpoint(), undefined)
  t.is(store.tidyFailure, undefined)
  t.deepEqual(snapshotsOf(fileSystem), made.slice(-2))
  t.not(segmentsOf(fileSystem)[0], kept)
  await store.close()
})

test('closing that cuts short the tidying behind a checkpoint takes nothing from the checkpoint', async (t) => {
  let now = 0
  const options: StateOptions = { ...SMALL, backups: { gzipAfterMs: 0 }, now: () => ++now }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const failures: unknown[] = []
  store.on('tidyFailed', (error) => failures.push(error))
  await store.set('a', PADDING)
  const first = (await store.checkpoint())?.file ?? ''
  const release = fileSystem.inject({ call: 'write', path: /gzip/, hold: true })
  await store.set('a', '')
  const asked = store.checkpoint()
  await until(() => fileSystem.calls.some(({ call, path }) => call === 'write' && path.includes('gzip')))
  const closed = store.close()
  release()
  const second = (await asked)?.file ?? ''
  await closed
  t.deepEqual([failures, store.tidyFailure], [[], undefined])
  t.deepEqual(snapshotsOf(fileSystem), [first, second])
})

test('an opening that has migrated is not refused because it could not tidy up', async (t) => {
  const fileSystem = await checkpointed(3, { ...SMALL, backups: { keep: 2 } })
  fileSystem.inject({ call: 'remove', path: SNAPSHOT, error: 'EIO' })
  const options: StateOptions = {
    ...SMALL,
    backups: { keep: 2 },
    schemaVersion: 2,
    migrations: { 2: (value) => value },
  }
  const { store } = await openSimulatedState<string>(options, fileSystem)
  t.deepEqual(store.recovery.migrated, { 2: 11 })
  t.like(store.tidyFailure, { code: 'SLUICE_IO' })
  await store.set('more', '')
  await store.checkpoint()
  t.is(store.tidyFailure, undefined)
  t.is(snapshotsOf(fileSystem).length, 2)
  await store.close()
})

test('a snapshot of which nobody knows whether its name stays is removed', async (t) => {
  const { store, fileSystem } = await openBegunState(1, SMALL)
  fileSystem.inject({ call: 'syncDirectory', path: /snapshots$/, error: 'EIO' })
  await rejects(t, store.checkpoint(), { code: 'SLUICE_IO' })
  t.deepEqual(snapshotsOf(fileSystem), [])
  t.is((await store.checkpoint())?.entries, 1)
  await store.close()
})

test('a checkpoint that closing cuts short is no failure', async (t) => {
  const { store, fileSystem } = await openSimulatedState<string>({ compaction: { logBytes: 1024, ratio: 0 } })
  const failures: Error[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  const release = fileSystem.inject({ call: 'write', path: SNAPSHOT, hold: true })
  await store.set('a', PADDING)
  await quiet()
  const asked = rejects(t, store.checkpoint(), { code: 'SLUICE_CLOSED' })
  const closed = store.close()
  release()
  await closed
  await asked
  t.deepEqual([failures, snapshotsOf(fileSystem)], [[], []])
})

test('a damaged snapshot is passed over for the one before, and that is said', async (t) => {
  const fileSystem = await checkpointed(4)
  const names = snapshotsOf(fileSystem)
  t.is(names.length, 3)
  const [oldest = '', middle = '', newest = ''] = names
  damage(fileSystem, `${SNAPSHOTS}/${newest}`)
  const one = await openSimulatedState<string>(SMALL, fileSystem)
  t.is(one.store.recovery.snapshot, middle)
  t.deepEqual(
    one.store.recovery.damaged.map(({ file, error }) => [file, error.code]),
    [[newest, 'SLUICE_CORRUPT']],
  )
  t.true(one.store.get('0')?.startsWith('4 '))
  t.deepEqual([one.store.get('last'), one.store.size], ['behind', 11])
  await one.store.close()

  fileSystem.removeSync(`${SNAPSHOTS}/${newest}`)
  damage(fileSystem, `${SNAPSHOTS}/${middle}`)
  const two = await openSimulatedState<string>(SMALL, fileSystem)
  t.is(two.store.recovery.snapshot, oldest)
  t.deepEqual(two.store.recovery.missing, [newest])
  t.deepEqual(
    two.store.recovery.damaged.map(({ file }) => file),
    [middle],
  )
  t.deepEqual([two.store.get('last'), two.store.size], ['behind', 11])
  for (let round = 0; round < 3; round++) {
    await two.store.set('more', `${round}`)
    await two.store.checkpoint()
  }
  t.is(snapshotsOf(fileSystem).length, 3)
  t.false(snapshotsOf(fileSystem).includes(middle), 'the damaged one is gone, as there are enough others')
  await two.store.close()

  for (const name of snapshotsOf(fileSystem)) damage(fileSystem, `${SNAPSHOTS}/${name}`)
  const calls = fileSystem.calls.length
  const error = await rejects(t, openSimulatedState(SMALL, fileSystem), { code: 'SLUICE_CORRUPT' })
  t.regex(error.message, /none is whole/)
  t.deepEqual(
    fileSystem.calls.slice(calls).filter(({ call, path }) => call === 'remove' && SNAPSHOT.test(path)),
    [],
    'nothing is thrown away',
  )
})

test('a damaged snapshot counts for nothing where it is decided what is kept', async (t) => {
  const options: StateOptions = { ...SMALL, backups: { keep: 2 } }
  const fileSystem = await checkpointed(3, options)
  const [second = '', third = ''] = snapshotsOf(fileSystem)
  // Its head is whole: only reading all of it tells.
  damage(fileSystem, `${SNAPSHOTS}/${third}`)
  const { store } = await openSimulatedState<string>(options, fileSystem)
  t.is(store.recovery.snapshot, second)
  await store.set('more', PADDING)
  const fourth = (await store.checkpoint())?.file ?? ''
  t.deepEqual(snapshotsOf(fileSystem), [second, third, fourth], 'there are two that are whole')
  await store.set('more', '')
  const fifth = (await store.checkpoint())?.file ?? ''
  t.deepEqual(snapshotsOf(fileSystem), [fourth, fifth])
  await store.close()

  // One that is not read when the store is opened: what it says of itself is damaged.
  fileSystem.truncateSync(fileSystem.openSync(`${SNAPSHOTS}/${fourth}`, 'write'), 40)
  const again = await openSimulatedState<string>(options, fileSystem)
  t.deepEqual(again.store.recovery.damaged, [])
  await again.store.set('more', PADDING)
  const sixth = (await again.store.checkpoint())?.file ?? ''
  t.deepEqual(snapshotsOf(fileSystem), [fifth, sixth])
  await again.store.close()
})

test('old backups are compressed, and nothing of them is left twice, but the newest is not', async (t) => {
  let now = 0
  const options: StateOptions = { ...SMALL, backups: { gzipAfterMs: 0 }, now: () => ++now }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  await store.set('a', PADDING)
  const first = (await store.checkpoint())?.file ?? ''
  t.deepEqual(snapshotsOf(fileSystem), [first])
  const plain = bytesOf(fileSystem, `${SNAPSHOTS}/${first}`)
  await store.set('a', '')
  const second = (await store.checkpoint())?.file ?? ''
  const packed = first.replace('.snapshot', '.gzip.snapshot')
  t.deepEqual(snapshotsOf(fileSystem), [packed, second])
  // What a crash between the two steps leaves.
  putFiles(fileSystem, SNAPSHOTS, new Map([[first, plain]]))
  await store.set('a', PADDING)
  const third = (await store.checkpoint())?.file ?? ''
  t.deepEqual(snapshotsOf(fileSystem), [packed, second.replace('.snapshot', '.gzip.snapshot'), third])
  await store.close()
})

test('where all of the log is there, it alone makes the state', async (t) => {
  const fileSystem = await checkpointed(2)
  for (const name of snapshotsOf(fileSystem)) damage(fileSystem, `${SNAPSHOTS}/${name}`)
  const { store } = await openSimulatedState<string>(SMALL, fileSystem)
  t.is(store.recovery.snapshot, undefined)
  t.is(store.recovery.damaged.length, 2)
  t.deepEqual([store.get('last'), store.size], ['behind', 11])
  await store.close()
})

test('a snapshot under the name of another one is damaged', async (t) => {
  const fileSystem = await checkpointed(3)
  const newest = snapshotsOf(fileSystem).at(-1) ?? ''
  const wrong = newest.replace(/^\d+/, (lsn) => `${Number(lsn) + 1}`.padStart(16, '0'))
  fileSystem.renameSync(`${SNAPSHOTS}/${newest}`, `${SNAPSHOTS}/${wrong}`)
  const { store } = await openSimulatedState<string>(SMALL, fileSystem)
  t.deepEqual(
    store.recovery.damaged.map(({ file }) => file),
    [wrong],
  )
  t.deepEqual([store.get('last'), store.size, store.get('0')?.slice(0, 2)], ['behind', 11, '3 '])
  await store.close()
})

test('a snapshot that is ahead of the log is refused', async (t) => {
  const fileSystem = await checkpointed(1)
  const other = new SimulatedFileSystem()
  const [name = ''] = snapshotsOf(fileSystem)
  putFiles(other, SNAPSHOTS, new Map([[name, Buffer.from(textOf(fileSystem, `${SNAPSHOTS}/${name}`), 'latin1')]]))
  await rejects(t, openSimulatedState(SMALL, other), { code: 'SLUICE_CORRUPT', file: name })
})

test('beside a process that writes, a snapshot may be ahead of what was read of its log', async (t) => {
  const { store, fileSystem } = await openSimulatedState<number>(SMALL)
  await store.set('a', 1)
  await quiet()
  const before = fileSystem.stateAfterCrash({ keep: 'all' })
  await store.set('a', 2)
  const name = (await store.checkpoint())?.file ?? ''
  await store.close()
  putFiles(before, SNAPSHOTS, new Map([[name, bytesOf(fileSystem, `${SNAPSHOTS}/${name}`)]]))
  t.is((await restoreState<number>(STATE, { fileSystem: before })).get('a'), 1)
  await rejects(t, openSimulatedState(SMALL, before), { code: 'SLUICE_CORRUPT', file: name })
})

test('backups are kept by number and by time, and the old ones compressed', async (t) => {
  let now = Date.UTC(2024, 0, 1)
  const options: StateOptions = { ...SMALL, backups: { keep: 2, daily: 3, weekly: 2 }, now: () => now }
  const { store, fileSystem } = await openSimulatedState<number>(options)
  const lsnAt = new Map<number, number>()
  for (let half = 0; half < 28; half++) {
    now = Date.UTC(2024, 0, 1) + half * (DAY_MS / 2)
    await store.set('half', half)
    lsnAt.set(half, (await store.checkpoint())?.lsn ?? 0)
  }
  const nameOf = (half: number, gzip = ''): string => `${String(lsnAt.get(half)).padStart(16, '0')}-1${gzip}.snapshot`
  // Two a day for two weeks: the last two, the last of three days, and the last of two weeks.
  t.deepEqual(snapshotsOf(fileSystem), [nameOf(13, '.gzip'), nameOf(23, '.gzip'), nameOf(25), nameOf(26), nameOf(27)])
  for (const half of [13, 23, 25, 27]) {
    t.is((await store.restore({ at: lsnAt.get(half) ?? 0 })).get('half'), half, 'compressed ones are read too')
  }
  await store.close()
  const plain = await checkpointed(3, { ...SMALL, backups: { gzipAfterMs: false }, now: () => (now += 10 * DAY_MS) })
  t.true(snapshotsOf(plain).every((name) => !name.includes('gzip')))
})

test('a clock that throws fails its checkpoint, and no other', async (t) => {
  let fails = true
  const now = (): number => {
    if (fails) throw new RangeError('no time')
    return 1
  }
  const { store } = await openSimulatedState({ compaction: false, now })
  await store.set('a', 1)
  await t.throwsAsync(store.checkpoint(), { message: 'no time' })
  fails = false
  t.is((await store.checkpoint())?.entries, 1)
  await store.close()
})

test('the state is restored as it was, by LSN and by time, as far back as it reaches', async (t) => {
  const { store, fileSystem } = await openBegunState<string>('0', { ...SMALL, backups: { keep: 2 } })
  const times: number[] = []
  const lsns: number[] = []
  for (let round = 1; round <= 8; round++) {
    lsns.push(await store.set('begun', `${round} ${PADDING}`))
    for (let key = 0; key < 5; key++) await store.set(`${round} ${key}`, PADDING)
    const last = store.durableLsn
    for await (const { lsn, timestamp } of store.history(`${round} 4`)) if (lsn === last) times.push(timestamp)
    // What comes next has a later time.
    while (Date.now() <= (times.at(-1) ?? 0)) await turn()
    if (round % 2 === 0) await store.checkpoint()
  }
  const at = (round: number): string => `${round} ${PADDING}`
  for (const round of [7, 8]) {
    const restored = await store.restore({ at: lsns[round - 1] ?? 0 })
    t.deepEqual([restored.lsn, restored.get('begun'), restored.has(`${round} 0`)], [lsns[round - 1], at(round), false])
    const byTime = await store.restore({ at: new Date(times[round - 1] ?? 0) })
    t.deepEqual([byTime.get('begun'), byTime.has(`${round} 4`)], [at(round), true])
    t.is(byTime.size, 1 + 5 * round)
    t.deepEqual([...byTime.scan(`${round} `)].length, 5)
    const beside = await restoreState<string>(STATE, { at: lsns[round - 1] ?? 0, fileSystem })
    t.deepEqual(contentOf(beside), contentOf(restored), 'without the lock, beside the store')
  }
  const beyond = { code: 'SLUICE_TRIMMED' } as const
  await rejects(t, store.restore({ at: lsns[0] ?? 0 }), beyond)
  await rejects(t, store.restore({ at: new Date(times[0] ?? 0) }), beyond)
  await rejects(t, store.restore({ at: new Date(0) }), beyond)
  await rejects(t, restoreState(STATE, { at: 1, fileSystem }), beyond)
  for (const bad of [-1, 1.5, store.durableLsn + 1, new Date(Number.NaN), 'now' as unknown as number]) {
    await rejects(t, store.restore({ at: bad }), { code: 'SLUICE_INVALID_ARGUMENT' })
  }
  t.is((await store.restore({ at: new Date(8.64e15) })).size, store.size)
  t.is((await restoreState(STATE, { fileSystem })).size, store.size, 'without a moment: as it is')
  await store.close()
  await rejects(t, restoreState('/data/nothing', { fileSystem }), { code: 'SLUICE_INVALID_ARGUMENT' })
  t.deepEqual(fileSystem.openPaths, [])
})

const JSON_FILE = '/data/players.json'
const WITH_JSON: StateOptions = { ...SMALL, json: { name: 'players.json', debounceMs: 0 } }

/** Resolves once the plain file is replaced the next time. */
async function rewritten(fileSystem: SimulatedFileSystem): Promise<void> {
  let isReplaced = false
  const stop = fileSystem.onCall(({ call, to }) => {
    if (call === 'rename' && to === JSON_FILE) isReplaced = true
  })
  await until(() => isReplaced)
  stop()
  await quiet()
}

test('a plain file beside the store is kept in step, whole, and made anew', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  let written = rewritten(fileSystem)
  const { store } = await openSimulatedState<unknown>(WITH_JSON, fileSystem)
  await written
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), {})
  written = rewritten(fileSystem)
  await Promise.all([store.set('ada', { x: 1 }), store.set('__proto__', 2)])
  await written
  const wanted = '{"ada":{"x":1},"__proto__":2}'
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), JSON.parse(wanted))
  for (let seed = 0; seed < 10; seed++) {
    const set = store.set('bob', seed)
    t.notThrows(() => JSON.parse(textOf(fileSystem.stateAfterCrash({ seed }), JSON_FILE)), 'whole at any moment')
    await set
  }
  await store.delete('bob')
  await store.close()
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), JSON.parse(wanted), 'closing makes it current')

  for (const spoil of [
    () => fileSystem.removeSync(JSON_FILE),
    () => damage(fileSystem, JSON_FILE),
    () => fileSystem.truncateSync(fileSystem.openSync(JSON_FILE, 'write'), 3),
  ]) {
    spoil()
    written = rewritten(fileSystem)
    const again = await openSimulatedState<unknown>(WITH_JSON, fileSystem)
    t.deepEqual([again.store.recovery.adopted, again.store.size], [0, 2], 'never adopted where there is state')
    await written
    t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), JSON.parse(wanted))
    await again.store.close()
  }

  written = rewritten(fileSystem)
  const failing = await openSimulatedState<unknown>(WITH_JSON, fileSystem)
  await written
  const failure = new Promise((resolve) => {
    failing.store.on('jsonFailed', resolve)
  })
  fileSystem.inject({ call: 'rename', path: /players\.json$/, error: 'EIO' })
  await failing.store.set('cy', 3)
  t.like(await failure, { code: 'SLUICE_IO' })
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), JSON.parse(wanted), 'the old one is whole')
  written = rewritten(fileSystem)
  await failing.store.set('cy', 4)
  await written
  t.is(JSON.parse(textOf(fileSystem, JSON_FILE)).cy, 4)
  await failing.store.close()
})

test('a plain file is written again for what has changed while it was written, and only then', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const leftover = 'players.json.0123456789abcdef.tmp'
  putFiles(fileSystem, '/data', new Map([[leftover, Buffer.from('{')]]))
  let written = rewritten(fileSystem)
  const { store } = await openSimulatedState<number>(WITH_JSON, fileSystem)
  t.false(fileSystem.listSync('/data').includes(leftover), 'what a crash left behind is removed')
  await written
  const release = fileSystem.inject({ call: 'write', path: /players\.json/, hold: true })
  const begun = new Promise<void>((resolve) => {
    const stop = fileSystem.onCall(({ call, path }) => {
      if (call !== 'write' || !path.includes('players.json')) return
      stop()
      resolve()
    })
  })
  await store.set('ada', 1)
  await begun
  await store.set('bob', 2)
  const twice = new Promise<void>((resolve) => {
    let renames = 0
    fileSystem.onCall(({ call, to }) => {
      if (call === 'rename' && to === JSON_FILE && ++renames === 2) resolve()
    })
  })
  release()
  await twice
  await quiet()
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), { ada: 1, bob: 2 })
  const calls = fileSystem.calls.length
  await store.close()
  t.deepEqual(
    fileSystem.calls.slice(calls).filter(({ call, to }) => call === 'rename' && to === JSON_FILE),
    [],
    'it was current',
  )
  written = rewritten(fileSystem)
  const again = await openSimulatedState<number>(WITH_JSON, fileSystem)
  await written
  await again.store.close()
})

test('a plain file that could not be written is tried again for each change that came since, and only for that', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  // The file's own timers don't keep a process alive.
  const alive = setInterval(() => {}, 60_000)
  t.teardown(() => clearInterval(alive))
  let written = rewritten(fileSystem)
  const { store } = await openSimulatedState<number>(WITH_JSON, fileSystem)
  await written
  let attempts = 0
  fileSystem.onCall(({ call, to }) => {
    if (call === 'rename' && to === JSON_FILE) attempts++
  })
  const failing = (): Promise<Error> => new Promise((resolve) => store.once('jsonFailed', resolve))
  // Nothing changes behind the failure.
  let failed = failing()
  fileSystem.inject({ call: 'rename', path: /players\.json/, error: 'EIO' })
  await store.set('ada', 1)
  t.like(await failed, { code: 'SLUICE_IO' })
  for (let timers = 0; timers < 5; timers++) await new Promise((resolve) => setTimeout(resolve, 0))
  await quiet()
  t.is(attempts, 1, 'it would fail again')
  t.is(textOf(fileSystem, JSON_FILE).trim(), '{}')
  // The next change brings an attempt, which fails as well; what changes during that brings the next one by itself.
  failed = failing()
  const release = fileSystem.inject({ call: 'rename', path: /players\.json/, hold: true, error: 'EIO' })
  const begun = new Promise<void>((resolve) => {
    const stop = fileSystem.onCall(({ call, to }) => {
      if (call !== 'rename' || to !== JSON_FILE) return
      stop()
      resolve()
    })
  })
  await store.set('ada', 2)
  await begun
  await store.set('ada', 3)
  written = rewritten(fileSystem)
  release()
  await failed
  await written
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), { ada: 3 })
  t.is(attempts, 3)
  // Closing is one more occasion.
  failed = failing()
  fileSystem.inject({ call: 'rename', path: /players\.json/, error: 'EIO' })
  await store.set('ada', 4)
  await failed
  await store.close()
  t.deepEqual(JSON.parse(textOf(fileSystem, JSON_FILE)), { ada: 4 })
})

test('a plain file that is there before the store becomes its first content', async (t) => {
  const content = JSON.stringify({ ada: { x: 1 }, bob: null, 7: [1, 2] }).replace('bob', '__proto__')
  const fileSystem = new SimulatedFileSystem()
  putFiles(fileSystem, '/data', new Map([['players.json', Buffer.from(content)]]))
  for (let n = 1; ; n++) {
    const world = fileSystem.stateAfterCrash({ keep: 'all' })
    world.crashAfter(n)
    const attempt = openSimulatedState<unknown>(WITH_JSON, world)
    const error = await attempt.then(
      ({ store }) => store.close().catch(() => {}),
      () => {},
    )
    t.is(error, undefined)
    const isDone = world.stoppedAt === undefined
    const { store } = await openSimulatedState<unknown>(WITH_JSON, world.crash(isDone ? { keep: 'all' } : { seed: n }))
    t.deepEqual(contentOf(store), [
      ['7', [1, 2]],
      ['__proto__', null],
      ['ada', { x: 1 }],
    ])
    await store.close()
    if (isDone) break
  }
  for (const bad of ['[1]', '7', '{"a":', '']) {
    const other = new SimulatedFileSystem()
    putFiles(other, '/data', new Map([['players.json', Buffer.from(bad)]]))
    await rejects(t, openSimulatedState(WITH_JSON, other), { code: 'SLUICE_CORRUPT', file: 'players.json' })
    t.is(textOf(other, JSON_FILE), bad, 'it is let be')
  }
})

test('an adoption that a crash cut short counts for nothing, also where the file is another one then', async (t) => {
  const large = { a: 'a'.repeat(200_000), b: 'b'.repeat(200_000), c: 'c'.repeat(200_000) }
  const fileSystem = new SimulatedFileSystem()
  putFiles(fileSystem, '/data', new Map([['players.json', Buffer.from(JSON.stringify(large))]]))
  let partial = 0
  let refused = 0
  for (let n = 1; ; n++) {
    const world = fileSystem.stateAfterCrash({ keep: 'all' })
    world.crashAfter(n)
    await openSimulatedState<unknown>(WITH_JSON, world).then(
      ({ store }) => store.close().catch(() => {}),
      () => {},
    )
    if (world.stoppedAt === undefined) break
    const after = world.crash({ keep: 'all' })
    const keys = await restoreState(STATE, { fileSystem: after }).then(
      ({ size }) => size,
      () => 0,
    )
    t.true(keys === 0 || keys === 3, `${keys} keys after ${n} calls`)
    const without = await openSimulatedState(SMALL, after).then(
      ({ store }) => store.close(),
      (error: unknown) => error,
    )
    after.removeSync(JSON_FILE)
    if (without !== undefined) {
      refused++
      t.like(without, { code: 'SLUICE_CORRUPT' })
      const gone = await rejects(t, openSimulatedState(WITH_JSON, after), { code: 'SLUICE_CORRUPT' })
      t.regex(gone.message, /gone/)
    }
    putFiles(after, '/data', new Map([['players.json', Buffer.from('{"other":1}')]]))
    // A reader beside it sees no more than the mark tells; opening finds all that survived.
    const found: string[] = []
    for (let openings = 0; openings < 2; openings++) {
      const { store } = await openSimulatedState<unknown>(WITH_JSON, after)
      found.push([...store.keys()].sort().join())
      let changes = 0
      for await (const { lsn } of store.history('a')) changes += lsn
      if (found[0] === 'other' && changes > 0) partial++
      await store.close()
    }
    const wanted = keys === 3 || found[0] !== 'other' ? 'a,b,c' : 'other'
    t.deepEqual(found, [wanted, wanted], `after ${n} calls`)
  }
  t.true(partial > 0, 'a part of it had been adopted')
  t.true(refused > 0, 'nobody else may take that part for the state')
})

interface Player {
  readonly name: string
  readonly level?: number
  readonly tags?: readonly string[]
}

const TO_2 = (value: unknown): Player => ({ ...(value as Player), level: 1 })
const TO_3 = (value: unknown): Player => ({ ...(value as Player), tags: [] })

/** A store of the first version. */
async function oldPlayers(): Promise<SimulatedFileSystem> {
  const { store, fileSystem } = await openSimulatedState<Player>(SMALL)
  for (const name of ['ada', 'bob', 'cy']) await store.set(name, { name })
  await store.checkpoint()
  await store.set('dan', { name: 'dan' })
  await store.close()
  return fileSystem
}

test('migrations bring values to the newest version, one version after the other', async (t) => {
  const fileSystem = await oldPlayers()
  const calls: string[] = []
  const options: StateOptions = {
    ...SMALL,
    schemaVersion: 3,
    migrations: {
      2: (value, key) => {
        calls.push(`2 ${key}`)
        return key === 'cy' ? undefined : TO_2(value)
      },
      3: (value, key) => {
        calls.push(`3 ${key}`)
        return TO_3(value)
      },
    },
  }
  const report = await tryMigrations(STATE, { ...options, fileSystem } as StateOptions)
  t.like(report, { lsn: 5, found: { 1: 4 }, due: [2, 3], changed: 3, unchanged: 0, dropped: 1, failures: [] })
  t.is((await restoreState<Player>(STATE, { fileSystem })).get('ada')?.level, undefined, 'a trial changes nothing')
  calls.length = 0
  const { store } = await openSimulatedState<Player>(options, fileSystem)
  t.deepEqual(store.recovery.migrated, { 2: 4, 3: 3 })
  t.deepEqual(calls.map((call) => call[0]).join(''), '2222333')
  t.deepEqual(store.get('ada'), { name: 'ada', level: 1, tags: [] })
  t.deepEqual([store.size, store.has('cy')], [3, false])
  const old = await store.restore({ at: 2 })
  t.deepEqual(old.get('bob'), { name: 'bob', level: 1, tags: [] }, 'what is restored is migrated')
  t.is(old.foundVersion, 1)
  await store.set('eve', { name: 'eve', level: 2, tags: ['x'] })
  await store.close()
  calls.length = 0
  const again = await openSimulatedState<Player>(options, fileSystem)
  t.deepEqual([calls, again.store.recovery.migrated], [[], {}])
  t.deepEqual(again.store.get('eve')?.tags, ['x'])
  await again.store.close()
  for (const schemaVersion of [1, 2]) {
    await rejects(t, openSimulatedState({ ...SMALL, schemaVersion }, fileSystem), { code: 'SLUICE_NEWER_SCHEMA' })
    await rejects(t, restoreState(STATE, { schemaVersion, fileSystem }), { code: 'SLUICE_NEWER_SCHEMA' })
  }
})

test('a state of a newer version is refused also where only the log has it', async (t) => {
  const { store, fileSystem } = await openSimulatedState({ ...SMALL, schemaVersion: 2 })
  await store.set('a', 1)
  await store.close()
  const calls = fileSystem.calls.length
  await rejects(t, openSimulatedState(SMALL, fileSystem), { code: 'SLUICE_NEWER_SCHEMA' })
  t.deepEqual(
    fileSystem.calls.slice(calls).filter(({ call, path }) => call === 'writeSync' && path.endsWith('.seg')),
    [],
  )
})

test('migrations go on where a crash has ended them', async (t) => {
  const before = await oldPlayers()
  let resumed = 0
  for (let n = 1; ; n++) {
    const world = before.stateAfterCrash({ keep: 'all' })
    const seen: number[] = []
    const options: StateOptions = {
      ...SMALL,
      schemaVersion: 3,
      migrations: {
        2: (value) => {
          seen.push(2)
          if ((value as Player).level !== undefined) throw new Error('migrated twice')
          return TO_2(value)
        },
        3: (value) => {
          seen.push(3)
          if ((value as Player).tags !== undefined) throw new Error('migrated twice')
          return TO_3(value)
        },
      },
    }
    world.crashAfter(n)
    await openSimulatedState<Player>(options, world).then(
      ({ store }) => store.close().catch(() => {}),
      () => {},
    )
    const isDone = world.stoppedAt === undefined
    const wasMigrated = seen.includes(2)
    seen.length = 0
    const { store } = await openSimulatedState<Player>(options, world.crash(isDone ? { keep: 'all' } : { seed: n }))
    if (!isDone && wasMigrated && !seen.includes(2) && seen.includes(3)) resumed++
    t.deepEqual(
      contentOf(store),
      ['ada', 'bob', 'cy', 'dan'].map((name) => [name, { name, level: 1, tags: [] }]),
    )
    await store.close()
    if (isDone) break
  }
  t.true(resumed > 0, 'the first one was durable before the second one began')
})

test('values of several versions are each migrated once, also where a crash comes between', async (t) => {
  const migrations = {
    2: (value: unknown) => {
      if ((value as Player).level !== undefined) throw new Error('migrated to 2 twice')
      return TO_2(value)
    },
    3: (value: unknown) => {
      if ((value as Player).tags !== undefined) throw new Error('migrated to 3 twice')
      return TO_3(value)
    },
  }
  const options: StateOptions = { ...SMALL, schemaVersion: 3, migrations }
  const before = await oldPlayers()
  const { store } = await openSimulatedState<Player>(options, before)
  await store.set('eve', { name: 'eve', level: 1, tags: [] })
  await store.close()
  // All but the oldest snapshot are damaged: what it has is old, and what the log has is not.
  const [, ...newer] = snapshotsOf(before)
  t.is(newer.length, 2)
  for (const name of newer) damage(before, `${SNAPSHOTS}/${name}`)
  for (let n = 1; ; n++) {
    const world = before.stateAfterCrash({ keep: 'all' })
    world.crashAfter(n)
    await openSimulatedState<Player>(options, world).then(
      ({ store }) => store.close().catch(() => {}),
      () => {},
    )
    const isDone = world.stoppedAt === undefined
    const { store } = await openSimulatedState<Player>(options, world.crash(isDone ? { keep: 'all' } : { seed: n }))
    t.deepEqual(
      contentOf(store),
      ['ada', 'bob', 'cy', 'dan', 'eve'].map((name) => [name, { name, level: 1, tags: [] }]),
    )
    await store.close()
    if (isDone) break
  }
})

test('migrations that fail, or are missing, refuse the store and lose nothing', async (t) => {
  const fileSystem = await oldPlayers()
  const failing = {
    schemaVersion: 3,
    migrations: {
      2: TO_2,
      3: (value: unknown) => {
        if ((value as Player).name === 'bob') throw new RangeError('not bob')
        return TO_3(value)
      },
    },
  }
  const report = await tryMigrations(STATE, { ...failing, fileSystem })
  t.deepEqual(
    report.failures.map(({ key, version, error }) => [key, version, Object(error).code]),
    [['bob', 3, 'SLUICE_MIGRATION_FAILED']],
  )
  t.is(report.changed, 3)
  const error = await rejects(t, openSimulatedState({ ...SMALL, ...failing }, fileSystem), {
    code: 'SLUICE_MIGRATION_FAILED',
  })
  t.regex(error.message, /schema version 3 failed for the key "bob": not bob/)
  t.true(error.cause instanceof RangeError)
  t.deepEqual(fileSystem.openPaths, [])
  const missing = { ...SMALL, schemaVersion: 4, migrations: { 2: TO_2, 3: TO_3 } }
  const told = await rejects(t, openSimulatedState(missing, fileSystem), { code: 'SLUICE_MIGRATION_FAILED' })
  t.regex(told.message, /no migration to 4/)
  const bad = { ...SMALL, schemaVersion: 3, migrations: { 2: TO_2, 3: () => 7n } }
  // The migration before is durable, and so are those of the attempt that reached the third version.
  t.like(await rejection(openSimulatedState({ ...bad, schemaVersion: 4, migrations: { 4: () => 7n } }, fileSystem)), {
    code: 'SLUICE_MIGRATION_FAILED',
  })
  const { store } = await openSimulatedState<Player>({ ...SMALL, schemaVersion: 3 }, fileSystem)
  t.deepEqual(store.get('bob'), { name: 'bob', level: 1, tags: [] })
  t.is(store.size, 4)
  await store.close()
})

test('an empty state needs no migration', async (t) => {
  const { store, fileSystem } = await openSimulatedState({ ...SMALL, schemaVersion: 7 })
  t.deepEqual(store.recovery.migrated, {})
  await store.set('a', 1)
  await store.close()
  await rejects(t, openStateStore(STATE, { ...SMALL, schemaVersion: 6, fileSystem }), { code: 'SLUICE_NEWER_SCHEMA' })
})
