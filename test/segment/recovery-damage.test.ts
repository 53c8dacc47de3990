import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../src/errors.js'
import { FRAME_HEADER_BYTES } from '../../src/format/frame.js'
import { recover } from '../../src/segment/recovery.js'
import type { BuiltLog } from '../support/build-log.js'
import { LAST_SEGMENT_UNMARKED, THREE_SEGMENTS } from '../support/log-plans.js'
import { DIRECTORY, flip, frameOf, memoryLog, replaceFile, segmentOf } from '../support/memory-log.js'

/** The bytes of a header that are checked; zeros up to the frames follow. */
const CHECKED_HEADER_BYTES = 128

function isCorrupt(t: ExecutionContext, what: string, change: (built: BuiltLog) => void): void {
  const { fs } = memoryLog(THREE_SEGMENTS, change)
  const error = t.throws(() => recover(fs, DIRECTORY), { instanceOf: SluiceError }, what)
  t.is(error?.code, 'SLUICE_CORRUPT', what)
  t.is(typeof error?.segment, 'string', what)
  t.is(typeof error?.offset, 'number', what)
  t.is(typeof error?.firstLsn, 'number', what)
}

test('a flipped bit in any byte of any header is corrupt', (t) => {
  for (let at = 0; at < CHECKED_HEADER_BYTES; at++) {
    for (const n of [0, 1, 2]) {
      isCorrupt(t, `segment ${n}, byte ${at}`, (log) => flip(segmentOf(log, n).bytes, at, at % 8))
    }
  }
})

test('a flipped bit in any byte of a frame that a mark covers is corrupt', (t) => {
  for (const n of [0, 1, 2]) {
    const { offset, bytes } = frameOf(segmentOf(memoryLog(THREE_SEGMENTS).built, 2), n)
    // The bytes that round a frame up to a multiple of 8 say nothing, and are not checked.
    const bodyEnd = FRAME_HEADER_BYTES + bytes.readUInt32LE(12)
    for (let at = 0; at < bodyEnd; at++) {
      const place = offset + at
      isCorrupt(t, `frame ${n}, byte ${at}`, (log) => flip(segmentOf(log, 2).bytes, place, at % 8))
    }
  }
})

test('a cut at any length of the last frame: corrupt where a mark covers it, torn where none does', (t) => {
  const segment = segmentOf(memoryLog(THREE_SEGMENTS).built, 2)
  const { offset, bytes } = frameOf(segment, -1)
  for (let length = 0; length < bytes.length; length++) {
    const cut = (log: BuiltLog): void => {
      replaceFile(log, segmentOf(log, 2), segmentOf(log, 2).bytes.subarray(0, offset + length))
    }
    isCorrupt(t, `${length} bytes left`, cut)
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, cut)
    const { lastLsn, active, report } = recover(fs, DIRECTORY)
    t.is(lastLsn, 9, `${length} bytes left`)
    t.is(report.torn?.offset, length === 0 ? undefined : offset)
    t.is(active === undefined, length > 0, 'what had a tear is not written on')
    t.is(recover(fs.afterPowerCut(), DIRECTORY).lastLsn, 9)
  }
})

test('a cut of the last segment at any length', (t) => {
  const { bytes, frames } = segmentOf(memoryLog(LAST_SEGMENT_UNMARKED).built, 2)
  for (let length = 4096; length <= bytes.length; length++) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) =>
      replaceFile(log, segmentOf(log, 2), bytes.subarray(0, length)),
    )
    const whole = frames.filter((frame) => frame.offset + frame.bytes.length <= length)
    t.is(recover(fs, DIRECTORY).lastLsn, whole.at(-1)?.lastLsn ?? 6, `${length} bytes left`)
  }
})

test('zeros from any place of the last frame on', (t) => {
  const { offset, bytes } = frameOf(segmentOf(memoryLog(LAST_SEGMENT_UNMARKED).built, 2), -1)
  for (let from = 0; from < FRAME_HEADER_BYTES + 7; from++) {
    const { fs } = memoryLog(LAST_SEGMENT_UNMARKED, (log) => {
      segmentOf(log, 2).bytes.fill(0, offset + from, offset + bytes.length)
    })
    const { lastLsn, report } = recover(fs, DIRECTORY)
    t.is(lastLsn, 9, `zeros from ${from} on`)
    t.is(report.torn === undefined, from === 0)
  }
})
