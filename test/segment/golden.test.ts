import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { segmentFileName } from '../../src/format/file-names.js'
import { FRAME_HEADER_BYTES, splitBody } from '../../src/format/frame.js'
import { FORMAT_VERSION, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { FileWindow } from '../../src/segment/file-window.js'
import { FrameScan } from '../../src/segment/frame-scan.js'
import { inspectLog } from '../../src/segment/inspect.js'
import { recover } from '../../src/segment/recovery.js'
import { verifyLog } from '../../src/segment/verify.js'
import { buildLog } from '../support/build-log.js'
import { GOLDEN_V1 } from '../support/golden-log.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY } from '../support/memory-log.js'

/** The tests run from dist, the golden files lie in the source tree. */
const GOLDEN = fileURLToPath(new URL('../../../test/golden/', import.meta.url))

function goldenLog(version: string): MemoryFileSystem {
  const fs = new MemoryFileSystem('/', DIRECTORY)
  const names = readdirSync(`${GOLDEN}${version}`).filter((name) => name !== 'README.md')
  for (const name of names) fs.put(`${DIRECTORY}/${name}`, readFileSync(`${GOLDEN}${version}/${name}`))
  return fs
}

/** Every record of a segment, with its timestamp. */
function recordsOf(fs: MemoryFileSystem, firstLsn: number): { timestampMs: number; records: Buffer[] }[] {
  const fd = fs.openSync(`${DIRECTORY}/${segmentFileName(firstLsn)}`, 'read')
  const window = new FileWindow(fs)
  window.move(fd, fs.sizeSync(fd))
  const head = readSegmentHeader(window.buffer.subarray(window.reach(0, SEGMENT_HEADER_BYTES), SEGMENT_HEADER_BYTES))
  if (head.kind !== 'valid') throw new Error('the golden header is not valid')
  const start = { offset: SEGMENT_HEADER_BYTES, lsn: firstLsn, timestampMs: 0 }
  const scan = new FrameScan(window, checksum(head.header.nonce), start)
  const frames: { timestampMs: number; records: Buffer[] }[] = []
  for (let frame = scan.next(); frame !== undefined; frame = scan.next()) {
    const bodyAt = frame.at + FRAME_HEADER_BYTES
    const body = Buffer.from(window.buffer.subarray(bodyAt, bodyAt + frame.header.bodyBytes))
    frames.push({ timestampMs: frame.header.timestampMs, records: splitBody(body, frame.header.recordCount) ?? [] })
  }
  return frames
}

test('version 1 opens, and nothing in it is found wrong', (t) => {
  const fs = goldenLog('v1')
  t.deepEqual(verifyLog(fs, DIRECTORY).findings, [])
  t.is(inspectLog(fs, DIRECTORY).logId, GOLDEN_V1.logId?.toString('hex'))
  const log = recover(fs, DIRECTORY)
  t.like(log, { firstLsn: 1, lastLsn: 5, lastTimestampMs: 1_700_000_060_000, active: { firstLsn: 5, frameCount: 1 } })
  t.like(log.report, { cleanShutdown: true, torn: undefined, rewrittenRecords: 0 })
})

test('version 1: every record reads as it was written', (t) => {
  const fs = goldenLog('v1')
  t.deepEqual(recordsOf(fs, 1), [
    { timestampMs: 1_700_000_000_000, records: [Buffer.from('the first record')] },
    {
      timestampMs: 1_700_000_000_001,
      records: [Buffer.from(''), Buffer.from([0, 1, 2, 254, 255]), Buffer.from('ünïcödé')],
    },
  ])
  t.deepEqual(recordsOf(fs, 5), [{ timestampMs: 1_700_000_060_000, records: [Buffer.from('behind a rotation')] }])
})

test('the format module still writes version 1 byte for byte', (t) => {
  t.is(FORMAT_VERSION, 1)
  const fs = goldenLog('v1')
  const { files } = buildLog(GOLDEN_V1)
  t.is(files.size, 3)
  for (const [name, bytes] of files) t.deepEqual(fs.bytesOf(`${DIRECTORY}/${name}`), bytes, name)
})
