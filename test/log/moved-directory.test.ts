import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import type { Log } from '../../src/log/contract.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { openLog } from '../../src/log/open-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

// Each record makes a segment of its own.
const SMALL_SEGMENTS = { segmentBytes: 16 * 1024 }
const record = (index: number): Buffer => Buffer.alloc(15_000, index)

async function holds(t: ExecutionContext, directory: string, firstLsn: number, lastLsn: number): Promise<void> {
  const log = await openLog(directory)
  t.like(log, { firstLsn, durableLsn: lastLsn })
  let lsn = firstLsn
  for await (const found of log.read()) t.deepEqual(found.data, record(lsn++))
  t.is(lsn, lastLsn + 1)
  await log.close()
}

// The working directory is the process's: these tests can't share it.
function workIn(t: ExecutionContext, working: string): void {
  const here = process.cwd()
  process.chdir(working)
  t.teardown(() => process.chdir(here))
}

test.serial('a relative path is resolved when the log is opened: a later chdir changes nothing', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const elsewhere = temporaryDirectory(t)
  workIn(t, dirname(directory))
  const opening = openLog(`./${basename(directory)}`, SMALL_SEGMENTS)
  process.chdir(elsewhere)
  const log = await opening
  for (let lsn = 1; lsn <= 5; lsn++) t.is(await log.append(record(lsn)), lsn)
  process.chdir(dirname(directory))
  const openingReader = openLogReader(basename(directory))
  process.chdir(elsewhere)
  const reader = await openingReader
  await log.trim(3)
  t.is(log.firstLsn, 3)
  t.deepEqual((await log.get(4))?.data, record(4))
  // The trim noted a mark: the one before it may have been on its way when the reader was opened.
  await reader.refresh()
  let read = 0
  for await (const _ of log.read()) read++
  for await (const _ of reader.read({ from: 3 })) read++
  t.is(read, 6)
  await reader.refresh()
  t.like(reader, { firstLsn: 3, durableLsn: 5 })
  t.deepEqual((await reader.get(5))?.data, record(5))
  await reader.close()
  t.is(await log.append(record(6)), 6)
  await log.close()
  await holds(t, directory, 3, 6)
})

test.serial('a relative path where the working directory is gone is refused', async (t) => {
  const gone = join(temporaryDirectory(t), 'gone')
  mkdirSync(gone)
  workIn(t, gone)
  rmSync(gone, { recursive: true })
  t.throws(() => openLog('log'), { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT', message: /log/ })
  await t.throwsAsync(openLogReader('log'), { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT' })
})

/** Asserts that the next segment can't be begun, that the log says so, and that it can be closed. */
async function latches(t: ExecutionContext, log: Log, lsn: number): Promise<void> {
  const failure = await t.throwsAsync(log.append(record(lsn)), {
    instanceOf: SluiceError,
    code: 'SLUICE_COMMIT_FAILED',
  })
  t.like(failure, { outcome: 'indeterminate', firstLsn: lsn, lastLsn: lsn, syscall: 'open' })
  t.is(log.status, 'failed')
  await t.throwsAsync(log.append('x'), { code: 'SLUICE_FAILED' })
  await log.close()
  t.is(log.status, 'closed')
}

test('a folder that is renamed under an open log: it latches with the next segment, and nothing acknowledged is lost', async (t) => {
  const root = temporaryDirectory(t)
  const [before, after] = [join(root, 'before'), join(root, 'after')]
  const log = await openLog(before, { segmentBytes: 36 * 1024 })
  t.is(await log.append(record(1)), 1)
  renameSync(before, after)
  // There is room for one more in the segment that is open.
  t.is(await log.append(record(2)), 2)
  await t.throwsAsync(openLog(after), { code: 'SLUICE_LOCKED' })
  await latches(t, log, 3)
  await holds(t, after, 1, 2)
})

test('a folder that is renamed under an open log, and back again, was never gone', async (t) => {
  const root = temporaryDirectory(t)
  const [before, after] = [join(root, 'before'), join(root, 'after')]
  const log = await openLog(before, { segmentBytes: 36 * 1024 })
  t.is(await log.append(record(1)), 1)
  renameSync(before, after)
  t.is(await log.append(record(2)), 2)
  renameSync(after, before)
  t.is(await log.append(record(3)), 3)
  await log.close()
  await holds(t, before, 1, 3)
})

test('a folder that is renamed under an open log does not keep it from being closed', async (t) => {
  const root = temporaryDirectory(t)
  const [before, after] = [join(root, 'before'), join(root, 'after')]
  const log = await openLog(before)
  t.is(await log.append(record(1)), 1)
  renameSync(before, after)
  const append = log.append(record(2))
  await log.close()
  t.is(await append, 2)
  await holds(t, after, 1, 2)
})

test('a folder that is removed under an open log: it latches with the next segment, and can be closed', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const log = await openLog(directory, SMALL_SEGMENTS)
  t.is(await log.append(record(1)), 1)
  rmSync(directory, { recursive: true })
  await latches(t, log, 2)
  // A new log in its place is a log like any other.
  await holds(t, directory, 1, 0)
})

test('a folder that is removed under an open log does not keep it from being closed', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const log = await openLog(directory)
  await log.append(record(1))
  rmSync(directory, { recursive: true })
  await log.close()
  await holds(t, directory, 1, 0)
})

test('a reader whose log is removed says so', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const log = await openLog(directory, SMALL_SEGMENTS)
  for (let lsn = 1; lsn <= 3; lsn++) await log.append(record(lsn))
  await log.close()
  const reader = await openLogReader(directory)
  t.deepEqual((await reader.get(1))?.data, record(1))
  rmSync(directory, { recursive: true })
  await t.throwsAsync(reader.refresh(), { instanceOf: SluiceError, code: 'SLUICE_INVALID_ARGUMENT' })
  await t.throwsAsync(reader.get(2), { instanceOf: SluiceError })
  await t.throwsAsync(reader.follow({ from: 4 })[Symbol.asyncIterator]().next(), { instanceOf: SluiceError })
  await reader.close()
})
