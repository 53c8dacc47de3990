import test from 'ava'
import { callsOf, DIRECTORY, openBegun, quiet, SEGMENT } from '../support/simulated-log.js'

test('directorySync always: a rotation that makes deferred records durable syncs the directory before it says so', async (t) => {
  const { log, fileSystem } = await openBegun({
    segmentBytes: 16 * 1024,
    flush: 'never',
    directorySync: 'always',
    batch: { maxRecords: 1 },
  })
  await log.append('deferred')
  const trace: string[] = []
  fileSystem.onCall(({ call, path }) => {
    if (call === 'datasyncSync') trace.push(SEGMENT.test(path) ? 'sync' : 'sync of the new one')
    else if (call === 'syncDirectorySync' && path === DIRECTORY) trace.push('directory')
  })
  const { syncs, directorySyncs } = log.stats()
  log.on('durable', (lsn) => trace.push(`durable ${lsn}`))
  await log.append('x'.repeat(15 * 1024))
  await quiet()
  t.is(log.stats().rotations, 1)
  // All is done in one step of the writer, which here runs in this thread, before its reports are heard.
  t.deepEqual(trace, ['sync', 'directory', 'sync of the new one', 'directory', 'durable 2', 'durable 3'])
  t.is(log.stats().syncs - syncs, 2)
  t.is(log.stats().directorySyncs - directorySyncs, 2)
  await log.close()
})

test('directorySync changed: a rotation syncs it once, for the name of the new segment', async (t) => {
  const { log, fileSystem } = await openBegun({ segmentBytes: 16 * 1024, batch: { maxRecords: 1 } })
  await log.append('before')
  const before = fileSystem.calls.length
  await log.append('x'.repeat(15 * 1024))
  t.is(log.stats().rotations, 1)
  t.is(callsOf(fileSystem, 'syncDirectorySync', /log$/, before).length, 1)
  await log.close()
})
