import test from 'ava'
import { SluiceError } from '../../src/errors.js'
import { MARK_SLOT_BYTES, MARK_SLOT_OFFSETS } from '../../src/format/mark.js'
import { MarkView } from '../../src/log/mark-view.js'
import { openLog } from '../../src/log/open-log.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { composeLog, composeMark, filesOf, framesOfOne, sixteenBytes } from '../support/compose-segments.js'
import { random } from '../support/random.js'
import { Gate, ReadingFileSystem } from '../support/reading-file-system.js'
import { isSluiceError } from '../support/records.js'
import { DIRECTORY, SEGMENT } from '../support/simulated-log.js'

const directory = '/log'
const markPath = `${directory}/mark`

/** Five segments of ten records each. */
const segments = composeLog([1, 11, 21, 31, 41].map((firstLsn) => framesOfOne(firstLsn, 10, 8)))

/** The folder of a log whose writer has come to `durableLsn`. */
function folder(durableLsn: number): ReadingFileSystem {
  const begun = segments.filter((segment) => segment.firstLsn <= durableLsn)
  return new ReadingFileSystem(filesOf(directory, begun, mark(1, durableLsn)))
}

function mark(sequence: number, durableLsn: number, firstLsn = 1): Buffer {
  const segmentFirstLsn = Math.floor((durableLsn - 1) / 10) * 10 + 1
  return composeMark({ sequence, durableLsn, firstLsn, segmentFirstLsn: durableLsn === 0 ? 0 : segmentFirstLsn })
}

function begin(fileSystem: ReadingFileSystem, firstLsn: number): void {
  const segment = segments.find((candidate) => candidate.firstLsn === firstLsn)
  if (segment !== undefined) fileSystem.put(`${directory}/${segment.name}`, segment.bytes)
}

function remove(fileSystem: ReadingFileSystem, firstLsn: number): void {
  fileSystem.remove(`${directory}/${segments.find((segment) => segment.firstLsn === firstLsn)?.name}`)
}

test('it lists the folder only when a segment was begun or trimmed', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  t.deepEqual(view.segments(), [1, 11])
  t.is(fileSystem.lists, 1)
  fileSystem.put(markPath, mark(2, 19))
  await view.refresh()
  t.is(view.durableLsn, 19)
  t.is(fileSystem.lists, 1)
  begin(fileSystem, 21)
  fileSystem.put(markPath, mark(3, 21))
  await view.refresh()
  t.deepEqual(view.segments(), [1, 11, 21])
  fileSystem.put(markPath, mark(4, 22, 11))
  remove(fileSystem, 1)
  await view.refresh()
  t.is(view.firstLsn, 11)
  t.deepEqual(view.segments(), [11, 21])
  t.is(fileSystem.lists, 3)
})

test('a rotation and a trim between reading the mark and listing the folder leave a list that fits', async (t) => {
  const fileSystem = folder(12)
  let raced = false
  fileSystem.beforeList = () => {
    if (raced) return
    raced = true
    for (const firstLsn of [21, 31]) begin(fileSystem, firstLsn)
    fileSystem.put(markPath, mark(2, 35, 21))
    for (const firstLsn of [1, 11]) remove(fileSystem, firstLsn)
  }
  const view = await MarkView.open(fileSystem, directory)
  t.like(view, { firstLsn: 21, durableLsn: 35 })
  t.deepEqual(view.segments(), [21, 31])
})

test('a file that is missing for good does not keep the log from being opened', async (t) => {
  const fileSystem = folder(35)
  remove(fileSystem, 1)
  const view = await MarkView.open(fileSystem, directory)
  t.deepEqual(view.segments(), [11, 21, 31])
  t.is(view.firstLsn, 1)
  t.is(fileSystem.lists, 2, 'it was looked for once more')
})

test('a slot that is caught half-written never takes anything back, and never adds anything', async (t) => {
  const { seed, below } = random()
  t.log(`SLUICE_SEED=${seed}`)
  const fileSystem = folder(1)
  begin(fileSystem, 11)
  const view = await MarkView.open(fileSystem, directory)
  let file = mark(1, 1)
  for (let sequence = 2; sequence < 300; sequence++) {
    const durableLsn = Math.min(10, 1 + Math.floor(sequence / 30))
    const next = mark(sequence, durableLsn)
    const at = MARK_SLOT_OFFSETS[sequence % 2 === 0 ? 1 : 0]
    const torn = Buffer.from(file)
    next.copy(torn, at, at, at + below(MARK_SLOT_BYTES))
    fileSystem.put(markPath, torn)
    const before = view.durableLsn
    await view.refresh()
    t.true(view.durableLsn >= before && view.durableLsn <= durableLsn)
    next.copy(torn, at, at, at + MARK_SLOT_BYTES)
    file = torn
    fileSystem.put(markPath, file)
    await view.refresh()
    t.is(view.durableLsn, durableLsn)
  }
})

test('another log, or one that lost what was durable, is damage', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  fileSystem.put(markPath, composeMark({ sequence: 9, durableLsn: 12, logId: sixteenBytes('other') }))
  isSluiceError(t, await view.refresh().catch((error) => error), 'SLUICE_CORRUPT')
  fileSystem.put(markPath, mark(9, 11))
  const error = isSluiceError(t, await view.refresh().catch((failure) => failure), 'SLUICE_CORRUPT')
  t.like(error, { firstLsn: 12, lastLsn: 12 })
  fileSystem.put(markPath, mark(9, 12))
  await view.refresh()
})

test('a refresh sees what was there when it was called, though another one is under way', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  const gate = new Gate()
  fileSystem.afterRead = () => gate.pass()
  const first = view.refresh()
  await gate.arrived
  fileSystem.put(markPath, mark(2, 15))
  const others = [view.refresh(), view.refresh()]
  const reads = fileSystem.reads
  gate.open()
  await first
  t.is(view.durableLsn, 12)
  await Promise.all(others)
  t.is(view.durableLsn, 15)
  t.is(fileSystem.reads, reads + 1, 'those that can share one do')
})

test('two refreshes at once: the later one has the last word', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  begin(fileSystem, 21)
  fileSystem.put(markPath, mark(2, 25))
  const gate = new Gate()
  fileSystem.beforeList = () => {
    fileSystem.beforeList = () => {}
    return gate.pass()
  }
  const first = view.refresh()
  await gate.arrived
  begin(fileSystem, 31)
  fileSystem.put(markPath, mark(3, 35))
  const second = view.refresh()
  for (let turn = 0; turn < 100; turn++) await null
  gate.open()
  await Promise.all([first, second])
  t.is(view.durableLsn, 35)
  t.deepEqual(view.segments(), [1, 11, 21, 31])
})

test('an older mark is no news: the newest slot may have been caught half-written', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  fileSystem.put(markPath, mark(5, 15))
  await view.refresh()
  fileSystem.put(markPath, mark(4, 14))
  await view.refresh()
  t.is(view.durableLsn, 15)
})

test('a mark file that was made anew counts from the beginning, and is followed', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  fileSystem.put(markPath, mark(500, 15))
  await view.refresh()
  fileSystem.put(markPath, mark(2, 15))
  await view.refresh()
  fileSystem.put(markPath, mark(3, 17))
  await view.refresh()
  t.is(view.durableLsn, 17)
  fileSystem.put(markPath, mark(1, 16))
  isSluiceError(t, await view.refresh().catch((error) => error), 'SLUICE_CORRUPT')
})

test('more: at once, or when the mark file says so, or once closed', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  t.is(await view.more(11), 'more')
  const waiting = [view.more(12), view.more(14)]
  fileSystem.put(markPath, mark(2, 14))
  t.is(await waiting[0], 'more')
  view.close()
  t.is(await waiting[1], 'closed')
  t.is(await view.more(14), 'closed')
  t.is(await view.more(13), 'more', 'what is known can still be read')
})

test.serial(
  'more: the process is kept alive while somebody waits, and not any more once its signal has ended that',
  async (t) => {
    const fileSystem = folder(12)
    const view = await MarkView.open(fileSystem, directory)
    const reason = new Error('enough')
    t.is(await view.more(12, AbortSignal.abort(reason)).catch((error) => error), reason)
    const controller = new AbortController()
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timers()
    const waiting = view.more(12, controller.signal).catch((error) => error)
    t.is(timers(), before + 1)
    controller.abort(reason)
    t.is(await waiting, reason)
    t.is(timers(), before)
  },
)

test('more: an error of looking ends the waiting with it', async (t) => {
  const fileSystem = folder(12)
  const view = await MarkView.open(fileSystem, directory)
  const waiting = view.more(12)
  fileSystem.put(markPath, composeMark({ sequence: 9, durableLsn: 99, logId: sixteenBytes('other') }))
  isSluiceError(t, await waiting, 'SLUICE_CORRUPT')
  view.close()
})

const LAST = 'the last of them'

test('after close() and a power cut, a damaged last record is damage, not a torn tail: the mark was synced', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  const log = await openLog(DIRECTORY, { fileSystem })
  for (const text of ['one', 'two', LAST]) await log.append(text)
  await log.close()
  const after = fileSystem.crash({ keep: 'none' })
  const name = after.listSync(DIRECTORY).find((each) => SEGMENT.test(`${DIRECTORY}/${each}`))
  if (name === undefined) return t.fail('there is no segment')
  const fd = after.openSync(`${DIRECTORY}/${name}`, 'write')
  const bytes = Buffer.alloc(after.sizeSync(fd))
  after.readSync(fd, bytes, 0, bytes.length, 0)
  after.writeSync(fd, Buffer.from('T'), 0, 1, bytes.indexOf(LAST))
  after.closeSync(fd)
  const error = await t.throwsAsync(openLog(DIRECTORY, { fileSystem: after }), { instanceOf: SluiceError })
  t.is(error?.code, 'SLUICE_CORRUPT')
  t.is(error?.firstLsn, 3)
})
