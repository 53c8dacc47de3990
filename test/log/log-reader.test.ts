import { spawn } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { openLogReader } from '../../src/log/log-reader.js'
import { BEGUN, ENDED, type HammerOrders, STOP } from '../fixtures/mark-hammer.js'
import {
  type ComposedSegment,
  composeLog,
  composeMark,
  composeSegment,
  filesOf,
  framesOfOne,
} from '../support/compose-segments.js'
import { ReadingFileSystem } from '../support/reading-file-system.js'
import { collect, isSluiceError, sameRecords } from '../support/records.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

function someLog(): ComposedSegment[] {
  return composeLog([framesOfOne(1, 100, 50), framesOfOne(101, 100, 500), framesOfOne(201, 100, 200)], 10_000)
}

async function writeFiles(files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, bytes] of files) await writeFile(path, bytes)
}

/** The names, contents and times of all files in a folder. */
async function stateOf(directory: string): Promise<unknown[]> {
  const names = (await readdir(directory)).sort()
  return Promise.all(
    names.map(async (name) => {
      const { mtimeMs, ctimeMs, size } = await stat(join(directory, name))
      return [name, mtimeMs, ctimeMs, size, await readFile(join(directory, name), 'base64')]
    }),
  )
}

test('reads a log on disk, and changes nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const segments = someLog()
  await writeFiles(filesOf(directory, segments, composeMark({ durableLsn: 250, segmentFirstLsn: 201 })))
  const before = await stateOf(directory)
  const log = await openLogReader(directory)
  t.like(log, { firstLsn: 1, durableLsn: 250 })
  sameRecords(t, (await collect(log.read())).records, segments, 1, 250)
  sameRecords(t, (await collect(log.read({ from: 90, limit: 20 }))).records, segments, 90, 109)
  t.is((await log.get(177))?.lsn, 177)
  t.is((await log.get(250))?.lsn, 250)
  t.is(await log.refresh(), 250)
  await log.close()
  await log.close()
  await log[Symbol.asyncDispose]()
  t.deepEqual(await stateOf(directory), before)
})

test('the path is resolved when the log is opened', async (t) => {
  const directory = temporaryDirectory(t)
  const segments = someLog()
  await writeFiles(filesOf(directory, segments, composeMark({ durableLsn: 300, segmentFirstLsn: 201 })))
  const here = process.cwd()
  process.chdir(dirname(directory))
  try {
    const log = await openLogReader(basename(directory))
    process.chdir(here)
    sameRecords(t, (await collect(log.read())).records, segments, 1, 300)
    await log.refresh()
    await log.close()
  } finally {
    process.chdir(here)
  }
})

test('what is no folder, or holds no log, is refused', async (t) => {
  const directory = temporaryDirectory(t)
  await writeFile(join(directory, 'file'), '')
  for (const path of [join(directory, 'missing'), join(directory, 'file'), directory, '', '\0']) {
    isSluiceError(t, await openLogReader(path).catch((error) => error), 'SLUICE_INVALID_ARGUMENT')
  }
  // The types forbid this: JavaScript doesn't.
  isSluiceError(t, await openLogReader(5 as unknown as string).catch((error) => error), 'SLUICE_INVALID_ARGUMENT')
  for (const options of [{ filesystem: {} }, { fileSystem: 'node' }, null, []]) {
    const error = await openLogReader(directory, options as object).catch((failure) => failure)
    isSluiceError(t, error, 'SLUICE_INVALID_OPTION')
  }
})

const folder = '/log'

/** A log in memory with a mark. */
function inMemory(segments: readonly ComposedSegment[], mark: Parameters<typeof composeMark>[0]): ReadingFileSystem {
  return new ReadingFileSystem(filesOf(folder, segments, composeMark(mark)))
}

test('before its first segment a log is empty, and can be followed', async (t) => {
  const fileSystem = inMemory([], { durableLsn: 0 })
  const log = await openLogReader(folder, { fileSystem })
  t.like(log, { firstLsn: 1, durableLsn: 0 })
  t.deepEqual(await collect(log.read()), { records: [], error: undefined })
  t.is(await log.get(1), undefined)
  const following = log.follow()[Symbol.asyncIterator]()
  const first = following.next()
  const segments = someLog()
  for (const [path, bytes] of filesOf(folder, segments)) fileSystem.put(path, bytes)
  fileSystem.put(`${folder}/mark`, composeMark({ sequence: 2, durableLsn: 1, segmentFirstLsn: 1 }))
  t.is((await first).value?.lsn, 1)
  const second = following.next()
  await log.close()
  t.true((await second).done)
  t.deepEqual(fileSystem.openPaths, [])
})

test('what is beyond the mark is never returned: good frames, torn ones, whole segments', async (t) => {
  const segments = someLog()
  for (const damage of [false, true]) {
    if (damage) segments[1]?.bytes.fill(0xaa, segments[1].frames[50]?.offset)
    const fileSystem = inMemory(segments, { durableLsn: 150, segmentFirstLsn: 101 })
    const log = await openLogReader(folder, { fileSystem })
    const following = collect(log.follow({ from: 20 }))
    for (const options of [{}, { to: 300 }, { limit: 1000 }]) {
      const { records, error } = await collect(log.read(options))
      t.is(error, undefined)
      sameRecords(t, records, segments, 1, 150)
    }
    for (const lsn of [151, 200, 201, 300]) t.is(await log.get(lsn), undefined)
    t.is((await log.get(150))?.lsn, 150)
    await log.close()
    const { records, error } = await following
    t.is(error, undefined)
    sameRecords(t, records, segments, 20, 150)
  }
})

test('follows a writer across segments, as its marks come', async (t) => {
  const segments = someLog()
  const fileSystem = inMemory([], { durableLsn: 0 })
  const log = await openLogReader(folder, { fileSystem })
  const iterator = log.follow()[Symbol.asyncIterator]()
  let sequence = 2
  for (const segment of segments) {
    for (const [path, bytes] of filesOf(folder, [segment])) fileSystem.put(path, bytes)
    for (let durableLsn = segment.firstLsn; durableLsn <= segment.lastLsn; durableLsn += 33) {
      const next = iterator.next()
      fileSystem.put(`${folder}/mark`, composeMark({ sequence, durableLsn, segmentFirstLsn: segment.firstLsn }))
      sequence += 1
      let last = (await next).value?.lsn ?? 0
      while (last < durableLsn) {
        const result = await iterator.next()
        t.is(result.value?.lsn, last + 1)
        last += 1
      }
    }
  }
  await log.close()
  t.true((await iterator.next()).done)
})

test('a trim by the writer is told from a loss', async (t) => {
  const segments = someLog()
  const fileSystem = inMemory(segments, { durableLsn: 300, segmentFirstLsn: 201 })
  const log = await openLogReader(folder, { fileSystem })
  fileSystem.put(`${folder}/mark`, composeMark({ sequence: 2, durableLsn: 300, segmentFirstLsn: 201, firstLsn: 101 }))
  for (const [path] of filesOf(folder, segments.slice(0, 1))) fileSystem.remove(path)
  isSluiceError(t, (await collect(log.read())).error, 'SLUICE_TRIMMED')
  t.is(log.firstLsn, 101)
  sameRecords(t, (await collect(log.read())).records, segments, 101, 300)
  for (const [path] of filesOf(folder, segments.slice(1, 2))) fileSystem.remove(path)
  await log.close()
  const lost = await openLogReader(folder, { fileSystem })
  isSluiceError(t, (await collect(lost.read())).error, 'SLUICE_CORRUPT')
  isSluiceError(t, await lost.get(150).catch((error) => error), 'SLUICE_CORRUPT')
  t.is((await lost.get(201))?.lsn, 201)
  await lost.close()
})

test('refresh closes the files of trimmed segments', async (t) => {
  const segments = someLog()
  const fileSystem = inMemory(segments, { durableLsn: 300, segmentFirstLsn: 201 })
  const log = await openLogReader(folder, { fileSystem })
  for (const lsn of [50, 150, 250]) await log.get(lsn)
  t.is(fileSystem.openPaths.length, 3)
  const mark = { sequence: 2, durableLsn: 300, segmentFirstLsn: 201, firstLsn: 201 }
  fileSystem.put(`${folder}/mark`, composeMark(mark))
  for (const [path] of filesOf(folder, segments.slice(0, 2))) fileSystem.remove(path)
  await log.refresh()
  // Nobody waits for files to be closed: it takes some turns.
  for (let turn = 0; turn < 20; turn++) await null
  t.is(fileSystem.openPaths.length, 1)
  await log.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('a segment of another log is damage', async (t) => {
  const foreign = composeSegment({ firstLsn: 1, frames: framesOfOne(1, 9, 9), sealed: false, logId: Buffer.alloc(16) })
  const log = await openLogReader(folder, { fileSystem: inMemory([foreign], { durableLsn: 9, segmentFirstLsn: 1 }) })
  const { records, error } = await collect(log.read())
  t.is(records.length, 0)
  t.regex(isSluiceError(t, error, 'SLUICE_CORRUPT').message, /another log/)
})

test('once closed it refuses new calls', async (t) => {
  const fileSystem = inMemory(someLog(), { durableLsn: 300, segmentFirstLsn: 201 })
  const log = await openLogReader(folder, { fileSystem })
  await log.get(1)
  await log.close()
  t.deepEqual(fileSystem.openPaths, [])
  await t.throwsAsync(log.get(1), { code: 'SLUICE_CLOSED' })
  await t.throwsAsync(log.refresh(), { code: 'SLUICE_CLOSED' })
  isSluiceError(t, (await collect(log.read())).error, 'SLUICE_CLOSED')
  isSluiceError(t, (await collect(log.follow())).error, 'SLUICE_CLOSED')
})

test('a mark file that is rewritten all the time is always read right', async (t) => {
  const directory = temporaryDirectory(t)
  const [segment] = composeLog([framesOfOne(1, 1, 1)])
  if (segment === undefined) throw new Error('one segment was composed')
  await writeFiles(filesOf(directory, [segment], composeMark({ durableLsn: 1, segmentFirstLsn: 1 })))
  const log = await openLogReader(directory)
  const shared = new Int32Array(new SharedArrayBuffer(12))
  const workerData: HammerOrders = { path: join(directory, 'mark'), shared }
  const worker = new Worker(new URL('../fixtures/mark-hammer.js', import.meta.url), { workerData })
  const ended = new Promise((resolve, reject) => {
    worker.once('exit', resolve)
    worker.once('error', reject)
  })
  let advances = 0
  try {
    for (let last = 1; advances < 1000; ) {
      const endedBefore = Atomics.load(shared, ENDED)
      const durableLsn = await log.refresh()
      t.true(durableLsn >= last, 'never taken back')
      t.true(durableLsn >= endedBefore - 1, 'at most one note behind')
      t.true(durableLsn <= Math.max(1, Atomics.load(shared, BEGUN)), 'never ahead of what was noted')
      if (durableLsn > last) advances += 1
      last = durableLsn
    }
  } finally {
    Atomics.store(shared, STOP, 1)
    await ended
  }
  await log.close()
})

test('a follower in another process gets each record, stays alive while it waits, and ends by itself', async (t) => {
  const directory = temporaryDirectory(t)
  const segments = someLog()
  await writeFiles(filesOf(directory, segments, composeMark({ durableLsn: 1, segmentFirstLsn: 1 })))
  const fixture = fileURLToPath(new URL('../fixtures/follow-log.js', import.meta.url))
  const child = spawn(process.execPath, [fixture, directory, '300'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const lines: string[] = []
  let sequence = 2
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    const lsn = Number(line)
    // Each mark comes only once the one before it was followed up: each time the child has nothing left to do but wait.
    if (lsn >= 300 || (lsn !== 1 && lsn % 50 !== 0)) continue
    const durableLsn = lsn === 1 ? 50 : lsn + 50
    const segmentFirstLsn = Math.floor((durableLsn - 1) / 100) * 100 + 1
    const mark = composeMark({ sequence, durableLsn, segmentFirstLsn })
    sequence += 1
    // In place, as a writer does: a file that is cut to nothing first would say that there is no mark.
    await writeFile(join(directory, 'mark'), mark, { flag: 'r+' })
  }
  t.is(await exited, 0)
  t.deepEqual(lines, [...Array.from({ length: 300 }, (_, index) => String(index + 1)), 'ended'])
})
