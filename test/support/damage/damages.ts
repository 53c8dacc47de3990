import { MARK_FILE, segmentFileName } from '../../../src/format/file-names.js'
import { MARK_SLOT_OFFSETS } from '../../../src/format/mark.js'
import type { Random } from '../../../src/testing/random.js'
import { FRAME_HEAD_BYTES, type GenuineSegment, HEADER_BLOCK_BYTES, HEADER_CHECKED_BYTES } from './genuine.js'
import type { LogShape } from './log-shapes.js'

/** One thing done to a log's files. */
export interface Damage {
  /** The row of the table that it is counted in. */
  readonly kind: string
  readonly what: string
  /** Changes the map; it never changes a buffer that is in it. */
  apply(files: Map<string, Buffer>): void
}

const SECTOR_BYTES = 512
const PAGE_BYTES = 4096

/** Changes a copy of one file; a file that is not there stays so. */
function change(kind: string, what: string, name: string, spoil: (bytes: Buffer) => Buffer): Damage {
  const apply = (files: Map<string, Buffer>): void => {
    const bytes = files.get(name)
    if (bytes !== undefined) files.set(name, spoil(Buffer.from(bytes)))
  }
  return { kind, what: `${what} of ${name}`, apply }
}

function flippedBit(kind: string, name: string, at: number, bit: number): Damage {
  return change(kind, `bit ${bit} of byte ${at}`, name, (bytes) => {
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    return bytes
  })
}

function* bitsOf(kind: string, name: string, from: number, to: number): Generator<Damage> {
  for (let at = from; at < to; at++) for (let bit = 0; bit < 8; bit++) yield flippedBit(kind, name, at, bit)
}

/** Every bit of every header: of segments, frames, footers, mark slots. */
export function* headerBits(shape: LogShape): Generator<Damage> {
  for (const segment of segmentsOf(shape)) {
    const { name, frames, footer } = segment
    yield* bitsOf('bit of a segment header', name, 0, HEADER_CHECKED_BYTES)
    for (const { offset } of frames) yield* bitsOf('bit of a frame header', name, offset, offset + FRAME_HEAD_BYTES)
    if (footer !== undefined) yield* bitsOf('bit of a footer', name, footer.offset, footer.offset + footer.bytes.length)
  }
  if (!shape.files.has(MARK_FILE)) return
  for (const at of MARK_SLOT_OFFSETS) yield* bitsOf('bit of a mark slot', MARK_FILE, at, at + 128)
}

/** Bits of bodies and paddings: `count` of each frame. */
export function* bodyBits(shape: LogShape, random: Random, count: number): Generator<Damage> {
  for (const { name, frames } of segmentsOf(shape)) {
    for (const { offset, bytes } of frames) {
      for (let n = 0; n < count; n++) {
        const at = offset + FRAME_HEAD_BYTES + random.below(bytes.length - FRAME_HEAD_BYTES)
        yield flippedBit('bit of a batch’s body', name, at, random.below(8))
      }
    }
  }
}

/** Each file, cut at these lengths; all of them where none are given. */
export function* cuts(shape: LogShape, step = 1): Generator<Damage> {
  for (const [name, bytes] of shape.files) {
    const lengths = new Set(step === 1 ? [] : boundariesOf(shape, name))
    for (let length = 0; length < bytes.length; length += step) lengths.add(length)
    for (const length of lengths) {
      yield change('cut file', `all but the first ${length} bytes`, name, (whole) => whole.subarray(0, length))
    }
  }
}

/** The lengths around everything that begins or ends in a file. */
function boundariesOf(shape: LogShape, name: string): number[] {
  const segment = segmentsOf(shape).find((candidate) => candidate.name === name)
  const places = [0, HEADER_CHECKED_BYTES, HEADER_BLOCK_BYTES, 2 * HEADER_BLOCK_BYTES]
  for (const { offset, checkedBytes, bytes } of segment?.frames ?? []) {
    places.push(offset, offset + FRAME_HEAD_BYTES, offset + checkedBytes, offset + bytes.length)
  }
  if (segment?.footer !== undefined) places.push(segment.footer.offset + segment.footer.bytes.length)
  const size = shape.files.get(name)?.length ?? 0
  return places.flatMap((place) => [place - 1, place, place + 1]).filter((length) => length >= 0 && length < size)
}

/** Each sector and page of each file, overwritten with what doesn't belong there. */
export function* spoiltBlocks(shape: LogShape, random: Random, blockBytes: number): Generator<Damage> {
  const unit = blockBytes === SECTOR_BYTES ? 'sector' : 'page'
  const names = [...shape.files.keys()]
  for (const [name, whole] of shape.files) {
    for (let at = 0; at < whole.length; at += blockBytes) {
      const put = (kind: string, source: Buffer): Damage =>
        change(`${unit} ${kind}`, `${unit} at ${at}`, name, (bytes) => {
          source.copy(bytes, at, 0, Math.max(0, Math.min(blockBytes, bytes.length - at)))
          return bytes
        })
      const noise = Buffer.from(Array.from({ length: blockBytes }, () => random.below(256)))
      yield put('of zeros', Buffer.alloc(blockBytes))
      yield put('of ones', Buffer.alloc(blockBytes, 0xff))
      yield put('of noise', noise)
      yield put('from elsewhere in the file', blockOf(whole, random.below(whole.length + 1), blockBytes))
      const other = shape.files.get(names[random.below(names.length)] ?? '') ?? whole
      yield put('from another file', blockOf(other, at, blockBytes))
      for (const stale of staleVersions(shape, name)) yield put('from an older version', blockOf(stale, at, blockBytes))
    }
  }
}

/** The block that holds this place, filled up with zeros. */
function blockOf(bytes: Buffer, at: number, blockBytes: number): Buffer {
  const begin = Math.floor(at / blockBytes) * blockBytes
  return Buffer.concat([bytes.subarray(begin, begin + blockBytes), Buffer.alloc(blockBytes)]).subarray(0, blockBytes)
}

/** What a segment was before its last frames were written: zeros lay there. */
function staleVersions(shape: LogShape, name: string): Buffer[] {
  const bytes = shape.files.get(name)
  const segment = segmentsOf(shape).find((candidate) => candidate.name === name)
  if (bytes === undefined || segment === undefined) return []
  const ends = [segment.endOffset, ...segment.frames.slice(1).map(({ offset }) => offset)]
  return ends.slice(0, 4).map((end) => {
    const stale = Buffer.alloc(bytes.length)
    bytes.copy(stale, 0, 0, end)
    return stale
  })
}

/** Whole segments and mark files: swapped, doubled, renamed, removed, emptied, zeroed, exchanged for other ones. */
export function* movedFiles(shape: LogShape): Generator<Damage> {
  const segments = [...shape.files.keys()].filter((name) => name !== MARK_FILE)
  const lastLsn = segmentsOf(shape).at(-1)?.frames.at(-1)?.lastLsn ?? 1
  const free = Array.from({ length: lastLsn + 3 }, (_, n) => segmentFileName(n + 1)).filter(
    (name) => !segments.includes(name),
  )
  for (const [name, bytes] of shape.files) {
    yield { kind: 'file removed', what: name, apply: (files) => void files.delete(name) }
    yield change('file emptied', 'all', name, () => Buffer.alloc(0))
    yield change('file zeroed', 'all', name, (whole) => Buffer.alloc(whole.length))
    for (const stale of staleVersions(shape, name)) yield change('older version of a file', 'all', name, () => stale)
    yield change('file with bytes behind it', 'the end', name, (whole) => Buffer.concat([whole, Buffer.from('more')]))
    yield change('file with zeros behind it', 'the end', name, (whole) => Buffer.concat([whole, Buffer.alloc(5000)]))
    if (name === MARK_FILE) continue
    for (const other of segments) {
      if (other === name) continue
      yield {
        kind: 'segment doubled over another',
        what: `${name} over ${other}`,
        apply: (files) => void files.set(other, bytes),
      }
      if (other > name) {
        const apply = (files: Map<string, Buffer>): void => {
          const one = files.get(name)
          const two = files.get(other)
          if (one !== undefined) files.set(other, one)
          if (two !== undefined) files.set(name, two)
        }
        yield { kind: 'segments swapped', what: `${name} and ${other}`, apply }
      }
    }
    for (const place of free) {
      yield { kind: 'segment doubled', what: `${name} as ${place}`, apply: (files) => void files.set(place, bytes) }
      const apply = (files: Map<string, Buffer>): void => {
        files.delete(name)
        files.set(place, bytes)
      }
      yield { kind: 'segment renamed', what: `${name} to ${place}`, apply }
    }
  }
  const putMark = (files: Map<string, Buffer>): void => void files.set(MARK_FILE, shape.foreignMark)
  yield { kind: 'mark file of another log', what: MARK_FILE, apply: putMark }
  for (const place of [...free, ...segments]) {
    yield { kind: 'segment of another log', what: place, apply: (files) => void files.set(place, shape.foreign) }
    if (!free.includes(place)) continue
    yield { kind: 'stray file', what: place, apply: (files) => void files.set(place, Buffer.from('no segment')) }
  }
}

/** The segments of the log itself, as they were written. */
function segmentsOf(shape: LogShape): readonly GenuineSegment[] {
  return shape.genuine.segments.filter(({ logId }) => logId === shape.built.logId.toString('hex'))
}

export const BLOCK_BYTES = { sector: SECTOR_BYTES, page: PAGE_BYTES } as const
