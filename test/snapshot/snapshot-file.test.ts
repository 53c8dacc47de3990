import test, { type ExecutionContext } from 'ava'
import { SluiceError, systemCode } from '../../src/errors.js'
import { checksum } from '../../src/format/checksum.js'
import { replaceFile } from '../../src/snapshot/replaced-file.js'
import { openSnapshot, writeSnapshot } from '../../src/snapshot/snapshot-file.js'
import { encodeSnapshotHeader, SNAPSHOT_HEADER_BYTES, TRAILER_BYTES } from '../../src/snapshot/snapshot-layout.js'
import {
  listSnapshots,
  makeSnapshotFolder,
  removeSnapshot,
  type SnapshotPlace,
} from '../../src/snapshot/snapshot-place.js'
import { type FileSystemCall, SimulatedFileSystem } from '../../src/testing/index.js'
import { bytesOf } from '../support/simulated-files.js'
import { rejection, rejects, throws, turn } from '../support/simulated-log.js'

const DIRECTORY = '/data'
const NAME = 'state-5'
const OLD = ['old', '', 'o'.repeat(700)]
const NEW = ['a new one', 'with other blocks', 'n'.repeat(1500), '']

function made(fileSystem = new SimulatedFileSystem()): SnapshotPlace {
  makeSnapshotFolder(fileSystem, DIRECTORY)
  return { fileSystem, directory: DIRECTORY, name: NAME }
}

function buffers(texts: readonly string[]): Buffer[] {
  return texts.map((text) => Buffer.from(text))
}

async function textsOf(place: SnapshotPlace): Promise<string[] | undefined> {
  const blocks = await openSnapshot(place)
  if (blocks === undefined) return undefined
  const texts: string[] = []
  for await (const block of blocks) texts.push(block.toString())
  return texts
}

function snapshotBytes({ fileSystem, directory, name }: SnapshotPlace): Buffer {
  return bytesOf(fileSystem, `${directory}/${name}`)
}

/** A file of these bytes, in a file system of its own. */
function placeOf(bytes: Buffer): SnapshotPlace {
  const place = made()
  const fd = place.fileSystem.openSync(`${DIRECTORY}/${NAME}`, 'create')
  place.fileSystem.writeSync(fd, bytes, 0, bytes.length, 0)
  place.fileSystem.closeSync(fd)
  return place
}

async function written(texts: readonly string[]): Promise<Buffer> {
  const place = made()
  await writeSnapshot(place, buffers(texts))
  return snapshotBytes(place)
}

test('the blocks come back as they were written, and as often as they are asked for', async (t) => {
  const place = made()
  t.is(await openSnapshot(place), undefined, 'there is none yet')
  const bytes = await writeSnapshot(place, buffers(NEW))
  t.is(bytes, snapshotBytes(place).length)
  const blocks = await openSnapshot(place)
  if (blocks === undefined) throw new Error('the snapshot is not there')
  for (const _ of [1, 2]) {
    const texts: string[] = []
    for await (const block of blocks) texts.push(block.toString())
    t.deepEqual(texts, NEW)
  }
  for await (const _ of blocks) break
  t.is(await writeSnapshot(place, []), SNAPSHOT_HEADER_BYTES + TRAILER_BYTES)
  t.deepEqual(await textsOf(place), [])
  t.deepEqual((place.fileSystem as SimulatedFileSystem).openPaths, [], 'no file is left open')
})

test('blocks of any size pass, from a generator that waits', async (t) => {
  const place = made()
  const sizes = [0, 1, 65_536, 262_143, 262_144, 262_145, 3_000_000, 7]
  async function* blocks(): AsyncGenerator<Uint8Array> {
    for (const [index, size] of sizes.entries()) {
      await Promise.resolve()
      yield new Uint8Array(size).fill(index + 1)
    }
  }
  await writeSnapshot(place, blocks())
  const found: number[] = []
  for await (const block of (await openSnapshot(place)) ?? []) {
    found.push(block.length)
    t.true(block.every((byte) => byte === found.length))
  }
  t.deepEqual(found, sizes)
})

test('names can not leave the folder', (t) => {
  const fileSystem = new SimulatedFileSystem()
  const bad = [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    '/etc/passwd',
    'C:x',
    'a\0',
    '.hidden',
    'x.tmp',
    'n\n',
    '\ud800',
    'x'.repeat(201),
  ]
  for (const name of bad) {
    const place = { fileSystem, directory: DIRECTORY, name }
    for (const call of [() => writeSnapshot(place, []), () => openSnapshot(place), () => removeSnapshot(place)]) {
      throws(t, call, { code: 'SLUICE_INVALID_ARGUMENT' })
    }
  }
  t.is(fileSystem.calls.length, 0)
})

test('a newer version is unsupported, not damaged', async (t) => {
  const bytes = await written(OLD)
  bytes.writeUInt16LE(2, 12)
  bytes.writeUInt32LE(checksum(bytes.subarray(12, SNAPSHOT_HEADER_BYTES)), 8)
  await rejects(t, openSnapshot(placeOf(bytes)), { code: 'SLUICE_UNSUPPORTED_FORMAT', file: `${DIRECTORY}/${NAME}` })
})

test('every flipped bit is found, and nothing damaged is given', async (t) => {
  const texts = ['first', 'second', '']
  const bytes = await written(texts)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const given: string[] = []
    const error = await rejection(
      (async () => {
        for await (const block of (await openSnapshot(placeOf(flipped))) ?? []) given.push(block.toString())
      })(),
    )
    t.is(systemCode(error), 'SLUICE_CORRUPT', `bit ${bit}`)
    t.deepEqual(given, texts.slice(0, given.length), `bit ${bit}`)
    t.is((error as SluiceError).file, `${DIRECTORY}/${NAME}`)
  }
})

test('every cut is found before a block is given, and so is what was put behind', async (t) => {
  const bytes = await written(['first', 'second', ''])
  const others = Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length))
  others.push(Buffer.concat([bytes, Buffer.from([0])]), Buffer.concat([bytes, bytes.subarray(-TRAILER_BYTES)]))
  for (const each of others) await rejects(t, openSnapshot(placeOf(each)), { code: 'SLUICE_CORRUPT' })
  t.pass()
})

test('a block of another file, or from another place, does not pass', async (t) => {
  const [one, other] = [await written(['aaaa', 'bbbb']), await written(['cccc', 'dddd'])]
  const block = 16 + 4
  const [first, second] = [SNAPSHOT_HEADER_BYTES, SNAPSHOT_HEADER_BYTES + block]
  const foreign = Buffer.from(one)
  other.copy(foreign, first, first, second)
  const moved = Buffer.from(one)
  one.copy(moved, first, second, second + block)
  const twice = Buffer.from(one)
  one.copy(twice, second, first, second)
  for (const bytes of [foreign, moved, twice]) await rejects(t, textsOf(placeOf(bytes)), { code: 'SLUICE_CORRUPT' })
  t.pass()
})

test('a length is checked against the file before it is believed', async (t) => {
  const header = encodeSnapshotHeader(Buffer.alloc(16))
  const huge = Buffer.concat([header, Buffer.alloc(200, 0xff)])
  await rejects(t, openSnapshot(placeOf(huge)), { code: 'SLUICE_CORRUPT' })
})

test('an abort removes what was written so far', async (t) => {
  const place = made()
  await writeSnapshot(place, buffers(OLD))
  const reason = new Error('enough')
  await t.throwsAsync(writeSnapshot(place, buffers(NEW), AbortSignal.abort(reason)), { is: reason })
  for (const after of [0, 1, NEW.length]) {
    const controller = new AbortController()
    let ended = false
    function* blocks(): Generator<Buffer> {
      try {
        for (const [index, block] of buffers(NEW).entries()) {
          if (index === after) controller.abort(reason)
          yield block
        }
        controller.abort(reason)
      } finally {
        ended = true
      }
    }
    await t.throwsAsync(writeSnapshot(place, blocks(), controller.signal), { is: reason })
    t.true(ended, 'the generator is let go')
    t.deepEqual(await listSnapshots(place.fileSystem, DIRECTORY), [NAME])
    t.deepEqual(place.fileSystem.listSync(DIRECTORY), [NAME])
    t.deepEqual(await textsOf(place), OLD)
  }
})

test('what the blocks throw is what the writer is told', async (t) => {
  const place = made()
  await t.throwsAsync(
    writeSnapshot(
      place,
      (function* () {
        yield Buffer.from('one')
        throw new RangeError('no more')
      })(),
    ),
    { instanceOf: RangeError, message: 'no more' },
  )
  t.deepEqual(place.fileSystem.listSync(DIRECTORY), [])
})

test('temporary files that a crash left go when the folder is made again, and no others', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  await writeSnapshot(place, buffers(OLD))
  for (const name of ['state-5.0123456789abcdef.tmp', 'mine.tmp']) {
    fileSystem.closeSync(fileSystem.openSync(`${DIRECTORY}/${name}`, 'create'))
  }
  makeSnapshotFolder(fileSystem, DIRECTORY)
  t.deepEqual(fileSystem.listSync(DIRECTORY).sort(), ['mine.tmp', NAME])
  t.deepEqual(await listSnapshots(fileSystem, DIRECTORY), [NAME])
  t.deepEqual(await listSnapshots(fileSystem, '/nowhere'), [])
  await removeSnapshot(place)
  await removeSnapshot(place)
  t.is(await openSnapshot(place), undefined)
})

/** Writes the old content, then the new one over it; returns the calls that the new one took. */
async function callsOfReplacing(write: (place: SnapshotPlace) => Promise<number>): Promise<readonly FileSystemCall[]> {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  await writeSnapshot(place, buffers(OLD))
  const before = fileSystem.calls.length
  await write(place)
  return fileSystem.calls.slice(before)
}

test('a crash at any call leaves the old content or the new one, whole', async (t) => {
  const calls = await callsOfReplacing((place) => writeSnapshot(place, buffers(NEW)))
  const names = ['openSync', 'write', 'datasync', 'closeSync', 'rename', 'syncDirectory']
  t.deepEqual(
    calls.map(({ call }) => call),
    names,
    'what can take long is done in the background',
  )
  const seen = new Set<string>()
  for (let at = 1; at <= calls.length + 1; at++) {
    for (let seed = 0; seed < 20; seed++) {
      const fileSystem = new SimulatedFileSystem({ seed })
      const place = made(fileSystem)
      await writeSnapshot(place, buffers(OLD))
      fileSystem.crashAfter(at)
      const acknowledged = await writeSnapshot(place, buffers(NEW)).then(
        () => true,
        () => false,
      )
      for (const after of [fileSystem.stateAfterCrash({ seed }), fileSystem.killProcess()]) {
        const found = await textsOf(made(after))
        const which = JSON.stringify(found) === JSON.stringify(OLD) ? 'old' : 'new'
        if (which === 'new') t.deepEqual(found, NEW, `call ${at}, seed ${seed}`)
        if (acknowledged) t.is(which, 'new', `call ${at}, seed ${seed}`)
        t.deepEqual(after.listSync(DIRECTORY), [NAME], 'nothing else is there once the folder was made again')
        seen.add(which)
      }
    }
  }
  t.deepEqual([...seen].sort(), ['new', 'old'])
})

async function failsEverywhere(t: ExecutionContext, error: string, once: boolean): Promise<void> {
  const calls = await callsOfReplacing((place) => writeSnapshot(place, buffers(NEW)))
  const counts = new Map<string, number>()
  for (const { call } of calls) {
    const nth = (counts.get(call) ?? 0) + 1
    counts.set(call, nth)
    const fileSystem = new SimulatedFileSystem()
    const place = made(fileSystem)
    await writeSnapshot(place, buffers(OLD))
    const heal = fileSystem.inject({ call, nth, once, error })
    const told = await rejection(writeSnapshot(place, buffers(NEW)))
    heal()
    const what = `${error} at ${call} ${nth}`
    t.true(told instanceof SluiceError, what)
    t.is(systemCode(told), error === 'ENOSPC' ? 'SLUICE_DISK_FULL' : 'SLUICE_IO', what)
    t.is(systemCode((told as SluiceError).cause), error, what)
    t.deepEqual(await textsOf(place), call === 'syncDirectory' ? NEW : OLD, what)
    t.deepEqual(fileSystem.listSync(DIRECTORY), [NAME], what)
    t.deepEqual(fileSystem.openPaths, [], what)
    await writeSnapshot(place, buffers(NEW))
    t.deepEqual(await textsOf({ ...place, fileSystem: fileSystem.crash({ keep: 'none' }) }), NEW, `after ${what}`)
  }
}

for (const error of ['EIO', 'ENOSPC']) {
  test(`${error} at any call is told, and leaves the old content and nothing else`, failsEverywhere, error, true)
  test(`${error} from any call on is told, and leaves the old content`, failsEverywhere, error, false)
}

test('a full disk is told, and nothing of the attempt stays', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  const bytes = await writeSnapshot(place, buffers(OLD))
  fileSystem.capacityBytes = bytes + 300
  await rejects(t, writeSnapshot(place, buffers(NEW)), { code: 'SLUICE_DISK_FULL' })
  t.deepEqual(fileSystem.listSync(DIRECTORY), [NAME])
  t.deepEqual(await textsOf(place), OLD)
})

test('errors while reading are told as such, and the file is closed', async (t) => {
  for (const call of ['open', 'size', 'read'] as const) {
    for (const nth of [1, 2, 3]) {
      const fileSystem = new SimulatedFileSystem()
      const place = made(fileSystem)
      await writeSnapshot(place, buffers(NEW))
      fileSystem.inject({ call, nth, error: 'EIO' })
      const told = await textsOf(place).catch((error: unknown) => error)
      if (Array.isArray(told)) t.true(call !== 'read' && nth === 3, 'it is opened twice')
      else t.is(systemCode(told), 'SLUICE_IO', `${call} ${nth}`)
      t.deepEqual(fileSystem.openPaths, [])
    }
  }
})

test('a block that is read ahead is told of when it is its turn, and left alone by who goes before', async (t) => {
  const texts = ['head', 'first', 'second', 'third']
  const bytes = await written(texts)
  const at = bytes.indexOf('third')
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  const place = placeOf(bytes)
  const blocks = await openSnapshot(place)
  if (blocks === undefined) throw new Error('the snapshot is not there')
  const unhandled: unknown[] = []
  const note = (error: unknown): unknown => systemCode(error) === 'SLUICE_CORRUPT' && unhandled.push(error)
  process.on('unhandledRejection', note)
  t.teardown(() => process.off('unhandledRejection', note))
  for (let taken = 1; taken <= texts.length; taken++) {
    const found: string[] = []
    const told = await (async () => {
      for await (const block of blocks) {
        // Time for what is read ahead to fail.
        await turn()
        if (found.push(block.toString()) === taken) break
      }
    })().catch(systemCode)
    t.deepEqual(found, texts.slice(0, Math.min(taken, 3)))
    t.deepEqual(unhandled, [], 'a process does not end by it')
    t.is(told, taken < 4 ? undefined : 'SLUICE_CORRUPT', `${taken} taken`)
    t.deepEqual((place.fileSystem as SimulatedFileSystem).openPaths, [], 'no file is left open')
  }
})

test('a file is not closed while a block is read ahead', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  await writeSnapshot(place, buffers(NEW))
  const iterator = (await openSnapshot(place))?.[Symbol.asyncIterator]()
  await iterator?.next()
  const release = fileSystem.inject({ call: 'read', nth: 2, hold: true })
  t.is((await iterator?.next())?.value?.toString(), NEW[1])
  const left = iterator?.return?.()
  await turn()
  t.is(fileSystem.openPaths.length, 1)
  release()
  await left
  t.deepEqual(fileSystem.openPaths, [])
})

test('short transfers and interrupted ones are gone on with', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  fileSystem.inject({ call: 'write', once: false, short: 100 })
  fileSystem.inject({ call: 'read', once: false, short: 90 })
  fileSystem.inject({ call: 'write', nth: 2, error: 'EINTR' })
  fileSystem.inject({ call: 'read', nth: 3, error: 'EINTR' })
  await writeSnapshot(place, buffers(NEW))
  t.deepEqual(await textsOf(place), NEW)
})

test('a plain file is replaced in the same way', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const place = made(fileSystem)
  t.is(await replaceFile(place, buffers(['{"a"', ':1}'])), 7)
  const after = fileSystem.crash({ keep: 'none' })
  t.is(snapshotBytes({ ...place, fileSystem: after }).toString(), '{"a":1}')
})
