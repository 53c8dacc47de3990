import { randomInt } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../src/errors.js'
import { checksum, checksumRange, positionSeed } from '../../src/format/checksum.js'
import { readFrameHeader, recordsAddUp, splitBody } from '../../src/format/frame.js'
import { readMarkFile } from '../../src/format/mark.js'
import { glanceAtFooter, MIN_FOOTER_BYTES, readSegmentFooter } from '../../src/format/segment-footer.js'
import { readSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/format/segment-header.js'
import { FileWindow } from '../../src/segment/file-window.js'
import { FrameScan } from '../../src/segment/frame-scan.js'
import { inspectLog } from '../../src/segment/inspect.js'
import { findLaterEvidence } from '../../src/segment/later-evidence.js'
import { recover } from '../../src/segment/recovery.js'
import { repairLog } from '../../src/segment/repair.js'
import { verifyLog } from '../../src/segment/verify.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { MemoryFileSystem } from '../support/memory-file-system.js'
import { DIRECTORY, memoryLog, segmentOf } from '../support/memory-log.js'

const seed = Number(process.env['SLUICE_SEED'] ?? randomInt(2 ** 31))
/** Bounded by time as well as by number; whatever fails says the seed. */
const BOUNDS = { seed, numRuns: 400, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false }

test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const bytes = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array))
const magics = fc.constantFrom('SLFR', 'SLFT', 'SLFE', 'SLUICESG', 'SLUICEMK')
/** Bytes that get past the first check more often than chance allows. */
const likelyBytes = fc
  .array(
    fc.oneof(
      bytes,
      magics.map((magic) => Buffer.from(magic)),
      fc.constant(Buffer.alloc(64)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts))

test('no parser believes random bytes, or fails on them', (t) => {
  const property = fc.property(likelyBytes, fc.nat(), fc.nat(), (buffer, nonceChecksum, offset) => {
    t.not(readSegmentHeader(buffer).kind, 'valid')
    t.is(readFrameHeader(buffer, 0, nonceChecksum, offset, buffer.length).kind, 'invalid')
    t.is(readSegmentFooter(buffer, nonceChecksum, offset).kind, 'invalid')
    t.is(readMarkFile(buffer).kind, 'none')
    glanceAtFooter(buffer)
  })
  t.notThrows(() => fc.assert(property, BOUNDS))
})

test('records either add up to their body, or there are none', (t) => {
  const property = fc.property(bytes, fc.nat({ max: 40 }), (body, recordCount) => {
    const records = splitBody(body, recordCount)
    t.is(records !== undefined, recordsAddUp(body, 0, body.length, recordCount))
    if (records !== undefined) t.is(records.length, recordCount)
  })
  t.notThrows(() => fc.assert(property, BOUNDS))
})

test('short checksums are those of zlib, and so are seeds', (t) => {
  // Of no bytes at all zlib makes 0, whatever the seed: nothing that is checked is empty.
  const some = fc.uint8Array({ minLength: 1, maxLength: 600 }).map((array) => Buffer.from(array))
  const property = fc.property(some, fc.nat(), fc.maxSafeNat(), fc.nat(), (buffer, start, offset, skipped) => {
    const from = skipped % buffer.length
    t.is(checksumRange(buffer, from, buffer.length, start), checksum(buffer.subarray(from), start))
    const offsetBytes = Buffer.alloc(8)
    offsetBytes.writeBigUInt64LE(BigInt(offset))
    t.is(positionSeed(start, offset), checksum(offsetBytes, start))
  })
  t.notThrows(() => fc.assert(property, BOUNDS))
})

test('a scan over random bytes takes no more memory than its window', (t) => {
  const property = fc.property(likelyBytes, fc.integer({ min: MIN_FOOTER_BYTES, max: 300 }), (content, windowBytes) => {
    const fs = new MemoryFileSystem('/', DIRECTORY)
    fs.put('/log/file', content)
    const window = new FileWindow(fs, windowBytes)
    window.move(fs.openSync('/log/file', 'read'), content.length)
    const scan = new FrameScan(window, 7, { offset: 0, lsn: 1, timestampMs: 0 })
    t.is(scan.next(), undefined)
    const { mark, lastLsn, contentEnd } = findLaterEvidence(window, 7, 0)
    t.deepEqual([mark, lastLsn], [0, 0])
    const last = content.findLastIndex((byte) => byte !== 0)
    t.is(contentEnd, last + 1)
    t.is(window.onlyZerosFrom(0), last < 0)
    t.true(window.buffer.length <= windowBytes, `${window.buffer.length} bytes`)
  })
  t.notThrows(() => fc.assert(property, BOUNDS))
})

const damage = fc.record({
  file: fc.nat({ max: 3 }),
  at: fc.nat({ max: 9000 }),
  bytes: fc.oneof(likelyBytes, fc.constant(Buffer.alloc(100))),
  cutAt: fc.option(fc.nat({ max: 9000 })),
})

test('whatever is damaged: opening succeeds or refuses, and after a repair it succeeds', (t) => {
  const plans = fc.constantFrom(THREE_SEGMENTS, LAST_SEGMENT_UNMARKED)
  const property = fc.property(plans, fc.array(damage, { minLength: 1, maxLength: 3 }), (plan, damages) => {
    const { fs } = memoryLog(plan, (log) => {
      const names = [...log.segments.map(({ name }) => name), 'mark']
      for (const { file, at, bytes: wrong, cutAt } of damages) {
        const name = names[file] ?? 'mark'
        const whole = Buffer.from(log.files.get(name) ?? Buffer.alloc(0))
        wrong.copy(whole, at % (whole.length + 1))
        log.files.set(name, cutAt === null ? whole : whole.subarray(0, cutAt))
      }
    })
    inspectLog(fs, DIRECTORY)
    const { ok, lastLsn } = verifyLog(fs, DIRECTORY)
    const opened = tryToRecover(fs.afterProcessCrash())
    // What opening refuses, verify calls damaged; damage inside sealed segments only verify finds.
    if (opened === undefined) t.false(ok)
    if (ok) t.is(opened, lastLsn)
    const { damaged, lastLsn: left } = repairLog(fs, DIRECTORY)
    t.is(damaged, !ok)
    t.true(verifyLog(fs, DIRECTORY).ok)
    t.is(recover(fs, DIRECTORY).lastLsn, left)
    t.true(verifyLog(fs, DIRECTORY).ok, 'recovery leaves nothing to find')
    t.is(fs.openFiles, 0)
  })
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: Number(process.env['SLUICE_RUNS'] ?? 500) }))
})

test('a record of all bytes that frames are made of passes as a record', (t) => {
  const property = fc.property(fc.array(likelyBytes, { minLength: 1, maxLength: 5 }), (records) => {
    const { fs, built } = memoryLog({ segments: [{ frames: [{ records }] }] })
    t.is(recover(fs, DIRECTORY).lastLsn, records.length)
    t.is(segmentOf(built, 0).frames[0]?.offset, SEGMENT_HEADER_BYTES)
    t.true(verifyLog(fs, DIRECTORY).ok)
  })
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: 50 }))
})

function tryToRecover(fs: MemoryFileSystem): number | undefined {
  try {
    return recover(fs, DIRECTORY).lastLsn
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'SLUICE_CORRUPT') return undefined
    throw error
  }
}
