import test from 'ava'
import { PageWriter } from '../../src/segment/page-writer.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { callsOf } from '../support/simulated-log.js'

const PATH = '/file'
const PAGE = 4096
const MIB = 1024 * 1024

function opened(fileSystem = new SimulatedFileSystem()) {
  const fd = fileSystem.openSync(PATH, 'create', 'direct')
  const pages = new PageWriter(fileSystem)
  pages.moveTo(fd, 0)
  return { fileSystem, fd, pages }
}

function contents(fileSystem: SimulatedFileSystem): Buffer {
  const fd = fileSystem.openSync(PATH, 'read')
  const bytes = Buffer.alloc(fileSystem.sizeSync(fd))
  fileSystem.readSync(fd, bytes, 0, bytes.length, 0)
  fileSystem.closeSync(fd)
  return bytes
}

/** Bytes that tell where they are from. */
function pattern(length: number, from = 0): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index++) bytes[index] = ((from + index) % 251) + 1
  return bytes
}

function put(pages: PageWriter, bytes: Buffer): void {
  pages.put(bytes, 0, bytes.length)
}

test('what is put goes out in one write of whole pages, the last one filled up with zeros', (t) => {
  const { fileSystem, pages } = opened()
  const bytes = pattern(9000)
  pages.put(bytes, 0, 5000)
  pages.put(bytes, 5000, 4000)
  t.is(pages.offset, 9000)
  t.deepEqual(callsOf(fileSystem, 'writeSync', /file/), [])
  pages.writeOut()
  t.like(callsOf(fileSystem, 'writeSync', /file/), { length: 1, 0: { position: 0, bytes: 3 * PAGE } })
  t.deepEqual(contents(fileSystem), Buffer.concat([bytes, Buffer.alloc(3 * PAGE - 9000)]))
})

test('the page that is not full is written again, with the same bytes, and none before it', (t) => {
  const { fileSystem, pages } = opened()
  const bytes = pattern(9000 + 200 + 8000)
  pages.put(bytes, 0, 9000)
  pages.writeOut()
  pages.put(bytes, 9000, 200)
  pages.writeOut()
  pages.put(bytes, 9200, 8000)
  pages.writeOut()
  t.deepEqual(
    callsOf(fileSystem, 'writeSync', /file/).map(({ position, bytes }) => [position, bytes]),
    [
      [0, 3 * PAGE],
      [2 * PAGE, PAGE],
      [2 * PAGE, 3 * PAGE],
    ],
  )
  t.deepEqual(contents(fileSystem).subarray(0, bytes.length), bytes)
})

test('the stage grows with what is put: up to 4 MiB still go out in one write, what was put before first', (t) => {
  const { fileSystem, pages } = opened()
  const pieces = [5000, 60_536, 1, 70_000, MIB, MIB]
  const bytes = pattern(pieces.reduce((sum, piece) => sum + piece, 0))
  pages.put(bytes, 0, 100)
  pages.writeOut()
  let at = 100
  for (const piece of pieces) {
    pages.put(bytes, at, Math.min(piece, bytes.length - at))
    at = pages.offset
  }
  t.is(at, bytes.length)
  pages.writeOut()
  const end = Math.ceil(bytes.length / PAGE) * PAGE
  t.deepEqual(
    callsOf(fileSystem, 'writeSync', /file/).map(({ position, bytes }) => [position, bytes]),
    [
      [0, PAGE],
      [0, end],
    ],
  )
  // Of megabytes a comparison that could tell each byte apart takes seconds.
  t.true(contents(fileSystem).subarray(0, bytes.length).equals(bytes))
})

test('where nothing was put, nothing is written; a full page is not written twice', (t) => {
  const { fileSystem, pages } = opened()
  pages.writeOut()
  put(pages, pattern(PAGE))
  pages.writeOut()
  pages.writeOut()
  put(pages, pattern(1, PAGE))
  pages.writeOut()
  t.deepEqual(
    callsOf(fileSystem, 'writeSync', /file/).map(({ position, bytes }) => [position, bytes]),
    [
      [0, PAGE],
      [PAGE, PAGE],
    ],
  )
})

test('more than there is memory for goes out on the way', (t) => {
  const { fileSystem, pages } = opened()
  const bytes = pattern(9.5 * MIB)
  pages.put(bytes, 0, 100)
  pages.put(bytes, 100, bytes.length - 100)
  t.true(callsOf(fileSystem, 'writeSync', /file/).length >= 2)
  pages.writeOut()
  t.true(contents(fileSystem).subarray(0, bytes.length).equals(bytes))
  t.true(
    contents(fileSystem)
      .subarray(bytes.length)
      .every((byte) => byte === 0),
  )
})

test('short writes are carried on at the sector where they ended', (t) => {
  const { fileSystem, pages } = opened()
  fileSystem.inject({ call: 'writeSync', short: 700 })
  fileSystem.inject({ call: 'writeSync', short: 5000, nth: 2 })
  const bytes = pattern(20_000)
  put(pages, bytes)
  pages.writeOut()
  t.deepEqual(
    callsOf(fileSystem, 'writeSync', /file/).map(({ position }) => position),
    [0, 512, 512 + 4608],
  )
  t.deepEqual(contents(fileSystem).subarray(0, bytes.length), bytes)
})

for (const offset of [0, 1, 511, 512, 4095, 4096, 4097, 10_000]) {
  test(`it goes on behind ${offset} bytes that are there, and keeps them`, (t) => {
    const { fileSystem, fd, pages } = opened()
    const bytes = pattern(offset + 3000)
    pages.put(bytes, 0, offset)
    pages.writeOut()
    fileSystem.truncateSync(fd, offset)
    const others = new PageWriter(fileSystem)
    const undo = fileSystem.inject({ call: 'readSync', short: 513 })
    others.moveTo(fd, offset)
    undo()
    t.is(others.offset, offset)
    others.put(bytes, offset, 3000)
    others.writeOut()
    t.deepEqual(contents(fileSystem).subarray(0, bytes.length), bytes)
    t.is(contents(fileSystem).length % PAGE, 0)
  })
}

test('a short read through the page cache is not taken for the end of the file', (t) => {
  const { fileSystem, fd, pages } = opened()
  put(pages, pattern(2000))
  pages.writeOut()
  const cached = new PageWriter(fileSystem, 'cached')
  const undo = fileSystem.inject({ call: 'readSync', short: 100, once: false })
  cached.moveTo(fd, 1500)
  undo()
  put(cached, pattern(500, 1500))
  cached.writeOut()
  t.deepEqual(contents(fileSystem).subarray(0, 2000), pattern(2000))
})

test('a file that ends before the place to go on is refused', (t) => {
  const { fileSystem, fd, pages } = opened()
  put(pages, pattern(5000))
  pages.writeOut()
  fileSystem.truncateSync(fd, 5000)
  t.throws(() => pages.moveTo(fd, 5001), { message: /the file ends at 5000, not behind 5001/ })
  t.throws(() => pages.moveTo(fd, 3 * PAGE + 1), { message: /the file ends at/ })
  pages.moveTo(fd, 5000)
  t.is(pages.offset, 5000)
})

test('what was put and not written is forgotten by a move', (t) => {
  const { fileSystem, fd, pages } = opened()
  put(pages, pattern(100))
  pages.writeOut()
  fileSystem.inject({ call: 'writeSync', error: 'ENOSPC' })
  put(pages, Buffer.alloc(6000, 0xff))
  t.throws(() => pages.writeOut(), { code: 'ENOSPC' })
  fileSystem.truncateSync(fd, 100)
  pages.moveTo(fd, 100)
  put(pages, pattern(100, 100))
  pages.writeOut()
  t.deepEqual(contents(fileSystem), Buffer.concat([pattern(200), Buffer.alloc(PAGE - 200)]))
})

test('no power cut while a page is written again takes anything from what it held durably', (t) => {
  const { fileSystem, fd, pages } = opened()
  fileSystem.syncDirectorySync('/')
  const bytes = pattern(7000)
  let torn = 0
  for (let durable = 0, next = 300; next <= bytes.length; durable = next, next += 700) {
    pages.put(bytes, durable, next - durable)
    pages.writeOut()
    for (let seed = 0; seed < 40; seed++) {
      const found = contents(fileSystem.stateAfterCrash({ seed }))
      t.true(
        found.subarray(0, durable).equals(bytes.subarray(0, durable)),
        `${durable} bytes were durable, seed ${seed}`,
      )
      if (!found.subarray(0, next).equals(bytes.subarray(0, next))) torn++
    }
    fileSystem.datasyncSync(fd)
  }
  t.true(torn > 0, 'what was not durable was not always there')
})
