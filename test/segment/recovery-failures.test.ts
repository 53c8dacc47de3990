import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { openLogReader } from '../../src/log/log-reader.js'
import { recover } from '../../src/segment/recovery.js'
import type { Fault, SimulatedFileSystem } from '../../src/testing/index.js'
import { logOnSimulatedDisk } from '../support/log-on-simulated-disk.js'
import { LAST_FRAMES_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { DIRECTORY as DISK_DIRECTORY, segmentOf } from '../support/memory-log.js'
import { DIRECTORY, MARK, openSimulated, rejects } from '../support/simulated-log.js'

test('a full disk while the torn tail is kept aside leaves no half copy behind', (t) => {
  const torn = (): SimulatedFileSystem =>
    logOnSimulatedDisk(
      LAST_FRAMES_UNMARKED,
      (built) => {
        segmentOf(built, 2).bytes.fill('torn', segmentOf(built, 2).frames[1]?.offset)
      },
      1,
    )
  const full: Partial<Fault>[] = [
    { error: 'ENOSPC' },
    { error: 'ENOSPC', short: 20 },
    { call: 'datasyncSync', error: 'EDQUOT' },
  ]
  for (const fault of full) {
    const fileSystem = torn()
    fileSystem.inject({ call: 'writeSync', path: /quarantine.*tmp$/, ...fault })
    const error = t.throws(() => recover(fileSystem, DISK_DIRECTORY), { instanceOf: SluiceError })
    t.is(error?.code, 'SLUICE_DISK_FULL')
    t.deepEqual(fileSystem.listSync(`${DISK_DIRECTORY}/quarantine`), [])
    t.deepEqual(fileSystem.openPaths, [])
    t.like(recover(fileSystem, DISK_DIRECTORY), { lastLsn: 7 })
    t.is(fileSystem.listSync(`${DISK_DIRECTORY}/quarantine`).length, 1)
  }
})

test('what fails is told, not that what it had begun could not be removed', (t) => {
  const fileSystem = logOnSimulatedDisk(
    LAST_FRAMES_UNMARKED,
    (built) => {
      segmentOf(built, 2).bytes.fill('torn', segmentOf(built, 2).frames[1]?.offset)
    },
    1,
  )
  fileSystem.inject({ call: 'writeSync', path: /quarantine.*tmp$/, error: 'ENOSPC' })
  fileSystem.inject({ call: 'removeSync', path: /quarantine.*tmp$/, error: 'EIO', nth: 2 })
  const error = t.throws(() => recover(fileSystem, DISK_DIRECTORY), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_DISK_FULL')
  t.like(recover(fileSystem, DISK_DIRECTORY), { lastLsn: 7 })
})

test('a mark file that was made while the sync of the directory failed is made once more', (t) => {
  const fileSystem = logOnSimulatedDisk({ ...THREE_SEGMENTS, mark: undefined }, undefined, 1)
  fileSystem.inject({ call: 'renameSync', path: MARK, error: 'EIO' })
  t.throws(() => recover(fileSystem, DISK_DIRECTORY), { instanceOf: SluiceError })
  // Behind the rename, so that it is the mark's name that the sync is for.
  const undo = fileSystem.onCall(({ call, to }) => {
    if (call === 'renameSync' && to !== undefined && MARK.test(to)) {
      fileSystem.inject({ call: 'syncDirectorySync', error: 'EIO' })
    }
  })
  t.throws(() => recover(fileSystem, DISK_DIRECTORY), { instanceOf: SluiceError })
  undo()
  t.true(fileSystem.listSync(DISK_DIRECTORY).includes('mark'))
  const found = recover(fileSystem, DISK_DIRECTORY)
  t.is(found.lastLsn, 10)
  t.true(
    fileSystem.stateAfterCrash({ keep: 'none' }).listSync(DISK_DIRECTORY).includes('mark'),
    'its name is durable now',
  )
})

test('a reader sees what a mark file tells that was made once more', async (t) => {
  const { log, fileSystem } = await openSimulated()
  await log.append('noted')
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'ENOSPC' })
  await log.append('not noted')
  const reader = await openLogReader(DIRECTORY, { fileSystem })
  t.is(reader.durableLsn, 1)
  // The log ends without a closing mark.
  fileSystem.inject({ call: 'writeSync', path: MARK, error: 'EIO' })
  await log.close()
  recover(fileSystem, DIRECTORY)
  t.is(await reader.refresh(), 2)
  await reader.close()
  await rejects(t, reader.refresh(), { code: 'SLUICE_CLOSED' })
})
