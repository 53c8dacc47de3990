/** Before each text, its length in bytes; and, where there is none, the number of the next block that is free. */
const HEAD_BYTES = 4
const NONE = -1
const COPIED_HERE_MAX = 256

/** Takes texts. */
export interface TextSink {
  /** One that lies in `source`, in UTF-8. */
  bytes(source: Uint8Array, from: number, length: number): void
  string(text: string): void
}

/** Memory in blocks of one length. Those that are free are linked through their own first bytes: nothing is kept of them beside. */
export class TextSlab {
  /** By which the heap knows it. */
  readonly number: number
  readonly blockBytes: number
  readonly #bytes: Buffer
  readonly #words: Int32Array
  readonly #blocks: number
  #used = 0
  #firstFree = NONE
  /** From here on, no block was ever used. */
  #fresh = 0
  /** Where it is among those that have room; -1: it has none. */
  place = NONE

  constructor(number: number, blockBytes: number, blocks: number) {
    this.number = number
    this.blockBytes = blockBytes
    this.#blocks = blocks
    this.#bytes = Buffer.allocUnsafeSlow(blockBytes * blocks)
    this.#words = new Int32Array(this.#bytes.buffer)
  }

  /** What a text of so many bytes needs. */
  static bytesFor(length: number): number {
    return HEAD_BYTES + length
  }

  get bytes(): number {
    return this.#bytes.length
  }

  get isFull(): boolean {
    return this.#used === this.#blocks
  }

  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** Takes a block, which must be there, for so many bytes. */
  take(length: number): number {
    const block = this.#firstFree === NONE ? this.#fresh++ : this.#firstFree
    const word = this.#wordOf(block)
    if (block === this.#firstFree) this.#firstFree = this.#words[word] ?? NONE
    this.#words[word] = length
    this.#used++
    return block
  }

  free(block: number): void {
    this.#words[this.#wordOf(block)] = this.#firstFree
    this.#firstFree = block
    this.#used--
  }

  /** Puts bytes of `source`, from `from` on, into a block that was taken for as many. */
  fill(block: number, source: Uint8Array, from: number): void {
    const length = this.#words[this.#wordOf(block)] ?? 0
    const target = this.#bytes
    const to = block * this.blockBytes + HEAD_BYTES
    copyShort(source, from, length, target, to)
  }

  text(block: number): string {
    const from = block * this.blockBytes + HEAD_BYTES
    return this.#bytes.toString('utf8', from, from + (this.#words[this.#wordOf(block)] ?? 0))
  }

  /** Gives the bytes of a text to `sink`, which is not to keep them. */
  read(block: number, sink: TextSink): void {
    sink.bytes(this.#bytes, block * this.blockBytes + HEAD_BYTES, this.#words[this.#wordOf(block)] ?? 0)
  }

  #wordOf(block: number): number {
    return (block * this.blockBytes) >>> 2
  }
}

/** Copies bytes, few in most cases. */
export function copyShort(source: Uint8Array, from: number, length: number, target: Uint8Array, to: number): void {
  // A view of a part, for the call that copies fast, costs as much as some hundred bytes.
  if (length > COPIED_HERE_MAX) target.set(source.subarray(from, from + length), to)
  else for (let at = 0; at < length; at++) target[to + at] = source[from + at] ?? 0
}
