import test from 'ava'
import type { PreparedFile } from '../../src/segment/preparation.js'
import { type ReserveState, SegmentReserve } from '../../src/segment/segment-reserve.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { GatedWrites } from '../support/gated-writes.js'
import { callsOf, openPaths, PREPARED, quiet } from '../support/simulated-log.js'

const MIB = 1024 * 1024

interface Trial<Files extends SimulatedFileSystem> {
  readonly fileSystem: Files
  readonly reserve: SegmentReserve
  /** What was told, as `<files> <whether it is settled>`. */
  readonly told: string[]
}

function trial<Files extends SimulatedFileSystem>(
  preparedSegments: number,
  fileSystem: Files,
  segmentBytes = MIB,
): Trial<Files> {
  const told: string[] = []
  const tell = ({ bytes, settled }: ReserveState): void => {
    told.push(`${bytes / MIB} ${settled}`)
  }
  const plan = { directory: '/', segmentBytes, access: 'direct', preparedSegments } as const
  return { fileSystem, reserve: new SegmentReserve(fileSystem, plan, tell), told }
}

function nameOf(file: PreparedFile | undefined): string | undefined {
  return file?.path
}

test('while there is time it makes as many as were asked for, one after the other', async (t) => {
  const { fileSystem, reserve, told } = trial(3, new GatedWrites())
  t.true(reserve.hasWork)
  t.deepEqual(openPaths(fileSystem), [], 'not by itself')
  reserve.rest()
  reserve.rest()
  t.true(reserve.hasWork)
  t.false(reserve.isUrgent, 'nothing waits for it')
  t.deepEqual(openPaths(fileSystem), ['/prepared-1.tmp'])
  fileSystem.letGo()
  await quiet()
  t.false(reserve.hasWork)
  t.deepEqual(told, ['1 false', '2 false', '3 true'])
  t.deepEqual(openPaths(fileSystem), ['/prepared-1.tmp', '/prepared-2.tmp', '/prepared-3.tmp'])
  for (const path of openPaths(fileSystem))
    t.is(callsOf(fileSystem, 'datasync', PREPARED).filter((call) => call.path === path).length, 1)
  await reserve.stop()
})

test('they are taken in order, and made good for once there is time again', async (t) => {
  const { fileSystem, reserve, told } = trial(2, new SimulatedFileSystem())
  reserve.rest()
  await quiet()
  t.is(nameOf(reserve.take()), '/prepared-1.tmp')
  t.deepEqual(told, ['1 false', '2 true', '1 false'])
  await quiet()
  t.deepEqual(openPaths(fileSystem).length, 2, 'none by itself')
  t.true(reserve.hasWork)
  t.is(nameOf(reserve.take()), '/prepared-2.tmp')
  t.is(reserve.take(), undefined)
  reserve.rest()
  await quiet()
  t.deepEqual(told.slice(3), ['0 false', '0 false', '1 false', '2 true'])
  t.deepEqual(
    fileSystem.listSync('/').toSorted(),
    [1, 2, 3, 4].map((at) => `prepared-${at}.tmp`),
  )
  await reserve.stop()
})

test('under load one is made, and only where none is ready', async (t) => {
  for (const wanted of [0, 3]) {
    const { fileSystem, reserve } = trial(wanted, new GatedWrites())
    reserve.prepareNext()
    t.true(reserve.isUrgent)
    fileSystem.letGo()
    await quiet()
    t.false(reserve.isUrgent)
    reserve.prepareNext()
    await quiet()
    t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 1, 'the load goes on')
    t.is(nameOf(reserve.take()), '/prepared-1.tmp')
    t.is(reserve.take(), undefined)
    await reserve.stop()
  }
})

test('where none was asked for, none is made while there is time, and nothing is told', async (t) => {
  const { fileSystem, reserve, told } = trial(0, new SimulatedFileSystem())
  reserve.rest()
  t.false(reserve.hasWork)
  reserve.prepareNext()
  t.true(reserve.hasWork)
  await quiet()
  t.false(reserve.hasWork)
  reserve.take()
  reserve.giveUp()
  reserve.noteRoom()
  await reserve.stop()
  t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 1)
  t.deepEqual(told, [])
})

test('one that is not ready when it is needed is left going on, for the segment after', async (t) => {
  const { fileSystem, reserve } = trial(0, new GatedWrites())
  reserve.prepareNext()
  t.is(reserve.take(), undefined)
  t.true(reserve.hasWork)
  t.false(reserve.isUrgent, 'the next rotation is far')
  reserve.prepareNext()
  t.true(reserve.isUrgent)
  fileSystem.letGo()
  await quiet()
  t.is(nameOf(reserve.take()), '/prepared-1.tmp')
  await reserve.stop()
})

test('one that nothing waited for is waited for once the next rotation is near', async (t) => {
  const { fileSystem, reserve } = trial(1, new GatedWrites())
  reserve.rest()
  reserve.prepareNext()
  t.true(reserve.isUrgent)
  t.deepEqual(openPaths(fileSystem), ['/prepared-1.tmp'])
  fileSystem.letGo()
  await reserve.stop()
})

test('where one fails, the next is tried after a rotation', async (t) => {
  const { fileSystem, reserve, told } = trial(2, new SimulatedFileSystem())
  fileSystem.inject({ call: 'datasync', path: PREPARED, error: 'EIO', nth: 2 })
  reserve.rest()
  await quiet()
  t.deepEqual(told, ['1 false', '1 true'])
  reserve.rest()
  reserve.prepareNext()
  await quiet()
  t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 2)
  t.is(nameOf(reserve.take()), '/prepared-1.tmp')
  t.deepEqual(told.slice(2), ['0 false'], 'who asks now waits')
  reserve.rest()
  await quiet()
  t.deepEqual(told.slice(3), ['1 false', '2 true'])
  await reserve.stop()
})

test('on a full disk it gives up all, and makes none until a segment was begun', async (t) => {
  const { fileSystem, reserve, told } = trial(2, new SimulatedFileSystem())
  reserve.rest()
  await quiet()
  t.true(reserve.giveUp())
  t.deepEqual(fileSystem.listSync('/'), [])
  t.deepEqual(openPaths(fileSystem), [])
  t.false(reserve.giveUp(), 'there is nothing more')
  reserve.rest()
  reserve.prepareNext()
  t.false(reserve.hasWork)
  t.deepEqual(told.slice(2), ['0 true', '0 true'])
  reserve.noteRoom()
  reserve.noteRoom()
  t.deepEqual(told.slice(4), ['0 false'], 'who asks now waits')
  reserve.rest()
  await quiet()
  t.deepEqual(told.slice(5), ['1 false', '2 true'])
  await reserve.stop()
})

test('a file under way on a full disk gives its room back at once', async (t) => {
  const { fileSystem, reserve } = trial(1, new GatedWrites())
  reserve.rest()
  fileSystem.letOn()
  await quiet()
  t.true(reserve.giveUp())
  const fd = fileSystem.openSync('/prepared-1.tmp', 'read')
  t.is(fileSystem.sizeSync(fd), 0)
  fileSystem.closeSync(fd)
  fileSystem.letGo()
  await reserve.stop()
  t.deepEqual(fileSystem.listSync('/'), [])
})

test('a disk that has no room for all of them is not filled up again', async (t) => {
  const { fileSystem, reserve, told } = trial(3, new SimulatedFileSystem({ capacityBytes: 2.5 * MIB }))
  reserve.rest()
  await quiet()
  t.deepEqual(told, ['1 false', '2 false', '2 true'])
  t.is(nameOf(reserve.take()), '/prepared-1.tmp')
  fileSystem.capacityBytes = 100 * MIB
  reserve.rest()
  await quiet()
  t.deepEqual(told.slice(3), ['1 false', '2 true'], 'as many as there was room for')
  t.is(callsOf(fileSystem, 'openSync', PREPARED).length, 4)
  await reserve.stop()
})

test('who waits hears that the disk is full though nothing was prepared yet', (t) => {
  const { reserve, told } = trial(2, new SimulatedFileSystem())
  t.false(reserve.giveUp())
  t.deepEqual(told, ['0 true'])
})

test('stopped, it removes all, waits for calls that are under way, and makes nothing more', async (t) => {
  const { fileSystem, reserve, told } = trial(2, new GatedWrites())
  reserve.rest()
  fileSystem.letOn()
  await quiet()
  fileSystem.letOn()
  await quiet()
  t.true(fileSystem.waiting > 0)
  let stopped = false
  const stop = reserve.stop().then(() => {
    stopped = true
  })
  await quiet()
  t.false(stopped, 'a call is under way')
  fileSystem.letGo()
  await stop
  const calls = fileSystem.calls.length
  reserve.rest()
  reserve.prepareNext()
  await quiet()
  t.is(fileSystem.calls.length, calls)
  t.deepEqual(fileSystem.listSync('/'), [])
  t.deepEqual(openPaths(fileSystem), [])
  t.is(told.at(-1), '0 true')
})

test('small segments are not prepared, and a file has whole pages', async (t) => {
  const small = trial(1, new SimulatedFileSystem(), MIB - 1)
  small.reserve.rest()
  small.reserve.prepareNext()
  t.false(small.reserve.hasWork)
  const { fileSystem, reserve } = trial(1, new SimulatedFileSystem(), MIB + 1000)
  reserve.rest()
  await quiet()
  t.is(reserve.take()?.zeroedBytes, MIB)
  t.is(
    callsOf(fileSystem, 'write', PREPARED).reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    MIB,
  )
})
