import test from 'ava'
import { EventIndex } from '../../src/events/event-index.js'
import { IdWindow } from '../../src/events/id-window.js'
import { decodeHead, decodeIndexFile, encodeIndexFile, type IndexFileHead } from '../../src/events/index-file.js'
import { openEventStoreSealing } from '../../src/events/open-event-store.js'
import type { DirectoryEventStore, EventStoreOptions } from '../../src/events/store-contract.js'
import { openLog } from '../../src/log/open-log.js'
import { openSnapshot, writeDerivedSnapshot } from '../../src/snapshot/snapshot-file.js'
import { type Fault, type FileSystemCallName, SimulatedFileSystem } from '../../src/testing/index.js'
import { EVENTS, positionsOf } from '../support/simulated-event-store.js'
import { bytesOf } from '../support/simulated-files.js'
import { FRUGAL, putFiles, quiet, rejection, SEGMENT } from '../support/simulated-log.js'

const INDEX = `${EVENTS}/index`
const RULE = { events: 10, tags: 1000 }

function open(fileSystem: SimulatedFileSystem, options: EventStoreOptions = {}): Promise<DirectoryEventStore> {
  return openEventStoreSealing(EVENTS, { ...FRUGAL, ...options, fileSystem }, RULE)
}

/** Appends events `from` to `to`, each with a tag and an id of its own, and one tag of three. */
async function append(store: DirectoryEventStore, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    const tags = [`n:${n}`, `third:${n % 3}`]
    await store.append({ type: n % 2 === 0 ? 'Even' : 'Odd', tags, data: n, id: `id${n}` })
    await quiet() // A file that is due is written now, not with those that come later.
  }
}

/** Asserts that a store finds what it should of `count` such events. */
async function finds(
  t: { deepEqual(actual: unknown, expected: unknown): void },
  store: DirectoryEventStore,
  count: number,
) {
  const all = Array.from({ length: count }, (_, at) => at + 1)
  t.deepEqual(await positionsOf(store), all)
  t.deepEqual(
    await positionsOf(store, { types: ['Even'], tags: ['third:1'] }),
    all.filter((n) => n % 2 === 0 && n % 3 === 1),
  )
  for (const n of all) t.deepEqual(await positionsOf(store, { tags: [`n:${n}`] }), [n])
  const error = await rejection(store.append({ type: 'Never' }, { failIfEventsMatch: { tags: [`n:${count}`] } }))
  t.deepEqual(Object(error).position, count)
}

async function stored(count: number, options: EventStoreOptions = {}): Promise<SimulatedFileSystem> {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem, options)
  await append(store, 1, count)
  await store.close()
  return fileSystem
}

function overwrite(fileSystem: SimulatedFileSystem, path: string, change: (bytes: Buffer) => Buffer): void {
  const changed = change(bytesOf(fileSystem, path))
  const fd = fileSystem.openSync(path, 'write')
  fileSystem.truncateSync(fd, changed.length)
  for (let at = 0; at < changed.length; ) at += fileSystem.writeSync(fd, changed, at, changed.length - at, at)
  fileSystem.closeSync(fd)
}

test('events are found from the index’s files after a restart, and the log is not read for them', async (t) => {
  const fileSystem = await stored(37)
  t.deepEqual(fileSystem.listSync(INDEX).sort(), [
    '0000000001.index',
    '0000000011.index',
    '0000000021.index',
    '0000000031.index',
  ])
  const store = await open(fileSystem)
  t.deepEqual(store.recovery.index, { loaded: 37, rebuilt: 0, discarded: [] })
  await finds(t, store, 37)
  t.deepEqual(await store.append({ type: 'Even', id: 'id20' }), { first: 20, last: 20 }, 'ids are in the files')
  await append(store, 38, 52)
  await store.close()
  const again = await open(fileSystem)
  t.deepEqual(again.recovery.index, { loaded: 52, rebuilt: 0, discarded: [] })
  await finds(t, again, 52)
  await again.close()
})

test('what no file has is read from the log', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem)
  await append(store, 1, 25)
  const killed = fileSystem.killProcess()
  const again = await open(killed)
  t.deepEqual(again.recovery.index, { loaded: 20, rebuilt: 5, discarded: [] })
  await finds(t, again, 25)
  await again.close()
})

test('an index whose folder is gone is made anew, in files again', async (t) => {
  const fileSystem = await stored(37)
  for (const name of fileSystem.listSync(INDEX)) fileSystem.removeSync(`${INDEX}/${name}`)
  const store = await open(fileSystem)
  t.deepEqual(store.recovery.index, { loaded: 0, rebuilt: 37, discarded: [] })
  await finds(t, store, 37)
  t.deepEqual(fileSystem.listSync(INDEX).sort(), ['0000000001.index', '0000000011.index', '0000000021.index'])
  await store.close()
})

test('a damaged file, whichever it is, costs its events a reading of the log, and those behind it', async (t) => {
  for (const [at, name] of ['0000000001', '0000000011', '0000000021', '0000000031'].entries()) {
    for (const [what, change] of [
      ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 9)],
      ['empty', (bytes: Buffer) => bytes.subarray(0, 0)],
      ['a bit of the head', (bytes: Buffer) => flipped(bytes, 60)],
      ['a bit of an inner block', (bytes: Buffer) => flipped(bytes, bytes.length >>> 1)],
      ['a bit of the end', (bytes: Buffer) => flipped(bytes, bytes.length - 30)],
    ] as const) {
      const fileSystem = await stored(37)
      overwrite(fileSystem, `${INDEX}/${name}.index`, change)
      const store = await open(fileSystem)
      const { loaded, rebuilt, discarded } = store.recovery.index
      t.deepEqual([loaded, rebuilt], [at * 10, 37 - at * 10], `${name}, ${what}`)
      t.true(discarded.some((reason) => reason.includes(name)))
      await finds(t, store, 37)
      t.deepEqual(await store.append({ type: 'Even', id: 'id36' }), { first: 36, last: 36 })
      await store.close()
      const again = await open(fileSystem)
      t.deepEqual(again.recovery.index, { loaded: 37, rebuilt: 0, discarded: [] }, 'it was written down again')
      await finds(t, again, 37)
      await again.close()
    }
  }
})

test('a file that is missing in between leaves those behind it without use', async (t) => {
  const fileSystem = await stored(37)
  fileSystem.removeSync(`${INDEX}/0000000011.index`)
  const store = await open(fileSystem)
  t.like(store.recovery.index, { loaded: 10, rebuilt: 27 })
  await finds(t, store, 37)
  await store.close()
})

test('an index of a history that the log lost is not believed', async (t) => {
  const { whole, cut } = await lostHistory()
  // As after a repair: the log lost all behind 12, and went on with other events at the same positions.
  const log = await openLog(`${EVENTS}/log`, { fileSystem: cut })
  for (let n = 13; n <= 37; n++) await log.append(JSON.stringify({ type: 'Other', tags: [`other:${n}`] }))
  await log.close()
  copyFiles(whole, cut, INDEX)
  const again = await open(cut)
  t.like(again.recovery.index, { loaded: 10, rebuilt: 27 })
  t.regex(again.recovery.index.discarded.join(), /0000000011.*history/)
  t.deepEqual(await positionsOf(again, { tags: ['n:12'] }), [12])
  t.deepEqual(await positionsOf(again, { tags: ['n:13'] }), [])
  t.deepEqual(await positionsOf(again, { tags: ['other:13'] }), [13])
  t.deepEqual(await again.append({ type: 'Odd', id: 'id13' }), { first: 38, last: 38 }, 'nor are its ids')
  await again.close()
})

test('an index that is ahead of its log is not believed', async (t) => {
  const { whole, cut } = await lostHistory()
  copyFiles(whole, cut, INDEX)
  const again = await open(cut)
  t.like(again.recovery.index, { loaded: 10, rebuilt: 2 })
  await finds(t, again, 12)
  await again.close()
})

/** A store of 37 events, and what it was when it had 12. */
async function lostHistory(): Promise<{ readonly whole: SimulatedFileSystem; readonly cut: SimulatedFileSystem }> {
  const whole = new SimulatedFileSystem()
  const store = await open(whole)
  await append(store, 1, 12)
  const cut = whole.stateAfterCrash({ keep: 'all' })
  await append(store, 13, 37)
  await store.close()
  return { whole, cut }
}

/** Puts the files of a folder of one file system into the same folder of another one, in place of those that it has. */
function copyFiles(from: SimulatedFileSystem, to: SimulatedFileSystem, folder: string): void {
  for (const name of to.listSync(folder)) to.removeSync(`${folder}/${name}`)
  const files = from.listSync(folder).map((name): [string, Uint8Array] => [name, bytesOf(from, `${folder}/${name}`)])
  putFiles(to, folder, new Map(files))
}

test('a file of another store is not believed, wherever it stands', async (t) => {
  const other = new SimulatedFileSystem()
  const strange = await open(other)
  for (let n = 1; n <= 25; n++) {
    await strange.append({ type: 'Odd', tags: [`n:${26 - n}`], data: n, id: `id${n}` })
    await quiet()
  }
  await strange.close()
  for (const [at, name] of ['0000000001.index', '0000000011.index', '0000000021.index'].entries()) {
    const fileSystem = await stored(25)
    overwrite(fileSystem, `${INDEX}/${name}`, () => bytesOf(other, `${INDEX}/${name}`))
    const store = await open(fileSystem)
    t.like(store.recovery.index, { loaded: at * 10, rebuilt: 25 - at * 10 })
    await finds(t, store, 25)
    await store.close()
  }
})

/** Writes a file of the index once more, with another head. */
async function rewriteHead(
  fileSystem: SimulatedFileSystem,
  name: string,
  change: (head: IndexFileHead) => Partial<IndexFileHead>,
): Promise<void> {
  const place = { fileSystem, directory: INDEX, name }
  const blocks: Buffer[] = []
  for await (const block of (await openSnapshot(place)) ?? []) blocks.push(block)
  const head = decodeHead(blocks[0] ?? Buffer.alloc(0))
  if (head === undefined) throw new Error(`${name} has no head`)
  blocks[0] = Buffer.from(JSON.stringify({ ...head, ...change(head) }))
  await writeDerivedSnapshot(place, blocks)
}

test('a file is believed only if all fits that its head says of the log', async (t) => {
  const changes: readonly ((head: IndexFileHead) => Partial<IndexFileHead>)[] = [
    ({ lastChecksum }) => ({ lastChecksum: lastChecksum ^ 1 }),
    ({ lastTimestamp }) => ({ lastTimestamp: lastTimestamp + 1 }),
    ({ last }) => ({ last: last + 1 }),
    () => ({ last: 1000 }),
    ({ first }) => ({ first: first + 1 }),
    () => ({ behind: 'another' }),
    ({ tags }) => ({ tags: { from: tags.from + 1, to: tags.to } }),
    ({ types }) => ({ types: { from: types.from, to: types.to + 1 } }),
  ]
  for (const [at, change] of [() => ({}), ...changes].entries()) {
    const fileSystem = await stored(25)
    await rewriteHead(fileSystem, '0000000011.index', change)
    const store = await open(fileSystem)
    t.is(store.recovery.index.loaded, at === 0 ? 25 : 10, `change ${at}`)
    t.is(store.recovery.index.discarded.length > 0, at > 0)
    await finds(t, store, 25)
    await store.close()
  }
})

test('ids that are read from the log are forgotten as those of files are', async (t) => {
  const options = { rememberedIds: 12 }
  const fileSystem = await stored(37, options)
  for (const name of fileSystem.listSync(INDEX)) fileSystem.removeSync(`${INDEX}/${name}`)
  const store = await open(fileSystem, options)
  t.is(store.stats().index.ids, 12)
  t.deepEqual(await store.append({ type: 'Odd', id: 'id25' }), { first: 38, last: 38 }, 'it came too late')
  await store.close()
})

test('what is accepted when the store is closed is in its files', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem, { flush: { everyMs: 3_600_000 } })
  await store.append({ type: 'Odd', tags: ['n:1'] })
  const rest = Array.from({ length: 24 }, (_, at) => store.append({ type: 'Odd', tags: [`n:${at + 2}`] }))
  await store.close()
  await Promise.all(rest)
  const again = await open(fileSystem)
  t.deepEqual(again.recovery.index, { loaded: 25, rebuilt: 0, discarded: [] })
  await again.close()
})

test('a file that is being written when the store is closed, and fails, is told of once, and written then', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem)
  const failures: unknown[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  const release = fileSystem.inject({ call: 'write', path: /\.index/, hold: true, error: 'EIO' })
  await append(store, 1, 12)
  t.deepEqual(failures, [])
  const closed = store.close()
  await quiet()
  release()
  await closed
  t.is(failures.length, 1)
  t.like(failures[0], { code: 'SLUICE_IO' })
  const again = await open(fileSystem)
  t.like(again.recovery.index, { loaded: 10, discarded: [] }, 'one file is written at the end')
  await finds(t, again, 12)
  await again.close()
})

test('files of the index are closed, whatever comes of reading them', async (t) => {
  for (const call of ['read', 'close'] as const) {
    for (let nth = 1; nth <= 12; nth++) {
      const fileSystem = new SimulatedFileSystem()
      // Files whose ids are too old to be remembered are not read to their end.
      const options = { rememberedIds: 1 }
      const store = await open(fileSystem, options)
      await append(store, 1, 22)
      await store.close()
      fileSystem.inject({ call, path: /\.index/, nth, error: 'EIO' })
      const again = await open(fileSystem, options)
      t.deepEqual(
        fileSystem.openPaths.filter((path) => path.endsWith('.index')),
        [],
        `${call} ${nth}`,
      )
      await finds(t, again, 22)
      await again.close()
    }
  }
})

test('types and tags that are in a file keep their numbers, also where their events were taken back', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  let store = await open(fileSystem)
  await append(store, 1, 9)
  let gone: Promise<unknown> | undefined
  store.on('durable', (position) => {
    if (position !== 10) return
    fileSystem.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
    gone = rejection(store.append({ type: 'Gone', tags: ['gone:1', 'gone:2', 'gone:3'] }))
    store.stats() // Who asks for it has the index brought up to what is accepted.
  })
  await append(store, 10, 10)
  t.like(await gone, { code: 'SLUICE_DISK_FULL' })
  await quiet()
  const place = { fileSystem, directory: INDEX, name: '0000000001.index' }
  for await (const block of (await openSnapshot(place)) ?? []) {
    t.is(decodeHead(block)?.tags.to, 13 + 3, 'the file has them')
    break
  }
  const killed = fileSystem.killProcess()
  store = await open(killed)
  t.deepEqual(store.recovery.index, { loaded: 10, rebuilt: 0, discarded: [] })
  await append(store, 11, 11)
  killed.inject({ call: 'writeSync', path: SEGMENT, error: 'ENOSPC' })
  t.like(await rejection(store.append({ type: 'Gone', tags: ['gone:4'] })), { code: 'SLUICE_DISK_FULL' })
  await append(store, 12, 25)
  await finds(t, store, 25)
  await store.close()
  store = await open(killed)
  t.deepEqual(store.recovery.index, { loaded: 25, rebuilt: 0, discarded: [] })
  await finds(t, store, 25)
  t.deepEqual(await positionsOf(store, { tags: ['gone:1'] }), [])
  await store.close()
})

test('only the last ids are remembered, over a restart too', async (t) => {
  const options = { rememberedIds: 12 }
  const fileSystem = await stored(37, options)
  const store = await open(fileSystem, options)
  t.is(store.stats().index.ids, 12)
  t.deepEqual(await store.append({ type: 'Even', id: 'id26' }), { first: 26, last: 26 })
  t.deepEqual(await store.append({ type: 'Odd', id: 'id25' }), { first: 38, last: 38 }, 'it came too late')
  await store.close()
})

test('a store works on where its index can’t be written down, and says so', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem)
  const failures: unknown[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  const heal = fileSystem.inject({ call: 'write', path: /\.index/, error: 'ENOSPC', once: false })
  await append(store, 1, 25)
  t.true(failures.length >= 2)
  t.like(failures[0], { code: 'SLUICE_DISK_FULL' })
  t.is(store.status, 'open')
  await finds(t, store, 25)
  heal()
  const before = failures.length
  await append(store, 26, 40)
  t.is(failures.length, before)
  await store.close()
  const again = await open(fileSystem)
  t.like(again.recovery.index, { loaded: 40, rebuilt: 0 })
  await finds(t, again, 40)
  await again.close()
  fileSystem.inject({ call: 'write', path: /\.index/, error: 'EIO', once: false })
  for (const name of fileSystem.listSync(INDEX)) fileSystem.removeSync(`${INDEX}/${name}`)
  const reopened = await open(fileSystem)
  t.like(reopened.recovery.index, { loaded: 0, rebuilt: 40 })
  t.regex(reopened.recovery.index.discarded.join(), /can't be written down.*EIO/)
  await finds(t, reopened, 40)
  await reopened.close()
})

test('files are sealed earlier where events have many tags', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await openEventStoreSealing(EVENTS, { fileSystem }, { events: 10, tags: 25 })
  const tags = (n: number) => Array.from({ length: 10 }, (_, at) => `t:${n}:${at}`)
  for (let n = 1; n <= 8; n++) {
    await store.append({ type: 'A', tags: tags(n) })
    await quiet()
  }
  await store.close()
  t.deepEqual(fileSystem.listSync(INDEX).sort(), ['0000000001.index', '0000000004.index', '0000000007.index'])
  const again = await openEventStoreSealing(EVENTS, { fileSystem }, { events: 10, tags: 25 })
  t.deepEqual(again.recovery.index, { loaded: 8, rebuilt: 0, discarded: [] })
  t.deepEqual(await positionsOf(again, { tags: ['t:7:9', 't:7:0'] }), [7])
  await again.close()
})

const FAULTS: readonly (Omit<Fault, 'error'> & { readonly call: FileSystemCallName })[] = [
  { call: 'makeDirectorySync', path: /\/index$/ },
  { call: 'list', path: /\/index$/ },
  { call: 'listSync', path: /\/index$/ },
  { call: 'open', path: /\.index$/ },
  { call: 'open', path: /0000000011\.index$/, nth: 2 },
  { call: 'size', path: /\.index$/ },
  { call: 'read', path: /\.index$/ },
  { call: 'read', path: /0000000021\.index$/, nth: 4 },
]

test('whatever is wrong with the index’s folder, the store opens without it, and says so', async (t) => {
  const untouched = await stored(37)
  for (const fault of FAULTS) {
    for (const error of ['EIO', 'EACCES', 'ENOSPC']) {
      for (const removable of [true, false]) {
        const fileSystem = untouched.stateAfterCrash({ keep: 'all' })
        const mend = [fileSystem.inject({ ...fault, error, once: false })]
        if (!removable) mend.push(fileSystem.inject({ call: 'remove', path: /\.index$/, error, once: false }))
        const store = await open(fileSystem)
        const what = `${error} of ${fault.call} on ${String(fault.path)}, ${removable ? '' : 'not '}to be removed`
        const { loaded, rebuilt, discarded } = store.recovery.index
        t.is(loaded + rebuilt, 37, what)
        t.true(discarded.length > 0 && discarded.join().includes(error), `${what}: ${discarded.join()}`)
        await finds(t, store, 37)
        await append(store, 38, 52)
        await finds(t, store, 52)
        await store.close()
        for (const each of mend) each()
        const again = await open(fileSystem)
        await finds(t, again, 52)
        await again.close()
        const whole = await open(fileSystem)
        t.deepEqual(whole.recovery.index, { loaded: 52, rebuilt: 0, discarded: [] }, `${what}: written down again`)
        await finds(t, whole, 52)
        await whole.close()
      }
    }
  }
})

test('strange names in the index’s folder are left alone, and folders in the place of files do no harm', async (t) => {
  const fileSystem = await stored(37)
  const strange = ['foreign.index', '.hidden.index', 'a:b.index', '1.index', 'notes.txt', '00000000011.index']
  for (const name of strange) fileSystem.closeSync(fileSystem.openSync(`${INDEX}/${name}`, 'create'))
  for (const name of ['0000000011.index', '0000000099.index', 'folder', '0000000001.index.0123456789abcdef.tmp']) {
    if (fileSystem.listSync(INDEX).includes(name)) fileSystem.removeSync(`${INDEX}/${name}`)
    fileSystem.makeDirectorySync(`${INDEX}/${name}`)
  }
  const store = await open(fileSystem)
  const { loaded, rebuilt, discarded } = store.recovery.index
  t.deepEqual([loaded, rebuilt], [10, 27])
  t.true(discarded.join().includes('0000000011.index'))
  t.true(discarded.some((note) => note.includes('can’t be written') || note.includes("can't be written")))
  await finds(t, store, 37)
  const failures: unknown[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  await append(store, 38, 45)
  await finds(t, store, 45)
  await store.close()
  t.true(failures.length > 0, 'and while it is open, an event says so')
  const left = fileSystem.listSync(INDEX)
  for (const name of strange) t.true(left.includes(name), `${name} is still there`)
})

test('a file in the place of the index’s folder leaves the store without files', async (t) => {
  const whole = await stored(37)
  const fileSystem = new SimulatedFileSystem()
  const log = whole
    .listSync(`${EVENTS}/log`)
    .map((name): [string, Buffer] => [name, bytesOf(whole, `${EVENTS}/log/${name}`)])
  putFiles(fileSystem, `${EVENTS}/log`, new Map(log))
  fileSystem.closeSync(fileSystem.openSync(INDEX, 'create'))
  const store = await open(fileSystem)
  t.like(store.recovery.index, { loaded: 0, rebuilt: 37 })
  t.true(store.recovery.index.discarded.length > 0)
  const failures: unknown[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  await append(store, 38, 60)
  t.true(failures.length > 0)
  await finds(t, store, 60)
  await store.close()
})

test('a folder that could not be made is made once that is possible', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const mend = fileSystem.inject({ call: 'makeDirectorySync', path: /\/index$/, error: 'ENOSPC', once: false })
  const store = await open(fileSystem)
  t.regex(store.recovery.index.discarded.join(), /ENOSPC/)
  const failures: unknown[] = []
  store.on('checkpointFailed', (error) => failures.push(error))
  await append(store, 1, 12)
  t.true(failures.length > 0)
  mend()
  const before = failures.length
  await append(store, 13, 25)
  t.is(failures.length, before)
  await store.close()
  const again = await open(fileSystem)
  t.deepEqual(again.recovery.index, { loaded: 25, rebuilt: 0, discarded: [] })
  await again.close()
})

test('after a log that can’t be read for it, and a file that can’t be written, it is not tried again at every event', async (t) => {
  for (const fault of [
    { call: 'read', path: SEGMENT, error: 'EIO', once: false },
    { call: 'write', path: /\.index/, error: 'EIO', once: false },
  ] as const) {
    const fileSystem = new SimulatedFileSystem()
    const store = await openEventStoreSealing(EVENTS, { fileSystem }, { events: 40, tags: 1000 })
    await append(store, 1, 39)
    const failures: unknown[] = []
    store.on('checkpointFailed', (error) => failures.push(error))
    const mend = fileSystem.inject(fault)
    await append(store, 40, 60)
    // At 40, 45, 50, 55 and 60: again when an eighth of a file more is there.
    t.is(failures.length, 5)
    for (const error of failures) t.like(error, { code: 'SLUICE_IO' })
    mend()
    await append(store, 61, 81)
    t.is(failures.length, 5)
    await store.close()
    const again = await open(fileSystem)
    t.deepEqual(again.recovery.index, { loaded: 81, rebuilt: 0, discarded: [] })
    await again.close()
  }
})

test('a file that came back, or could not be removed, does not follow on one that was written since', async (t) => {
  const fileSystem = await stored(37)
  const old = bytesOf(fileSystem, `${INDEX}/0000000021.index`)
  fileSystem.removeSync(`${INDEX}/0000000011.index`)
  await (await open(fileSystem)).close()
  overwrite(fileSystem, `${INDEX}/0000000021.index`, () => old)
  const again = await open(fileSystem)
  t.like(again.recovery.index, { loaded: 20, rebuilt: 17 })
  t.regex(again.recovery.index.discarded.join(), /0000000021.* does not follow/)
  await finds(t, again, 37)
  await again.close()
})

test('blocks of a file are small, however many tags an event has, and however long tags and ids are', async (t) => {
  const index = new EventIndex()
  const ids = new IdWindow(10_000)
  const tags = Array.from({ length: 250 }, (_, at) => `tag ${at}`)
  for (let position = 1; position <= 4000; position++) {
    index.add(`type ${position}`, tags)
    ids.add(`id ${position} ${'x'.repeat(position % 50 === 0 ? 50_000 : 10)}`, position)
  }
  index.add('type 1', [`long ${'x'.repeat(300_000)}`, ...Array.from({ length: 20_000 }, (_, at) => `more ${at}`)])
  const scope = {
    ...{ name: 'name', behind: '', first: 1, last: 4001, sealed: true, lastChecksum: 0, lastTimestamp: 0 },
    types: { from: 0, to: index.types.size },
    tags: { from: 0, to: index.tags.size },
  }
  const blocks = [...encodeIndexFile(index, ids, scope)]
  // 4,096 events, or 16,384 tags and those of one event; an event has 8 bytes beside.
  for (const block of blocks) t.true(block.length <= 310_000, `${block.length} bytes`)
  t.true(blocks.length > 4_000_000 / 310_000)
  const head = decodeHead(blocks[0] ?? Buffer.alloc(0))
  if (head === undefined) return t.fail('it has a head')
  const copy = new EventIndex()
  const copiedIds = new IdWindow(10_000)
  async function* rest() {
    for (const block of blocks.slice(1)) yield Buffer.from(block)
  }
  t.true(await decodeIndexFile(head, rest(), copy, copiedIds))
  t.is(copy.head, 4001)
  for (const position of [1, 66, 67, 3999, 4000, 4001]) {
    t.deepEqual(copy.recent.tagsOf(position), index.recent.tagsOf(position))
  }
  t.deepEqual(copiedIds.between(1, 4001), ids.between(1, 4001))
  t.is(copy.lastMatch([{ types: [], tags: ['more 19999'] }], 0)?.position, 4001)
})

test('nothing of the index is synced: it is derived', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const store = await open(fileSystem)
  const from = fileSystem.calls.length
  await append(store, 1, 25)
  await store.close()
  const synced = fileSystem.calls
    .slice(from)
    .filter(({ call, path }) => call.startsWith('datasync') && path.startsWith(INDEX))
  t.deepEqual(synced, [])
  for (let seed = 0; seed < 20; seed++) {
    const again = await open(fileSystem.stateAfterCrash({ seed }))
    t.is(again.head(), 25)
    await finds(t, again, 25)
    await again.close()
  }
})

test('a head of another form, or of another kind of machine, is not used', async (t) => {
  const fileSystem = await stored(5)
  const place = { fileSystem, directory: INDEX, name: '0000000001.index' }
  let head: Buffer | undefined
  for await (const block of (await openSnapshot(place)) ?? []) head ??= block
  const text = head?.toString() ?? ''
  t.like(decodeHead(Buffer.from(text)), { first: 1, last: 5, sealed: false, ids: 5 })
  t.is(decodeHead(Buffer.from(text.replace('"format":2', '"format":3'))), undefined)
  t.is(decodeHead(Buffer.from(text.replace(/"endianness":".."/, '"endianness":"??"'))), undefined)
})

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at)
  return bytes
}
