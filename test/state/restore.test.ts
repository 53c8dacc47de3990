import test, { type ExecutionContext } from 'ava'
import type { SluiceError } from '../../src/errors.js'
import type { StateOptions, StateStore } from '../../src/state/contract.js'
import { restoreState } from '../../src/state/open-state-store.js'
import type { SimulatedFileSystem } from '../../src/testing/index.js'
import { quiet, rejects, turn } from '../support/simulated-log.js'
import { openSimulatedState, SNAPSHOTS, STATE, snapshotsOf } from '../support/simulated-state.js'

const DAY_MS = 86_400_000
const PADDING = 'x'.repeat(3000)
const DAYS = 6

/** What is known of one day: the round of all its keys, its backup, and the times of its first and its last write. */
interface Day {
  readonly backup: number
  readonly firstLsn: number
  readonly first: number
  readonly last: number
}

interface Daily {
  readonly store: StateStore<string>
  readonly fileSystem: SimulatedFileSystem
  readonly options: StateOptions
  readonly days: readonly Day[]
}

/** A store with a backup of each of some days, and a log that has only the last two. */
async function dailyBackups(): Promise<Daily> {
  let now = Date.UTC(2024, 0, 1)
  const options: StateOptions = {
    compaction: false,
    log: { segmentBytes: 16 * 1024 },
    backups: { keep: 2, daily: DAYS + 1, gzipAfterMs: DAY_MS },
    now: () => now,
  }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const days: Day[] = []
  for (let day = 0; day < DAYS; day++, now += DAY_MS) {
    const firstLsn = await store.set('begun', `${day}`)
    const first = await timeOf(store, 'begun')
    // Nothing else is written in this millisecond.
    await nextMillisecond()
    for (let key = 0; key < 10; key++) await store.set(`${key}`, `${day} ${PADDING}`)
    await store.set('done', `${day}`)
    const last = await timeOf(store, 'done')
    await nextMillisecond()
    days.push({ backup: (await store.checkpoint())?.lsn ?? 0, firstLsn, first, last })
    await nextMillisecond()
  }
  return { store, fileSystem, options, days }
}

async function timeOf(store: StateStore<string>, key: string): Promise<number> {
  let time = 0
  for await (const { timestamp } of store.history(key)) time = timestamp
  return time
}

async function nextMillisecond(): Promise<void> {
  for (const now = Date.now(); Date.now() <= now; ) await turn()
}

type Restore = (at: number | Date) => ReturnType<typeof restoreState<string>>

/** Every moment of the days before the log is restored as it was, or refused. */
async function checkDays(t: ExecutionContext, restore: Restore, { days }: Pick<Daily, 'days'>): Promise<void> {
  for (const [index, { backup, first, firstLsn, last }] of days.entries()) {
    const next = days[index + 1]
    const whole = [new Date(last), new Date(last + 1), backup]
    if (next !== undefined) whole.push(new Date(next.first - 1))
    for (const at of whole) {
      const state = await restore(at)
      t.deepEqual([state.get('begun'), state.get('done'), state.size], [`${index}`, `${index}`, 12], `day ${index}`)
      t.is(state.get('9'), `${index} ${PADDING}`)
    }
    // The log has the last two days.
    if (index >= DAYS - 2) continue
    const before = days[index - 1]
    for (const at of [new Date(first), new Date(last - 1), firstLsn, backup - 1]) {
      const error: SluiceError = await rejects(t, restore(at), { code: 'SLUICE_TRIMMED' })
      t.deepEqual([error.firstLsn, error.lastLsn], [before?.backup, backup], 'the nearest that can be restored')
      t.true(error.message.includes(at instanceof Date ? at.toISOString() : `LSN ${at}`), error.message)
      if (before === undefined) continue
      const span = `from ${new Date(before.last).toISOString()} until before ${new Date(first).toISOString()}`
      t.true(error.message.includes(`LSN ${before.backup} (${span})`), error.message)
    }
  }
}

test('backups that are older than the log are restored by any time at which they were the state', async (t) => {
  const daily = await dailyBackups()
  const { store, fileSystem, options, days } = daily
  t.is(snapshotsOf(fileSystem).filter((name) => name.endsWith('.gzip.snapshot')).length, DAYS - 2)
  await checkDays(t, (at) => store.restore({ at }), daily)
  await store.close()
  const { store: again } = await openSimulatedState<string>(options, fileSystem)
  await checkDays(t, (at) => again.restore({ at }), daily)
  await checkDays(t, (at) => restoreState<string>(STATE, { at, fileSystem }), daily)
  // Later checkpoints pass on what the earlier ones have noted.
  await again.set('more', '')
  await again.checkpoint()
  await checkDays(t, (at) => again.restore({ at }), { days: days.slice(0, -2) })
  await again.close()
})

test('where the newest snapshot is damaged, the one before tells the times of those that are older', async (t) => {
  const daily = await dailyBackups()
  const { store, fileSystem, days } = daily
  await store.close()
  const newest = snapshotsOf(fileSystem).at(-1) ?? ''
  fileSystem.truncateSync(fileSystem.openSync(`${SNAPSHOTS}/${newest}`, 'write'), 40)
  for (const [index, { last }] of days.slice(0, -2).entries()) {
    const state = await restoreState<string>(STATE, { at: new Date(last), fileSystem })
    t.deepEqual([state.get('done'), state.size], [`${index}`, 12])
  }
})

test('a backup that is damaged is never taken for another one', async (t) => {
  const { store, fileSystem, days } = await dailyBackups()
  await store.close()
  const names = snapshotsOf(fileSystem)
  fileSystem.truncateSync(fileSystem.openSync(`${SNAPSHOTS}/${names[2] ?? ''}`, 'write'), 40)
  const at = new Date(days[2]?.last ?? 0)
  await rejects(t, restoreState<string>(STATE, { at, fileSystem }), { code: 'SLUICE_CORRUPT', file: names[2] ?? '' })
  t.is((await restoreState<string>(STATE, { at: new Date(days[1]?.last ?? 0), fileSystem })).get('done'), '1')
  // What is asked for lies between two others.
  const near = { firstLsn: days[0]?.backup ?? 0, lastLsn: days[1]?.backup ?? 0 }
  for (const moment of [near.lastLsn - 1, new Date(days[1]?.first ?? 0)]) {
    await rejects(t, restoreState<string>(STATE, { at: moment, fileSystem }), { code: 'SLUICE_TRIMMED', ...near })
  }
})

test('what a checkpoint removes while it is read is read again', async (t) => {
  const options: StateOptions = { compaction: false, log: { segmentBytes: 16 * 1024 }, backups: { keep: 2 } }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const lsns: number[] = []
  const write = async (round: number): Promise<void> => {
    for (let key = 0; key < 10; key++) await store.set(`${key}`, `${round} ${PADDING}`)
    lsns.push((await store.checkpoint())?.lsn ?? 0)
  }
  await write(1)
  await write(2)
  const release = fileSystem.inject({ call: 'open', path: /snapshots\//, hold: true })
  // The second snapshot serves, and it is gone before it is opened.
  const restored = store.restore({ at: lsns[1] ?? 0 })
  await quiet()
  for (const name of snapshotsOf(fileSystem).slice(1)) fileSystem.removeSync(`${SNAPSHOTS}/${name}`)
  release()
  const state = await restored
  t.deepEqual([state.lsn, state.get('9')], [lsns[1], `2 ${PADDING}`], 'the first one and the log make it')
  const mend = fileSystem.inject({ call: 'open', path: /snapshots\//, error: 'EIO', once: false })
  await rejects(t, store.restore({ at: lsns[1] ?? 0 }), { code: 'SLUICE_IO' })
  mend()
  await store.close()
})

test('beside a process that trims what is being read, the log is looked at anew', async (t) => {
  const options: StateOptions = { compaction: false, log: { segmentBytes: 16 * 1024 }, backups: { keep: 2 } }
  const { store, fileSystem } = await openSimulatedState<string>(options)
  const write = async (round: number): Promise<void> => {
    for (let key = 0; key < 10; key++) await store.set(`${key}`, `${round} ${PADDING}`)
    await store.checkpoint()
  }
  // Its log begins behind the first LSN already: without a snapshot it is not to be read.
  for (let round = 1; round <= 4; round++) await write(round)
  const release = fileSystem.inject({ call: 'open', path: /snapshots\//, hold: true })
  const restored = restoreState<string>(STATE, { fileSystem })
  await quiet()
  const before = snapshotsOf(fileSystem)
  for (let round = 5; round <= 8; round++) await write(round)
  t.false(
    snapshotsOf(fileSystem).some((name) => before.includes(name)),
    'all that it knows of is gone, and so is the log behind it',
  )
  release()
  const state = await restored
  t.deepEqual([state.get('9'), state.size], [`8 ${PADDING}`, 10])
  await store.close()
})
