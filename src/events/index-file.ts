import { endianness } from 'node:os'
import type { EventIndex } from './event-index.js'
import type { IdWindow } from './id-window.js'

/*
 * What the index knows of a range of positions, as the blocks of a snapshot file:
 *
 *     head        JSON: see IndexFileHead
 *     types       strings that came up since the file before, packed
 *     tags        the same, in blocks of TERMS_PER_BLOCK
 *     events      blocks of EVENTS_PER_BLOCK: how many; the type of each; how many tags each has; the tags of all. By their
 *                 numbers in the index, each in 32 bits of this machine's byte order
 *     ids         one block, JSON: [position, id, position, id, …], of those that were remembered when it was written
 *
 * Numbers of types and tags go on from file to file: a file is of use only behind all those before it.
 */

/** About 1 ms of work each, so that the event loop is never held up for long. */
export const EVENTS_PER_BLOCK = 4096
const TERMS_PER_BLOCK = 8192
const FORMAT = 1

/** The first block of an index file. */
export interface IndexFileHead {
  readonly format: typeof FORMAT
  readonly endianness: string
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
  const remembered = idsBetween(ids, scope.first, scope.last)
  const head: IndexFileHead = {
    format: FORMAT,
    endianness: endianness(),
    ids: remembered.length / 2,
    ...scope,
  }
  yield Buffer.from(JSON.stringify(head))
  yield index.types.pack(scope.types.from, scope.types.to)
  for (let from = scope.tags.from; from < scope.tags.to; from += TERMS_PER_BLOCK) {
    yield index.tags.pack(from, Math.min(from + TERMS_PER_BLOCK, scope.tags.to))
  }
  for (let first = scope.first; first <= scope.last; first += EVENTS_PER_BLOCK) {
    yield encodeEvents(index, first, Math.min(first + EVENTS_PER_BLOCK - 1, scope.last))
  }
  yield Buffer.from(JSON.stringify(remembered))
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
  if (!(await nextPacked(blocks, index.types)) || index.types.size !== head.types.to) return false
  while (index.tags.size < head.tags.to) if (!(await nextPacked(blocks, index.tags))) return false
  if (index.tags.size !== head.tags.to) return false
  while (index.head < head.last) {
    const block = await blocks.next()
    if (block.done === true || !decodeEvents(block.value, index)) return false
  }
  if (index.head !== head.last) return false
  const block = await blocks.next()
  if (block.done === true) return false
  if (ids !== undefined && head.ids > 0) rememberIds(JSON.parse(block.value.toString()), ids)
  return (await blocks.next()).done === true
}

async function nextPacked(blocks: AsyncIterator<Buffer>, table: { unpack(packed: Buffer): boolean }): Promise<boolean> {
  const block = await blocks.next()
  return block.done !== true && table.unpack(block.value)
}

function encodeEvents(index: EventIndex, first: number, last: number): Uint8Array {
  const count = last - first + 1
  const tags: number[] = []
  const numbers = new Uint32Array(1 + 2 * count)
  numbers[0] = count
  for (let at = 0; at < count; at++) {
    const own = index.recent.tagsOf(first + at)
    numbers[1 + at] = index.typeOf(first + at)
    numbers[1 + count + at] = own.length
    for (const tag of own) tags.push(tag)
  }
  return Buffer.concat([Buffer.from(numbers.buffer), Buffer.from(Uint32Array.from(tags).buffer)])
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

function idsBetween(ids: IdWindow, first: number, last: number): (number | string)[] {
  const found: (number | string)[] = []
  for (const [id, position] of ids.entries()) if (position >= first && position <= last) found.push(position, id)
  return found
}

function rememberIds(pairs: readonly (number | string)[], ids: IdWindow): void {
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const [position, id] = [pairs[at], pairs[at + 1]]
    if (typeof position !== 'number' || typeof id !== 'string') continue // It was written in pairs.
    ids.add(id, position)
    ids.settle(position)
  }
}
