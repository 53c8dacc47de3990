import test, { type ExecutionContext } from 'ava'
import { MARK_FILE_BYTES } from '../../src/format/mark.js'
import type { Log, LogOptions } from '../../src/log/contract.js'
import type { FileSystemCall, SimulatedFileSystem } from '../../src/testing/index.js'
import { callsOf, DIRECTORY, openSimulated, SEGMENT, segmentsOf } from '../support/simulated-log.js'
import { SteppedClock } from '../support/stepped-clock.js'

const SEALED = 50
/** What a header says, and what a footer says before its index. */
const HEAD_BYTES = 128
const FOOTER_BYTES = 72
const SMALL_SEGMENTS = { segmentBytes: 16 * 1024 }

/** A log with many sealed segments, and some records in the last one; it is still open. */
async function withManySegments(options: LogOptions): Promise<{ log: Log; fileSystem: SimulatedFileSystem }> {
  const opened = await openSimulated({ ...SMALL_SEGMENTS, ...options })
  for (let segment = 0; segment <= SEALED; segment++) await opened.log.append('x'.repeat(9000))
  for (let record = 0; record < 3; record++) await opened.log.append('y'.repeat(1000))
  return opened
}

function bytesOf(reads: readonly FileSystemCall[]): number {
  return reads.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
}

/** Opens a log with many segments: of the sealed ones, nothing but head and footer is read. */
async function opensByHeadsAndFooters(t: ExecutionContext, fileSystem: SimulatedFileSystem) {
  const segments = segmentsOf(fileSystem)
  t.is(segments.length, SEALED + 1)
  const before = fileSystem.calls.length
  const { log } = await openSimulated(SMALL_SEGMENTS, fileSystem)
  const bySegment = new Map<string, FileSystemCall[]>()
  for (const read of callsOf(fileSystem, 'readSync', SEGMENT, before)) {
    bySegment.set(read.path, [...(bySegment.get(read.path) ?? []), read])
  }
  const [last = '', ...sealed] = [...bySegment.keys()].sort().reverse()
  t.is(sealed.length, SEALED)
  for (const path of sealed) t.is(bytesOf(bySegment.get(path) ?? []), HEAD_BYTES + FOOTER_BYTES, path)
  const fd = fileSystem.openSync(last, 'read')
  const lastBytes = fileSystem.sizeSync(fd)
  fileSystem.closeSync(fd)
  const heads = (SEALED + 1) * HEAD_BYTES + SEALED * FOOTER_BYTES
  t.true(log.recovery.bytesRead <= MARK_FILE_BYTES + heads + lastBytes, `${log.recovery.bytesRead} bytes`)
  return { log, calls: fileSystem.calls.slice(before) }
}

test.serial('opening a log that was closed reads its last segment, and of the others head and footer', async (t) => {
  const { log: closed, fileSystem } = await withManySegments({})
  await closed.close()
  const { log, calls } = await opensByHeadsAndFooters(t, fileSystem)
  t.true(log.recovery.cleanShutdown)
  // All that recovery looks at, it has looked at when it changes something for the first time.
  const found = calls.slice(
    0,
    calls.findIndex(({ call, path }) => call === 'syncDirectorySync' && path === DIRECTORY),
  )
  t.is(log.recovery.bytesRead, bytesOf(found.filter(({ call }) => call === 'readSync')))
  await log.close()
})

test.serial('opening a log that a crash cut off reads no more of its sealed segments', async (t) => {
  const { fileSystem } = await withManySegments({ flush: 'never' })
  const { log } = await opensByHeadsAndFooters(t, fileSystem.killProcess())
  t.is(log.recovery.rewrittenRecords, 3)
  await log.close()
})

test.serial('recovery.durationMs is how long recovery took, of the time that opening took', async (t) => {
  const clock = SteppedClock.install(t)
  const { log: closed, fileSystem } = await openSimulated()
  await closed.append('x')
  await closed.close()
  fileSystem.onCall(({ call, path }) => {
    if (call === 'claim') clock.spend(1000)
    else if (call === 'listSync') clock.spend(20)
    else if (call === 'syncDirectorySync' && path === DIRECTORY) clock.spend(3)
  })
  const beganMs = performance.now()
  const { log } = await openSimulated({}, fileSystem)
  t.is(log.recovery.durationMs, 23, 'it begins by listing the directory, and syncs that once')
  t.is(performance.now() - beganMs, 1023)
  await log.close()
})

test.serial('recovery.bytesRead counts the mark file, where there is one', async (t) => {
  const { log: made, fileSystem } = await openSimulated()
  t.is(made.recovery.bytesRead, 0)
  await made.close()
  for (const segments of [0, 1]) {
    const { log } = await openSimulated({}, fileSystem)
    if (segments === 0) t.is(log.recovery.bytesRead, MARK_FILE_BYTES)
    else t.true(log.recovery.bytesRead > MARK_FILE_BYTES)
    await log.append('x')
    await log.close()
  }
})
