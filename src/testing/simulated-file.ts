import type { Random } from './random.js'
import { type CallRange, drawState, drawSurvival, type Survival } from './survival.js'

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512

const ZERO_SECTOR = new Uint8Array(SECTOR_BYTES)
const ZEROS = Buffer.alloc(64 * 1024)
/** More states than this, of one sector or of one file's size, are not kept: of the unsynced ones the oldest goes. */
const STATES_MAX = 64

/** What a sector may hold on the disk, if not what is durable. The bytes are never changed once they are in here. */
interface SectorVersion {
  /** The number of the call that made it. */
  readonly call: number
  readonly bytes: Uint8Array
  /** Made by cutting the file: how many leading bytes of the sector the cut left. */
  readonly cutTo: number | undefined
}

interface UnsyncedSector {
  /** Oldest first; the last one is what is read. */
  readonly versions: SectorVersion[]
  /** Whether a sync will write it. A sync that failed has cleared this, and nothing is known of the disk since. */
  dirty: boolean
}

interface UnsyncedSize {
  readonly call: number
  readonly bytes: number
}

/**
 * A file in memory, which knows what of it is durable and what else the disk may hold. Sectors of zeros take no room, and
 * those that are durable are shared with the copies that a crash makes.
 */
export class SimulatedFile {
  #durable = new Map<number, Uint8Array>()
  /** Whether another file has the same map: it is copied before it is changed. */
  #durableIsShared = false
  #durableBytes = 0
  /** The sync after a failed one writes none of its data, but the new size: up to this call cuts are durable. */
  #cutsDurableUntil = 0
  readonly #unsynced = new Map<number, UnsyncedSector>()
  readonly #sizes: UnsyncedSize[] = []
  /** No sector from here on is in either map. */
  #zerosFrom = 0

  /** In bytes, as it is seen. */
  get size(): number {
    return this.#sizes.at(-1)?.bytes ?? this.#durableBytes
  }

  /** The calls whose changes are not durable; `undefined` where all are. */
  get unsyncedCalls(): CallRange | undefined {
    let first = this.#sizes[0]?.call ?? Number.POSITIVE_INFINITY
    let last = this.#sizes.at(-1)?.call ?? 0
    for (const { versions } of this.#unsynced.values()) {
      first = Math.min(first, versions[0]?.call ?? first)
      last = Math.max(last, versions.at(-1)?.call ?? last)
    }
    return last === 0 ? undefined : { first, last }
  }

  /** Fills the target with what is seen from `position` on; returns how many bytes there were. */
  read(target: Uint8Array, position: number): number {
    const bytes = Math.max(0, Math.min(target.length, this.size - position))
    const end = position + bytes
    target.fill(0, 0, bytes)
    const last = Math.min(Math.ceil(end / SECTOR_BYTES), this.#zerosFrom)
    for (let index = Math.floor(position / SECTOR_BYTES); index < last; index++) {
      const sector = this.#seen(index)
      if (sector === ZERO_SECTOR) continue
      const start = index * SECTOR_BYTES
      const from = Math.max(position, start)
      target.set(sector.subarray(from - start, Math.min(end, start + SECTOR_BYTES) - start), from - position)
    }
    return bytes
  }

  write(call: number, data: Uint8Array, position: number): void {
    if (data.length === 0) return
    const end = position + data.length
    const first = Math.floor(position / SECTOR_BYTES)
    // Zeros where there never was anything else, as when a segment is filled ahead, change the size only.
    const fresh = Math.max(position, this.#zerosFrom * SECTOR_BYTES)
    const last = Math.ceil((fresh < end && isZero(data, fresh - position) ? fresh : end) / SECTOR_BYTES)
    if (last > first) {
      const copy = new Uint8Array((last - first) * SECTOR_BYTES)
      copy.set(this.#seen(first))
      if (last > first + 1) copy.set(this.#seen(last - 1), (last - 1 - first) * SECTOR_BYTES)
      const start = first * SECTOR_BYTES
      copy.set(data.subarray(0, Math.min(data.length, start + copy.length - position)), position - start)
      for (let index = first; index < last; index++) {
        const at = (index - first) * SECTOR_BYTES
        const bytes = copy.subarray(at, at + SECTOR_BYTES)
        this.#put(index, { call, bytes: isZero(bytes, 0) ? ZERO_SECTOR : bytes, cutTo: undefined })
      }
    }
    if (end > this.size) this.#resize(call, end)
  }

  truncate(call: number, bytes: number): void {
    if (bytes === this.size) return
    if (bytes < this.size) {
      const first = Math.floor(bytes / SECTOR_BYTES)
      const stored = new Set([...this.#durable.keys(), ...this.#unsynced.keys()])
      for (const index of stored) {
        if (index < first) continue
        const cutTo = index === first ? bytes % SECTOR_BYTES : 0
        this.#put(index, { call, bytes: cut(this.#seen(index), cutTo), cutTo })
      }
    }
    this.#resize(call, bytes)
  }

  /** Makes all that is dirty, and the size, durable. */
  sync(): void {
    for (const [index, { versions, dirty }] of this.#unsynced) {
      if (!dirty) continue
      this.#setDurable(index, versions.at(-1)?.bytes ?? ZERO_SECTOR)
      this.#unsynced.delete(index)
    }
    this.#durableBytes = this.size
    this.#cutsDurableUntil = this.#sizes.at(-1)?.call ?? this.#cutsDurableUntil
    this.#sizes.length = 0
  }

  /**
   * As Linux does when the disk refuses to write: what was dirty stays readable, but counts as clean from now on.
   * Whether it is on the disk nobody knows, and no later sync will tell.
   */
  failSync(): void {
    for (const sector of this.#unsynced.values()) sector.dirty = false
  }

  /** This file as it is found after a power cut. Without a survival of its own to go by it draws one. */
  afterCrash(random: Random, shared: Survival | undefined): SimulatedFile {
    const after = this.#durableCopy()
    const range = this.unsyncedCalls
    if (range === undefined) return after
    const survival = shared ?? drawSurvival(random, range)

    const sizeState = drawState(random, survival, this.#sizes)
    const size = this.#sizes[sizeState - 1]
    // Cuts are made in the order of the sizes: those up to the size that survived are on the disk.
    const cutsUntil = size?.call ?? this.#cutsDurableUntil
    for (const [index, { versions }] of this.#unsynced) {
      const state = drawState(random, survival, versions)
      const chosen = versions[state - 1]?.bytes ?? this.#durable.get(index) ?? ZERO_SECTOR
      after.#setDurable(index, withCuts(chosen, versions.slice(state), cutsUntil))
    }
    after.#durableBytes = size?.bytes ?? this.#durableBytes
    after.#dropBeyondSize()
    return after
  }

  /** This file as another process finds it after this one was killed: nothing is lost, and nothing more is durable. */
  afterKill(): SimulatedFile {
    const after = this.#durableCopy()
    after.#cutsDurableUntil = this.#cutsDurableUntil
    for (const [index, { versions, dirty }] of this.#unsynced) {
      after.#unsynced.set(index, { versions: [...versions], dirty })
    }
    after.#sizes.push(...this.#sizes)
    return after
  }

  /** With all that is durable, and nothing else. */
  #durableCopy(): SimulatedFile {
    const copy = new SimulatedFile()
    copy.#durable = this.#durable
    copy.#durableIsShared = true
    this.#durableIsShared = true
    copy.#durableBytes = this.#durableBytes
    copy.#zerosFrom = this.#zerosFrom
    return copy
  }

  #seen(index: number): Uint8Array {
    return this.#unsynced.get(index)?.versions.at(-1)?.bytes ?? this.#durable.get(index) ?? ZERO_SECTOR
  }

  #put(index: number, version: SectorVersion): void {
    const sector = this.#unsynced.get(index)
    if (sector === undefined) {
      if (version.bytes === ZERO_SECTOR && !this.#durable.has(index)) return
      this.#unsynced.set(index, { versions: [version], dirty: true })
    } else {
      sector.versions.push(version)
      sector.dirty = true
      // A cut stays: with it would go the knowledge that what it cut off can't come back.
      if (sector.versions.length > STATES_MAX) {
        const oldest = sector.versions.findIndex(({ cutTo }) => cutTo === undefined)
        if (oldest !== -1) sector.versions.splice(oldest, 1)
      }
    }
    if (index >= this.#zerosFrom) this.#zerosFrom = index + 1
  }

  #resize(call: number, bytes: number): void {
    this.#sizes.push({ call, bytes })
    if (this.#sizes.length > STATES_MAX) this.#sizes.shift()
  }

  #setDurable(index: number, bytes: Uint8Array): void {
    if (this.#durableIsShared) {
      this.#durable = new Map(this.#durable)
      this.#durableIsShared = false
    }
    if (bytes === ZERO_SECTOR) this.#durable.delete(index)
    else this.#durable.set(index, bytes)
  }

  #dropBeyondSize(): void {
    const whole = Math.floor(this.#durableBytes / SECTOR_BYTES)
    if (this.#zerosFrom <= whole) return
    for (const [index, bytes] of this.#durable) {
      if (index === whole) this.#setDurable(index, cut(bytes, this.#durableBytes % SECTOR_BYTES))
      else if (index > whole) this.#setDurable(index, ZERO_SECTOR)
    }
  }
}

/** A sector's bytes after those of the cuts that the disk has seen, up to this call. */
function withCuts(bytes: Uint8Array, later: readonly SectorVersion[], untilCall: number): Uint8Array {
  let left = SECTOR_BYTES
  for (const { call, cutTo } of later) if (cutTo !== undefined && call <= untilCall) left = Math.min(left, cutTo)
  return left === SECTOR_BYTES ? bytes : cut(bytes, left)
}

/** The first bytes of a sector, then zeros. */
function cut(bytes: Uint8Array, left: number): Uint8Array {
  if (left === 0 || bytes === ZERO_SECTOR) return ZERO_SECTOR
  const copy = new Uint8Array(SECTOR_BYTES)
  copy.set(bytes.subarray(0, left))
  return isZero(copy, 0) ? ZERO_SECTOR : copy
}

function isZero(data: Uint8Array, from: number): boolean {
  for (let at = from; at < data.length; at += ZEROS.length) {
    const end = Math.min(at + ZEROS.length, data.length)
    if (ZEROS.compare(data, at, end, 0, end - at) !== 0) return false
  }
  return true
}
