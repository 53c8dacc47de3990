import { isAscii } from 'node:buffer'
import type { DumpedEntry, TextBytes } from './entry.js'
import { parsedBytes } from './json-text.js'
import { copyShort, type TextSink } from './text-slab.js'

/** An entry as it was found: its value as JSON. Bytes are to be used at once. */
export type SnapshotEntry = (key: string, lsn: number, text: string | TextBytes) => void

const INDEX_LENGTH_BYTES = 4
const ROOM_BYTES = 320 * 1024

/** Gathers entries into a block of a snapshot: see state-snapshot.ts. */
export class SnapshotBlock implements TextSink {
  /** Key, LSN and bytes of each entry. */
  #index: (string | number)[] = []
  #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #end = 0

  /** Returns about how long it is. */
  add(entry: DumpedEntry): number {
    const { key, lsn } = entry
    const from = this.#end
    entry.readText(this)
    const length = this.#end - from
    this.#index.push(key, lsn, length)
    return key.length + length
  }

  bytes(source: Uint8Array, from: number, length: number): void {
    this.#grow(length)
    copyShort(source, from, length, this.#room, this.#end)
    this.#end += length
  }

  string(text: string): void {
    this.#grow(Buffer.byteLength(text))
    this.#end += this.#room.write(text, this.#end)
  }

  /** What was gathered since the last time. */
  take(): Buffer {
    const texts = this.#room.subarray(0, this.#end)
    // In ASCII, code units are bytes.
    if (!isAscii(texts)) this.#countUnits(texts)
    const index = Buffer.from(JSON.stringify(this.#index))
    const block = Buffer.allocUnsafe(INDEX_LENGTH_BYTES + index.length + texts.length)
    block.writeUInt32LE(index.length, 0)
    block.set(index, INDEX_LENGTH_BYTES)
    block.set(texts, INDEX_LENGTH_BYTES + index.length)
    this.#index = []
    this.#end = 0
    if (this.#room.length > ROOM_BYTES) this.#room = Buffer.allocUnsafeSlow(ROOM_BYTES)
    return block
  }

  /** Puts code units into the index, in place of bytes. */
  #countUnits(texts: Buffer): void {
    let from = 0
    for (let at = 2; at < this.#index.length; at += 3) {
      const to = from + Number(this.#index[at])
      this.#index[at] = texts.toString('utf8', from, to).length
      from = to
    }
  }

  #grow(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#room.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#room.length))
    grown.set(this.#room.subarray(0, this.#end))
    this.#room = grown
  }
}

/** Gives the entries of a block; returns how many, `undefined` where it is none. */
export function decodeEntries(block: Buffer | undefined, onEntry: SnapshotEntry): number | undefined {
  if (block === undefined || block.length < INDEX_LENGTH_BYTES) return undefined
  const textsAt = INDEX_LENGTH_BYTES + block.readUInt32LE(0)
  if (textsAt > block.length) return undefined
  const index = parsedBytes(block.subarray(INDEX_LENGTH_BYTES, textsAt))
  if (!Array.isArray(index) || index.length % 3 !== 0) return undefined
  const bytes = block.subarray(textsAt)
  // In ASCII, code units are bytes.
  const texts = isAscii(bytes) ? undefined : bytes.toString()
  const end = (texts ?? bytes).length
  let from = 0
  for (let at = 0; at < index.length; at += 3) {
    const key: unknown = index[at]
    const lsn: unknown = index[at + 1]
    const length: unknown = index[at + 2]
    if (typeof key !== 'string' || typeof lsn !== 'number') return undefined
    if (typeof length !== 'number' || !Number.isSafeInteger(length)) return undefined
    const to = from + length
    if (!(to > from && to <= end)) return undefined
    onEntry(key, lsn, texts === undefined ? { bytes, from, length } : texts.slice(from, to))
    from = to
  }
  return from === end ? index.length / 3 : undefined
}
