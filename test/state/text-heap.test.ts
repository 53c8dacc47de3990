import test from 'ava'
import { TextHeap } from '../../src/state/text-heap.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

const KIB = 1024

/** How often slabs are made meanwhile. Nothing else may run. */
function slabsMade(work: () => void): number {
  const { allocUnsafeSlow } = Buffer
  let made = 0
  Buffer.allocUnsafeSlow = (size) => {
    made++
    return allocUnsafeSlow(size)
  }
  try {
    work()
  } finally {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  }
  return made
}

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

test('what was deleted here and there serves the next texts of its length', (t) => {
  const numbers = random(seed)
  const heap = new TextHeap()
  let addresses = Array.from({ length: 50_000 }, () => put(heap, 'v'.repeat(100)))
  const full = heap.bytes
  addresses = addresses.filter((address) => {
    const stays = numbers.below(10) === 0
    if (!stays) heap.free(address)
    return stays
  })
  while (addresses.length < 50_000) addresses.push(put(heap, 'w'.repeat(100)))
  t.true(heap.bytes <= full, `${heap.bytes} bytes, where ${full} were enough`)
  for (const address of addresses) t.regex(heap.text(address), /^(v{100}|w{100})$/)
})

test('where much was deleted here and there, writing what is left anew gives memory back', (t) => {
  const numbers = random(seed)
  const heap = new TextHeap()
  const all = Array.from({ length: 50_000 }, () => put(heap, 'v'.repeat(100)))
  const full = heap.bytes
  const left: number[] = []
  for (const address of all) {
    if (numbers.below(10) === 0) left.push(address)
    else heap.free(address)
  }
  for (let round = 0; round < 10; round++) {
    for (const [at, address] of left.entries()) {
      heap.free(address)
      left[at] = put(heap, 'w'.repeat(100))
    }
  }
  t.true(heap.bytes < full / 3, `${heap.bytes} bytes for a tenth of what ${full} held`)
})

test('a text that comes and goes at the edge of a slab makes none each time', (t) => {
  const heap = new TextHeap()
  const edge: number[] = []
  // As many as fill a slab: the next one needs another.
  while (slabsMade(() => edge.push(put(heap, 'v'.repeat(100)))) === 0 || edge.length === 1);
  const made = slabsMade(() => {
    for (let round = 0; round < 100; round++) {
      const texts = [put(heap, 'x'.repeat(100)), put(heap, 'y'.repeat(100))]
      heap.free(edge.pop() ?? 0)
      for (const text of texts) heap.free(text)
      edge.push(put(heap, 'z'.repeat(100)))
    }
  })
  t.true(made <= 1, `${made} were made in 100 rounds`)
})

test('a text that is pinned stays until it is unpinned as often', (t) => {
  const heap = new TextHeap()
  const address = put(heap, 'pinned')
  const other = put(heap, 'other')
  heap.pin(address)
  heap.pin(address)
  heap.free(address)
  heap.free(other)
  t.is(heap.texts, 1)
  heap.unpin(address)
  t.is(heap.text(address), 'pinned')
  t.not(put(heap, 'another'), address)
  heap.unpin(address)
  t.is(heap.texts, 1)
  const kept = put(heap, 'kept')
  heap.pin(kept)
  heap.unpin(kept)
  t.is(heap.text(kept), 'kept', 'what nobody frees stays')
  t.throws(() => heap.unpin(kept), { message: /not pinned/ })
  heap.pin(kept)
  heap.free(kept)
  t.throws(() => heap.free(kept), { message: /freed before/ })
})
