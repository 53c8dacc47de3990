import test from 'ava'
import fc from 'fast-check'
import { parseCommandLine, parseCount } from '../../src/cli/command-line.js'
import { flushOptions } from '../../src/cli/flush-argument.js'
import { LineSplitter } from '../../src/cli/line-splitter.js'
import { parseRange } from '../../src/cli/record-range.js'
import { UsageError } from '../../src/cli/usage-error.js'
import { SluiceError } from '../../src/errors.js'
import { checksum } from '../../src/format/checksum.js'
import { FRAME_HEADER_BYTES, readFrameHeader, recordsAddUp, sealFrame } from '../../src/format/frame.js'
import { readMarkSlot } from '../../src/format/mark.js'
import { readSegmentFooter } from '../../src/format/segment-footer.js'
import { readSegmentHeader } from '../../src/format/segment-header.js'
import { FrameWindow } from '../../src/segment/frame-window.js'
import { RecordBatch } from '../../src/segment/record-batch.js'
import { codePoints } from '../support/code-points.js'
import { damagedLog, judge } from '../support/damage/damage-trial.js'
import type { Damage } from '../support/damage/damages.js'
import { FRAME_HEAD_BYTES, HEADER_CHECKED_BYTES } from '../support/damage/genuine.js'
import { recordOf, SMALL_SHAPES, shapeNamed } from '../support/damage/log-shapes.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

/** Bounded by time as well as by number; whatever fails says the seed. */
const BOUNDS = { seed: seed | 0, numRuns: 400, interruptAfterTimeLimit: 5_000, markInterruptAsFailure: false }

const SHAPE = shapeNamed('sealed, sealed, last')
const WHOLE = SHAPE.genuine.segments[0]
if (WHOLE?.footer === undefined) throw new RangeError('the first segment is sealed')
const { footer, frames, header } = WHOLE
const NONCE_CHECKSUM = checksum(header.subarray(40, 56))

/** Random bytes put somewhere over something genuine. */
const splice = fc.record({ at: fc.nat({ max: 300 }), bytes: fc.uint8Array({ maxLength: 40 }) })

function spliced(genuine: Buffer, { at, bytes }: { at: number; bytes: Uint8Array }): Buffer {
  const copy = Buffer.from(genuine)
  copy.set(bytes.subarray(0, Math.max(0, copy.length - (at % copy.length))), at % copy.length)
  return copy
}

/** A parser of something genuine, and how many of its bytes have to be as they were for it to be believed. */
const PARSERS: readonly [name: string, genuine: Buffer, checkedBytes: number, parse: (bytes: Buffer) => string][] = [
  ['a segment’s header', header, HEADER_CHECKED_BYTES, (bytes) => readSegmentHeader(bytes).kind],
  [
    'a footer',
    footer.bytes,
    footer.bytes.length,
    (bytes) => readSegmentFooter(bytes, NONCE_CHECKSUM, footer.offset).kind,
  ],
  ...frames.map(({ bytes: frame, offset }): (typeof PARSERS)[number] => [
    `the frame at ${offset}`,
    frame,
    FRAME_HEAD_BYTES,
    (bytes) => readFrameHeader(bytes, 0, NONCE_CHECKSUM, offset, bytes.length).kind,
  ]),
  ...SHAPE.genuine.slots
    .slice(0, 2)
    .map(({ bytes: slot, sequence }): (typeof PARSERS)[number] => [
      `mark ${sequence}`,
      slot,
      slot.length,
      (bytes) => readMarkSlot(bytes).kind,
    ]),
]

for (const [name, genuine, checkedBytes, parse] of PARSERS) {
  test(`${name} with random bytes over it is valid only where they change nothing`, (t) => {
    t.is(parse(genuine), 'valid')
    const property = fc.property(splice, (over) => {
      const bytes = spliced(genuine, over)
      const same = bytes.subarray(0, checkedBytes).equals(genuine.subarray(0, checkedBytes))
      t.is(parse(bytes) === 'valid', same)
    })
    t.notThrows(() => fc.assert(property, BOUNDS))
  })
}

test('a frame’s length is held against the file, though a good checksum vouches for it', (t) => {
  const frame = Buffer.from(frames[0]?.bytes ?? '')
  for (const length of [0x1_0000, 0x1000_0000, 0x7fff_fff8]) {
    // The body's checksum is left as it is: sealing would read a body of that length.
    const offset = frames[0]?.offset ?? 0
    sealFrame(frame, 0, NONCE_CHECKSUM, offset, 0)
    const long = withLength(frame, length, offset)
    t.is(readFrameHeader(long, 0, NONCE_CHECKSUM, offset, Number.POSITIVE_INFINITY).kind, 'valid')
    t.is(readFrameHeader(long, 0, NONCE_CHECKSUM, offset, frame.length).kind, 'invalid')
    const name = SHAPE.built.segments[0]?.name ?? ''
    const put = (files: Map<string, Buffer>): void => {
      const bytes = Buffer.from(files.get(name) ?? '')
      long.copy(bytes, offset)
      files.set(name, bytes)
    }
    t.is(judge(damagedLog(SHAPE, [{ kind: 'a lie', what: `${length} bytes`, apply: put }])), 'found by verify')
  }
})

/** The frame with another length in its head, and the head's checksum over that. */
function withLength(frame: Buffer, length: number, offset: number): Buffer {
  const long = Buffer.from(frame)
  long.writeUInt32LE(length, 8)
  const place = Buffer.alloc(8)
  place.writeBigUInt64LE(BigInt(offset))
  long.writeUInt32LE(checksum(long.subarray(8, FRAME_HEAD_BYTES), checksum(place, NONCE_CHECKSUM)), 4)
  return long
}

test('records cut from a random body are parts of it, or there are none', (t) => {
  const bodies = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 40 }), fc.nat({ max: 3 }))
  const property = fc.property(bodies, ([random, recordCount, small]) => {
    // Small lengths add up more often than chance allows.
    const body = Buffer.from(random.map((byte, at) => (at % 4 === 0 ? byte % (small + 5) : small === 0 ? 0 : byte)))
    if (!recordsAddUp(body, 0, body.length, recordCount)) return
    const frame = { frameBytes: 0, bodyBytes: body.length, recordCount, firstLsn: 1, lastLsn: recordCount }
    const header = { ...frame, timestampMs: 1, mark: 0, bodyChecksum: 0 }
    const window = new FrameWindow(body, FRAME_HEADER_BYTES, NONCE_CHECKSUM)
    const batch = new RecordBatch({ window, frames: [{ header, offset: 0 }] }, 1, recordCount, () => {})
    let bytes = 0
    for (let record = batch.next(); record !== undefined; record = batch.next()) bytes += record.data.length
    t.true(bytes <= body.length)
  })
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: 2000 }))
})

test('random bytes anywhere in a log: the decision table’s outcome', (t) => {
  const property = fc.property(
    fc.constantFrom(...SMALL_SHAPES),
    fc.array(fc.record({ file: fc.nat(), at: fc.nat({ max: 13_000 }), bytes: fc.uint8Array({ maxLength: 200 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    (shape, places) => {
      const names = [...shape.files.keys()]
      const damages = places.map(({ file, at, bytes }): Damage => {
        const name = names[file % names.length] ?? ''
        const put = (files: Map<string, Buffer>): void => {
          const whole = Buffer.from(files.get(name) ?? '')
          files.set(name, spliced(whole, { at, bytes }))
        }
        return { kind: 'random bytes', what: `${bytes.length} at ${at} of ${name}`, apply: put }
      })
      judge(damagedLog(shape, damages))
    },
  )
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: 300 }))
})

test('the command line is taken, or refused as a mistake in it', (t) => {
  const words = fc.oneof(
    fc.string({ unit: codePoints, maxLength: 20 }),
    fc.constantFrom('--from', '--to', '--last', '--flush', '--', '-', '1', '0', '-1', '1e3', '9007199254740993', '5ms'),
  )
  const taken = (parse: () => unknown): void => {
    try {
      parse()
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
    }
  }
  const property = fc.property(fc.array(words, { maxLength: 6 }), (args) => {
    const [first, second, third] = args
    const text = { type: 'string' } as const
    taken(() => parseCommandLine(args, { from: text, to: text, last: text, json: { type: 'boolean' } }))
    taken(() => parseRange({ from: first, to: second, last: third }))
    taken(() => parseCount('--last', first))
    taken(() => flushOptions(first))
  })
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: 2000 }))
})

test('lines are cut at each newline, however the bytes come', (t) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 12 }), (chunks) => {
    const input = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk.map((byte) => (byte % 9 === 0 ? 10 : byte)))))
    const splitter = new LineSplitter(50)
    const lines: string[] = []
    try {
      let at = 0
      for (const { length } of chunks) {
        splitter.split(input.subarray(at, at + length), (line) => lines.push(line.toString('latin1')))
        at += length
      }
      lines.push(splitter.rest()?.toString('latin1') ?? '')
      t.is(lines.join('\n'), input.toString('latin1'))
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'SLUICE_RECORD_TOO_LARGE') throw error
      t.true(
        input
          .toString('latin1')
          .split('\n')
          .some((line) => line.length > 50),
      )
    }
  })
  t.notThrows(() => fc.assert(property, { ...BOUNDS, numRuns: 1000 }))
})

test('the records of these logs are of many kinds', (t) => {
  const some = Array.from({ length: 40 }, (_, n) => recordOf(n + 1).length)
  t.true(some.includes(0))
  t.true(new Set(some).size > 20)
})
