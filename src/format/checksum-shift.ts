/*
 * CRC-32 is linear: the checksum of bytes under a seed is that of the same bytes without one, plus what the seed alone
 * becomes behind as many zeros. So a checksum can be made before its seed is known. Polynomials are reflected, as in
 * checksum.ts: the highest bit of a word is the coefficient of x^0. After crc32_combine of zlib.
 */

const POLYNOMIAL = 0xedb8_8320
/** The polynomial 1. */
const ONE = 0x8000_0000

/** x to the power of 2^n, for n from 0 to 31: after that they repeat, as x^(2^32 - 1) is 1. */
const POWERS = makePowers()

/** The last length that was asked for, and what it multiplies with: frames of one load have a few lengths. */
let lastBytes = 0
let lastPower = ONE

/**
 * The checksum under `seed` of `bytes` bytes whose checksum without one is `unseeded`: what
 * `checksum(data, seed)` would be, given `checksum(data)`.
 */
export function seedChecksum(unseeded: number, seed: number, bytes: number): number {
  if (bytes !== lastBytes) {
    lastPower = powerOfBytes(bytes)
    lastBytes = bytes
  }
  return (multiply(lastPower, seed) ^ unseeded) >>> 0
}

/** x to the power of the bits in so many bytes: what appending as many zeros multiplies a checksum with. */
function powerOfBytes(bytes: number): number {
  let power = ONE
  // 8 bits a byte: 2^3.
  for (let left = bytes, exponent = 3; left > 0; left = Math.floor(left / 2), exponent++) {
    if (left % 2 === 1) power = multiply(powerAt(exponent), power)
  }
  return power
}

/** The product of two polynomials, modulo {@link POLYNOMIAL}. */
function multiply(one: number, other: number): number {
  let product = 0
  let shifted = other
  for (let bit = 31; bit >= 0; bit--) {
    product ^= -((one >>> bit) & 1) & shifted
    shifted = (shifted >>> 1) ^ (-(shifted & 1) & POLYNOMIAL)
  }
  return product >>> 0
}

function makePowers(): Int32Array {
  const powers = new Int32Array(32)
  let power = ONE >>> 1 // x itself
  for (let exponent = 0; exponent < powers.length; exponent++) {
    powers[exponent] = power
    power = multiply(power, power)
  }
  return powers
}

/** The index lies inside the table by its making: the fallback is for the compiler. */
function powerAt(exponent: number): number {
  return POWERS[exponent & 31] ?? 0
}
