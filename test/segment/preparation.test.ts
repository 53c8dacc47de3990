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
  t.true(preparation.busy)
  t.is(preparation.take()?.fd, undefined, 'not before it is done')
  const other = new Preparation(fileSystem, '/prepared-2.tmp', 2.5 * MIB, 'direct')
  await Promise.all([preparation.settled, other.settled])
  t.false(other.busy)
  const prepared = other.take()
  t.like(prepared, { path: '/prepared-2.tmp', zeroedBytes: 2.5 * MIB })
  t.is(fileSystem.sizeSync(prepared?.fd ?? -1), 2.5 * MIB)
  t.is(other.take(), undefined, 'it is given once')
  t.deepEqual(openPaths(fileSystem), ['/prepared-2.tmp'])
  const byPath = fileSystem.calls.filter(({ path }) => path === '/prepared-2.tmp').map(({ call }) => call)
  t.is(byPath[0], 'openSync')
  t.is(byPath.at(-2), 'datasync', 'before it is looked at here')
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

test('what was taken too early is given up: closed and removed once no call is under way', async (t) => {
  const fileSystem = new GatedWrites()
  const preparation = new Preparation(fileSystem, PATH, 8 * MIB, 'direct')
  t.is(fileSystem.waiting, 1)
  t.is(preparation.take(), undefined)
  t.true(preparation.busy)
  await turn()
  t.deepEqual(openPaths(fileSystem), [PATH], 'its descriptor is in use')
  fileSystem.letOn()
  await preparation.settled
  t.false(preparation.busy)
  t.is(fileSystem.waiting, 0, 'it goes no further')
  t.deepEqual(namesOf(fileSystem), ['openSync', 'write', 'closeSync', 'removeSync'])
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
