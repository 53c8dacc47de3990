import test from 'ava'
import type { CommitFigures, Log } from '../../src/log/contract.js'
import { openLog } from '../../src/log/open-log.js'
import { FixtureProcess } from '../support/fixture-process.js'
import {
  DIRECTORY,
  HALF_BYTES,
  LEAST_PENDING_BYTES,
  openBegun,
  openSimulated,
  quiet,
  rejection,
  SEGMENT,
  SOME_BYTES,
} from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

const EVENTS = ['commit', 'durable', 'rollback', 'rotate', 'slowSync', 'drain', 'failed', 'close'] as const

/** The names of the events that a log tells from now on, and what a test adds. */
function namesOf(log: Log): string[] {
  const names: string[] = []
  for (const event of EVENTS) log.on(event, () => names.push(event))
  return names
}

test.serial('commit: what the writer did for a batch', async (t) => {
  const clock = SteppedClock.install(t)
  const { log, fileSystem } = await openBegun({ batch: { maxDelayMs: 5 }, directorySync: 'always' })
  await quiet()
  const commits: CommitFigures[] = []
  log.on('commit', (figures) => commits.push({ ...figures, waitMs: Math.round(figures.waitMs) }))
  fileSystem.onCall(({ call, path }) => {
    if (call === 'writeSync' && SEGMENT.test(path)) clock.spend(2)
    if (call === 'datasyncSync' && SEGMENT.test(path)) clock.spend(30)
    if (call === 'syncDirectorySync') clock.spend(400)
  })
  const appends = [log.append('one'), log.appendMany(['two', 'three'])]
  await quiet()
  clock.advance(5)
  await Promise.all(appends)
  // Two frames: 56 bytes each before their records, each record with 4 before it, and all of it in eights.
  const bytes = 64 + 80
  t.deepEqual(commits, [
    {
      firstLsn: 2,
      lastLsn: 4,
      records: 3,
      bytes,
      cause: 'delay',
      waitMs: 5,
      writeMs: 2,
      syncMs: 30,
      directorySyncMs: 400,
      durableLsn: 4,
    },
  ])
  await log.close()
})

test.serial('commit: a batch whose sync is deferred has none, and its sync is no batch', async (t) => {
  const { log } = await openBegun({ flush: 'never' })
  const names = namesOf(log)
  const commits: CommitFigures[] = []
  log.on('commit', (figures) => commits.push(figures))
  await log.append('one')
  t.like(commits[0], { firstLsn: 2, lastLsn: 2, syncMs: 0, directorySyncMs: 0, durableLsn: 1 })
  t.deepEqual(names, ['commit'])
  await log.flush()
  t.deepEqual(names, ['commit', 'durable'])
  await log.close()
})

test('durable: all up to this LSN survives a power cut; events come before the appends they are about resolve', async (t) => {
  const { log } = await openBegun()
  const names = namesOf(log)
  const seen: number[][] = []
  log.on('commit', () => seen.push([log.durableLsn]))
  log.on('durable', (lsn) => seen.push([lsn, log.durableLsn]))
  await Promise.all([
    log.append('a').then((lsn) => names.push(`append ${lsn}`)),
    log.append('b').then((lsn) => names.push(`append ${lsn}`)),
    log.flush().then((lsn) => names.push(`flush ${lsn}`)),
  ])
  t.deepEqual(names, ['commit', 'durable', 'append 2', 'append 3', 'flush 3'])
  t.deepEqual(seen, [[3], [3, 3]])
  await log.close()
})

test('rotate: a segment is sealed, and the next one opened, before its commit is told', async (t) => {
  const large = 'x'.repeat(12_000)
  const options = { segmentBytes: 16 * 1024 }
  const { log, fileSystem } = await openSimulated(options)
  const names = namesOf(log)
  const rotations: unknown[] = []
  log.on('rotate', (segment) => rotations.push(segment))
  await log.append(large)
  t.deepEqual(names, ['commit', 'durable'], 'the first segment follows none')
  await log.append(large)
  t.deepEqual(names.slice(2), ['rotate', 'commit', 'durable'])
  await log.append(large)
  t.deepEqual(rotations, [
    { firstLsn: 2, sealedLastLsn: 1 },
    { firstLsn: 3, sealedLastLsn: 2 },
  ])
  t.is(log.stats().rotations, 2)
  await log.close()
  const { log: reopened } = await openSimulated(options, fileSystem)
  reopened.on('rotate', (segment) => rotations.push(segment))
  await reopened.append(large)
  t.deepEqual(rotations.at(-1), { firstLsn: 4, sealedLastLsn: 3 })
  await reopened.close()
})

test.serial('slowSync: a sync that took longer than a second', async (t) => {
  const clock = SteppedClock.install(t)
  const { log, fileSystem } = await openBegun({ segmentBytes: 16 * 1024 })
  await quiet()
  let syncMs = 1000
  fileSystem.onCall(({ call }) => {
    if (call === 'datasyncSync') clock.spend(syncMs)
  })
  const told: unknown[] = []
  log.on('slowSync', (sync) => told.push(sync))
  await log.append('as slow as may be')
  t.deepEqual(told, [])
  syncMs = 1001
  await log.append('slower')
  t.deepEqual(told, [{ durationMs: 1001, durableLsn: 3 }])
  syncMs = 3000
  await log.append('x'.repeat(12_200))
  t.deepEqual(told[1], { durationMs: 3000, durableLsn: 4 }, 'a rotation has two, and tells of the slower one')
  t.is(told.length, 2)
  await log.close()
})

test('rollback: the LSNs above it are free again, and the rejections come after it', async (t) => {
  const { log, fileSystem } = await openBegun()
  await quiet()
  const names = namesOf(log)
  fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  const lsns: number[] = []
  let again: Promise<number> | undefined
  log.on('rollback', (lsn) => {
    lsns.push(lsn, log.nextLsn)
    again = log.append('again')
  })
  await rejection(log.append('lost').finally(() => names.push('rejected')))
  t.deepEqual(lsns, [1, 2])
  t.deepEqual(names, ['rollback', 'rejected'])
  t.is(await again, 2, 'a listener may append at once')
  await log.close()
})

test('drain: there is room again, after an append found none', async (t) => {
  const { log } = await openBegun({ maxPendingBytes: LEAST_PENDING_BYTES })
  const names = namesOf(log)
  const large = 'l'.repeat(HALF_BYTES)
  await Promise.all([log.append(large), log.append(large)])
  t.false(names.includes('drain'), 'nobody was refused or had to wait')
  const seen: boolean[] = []
  log.on('drain', () => {
    const { waiting, pendingBytes } = log.stats()
    seen.push(waiting === 0, pendingBytes <= LEAST_PENDING_BYTES / 4)
  })
  const appends = [log.append(large), log.append(large), log.append('s'.repeat(SOME_BYTES))]
  await log.ready().then(() => names.push('ready'))
  t.deepEqual(seen, [true, true], 'nobody waits, and half of the room is free')
  await Promise.all(appends)
  t.is(names.filter((name) => name === 'drain').length, 1)
  t.true(names.indexOf('drain') < names.indexOf('ready'))
  await log.close()
})

test('failed: once, before the rejections, with the log latched', async (t) => {
  const { log, fileSystem } = await openBegun()
  await quiet()
  const names = namesOf(log)
  const seen: unknown[] = []
  log.on('failed', (error) => seen.push(error.code, error.errno, log.status))
  fileSystem.inject({ call: 'datasyncSync', path: SEGMENT, error: 'EIO' })
  await rejection(log.append('x').finally(() => names.push('rejected')))
  t.deepEqual(names, ['failed', 'rejected'])
  t.deepEqual(seen, ['SLUICE_FAILED', -5, 'failed'])
  await log.close()
  t.deepEqual(names, ['failed', 'rejected', 'close'])
})

test('close: once, when the directory is free for another one', async (t) => {
  const { log, fileSystem } = await openBegun()
  await quiet()
  const names = namesOf(log)
  let other: Promise<Log> | undefined
  log.on('close', () => {
    names.push(log.status)
    other = openLog(DIRECTORY, { fileSystem })
  })
  const last = log.append('last').then(() => names.push('append'))
  const closed = Promise.all([log.close(), log.close()]).then(() => names.push('closed'))
  await Promise.all([last, closed])
  t.deepEqual(names, ['commit', 'durable', 'append', 'close', 'closed', 'closed'])
  await log.close()
  t.is(names.length, 6)
  const reopened = await other
  t.is(reopened?.durableLsn, 2)
  await reopened?.close()
})

test('a log that nobody listens to works as well', async (t) => {
  const { log } = await openBegun()
  t.deepEqual(log.eventNames(), [])
  t.is(await log.append('x'), 2)
  await log.close()
})

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
