import test from 'ava'
import fc from 'fast-check'
import { JsonWriter, textBytes } from '../../src/json/json-writer.js'
import { codePoints } from '../support/code-points.js'
import { random } from '../support/random.js'

const NAME = textBytes('"x":')

/** What the writer makes of a value; `undefined` where it leaves it to others. */
function written(writer: JsonWriter, value: unknown): string | undefined {
  writer.begin()
  if (!writer.plainMember(NAME, value)) {
    if (writer.length !== 0) throw new Error(`${writer.length} bytes of a value that was not written`)
    return undefined
  }
  return Buffer.from(writer.take()).toString().slice(NAME.length)
}

const units = fc.string({ unit: codePoints, maxLength: 200 })
const strings = fc.oneof(fc.string({ maxLength: 200 }), units, fc.stringMatching(/^[ -~\ud800]{0,70}$/))

test('values are written as JSON.stringify writes them', (t) => {
  const writer = new JsonWriter()
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium', maxDepth: 6 },
      strings,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constantFrom(null, 0, -0, 9, 10, 2 ** 31 - 1, 2 ** 31, 1e21, 5e-324),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(
        strings,
        fc.oneof({ weight: 9, arbitrary: tie('value') }, { weight: 1, arbitrary: fc.constant(undefined) }),
        {
          maxKeys: 5,
          noNullPrototype: true,
        },
      ),
    ),
  }))
  const { seed } = random()
  t.log(`seed ${seed}`)
  fc.assert(
    fc.property(value, (each) => {
      t.is(written(writer, each), JSON.stringify(each))
    }),
    { seed, numRuns: 2000 },
  )
})

class Own {
  readonly a = 1
}

const circle: Record<string, unknown> = {}
circle['self'] = circle
let deep: unknown = 1
for (let depth = 0; depth < 100; depth++) deep = [deep]

test('all that is not simple is left to others, and nothing of it is written', (t) => {
  const writer = new JsonWriter()
  const unusual: readonly unknown[] = [
    undefined,
    () => 1,
    Symbol('s'),
    1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Date(0),
    new Map(),
    new Own(),
    Object.create(null),
    Object.create({ inherited: 1 }),
    new Number(1),
    { toJSON: () => 1 },
    { a: 1, b: { toJSON: () => 1 } },
    Object.assign([1], { toJSON: () => 1 }),
    [1, undefined],
    new Array(2),
    { a: 'x'.repeat(100_000), b: () => 1 },
    Buffer.from('x'),
    circle,
    deep,
  ]
  for (const [at, value] of unusual.entries()) t.is(written(writer, value), undefined, `value ${at}`)
})

test('records of one append lie beside one another, whatever room they need', (t) => {
  const writer = new JsonWriter()
  for (const lengths of [[1, 5, 2], [70_000, 3], [10, 40_000, 40_000, 10, 200_000], [2040], [2048], [3000]]) {
    writer.begin()
    const texts = lengths.map((length, at) => String.fromCharCode(97 + at).repeat(length))
    const records = texts.map((text) => {
      writer.string(text)
      return writer.take()
    })
    t.deepEqual(
      records.map((record) => Buffer.from(record).toString()),
      texts.map((text) => JSON.stringify(text)),
    )
  }
})
