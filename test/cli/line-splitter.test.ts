import test from 'ava'
import fc from 'fast-check'
import { LineSplitter } from '../../src/cli/line-splitter.js'
import { SluiceError } from '../../src/errors.js'

/** The lines that a splitter finds in these chunks. */
function split(chunks: readonly Uint8Array[], maxLineBytes = 1000): Buffer[] {
  const splitter = new LineSplitter(maxLineBytes)
  const lines: Buffer[] = []
  for (const chunk of chunks) splitter.split(Buffer.from(chunk), (line) => lines.push(line))
  const rest = splitter.rest()
  return rest === undefined ? lines : [...lines, rest]
}

test('lines are the same however the bytes are cut into chunks', (t) => {
  const byte = fc.oneof(fc.constant(10), fc.nat(255))
  const chunks = fc.array(
    fc.uint8Array({ maxLength: 20 }).chain((bytes) => fc.array(byte).map((more) => [...bytes, ...more])),
  )
  fc.assert(
    fc.property(chunks, (pieces) => {
      const text = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString('latin1')
      const wanted = text.split('\n')
      if (wanted.at(-1) === '') wanted.pop()
      const found = split(
        pieces.map((piece) => Buffer.from(piece)),
        100_000,
      )
      t.deepEqual(
        found.map((line) => line.toString('latin1')),
        wanted,
      )
    }),
  )
})

test('a line is as long as the limit, and not longer, whole or in pieces', (t) => {
  const limit = 4
  t.is(split([Buffer.from('1234\n')], limit).length, 1)
  t.is(split([Buffer.from('12'), Buffer.from('34')], limit).length, 1)
  for (const pieces of [['12345\n'], ['12345'], ['123', '45\n'], ['1234', '5'], ['123', '45']]) {
    const error = t.throws(
      () =>
        split(
          pieces
            .map((piece) => Buffer.from(`a\nb\n${piece}`))
            .slice(0, 1)
            .concat(pieces.slice(1).map((piece) => Buffer.from(piece))),
          limit,
        ),
      {
        instanceOf: SluiceError,
      },
    )
    t.is(error?.code, 'SLUICE_RECORD_TOO_LARGE')
    t.regex(error?.message ?? '', /^line 3 /)
  }
})

test('lines that came in pieces do not share memory', (t) => {
  const lines = split(['ab', 'c\nde', 'f\ngh', 'i\n'].map((text) => Buffer.from(text)))
  t.deepEqual(lines.map(String), ['abc', 'def', 'ghi'])
})

test('a line that comes byte by byte is not copied for each byte', (t) => {
  const splitter = new LineSplitter(2 ** 24)
  const byte = Buffer.from('x')
  const bytes = 2 ** 20
  for (let at = 0; at < bytes; at++) splitter.split(byte, () => t.fail())
  t.is(splitter.rest()?.length, bytes)
})
