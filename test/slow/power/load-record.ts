import { Random } from '../../../src/testing/random.js'

/*
 * A record of the load's says itself which one it is, and its bytes follow from that:
 *
 *   0        4            8     12           16           20       24
 *   | seed   | generation | LSN | group from | group size | length | bytes of the pool … |
 *
 * A generation is one process that appends, or what comes after a rollback in one: an LSN that is used again has other
 * bytes.
 */
const HEADER_BYTES = 24
const POOL_BYTES = 512 * 1024

/** Which record, and what was appended along with it as one frame. */
export interface RecordName {
  readonly generation: number
  readonly lsn: number
  readonly groupFirst: number
  readonly groupSize: number
}

/** Makes the records of one run, and tells whether one that was read is the one that was appended. */
export class LoadRecords {
  readonly #seed: number
  readonly #largestBytes: number
  readonly #pool = Buffer.alloc(POOL_BYTES)

  constructor(seed: number, largestBytes: number) {
    this.#seed = seed >>> 0
    this.#largestBytes = largestBytes
    const random = new Random(seed)
    for (let at = 0; at < POOL_BYTES; at += 4) this.#pool.writeUInt32LE(random.next(), at)
  }

  make({ generation, lsn, groupFirst, groupSize }: RecordName): Buffer {
    const { bytes, from } = this.#fate(generation, lsn)
    const record = Buffer.allocUnsafe(bytes)
    for (const [index, value] of [this.#seed, generation, lsn, groupFirst, groupSize, bytes].entries()) {
      record.writeUInt32LE(value, index * 4)
    }
    this.#pool.copy(record, HEADER_BYTES, from, from + bytes - HEADER_BYTES)
    return record
  }

  /** The record's name, where it is the one with this LSN of this generation, byte for byte; else what is wrong. */
  judge(record: Buffer, lsn: number, generation: number): RecordName | string {
    if (record.length < HEADER_BYTES) return `LSN ${lsn} has ${record.length} bytes, which was never appended`
    const name: RecordName = {
      generation,
      lsn,
      groupFirst: record.readUInt32LE(12),
      groupSize: record.readUInt32LE(16),
    }
    if (record.equals(this.make(name))) return name
    const [seed, foundGeneration, foundLsn] = [0, 4, 8].map((at) => record.readUInt32LE(at))
    return `LSN ${lsn} of generation ${generation} is not what was appended: it says seed ${seed}, generation ${foundGeneration}, LSN ${foundLsn}`
  }

  /** Most records are small, some take pages, a few take many. */
  #fate(generation: number, lsn: number): { bytes: number; from: number } {
    const random = new Random((this.#seed ^ Math.imul(generation, 0x9e37_79b1) ^ Math.imul(lsn, 0x85eb_ca6b)) >>> 0)
    const kind = random.below(100)
    const most = kind < 85 ? 400 : kind < 97 ? 8192 : 100_000
    const bytes = HEADER_BYTES + random.below(Math.min(most, this.#largestBytes))
    return { bytes, from: random.below(POOL_BYTES - bytes) }
  }
}

/** Which generation appended which LSN. */
export class Generations {
  /** Ascending. */
  readonly #steps: { readonly fromLsn: number; readonly generation: number }[]

  constructor(steps: readonly { readonly fromLsn: number; readonly generation: number }[] = []) {
    this.#steps = [...steps]
  }

  /** From this LSN on, and whatever was said of LSNs from there on is void. */
  begin(generation: number, fromLsn: number): void {
    while ((this.#steps.at(-1)?.fromLsn ?? 0) >= fromLsn) this.#steps.pop()
    this.#steps.push({ fromLsn, generation })
  }

  of(lsn: number): number {
    return this.#steps.findLast((step) => step.fromLsn <= lsn)?.generation ?? 0
  }

  copy(): Generations {
    return new Generations(this.#steps)
  }
}
