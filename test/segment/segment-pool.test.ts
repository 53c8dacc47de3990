import test from 'ava'
import { SegmentPool } from '../../src/segment/segment-pool.js'
import { composeSegment, filesOf, framesOfOne } from '../support/compose-segments.js'
import { Gate, ReadingFileSystem } from '../support/reading-file-system.js'

const directory = '/log'
const path = (firstLsn: number) => `${directory}/${String(firstLsn).padStart(16, '0')}.seg`

function twelveSegments(): ReadingFileSystem {
  const segments = Array.from({ length: 12 }, (_, index) =>
    composeSegment({ firstLsn: index + 1, frames: framesOfOne(index + 1, 1, 8), sealed: true }),
  )
  return new ReadingFileSystem(filesOf(directory, segments))
}

const nothing = async () => {}

test('a segment is opened once for many uses, at the same time or later', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory })
  await Promise.all([pool.use(1, nothing), pool.use(1, nothing)])
  await pool.use(1, nothing)
  t.is(fileSystem.opens, 1)
  t.is(fileSystem.reads, 1)
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('the segment used least recently is closed when there are too many', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory }, 3)
  for (const firstLsn of [1, 2, 3, 1, 4]) await pool.use(firstLsn, nothing)
  t.deepEqual(fileSystem.openPaths.sort(), [path(1), path(3), path(4)])
  t.is(fileSystem.opens, 4)
  await pool.use(2, nothing)
  t.is(fileSystem.opens, 5)
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('a segment in use is not closed by others, only once it is given back', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory }, 2)
  const gate = new Gate()
  const using = pool.use(1, () => gate.pass())
  await gate.arrived
  for (const firstLsn of [2, 3, 4, 5]) await pool.use(firstLsn, nothing)
  t.true(fileSystem.openPaths.includes(path(1)))
  t.is(fileSystem.openPaths.length, 2)
  gate.open()
  await using
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('more segments in use than there is room for are closed again down to it', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory }, 2)
  const gates = [1, 2, 3, 4, 5].map(() => new Gate())
  const using = gates.map((gate, index) => pool.use(index + 1, () => gate.pass()))
  await Promise.all(gates.map((gate) => gate.arrived))
  t.is(fileSystem.openPaths.length, 5)
  for (const gate of gates) gate.open()
  await Promise.all(using)
  await pool.use(5, nothing)
  t.is(fileSystem.openPaths.length, 2)
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('trimmed segments are closed: at once, or once they are given back', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory })
  const gate = new Gate()
  const using = pool.use(2, () => gate.pass())
  await gate.arrived
  for (const firstLsn of [1, 3, 4]) await pool.use(firstLsn, nothing)
  pool.evictBelow(4)
  await pool.use(4, nothing)
  t.deepEqual(fileSystem.openPaths.sort(), [path(2), path(4)])
  gate.open()
  await using
  await pool.use(4, nothing)
  t.deepEqual(fileSystem.openPaths, [path(4)])
  await pool.close()
})

test('close waits for those in use; later uses open for themselves', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory })
  const gate = new Gate()
  const using = pool.use(1, () => gate.pass())
  await gate.arrived
  await pool.use(2, nothing)
  let closed = false
  const closing = pool.close().then(() => {
    closed = true
  })
  await pool.use(3, nothing)
  t.false(closed)
  t.deepEqual(
    fileSystem.openPaths.filter((open) => open !== path(3)),
    [path(1)],
  )
  gate.open()
  await using
  await closing
  await pool.use(4, nothing)
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('a segment that could not be opened is tried again, and leaves nothing open', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory })
  let failures = 2
  fileSystem.beforeRead = () => {
    if (failures-- > 0) throw new Error('EIO')
  }
  const both = await Promise.allSettled([pool.use(1, nothing), pool.use(1, nothing)])
  t.deepEqual(
    both.map((result) => result.status),
    ['rejected', 'rejected'],
  )
  t.deepEqual(fileSystem.openPaths, [])
  await t.throwsAsync(pool.use(1, nothing), { code: 'SLUICE_IO' })
  await pool.use(1, nothing)
  t.is(fileSystem.openPaths.length, 1)
  await pool.close()
  t.deepEqual(fileSystem.openPaths, [])
})

test('a task that fails gives its segment back', async (t) => {
  const fileSystem = twelveSegments()
  const pool = new SegmentPool({ fileSystem, directory }, 1)
  await t.throwsAsync(
    pool.use(1, async () => {
      throw new Error('the task')
    }),
    { message: 'the task' },
  )
  await pool.use(2, nothing)
  t.deepEqual(fileSystem.openPaths, [path(2)])
  await pool.close()
})
