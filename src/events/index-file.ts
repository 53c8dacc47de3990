import { endianness } from 'node:os'
import type { EventIndex } from './event-index.js'
import type { IdWindow } from './id-window.js'
import type { TermTable } from './term-table.js'

/*
 * What the index knows of a range of positions, as the blocks of a snapshot file:
 *
 *     head        JSON: see IndexFileHead
 *     types       strings that came up since the file before, packed, in blocks of TERM_BYTES_PER_BLOCK at the most, or one
 *     tags        the same
 *     events      blocks of EVENTS_PER_BLOCK, or of TAGS_PER_BLOCK: how many; the type of each; how many tags each has; the
 *                 tags of all. By their numbers in the index, each in 32 bits of this machine's byte order
 *     ids         in some blocks, JSON: [position, id, position, id, …], of those that were remembered
 *
 * Numbers of types and tags go on from file to file: a file is of use only behind the one that it was written behind.
 */

/** About 1 ms of work each, so that the event loop is never held up for long. */
const EVENTS_PER_BLOCK = 4096
/** A block ends with the event that reaches it. */
const TAGS_PER_BLOCK = 16_384
const TERM_BYTES_PER_BLOCK = 128 * 1024
/** A block ends with the id that reaches one of these. */
const IDS_PER_BLOCK = 4096
const ID_CHARACTERS_PER_BLOCK = 128 * 1024
const FORMAT = 2

/** The first block of an index file. */
export interface IndexFileHead {
  readonly format: typeof FORMAT
  readonly endianness: string
  /** Made up at random, for the next file to name. */
  readonly name: string
  /** The name of the file before; none for the first. */
  readonly behind: string
  readonly first: number
  readonly last: number
  /** The next file goes on behind it. One that is not sealed is written anew, with more. */
  readonly sealed: boolean
  /** The numbers of its strings: from `from` to before `to`. */
  readonly types: NumberRange
  readonly tags: NumberRange
  /** How many ids it has. */
  readonly ids: number
  /** Of the record at `last`: tells whether this is (still) the index of that log. */
  readonly lastChecksum: number
  readonly lastTimestamp: number
}

export interface NumberRange {
  readonly from: number
  readonly to: number
}

/** What a head says of the index and the log at the time. */
export type IndexFileScope = Omit<IndexFileHead, 'format' | 'endianness' | 'ids'>

/** The blocks of a file. The events in scope must not change meanwhile; others may come. */
export function* encodeIndexFile(index: EventIndex, ids: IdWindow, scope: IndexFileScope): Generator<Uint8Array> {
  const remembered = ids.between(scope.first, scope.last)
  const count = remembered.ids.length
  const head: IndexFileHead = { format: FORMAT, endianness: endianness(), ids: count, ...scope }
  yield Buffer.from(JSON.stringify(head))
  yield* packedBlocks(index.types, scope.types)
  yield* packedBlocks(index.tags, scope.tags)
  for (let first = scope.first; first <= scope.last; ) {
    const most = Math.min(first + EVENTS_PER_BLOCK - 1, scope.last)
    const last = index.recent.reaching(TAGS_PER_BLOCK, first, most)
    yield encodeEvents(index, first, last)
    first = last + 1
  }
  let pairs: (number | string)[] = []
  let characters = 0
  for (const [at, id] of remembered.ids.entries()) {
    pairs.push(remembered.positions[at] ?? 0, id)
    characters += id.length
    if (pairs.length < 2 * IDS_PER_BLOCK && characters < ID_CHARACTERS_PER_BLOCK && at + 1 < count) continue
    yield Buffer.from(JSON.stringify(pairs))
    pairs = []
    characters = 0
  }
}

function* packedBlocks(table: TermTable, { from, to }: NumberRange): Generator<Uint8Array> {
  for (let at = from; at < to; ) {
    const end = table.blockEnd(at, to, TERM_BYTES_PER_BLOCK)
    yield table.pack(at, end)
    at = end
  }
}

/** The head in a file's first block; `undefined` where it is of another form, or for another kind of machine. */
export function decodeHead(block: Uint8Array): IndexFileHead | undefined {
  // The block's checksum was good, so it is what some version wrote: which one, `format` tells.
  const head: IndexFileHead = JSON.parse(Buffer.from(block).toString())
  return head.format === FORMAT && head.endianness === endianness() ? head : undefined
}

/**
 * Takes up the blocks behind the head. Resolves to whether they were what the head says; where not, what was added to the
 * index has to be taken out again.
 */
export async function decodeIndexFile(
  head: IndexFileHead,
  blocks: AsyncIterator<Buffer>,
  index: EventIndex,
  ids: IdWindow | undefined,
): Promise<boolean> {
  if (!(await unpackAll(blocks, index.types, head.types)) || !(await unpackAll(blocks, index.tags, head.tags)))
    return false
  while (index.head < head.last) {
    const block = await blocks.next()
    if (block.done === true || !decodeEvents(block.value, index)) return false
  }
  if (index.head !== head.last) return false
  if (ids === undefined) return true
  const pairs: IdPair[] = []
  while (pairs.length < head.ids) {
    const block = await blocks.next()
    if (block.done === true) return false
    pairs.push(...pairsIn(block.value))
  }
  if ((await blocks.next()).done !== true) return false
  // Last of all: what is settled can't be taken back.
  for (const [position, id] of pairs) {
    ids.add(id, position)
    ids.settle(position)
  }
  return true
}

async function unpackAll(blocks: AsyncIterator<Buffer>, table: TermTable, { to }: NumberRange): Promise<boolean> {
  while (table.size < to) {
    const block = await blocks.next()
    if (block.done === true || !table.unpack(block.value)) return false
  }
  return table.size === to
}

function encodeEvents(index: EventIndex, first: number, last: number): Uint8Array {
  const { recent } = index
  const count = last - first + 1
  const numbers = new Uint32Array(1 + 2 * count + recent.tagsBetween(first, last))
  numbers[0] = count
  for (let at = 0; at < count; at++) {
    numbers[1 + at] = index.typeOf(first + at)
    numbers[1 + count + at] = recent.tagsBetween(first + at, first + at)
  }
  recent.copyTags(first, last, numbers, 1 + 2 * count)
  return new Uint8Array(numbers.buffer)
}

function decodeEvents(block: Buffer, index: EventIndex): boolean {
  // A copy, because numbers of four bytes must begin at a multiple of four.
  const numbers = new Uint32Array(block.buffer.slice(block.byteOffset, block.byteOffset + (block.length & ~3)))
  const count = numbers[0] ?? 0
  let at = 1 + 2 * count
  if (count === 0 || at > numbers.length) return false
  for (let event = 0; event < count; event++) {
    const type = numbers[1 + event] ?? 0
    const end = at + (numbers[1 + count + event] ?? 0)
    if (end > numbers.length || type >= index.types.size) return false
    for (let tag = at; tag < end; tag++) if ((numbers[tag] ?? 0) >= index.tags.size) return false
    index.addNumbered(type, numbers, at, end)
    at = end
  }
  return at === numbers.length
}

type IdPair = readonly [position: number, id: string]

function pairsIn(block: Buffer): IdPair[] {
  const flat: unknown = JSON.parse(block.toString())
  const pairs: IdPair[] = []
  if (!Array.isArray(flat)) return pairs
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [position, id]: unknown[] = [flat[at], flat[at + 1]]
    if (typeof position === 'number' && typeof id === 'string') pairs.push([position, id])
  }
  return pairs
}
