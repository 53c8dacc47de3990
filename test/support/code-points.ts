import fc from 'fast-check'

/**
 * Any code point but half of a surrogate pair, as a string: with one byte of UTF-8, two, three or four.
 * It is what fast-check has as `unit: 'binary'`, which takes most of a second to be made.
 */
export const codePoints: fc.Arbitrary<string> = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0x7ff }),
    fc.integer({ min: 0x800, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x10000, max: 0x10ffff }),
  )
  .map((codePoint) => String.fromCodePoint(codePoint))
