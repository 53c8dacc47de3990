import test from 'ava'
import fc from 'fast-check'
import { collectGarbage } from '../../bench/collect-garbage.js'
import type { Dump } from '../../src/state/dump.js'
import type { DumpedEntry } from '../../src/state/entry.js'
import { LoadedState } from '../../src/state/load-state.js'
import { Pace } from '../../src/state/pace.js'
import { decodeEntries, SnapshotBlock } from '../../src/state/snapshot-block.js'
import { decodeStateRecord, RecordEncoder } from '../../src/state/state-record.js'
import { writeStateSnapshot } from '../../src/state/state-snapshot.js'
import type { TextSink } from '../../src/state/text-slab.js'
import { SimulatedFileSystem } from '../../src/testing/index.js'
import { random } from '../support/random.js'

const { seed } = random()
test.before((t) => t.log(`seed ${seed} (set SLUICE_SEED to repeat it)`))

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

test('a dump that did not give all its entries makes no snapshot', async (t) => {
  const fileSystem = new SimulatedFileSystem()
  fileSystem.makeDirectorySync('/data')
  const place = { fileSystem, directory: '/data', name: 'one.snapshot' }
  const head = { lsn: 1, schema: 1, time: 1, created: 1, entries: 2, gzip: false, replaced: new Map() }
  const short = { lsn: 1, entries: 2, taken: 1, next: () => undefined } as unknown as Dump<unknown> // All that is asked of it.
  const written = writeStateSnapshot(place, head, short, new Pace(() => 0), new AbortController().signal, () => {})
  await t.throwsAsync(written, { message: 'a dump of 2 entries gave 1' })
  t.deepEqual(fileSystem.listSync('/data'), [])
})

test('the record of a set tells where the text of its value is, whatever key and value', (t) => {
  const encoder = new RecordEncoder(7)
  const property = fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (key, value) => {
    const { bytes, valueAt, valueLength } = encoder.set(key, value)
    const record = Buffer.from(bytes) // It lies in memory that is used again.
    t.is(record.toString(), JSON.stringify(['set', 7, key, value]))
    t.is(record.toString('utf8', valueAt, valueAt + valueLength), JSON.stringify(value))
    const decoded = decodeStateRecord(1, record)
    if (decoded.kind !== 'writes') throw new Error('it is no write')
    const [write] = decoded.writes
    const { bytes: found, from, length } = write?.text ?? { bytes: record, from: 0, length: 0 }
    t.is(Buffer.from(found).toString('utf8', from, from + length), JSON.stringify(value))
    t.deepEqual(write?.content, { value: JSON.parse(JSON.stringify(value)) })
  })
  fc.assert(property, { seed: seed | 0, numRuns: 300 })
  const deleted = encoder.write('k', undefined)
  t.is(Buffer.from(deleted.bytes).toString(), '["delete",7,"k"]')
  t.is(deleted.valueLength, 0)
  const state = new LoadedState(7, [])
  const { bytes } = encoder.set('k', { n: 1 })
  state.replay(1, decodeStateRecord(1, Buffer.from(bytes)), bytes.length, 0)
  t.is(state.keys.texts, 1, 'it is not kept as what was parsed of it')
  t.deepEqual(state.keys.durable('k')?.value, { n: 1 })
  for (const other of [
    '[ "set",7,"k",1]',
    '["set",7,"k",1] ',
    '["set",7,"k",1]\n',
    '["set",7,"\\u006b",1]',
    '["batch",7,["set","k",1]]',
    '["delete",7,"k"]',
  ]) {
    const record = decodeStateRecord(1, Buffer.from(other))
    t.is(record.kind === 'writes' ? record.writes[0]?.text : 'no write', undefined, other)
  }
})

test('memory for a long record is not kept for the next one', async (t) => {
  const encoder = new RecordEncoder(1)
  const long = new WeakRef(encoder.set('k', 'v'.repeat(10_000_000)).bytes.buffer)
  await new Promise((resolve) => setImmediate(resolve)) // A WeakRef holds what it has for the rest of its turn.
  collectGarbage()
  t.is(long.deref(), undefined)
})
