import test from 'ava'
import { CHUNK_BYTES_MAX } from '../../src/segment/record-batch.js'
import { CHUNK_BYTES_MIN, SegmentReader } from '../../src/segment/segment-reader.js'
import { composeSegment, filesOf, framesOfOne, somePayloads } from '../support/compose-segments.js'
import { ReadingFileSystem } from '../support/reading-file-system.js'

const directory = '/log'

/** What a small copy keeps alive at most: Node's pool of small buffers, of 8 KiB in Node 20 and 64 KiB in Node 24. */
const SMALL_BYTES = Buffer.poolSize

/** What the records of one chunk keep alive. */
async function heldBytes(frames: Buffer[][], lastLsn: number, chunkBytes: number, zeros = 1 << 20): Promise<number[]> {
  const segment = composeSegment({ firstLsn: 1, frames, sealed: false, zeros })
  const fileSystem = new ReadingFileSystem(filesOf(directory, [segment]))
  const reader = await SegmentReader.open({ fileSystem, directory, firstLsn: 1 })
  const { batch } = await reader.records(await reader.locate(1, { lastLsn, sealed: false }), 1, lastLsn, chunkBytes)
  const held: number[] = []
  for (let record = batch.next(); record !== undefined; record = batch.next()) held.push(record.data.buffer.byteLength)
  return held
}

test('a record keeps at most one chunk alive', async (t) => {
  const held = await heldBytes(framesOfOne(1, 5000, 100), 5000, CHUNK_BYTES_MAX)
  t.true(held.length > 1000)
  t.true(Math.max(...held) <= CHUNK_BYTES_MAX)
})

test('a few records do not keep a chunk alive', async (t) => {
  for (const zeros of [0, 1 << 20]) {
    const held = await heldBytes(framesOfOne(1, 3, 2000), 3, CHUNK_BYTES_MIN, zeros)
    t.is(held.length, 3)
    t.true(Math.max(...held) <= SMALL_BYTES, `${Math.max(...held)} bytes`)
  }
})

test('a small record does not keep a large frame alive', async (t) => {
  const held = await heldBytes([somePayloads(1, 3000, 1000)], 3000, CHUNK_BYTES_MIN)
  t.is(held.length, 3000)
  t.true(Math.max(...held) <= SMALL_BYTES, `${Math.max(...held)} bytes`)
})

test('a large record is not copied out of its frame', async (t) => {
  const [held] = await heldBytes([[Buffer.alloc(3_000_000)]], 1, CHUNK_BYTES_MIN)
  t.true(held !== undefined && held > 3_000_000 && held < 3_000_200)
})
