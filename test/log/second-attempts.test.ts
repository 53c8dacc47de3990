import test from 'ava'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { DIRECTORY, MARK, rejects, SEGMENT } from '../support/simulated-log.js'

/*
 * What failed once and is tried again: a sync proves nothing about what an earlier one failed to write, and what was
 * refused for want of room, or reached only in part, must not be taken for done.
 */

test('a folder whose entry could not be synced is made anew by the next attempt', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  fileSystem.inject({ call: 'syncDirectorySync', path: /^\/$/, nth: 2, error: 'EIO', once: true })
  await rejects(t, openLog('/log', { fileSystem }), { code: 'SLUICE_IO' })
  const log = await openLog('/log', { fileSystem })
  await log.append('one')
  await log.close()
  const reopened = await openLog('/log', { fileSystem: fileSystem.crash({ keep: 'none' }) })
  t.is(reopened.durableLsn, 1)
})

test('zeros ahead never make the log refuse what would fit without them', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 2_300_000 })
  const log = await openLog(DIRECTORY, { fileSystem, segmentBytes: 1_250_000 })
  let prepared = false
  fileSystem.onCall(({ call, path }) => {
    prepared ||= call === 'openSync' && path.includes('prepared')
  })
  for (let count = 0; count < 60; count++) await log.append(Buffer.alloc(30_000))
  t.true(prepared, 'a segment was prepared')
  t.is(log.durableLsn, 60)
  t.is(log.stats().failures, 0)
  await log.close()
})

test('frames that are written once more, behind those that did not fit, are whole', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 2_300_000 })
  const log = await openLog(DIRECTORY, { fileSystem, segmentBytes: 1_250_000 })
  let cuts = 0
  fileSystem.onCall(({ call, path }) => {
    if (call === 'truncateSync' && SEGMENT.test(path)) cuts++
  })
  const records = Array.from({ length: 60 }, (_, index) => Buffer.alloc(30_000, `record ${index} `))
  // Three at a time: the checksums of the second and the third come with them.
  for (let index = 0; index < records.length; index += 3) {
    await Promise.all(records.slice(index, index + 3).map((record) => log.appendMany([record])))
  }
  t.true(cuts > 1, 'more was cut off than the zeros behind a sealed segment')
  t.is(log.stats().failures, 0)
  const reopened = await openLog(DIRECTORY, { fileSystem: fileSystem.crash({ keep: 'none' }) })
  let index = 0
  for await (const { data } of reopened.read()) t.true(records[index++]?.equals(data), `record ${index}`)
  t.is(index, records.length)
  await reopened.close()
})

test('a trim that reached less than it was asked for reaches more when it is asked again', async (t) => {
  const log = await openLog(DIRECTORY, { fileSystem: new SimulatedFileSystem(), segmentBytes: 16 * 1024 })
  const record = Buffer.alloc(12_000)
  await log.append(record)
  const pending = [log.append(record), log.trim(3)]
  await Promise.all(pending)
  const reachedFirst = log.firstLsn
  await log.append(record)
  await log.trim(3)
  t.true(reachedFirst <= 2)
  t.is(log.firstLsn, 3)
  await log.close()
})

test('the trim mark stands in both slots of the mark file', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog(DIRECTORY, { fileSystem, segmentBytes: 16 * 1024 })
  for (let count = 0; count < 4; count++) await log.append(Buffer.alloc(12_000))
  await log.trim(3)
  const machine = fileSystem.crash({ keep: 'none' })
  for (const slot of [0, 4096]) {
    const damaged = machine.stateAfterCrash({ keep: 'all' })
    const fd = damaged.openSync(`${DIRECTORY}/mark`, 'write')
    damaged.writeSync(fd, Buffer.alloc(128), 0, 128, slot)
    damaged.closeSync(fd)
    const reopened = await openLog(DIRECTORY, { fileSystem: damaged })
    t.is(reopened.firstLsn, 3)
  }
})

test('a mark file that cannot be opened for writing is told as SLUICE_IO, and the next attempt opens the log', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  await (await openLog(DIRECTORY, { fileSystem })).close()
  const opens = fileSystem.calls.filter(({ call, path }) => call === 'openSync' && MARK.test(path)).length
  t.true(opens > 0)
  for (let nth = 1; nth <= 3; nth++) {
    const undo = fileSystem.inject({ call: 'openSync', nth, path: MARK, error: 'EIO', once: true })
    const opened = await openLog(DIRECTORY, { fileSystem }).catch((error: unknown) => error)
    undo()
    if (opened instanceof Error) t.like(opened, { name: 'SluiceError', code: 'SLUICE_IO' })
    const log = opened instanceof Error ? await openLog(DIRECTORY, { fileSystem }) : undefined
    await (log ?? (opened as { close(): Promise<void> })).close() // Where it was no error it is a log.
  }
})

test('ready() is told when those who waited give up', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const options = { flush: { everyMs: 3_600_000 }, maxPendingBytes: 16 * 1024 } as const
  const log = await openLog(DIRECTORY, { ...options, fileSystem })
  const accepted = log.append(Buffer.alloc(1000))
  const abort = new AbortController()
  // Less than half of the room is taken, and yet there is none for a frame of nearly all of it.
  const many = log.appendMany(
    Array.from({ length: 2000 }, () => ''),
    { signal: abort.signal },
  )
  t.is(log.stats().waiting, 1)
  const ready = log.ready()
  abort.abort()
  await many.then(
    () => t.fail('it was accepted'),
    (reason: unknown) => t.is(reason, abort.signal.reason),
  )
  await ready
  await log.close()
  t.is(await accepted, 1)
})

test('thousands that wait with one signal give up at once, and node warns of nothing', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog(DIRECTORY, { fileSystem, maxPendingBytes: 64 * 1024, maxWaiting: 20_000 })
  const abort = new AbortController()
  const appends = Array.from({ length: 5000 }, () => log.append('', { signal: abort.signal }))
  const outcomes = Promise.allSettled(appends)
  const { waiting } = log.stats()
  t.true(waiting > 4000)
  abort.abort()
  t.is(log.stats().waiting, 0)
  t.is(log.stats().waitingBytes, 0)
  t.is((await outcomes).filter(({ status }) => status === 'rejected').length, waiting)
  t.is(await log.append('after'), 5000 - waiting + 1)
  await log.close()
  t.deepEqual(warnings, [])
})
