import test from 'ava'
import { checksum } from '../../src/format/checksum.js'
import { seedChecksum } from '../../src/format/checksum-shift.js'
import { random } from '../support/random.js'

test('a checksum made without its seed becomes what it is with it', (t) => {
  const numbers = random()
  t.log(`seed ${numbers.seed}`)
  const lengths = [0, 1, 2, 3, 4, 8, 255, 256, 4096, 65_535, 65_536, 1_000_003]
  for (let count = 0; count < 500; count++) lengths.push(numbers.below(2 ** numbers.below(18)))
  for (const length of lengths) {
    const data = Buffer.from(Array.from({ length: Math.min(length, 64) }, () => numbers.below(256)))
    const bytes = Buffer.alloc(length, data.length > 0 ? data : undefined)
    // Twice with each length: the second time it is the one that was asked for last.
    for (const seed of [numbers.below(2 ** 32), count32(numbers.below(4))]) {
      t.is(seedChecksum(checksum(bytes), seed, length), checksum(bytes, seed), `${length} bytes, seed ${seed}`)
    }
  }
})

/** Seeds at the ends of the range. */
function count32(number: number): number {
  return [0, 1, 0x8000_0000, 0xffff_ffff][number] ?? 0
}
