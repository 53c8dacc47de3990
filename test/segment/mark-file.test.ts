import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { MARK_FILE_BYTES } from '../../src/format/mark.js'
import { MarkFile } from '../../src/segment/mark-file.js'
import { LOG_ID } from '../support/build-log.js'
import { MemoryFileSystem, systemError } from '../support/memory-file-system.js'
import { DIRECTORY, flip } from '../support/memory-log.js'

const FIRST = {
  logId: LOG_ID,
  sequence: 1,
  durableLsn: 0,
  firstLsn: 1,
  segmentFirstLsn: 0,
  endOffset: 0,
  closed: false,
}
const PATH = '/log/mark'

function created(): MemoryFileSystem {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  MarkFile.create(fs, DIRECTORY, FIRST)
  return fs
}

function note(durableLsn: number): Parameters<MarkFile['note']>[0] {
  return { durableLsn, firstLsn: 1, segmentFirstLsn: 1, endOffset: 4096 + durableLsn * 64, closed: false }
}

test('a mark file is durable, name and all, once it is created', (t) => {
  const fs = created().afterPowerCut()
  t.deepEqual(fs.listSync(DIRECTORY), ['mark'])
  t.is(fs.bytesOf(PATH).length, MARK_FILE_BYTES)
  const { found, newest, empty } = MarkFile.read(fs, DIRECTORY)
  t.true(found)
  t.deepEqual(newest, { kind: 'valid', mark: FIRST })
  t.deepEqual(empty, [false, true])
})

test('creating replaces what is there, in both slots', (t) => {
  const fs = created()
  fs.put('/log/mark.tmp', Buffer.from('left by a crash'))
  MarkFile.create(fs, DIRECTORY, { ...FIRST, sequence: 9, durableLsn: 4 })
  const { slots } = MarkFile.read(fs.afterPowerCut(), DIRECTORY)
  t.like(slots[0], { mark: { sequence: 9, durableLsn: 4 } })
  t.like(slots[1], { mark: { sequence: 8, durableLsn: 4 } })
  t.is(fs.openFiles, 0)
})

test('notes take the slots in turn, and the newest counts', (t) => {
  const fs = created()
  const file = MarkFile.open(fs, DIRECTORY)
  for (let lsn = 1; lsn <= 5; lsn++) {
    file.note(note(lsn))
    const { newest, slots } = MarkFile.read(fs, DIRECTORY)
    t.like(newest, { mark: { ...note(lsn), sequence: lsn + 1 } })
    t.deepEqual(newest, { kind: 'valid', mark: file.newest })
    t.like(slots[lsn % 2 === 1 ? 0 : 1], { mark: { sequence: lsn } }, 'the other slot keeps the note before')
  }
  file.close()
  const again = MarkFile.open(fs, DIRECTORY)
  again.note(note(6))
  t.like(again.newest, { sequence: 7, durableLsn: 6 })
  t.like(
    MarkFile.read(fs, DIRECTORY).slots.map((slot) => slot.kind === 'valid' && slot.mark.sequence),
    [7, 6],
  )
  again.close()
  t.is(fs.openFiles, 0)
})

test('a note is not synced; sync makes it durable', (t) => {
  const fs = created()
  const file = MarkFile.open(fs, DIRECTORY)
  file.note(note(1))
  t.like(MarkFile.read(fs.afterPowerCut(), DIRECTORY).newest, { mark: { durableLsn: 0 } })
  file.sync()
  t.like(MarkFile.read(fs.afterPowerCut(), DIRECTORY).newest, { mark: { durableLsn: 1 } })
})

test('short writes are continued', (t) => {
  const fs = created()
  fs.transferBytesMax = 5
  const file = MarkFile.open(fs, DIRECTORY)
  file.note(note(3))
  t.like(MarkFile.read(fs, DIRECTORY).newest, { mark: note(3) })
})

test('a note that fails half-way leaves the newest mark as it was, and is made again in the same slot', (t) => {
  const fs = created()
  const file = MarkFile.open(fs, DIRECTORY)
  file.note(note(1))
  fs.transferBytesMax = 50
  let writes = 0
  fs.beforeChange = () => {
    if (++writes === 2) throw systemError('EIO', 'write', PATH)
  }
  t.throws(() => file.note(note(2)), { message: /EIO/ })
  t.like(file.newest, { durableLsn: 1, sequence: 2 })
  t.like(MarkFile.read(fs, DIRECTORY).newest, { mark: { durableLsn: 1 } })
  fs.beforeChange = () => {}
  file.note(note(3))
  t.like(MarkFile.read(fs, DIRECTORY).newest, { mark: { durableLsn: 3, sequence: 3 } })
})

test('a slot that is damaged in any byte does not count', (t) => {
  const whole = created()
  MarkFile.open(whole, DIRECTORY).note(note(5))
  const bytes = whole.bytesOf(PATH)
  for (let at = 0; at < 128; at++) {
    const damaged = Buffer.from(bytes)
    flip(damaged, 4096 + at, at % 8)
    const fs = new MemoryFileSystem('/', DIRECTORY)
    fs.put(PATH, damaged)
    t.like(MarkFile.read(fs, DIRECTORY).newest, { kind: 'valid', mark: { durableLsn: 0 } }, `byte ${at}`)
    const file = MarkFile.open(fs, DIRECTORY)
    file.note(note(6))
    t.like(MarkFile.read(fs, DIRECTORY).slots[1], { mark: { durableLsn: 6, sequence: 2 } })
  }
})

test('rewriting both leaves no older mark, and at every moment a valid one', (t) => {
  const fs = created()
  const file = MarkFile.open(fs, DIRECTORY)
  file.note(note(8))
  file.note(note(9))
  file.sync()
  const states: MemoryFileSystem[] = []
  fs.beforeChange = () => states.push(fs.afterPowerCut())
  file.rewriteBoth(note(4))
  for (const state of states) {
    const { newest } = MarkFile.read(state, DIRECTORY)
    const durableLsn = newest.kind === 'valid' ? newest.mark.durableLsn : undefined
    t.true(durableLsn === 9 || durableLsn === 4)
  }
  const { slots } = MarkFile.read(fs.afterPowerCut(), DIRECTORY)
  for (const slot of slots) t.like(slot, { mark: { durableLsn: 4 } })
})

test('a mark file that is missing, damaged or newer', (t) => {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  t.like(MarkFile.read(fs, DIRECTORY), { found: false, newest: { kind: 'none' } })
  t.throws(() => MarkFile.open(fs, DIRECTORY), { code: 'ENOENT' })
  fs.put(PATH, Buffer.from('short'))
  t.like(MarkFile.read(fs, DIRECTORY), { found: true, newest: { kind: 'none' }, empty: [false, true] })
  const error = t.throws(() => MarkFile.open(fs, DIRECTORY), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_CORRUPT')
  t.is(fs.openFiles, 0)
})
