import test from 'ava'
import { Preparation } from '../../src/segment/preparation.js'
import { type FileSystemCallName, SimulatedFileSystem } from '../../src/testing/index.js'
import { GatedWrites } from '../support/gated-writes.js'
import { openPaths, turn } from '../support/simulated-log.js'

const PATH = '/prepared-1.tmp'
const MIB = 1024 * 1024

function namesOf(fileSystem: SimulatedFileSystem): FileSystemCallName[] {
  return fileSystem.calls.map(({ call }) => call)
}

test('a prepared file is filled with zeros, and synced', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const preparation = new Preparation(fileSystem, PATH, 2.5 * MIB, 'direct')
  t.is(preparation.take(), undefined, 'not before it is done')
  await preparation.settled
  t.is(namesOf(fileSystem).at(-1), 'datasync')
  const prepared = preparation.take()
  t.like(prepared, { path: PATH, zeroedBytes: 2.5 * MIB })
  t.is(fileSystem.sizeSync(prepared?.fd ?? -1), 2.5 * MIB)
  t.is(preparation.take(), undefined, 'it is given once')
  t.deepEqual(openPaths(fileSystem), [PATH])
  t.is(namesOf(fileSystem)[0], 'openSync')
})

test('it is written in small pieces, and now and then synced on the way, so that no call takes long', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  await new Preparation(fileSystem, PATH, 20 * MIB, 'direct').settled
  let unsynced = 0
  let syncs = 0
  for (const { call, bytes = 0 } of fileSystem.calls) {
    if (call === 'write') unsynced += bytes
    if (call === 'datasync') {
      syncs++
      unsynced = 0
    }
    t.true(bytes <= MIB && unsynced <= 8 * MIB)
  }
  t.true(syncs > 1)
  t.is(unsynced, 0)
})

test('one that is given up has its room given back at once, and is closed and removed once no call is under way', async (t) => {
  const fileSystem = new GatedWrites()
  const preparation = new Preparation(fileSystem, PATH, 8 * MIB, 'direct')
  for (let slice = 0; slice < 3; slice++) {
    fileSystem.letOn()
    await turn()
  }
  t.is(fileSystem.waiting, 1)
  preparation.abandon()
  const fd = fileSystem.openSync(PATH, 'read')
  t.is(fileSystem.sizeSync(fd), 0)
  fileSystem.closeSync(fd)
  await turn()
  t.deepEqual(openPaths(fileSystem), [PATH], 'its descriptor is in use')
  fileSystem.letOn()
  await preparation.settled
  t.is(fileSystem.waiting, 0, 'it goes no further')
  t.deepEqual(namesOf(fileSystem).slice(-3), ['write', 'closeSync', 'removeSync'])
  t.is(preparation.take(), undefined)
  t.is(preparation.failure, undefined)
})

test('an error while its room is given back is noted, and harms nobody', async (t) => {
  const fileSystem = new GatedWrites()
  fileSystem.inject({ call: 'truncateSync', error: 'EIO' })
  const preparation = new Preparation(fileSystem, PATH, MIB, 'direct')
  preparation.abandon()
  fileSystem.letGo()
  await preparation.settled
  t.like(preparation.failure, { code: 'EIO' })
  t.deepEqual(fileSystem.listSync('/'), [])
})

test('one that is done is closed and removed at once when it is given up', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const preparation = new Preparation(fileSystem, PATH, MIB, 'direct')
  await preparation.settled
  preparation.abandon()
  t.deepEqual(namesOf(fileSystem).slice(-2), ['closeSync', 'removeSync'])
  preparation.abandon()
  t.is(preparation.take(), undefined)
  t.deepEqual(openPaths(fileSystem), [])
})

test('one that was taken is not touched any more', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const preparation = new Preparation(fileSystem, PATH, MIB, 'direct')
  await preparation.settled
  preparation.take()
  preparation.abandon()
  t.deepEqual(openPaths(fileSystem), [PATH])
})

test('an error ends it, and nothing is left behind', async (t) => {
  for (const call of ['openSync', 'write', 'datasync'] as const) {
    const fileSystem = new SimulatedFileSystem()
    fileSystem.inject({ call, error: 'EIO' })
    const preparation = new Preparation(fileSystem, PATH, 2 * MIB, 'direct')
    await preparation.settled
    t.like(preparation.failure, { code: 'EIO' })
    t.is(preparation.take(), undefined)
    t.deepEqual(openPaths(fileSystem), [])
    t.deepEqual(fileSystem.listSync('/'), [])
  }
})

test('a disk that is full ends it, and gets its room back', async (t) => {
  const fileSystem = new SimulatedFileSystem({ capacityBytes: 1.5 * MIB })
  const preparation = new Preparation(fileSystem, PATH, 2 * MIB, 'direct')
  await preparation.settled
  t.like(preparation.failure, { code: 'ENOSPC' })
  t.deepEqual(fileSystem.listSync('/'), [])
})

test('short writes are carried on, and one that writes nothing ends it', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  fileSystem.inject({ call: 'write', short: 1000 })
  const preparation = new Preparation(fileSystem, PATH, MIB, 'direct')
  await preparation.settled
  t.is(preparation.failure, undefined)
  t.is(fileSystem.sizeSync(preparation.take()?.fd ?? -1), MIB)
  fileSystem.inject({ call: 'write', short: 0, once: false })
  const other = new Preparation(fileSystem, '/other.tmp', MIB, 'direct')
  await other.settled
  t.regex(String(other.failure), /took 0 of/)
})

test('an error while it cleans up is noted, and harms nobody', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  fileSystem.inject({ call: 'removeSync', error: 'EACCES' })
  const preparation = new Preparation(fileSystem, PATH, MIB, 'direct')
  await preparation.settled
  preparation.abandon()
  t.like(preparation.failure, { code: 'EACCES' })
  t.deepEqual(openPaths(fileSystem), [])
})

test('one that is given up during a sync writes nothing more', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const letOn = fileSystem.inject({ call: 'datasync', hold: true })
  const preparation = new Preparation(fileSystem, PATH, 8 * MIB, 'direct')
  while (!namesOf(fileSystem).includes('datasync')) await turn()
  preparation.abandon()
  const before = namesOf(fileSystem).filter((call) => call === 'write').length
  letOn()
  await preparation.settled
  t.is(namesOf(fileSystem).filter((call) => call === 'write').length, before)
  t.deepEqual(fileSystem.listSync('/'), [])
})
