import test from 'ava'
import { copyBytes } from '../../src/fs/copy-bytes.js'

const SOURCE_BYTES = 4096

function source(memory: ArrayBufferLike): Buffer {
  const bytes = Buffer.from(memory)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff
  return bytes
}

for (const [name, make] of [
  ['memory of its own', (bytes: number) => new ArrayBuffer(bytes)],
  ['shared memory', (bytes: number) => new SharedArrayBuffer(bytes)],
] as const) {
  test(`from and to ${name}: exactly these bytes, however many`, (t) => {
    const from = source(make(SOURCE_BYTES))
    for (const length of [0, 1, 3, 255, 256, 257, 1000, SOURCE_BYTES - 5]) {
      const target = Buffer.from(make(SOURCE_BYTES + 16)).fill(0xee)
      copyBytes(from, 5, length, target, 9)
      t.true(target.subarray(9, 9 + length).equals(from.subarray(5, 5 + length)), `${length} bytes`)
      t.true(target.subarray(0, 9).every((byte) => byte === 0xee))
      t.true(target.subarray(9 + length).every((byte) => byte === 0xee))
    }
  })
}

test('a Uint8Array that is a part of its memory is copied from where it begins', (t) => {
  const memory = source(new ArrayBuffer(SOURCE_BYTES))
  const part = new Uint8Array(memory.buffer, 100, 500)
  const target = Buffer.alloc(500)
  copyBytes(part, 0, part.length, target, 0)
  t.true(target.equals(memory.subarray(100, 600)))
})

test('more bytes than there are is an error, and nothing is copied', (t) => {
  const target = Buffer.alloc(2000)
  for (const length of [11, 1000]) {
    t.throws(() => copyBytes(Buffer.alloc(20, 1), 10, length, target, 0), { instanceOf: RangeError })
  }
  t.true(target.every((byte) => byte === 0))
})
