import test from 'ava'
import fc from 'fast-check'
import type { DumpedEntry } from '../../src/state/entry.js'
import { decodeEntries, SnapshotBlock } from '../../src/state/snapshot-block.js'
import { TextHeap } from '../../src/state/text-heap.js'
import type { TextSink } from '../../src/state/text-slab.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const KIB = 1024

function put(heap: TextHeap, text: string): number {
  const bytes = Buffer.from(`<${text}>`)
  return heap.put(bytes, 1, bytes.length - 2)
}

/** Of all sizes, most of them small; some are as long as a block can be, or a byte more. */
function lengthOf(numbers: { below(limit: number): number }): number {
  const kind = numbers.below(100)
  if (kind === 0) return 64 * KIB - 6 + numbers.below(5)
  if (kind === 1) return numbers.below(200 * KIB)
  return numbers.below(kind < 10 ? 4 * KIB : 300)
}

test('texts are those that were put in, whatever comes and goes beside them', (t) => {
  const numbers = random(seed)
  const heap = new TextHeap()
  const texts = new Map<number, string>()
  for (let step = 0; step < 18_000; step++) {
    // Grows and shrinks in turns.
    if (numbers.below(100) < (step % 4000 < 2000 ? 70 : 30)) {
      const text = `${step}:`.padEnd(lengthOf(numbers), numbers.below(2) === 0 ? 'x' : 'é')
      const address = put(heap, text)
      t.true(address > 0)
      t.false(texts.has(address), 'no address is given twice')
      texts.set(address, text)
    } else {
      const [address] = [...texts.keys()].slice(numbers.below(Math.min(50, texts.size)))
      if (address === undefined) continue
      t.is(heap.text(address), texts.get(address) ?? '')
      heap.free(address)
      texts.delete(address)
    }
  }
  t.true(texts.size > 50)
  for (const [address, text] of texts) t.is(heap.text(address), text)
  t.is(heap.texts, texts.size)
  for (const address of texts.keys()) heap.free(address)
  t.is(heap.texts, 0)
})

test('memory is given back, and little of it lies about', (t) => {
  const heap = new TextHeap()
  const addresses = Array.from({ length: 100_000 }, (_, at) => put(heap, 'v'.repeat(100 + (at % 64))))
  const live = 100_000 * 132
  t.true(heap.bytes > live && heap.bytes < live * 1.3, `${heap.bytes} bytes for ${live}`)
  // What is replaced is used again.
  for (let at = 0; at < addresses.length; at++) {
    heap.free(addresses[at] ?? 0)
    addresses[at] = put(heap, 'w'.repeat(100 + (at % 64)))
  }
  t.true(heap.bytes < live * 1.3, `${heap.bytes} bytes for ${live}, each replaced`)
  const large = put(heap, 'x'.repeat(5_000_000))
  t.true(heap.bytes > live + 5_000_000)
  heap.free(large)
  for (const address of addresses) heap.free(address)
  t.true(heap.bytes < 8 * 1024 * KIB, `${heap.bytes} bytes for nothing`)
  t.true(new TextHeap().bytes === 0)
  t.throws(() => new TextHeap().text(70_000), { message: /no text/ })
})

const text = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 300 }).map((value) => JSON.stringify(value)),
  fc.nat({ max: 400_000 }).map((length) => JSON.stringify('y'.repeat(length))),
)

function entryOf(key: string, lsn: number, json: string, asBytes: boolean): DumpedEntry {
  const bytes = Buffer.from(` ${json}`)
  const readText = (sink: TextSink): void => {
    if (asBytes) sink.bytes(bytes, 1, bytes.length - 1)
    else sink.string(json)
  }
  return { key, lsn, text: json, readText }
}

test('a block of a snapshot gives back what was put in, ASCII or not', (t) => {
  const entry = fc.record({ key: fc.string({ unit: 'grapheme' }), lsn: fc.maxSafeNat(), text, asBytes: fc.boolean() })
  const property = fc.property(fc.array(fc.array(entry, { minLength: 1 }), { maxLength: 3 }), (blocks) => {
    const block = new SnapshotBlock()
    for (const entries of blocks) {
      for (const { key, lsn, text: json, asBytes } of entries) {
        const length = block.add(entryOf(key, lsn, json, asBytes))
        t.is(length, key.length + Buffer.byteLength(json))
      }
      const found: [string, number, string][] = []
      const count = decodeEntries(block.take(), (key, lsn, content) => {
        const isText = typeof content === 'string'
        const { bytes, from, length } = isText ? { bytes: Buffer.from(content), from: 0, length: undefined } : content
        found.push([key, lsn, Buffer.from(bytes.subarray(from, length && from + length)).toString()])
      })
      t.is(count, entries.length)
      t.deepEqual(
        found,
        entries.map(({ key, lsn, text: json }) => [key, lsn, json]),
      )
    }
  })
  fc.assert(property, { seed: seed | 0, numRuns: 100 })
})

test('a block that is no list of entries is told, and nothing beyond it is read', (t) => {
  const block = (index: unknown, texts: string): Buffer => {
    const json = Buffer.from(JSON.stringify(index))
    const head = Buffer.alloc(4)
    head.writeUInt32LE(json.length, 0)
    return Buffer.concat([head, json, Buffer.from(texts)])
  }
  const ignore = (): void => {}
  t.is(decodeEntries(block(['k', 1, 2], '12'), ignore), 1)
  for (const wrong of [
    undefined,
    Buffer.alloc(3),
    Buffer.from([255, 255, 255, 255, 1]),
    block({ k: 1 }, ''),
    block(['k', 1], '1'),
    block(['k', 1, 3], '12'),
    block(['k', 1, 1], '12'),
    block(['k', 1, 1.5, 'l', 2, 0.5], '12'),
    block(['k', 1, -1], '12'),
    block(['k', 1, 0], ''),
    block(['k', '1', 2], '12'),
    block([1, 1, 2], '12'),
  ]) {
    t.is(decodeEntries(wrong, ignore), undefined)
  }
})
