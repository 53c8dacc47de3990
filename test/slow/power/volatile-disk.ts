import { readSync, writeSync } from 'node:fs'
import type { Random } from '../../../src/testing/random.js'

/**
 * What becomes of the writes that were not flushed when the power goes. `lost`: none is there. `kept`: all are. `prefix`:
 * the first ones, as a device does that works in order. `subset`: any of them, in any order. `torn`: any *sectors* of any
 * of them.
 */
export type CutManner = 'lost' | 'kept' | 'prefix' | 'subset' | 'torn'

export const CUT_MANNERS: readonly CutManner[] = ['lost', 'kept', 'prefix', 'subset', 'torn']

/** Where the bytes of a disk lie. */
export interface DiskImage {
  read(target: Uint8Array, offset: number): void
  write(source: Uint8Array, offset: number): void
}

/** The unit in which a write of a dying device takes effect. */
export const SECTOR_BYTES = 512

interface UnflushedWrite {
  readonly offset: number
  readonly data: Buffer
}

/**
 * A disk with a write cache that is gone with the power, as real ones have: a write is acknowledged at once, and is safe
 * only after the flush that follows it. It keeps two images: what its user sees, and what a power cut would leave.
 */
export class VolatileDisk {
  readonly #seen: DiskImage
  readonly #durable: DiskImage
  #unflushed: UnflushedWrite[] = []
  readonly counts = { writes: 0, flushes: 0 }

  /** @param seen the same bytes as `durable`, apart from it */
  constructor(seen: DiskImage, durable: DiskImage) {
    this.#seen = seen
    this.#durable = durable
  }

  get unflushedWrites(): number {
    return this.#unflushed.length
  }

  read(target: Uint8Array, offset: number): void {
    this.#seen.read(target, offset)
  }

  /** Takes a copy. */
  write(source: Uint8Array, offset: number): void {
    this.counts.writes++
    this.#seen.write(source, offset)
    this.#unflushed.push({ offset, data: Buffer.from(source) })
  }

  /** Everything written so far survives from now on. */
  flush(): void {
    this.counts.flushes++
    for (const { offset, data } of this.#unflushed) this.#durable.write(data, offset)
    this.#unflushed = []
  }

  /**
   * Puts onto `copy`, which holds the durable image, what else a power cut at this moment leaves. The disk itself goes on.
   * Returns how many of the writes that were not flushed are missing there, at least in part.
   */
  cut(copy: DiskImage, manner: CutManner, random: Random, tornUnitBytes = SECTOR_BYTES): number {
    const writes = this.#unflushed
    if (manner === 'lost') return writes.length
    const end = manner === 'prefix' ? random.below(writes.length + 1) : writes.length
    const likelihood = (1 + random.below(9)) / 10
    let missing = writes.length - end
    for (const { offset, data } of writes.slice(0, end)) {
      if (manner === 'torn') {
        if (tear(copy, offset, data, { random, likelihood, unitBytes: tornUnitBytes })) missing++
      } else if (manner === 'subset' && !random.chance(likelihood)) missing++
      else copy.write(data, offset)
    }
    return missing
  }
}

/** Writes each sector with this likelihood; returns whether one is missing. */
function tear(
  copy: DiskImage,
  offset: number,
  data: Buffer,
  fate: { readonly random: Random; readonly likelihood: number; readonly unitBytes: number },
): boolean {
  let missing = false
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + fate.unitBytes - ((offset + at) % fate.unitBytes))
    if (fate.random.chance(fate.likelihood)) copy.write(data.subarray(at, end), offset + at)
    else missing = true
    at = end
  }
  return missing
}

/** A disk image in a file; past its end there are zeros. */
export class FileImage implements DiskImage {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  read(target: Uint8Array, offset: number): void {
    for (let at = 0; at < target.length; ) {
      const count = readSync(this.#fd, target, at, target.length - at, offset + at)
      if (count === 0) {
        target.fill(0, at)
        return
      }
      at += count
    }
  }

  write(source: Uint8Array, offset: number): void {
    for (let at = 0; at < source.length; ) {
      at += writeSync(this.#fd, source, at, source.length - at, offset + at)
    }
  }
}
