import path from 'node:path'
import { isDiskFull } from '../errors.js'
import { PREPARED_PREFIX, TEMPORARY_SUFFIX } from '../format/file-names.js'
import type { FileAccess, FileSystem } from '../fs/file-system.js'
import { pageFloor } from '../fs/pages.js'
import { Preparation, type PreparedFile } from './preparation.js'

/** Segments smaller than this aren't prepared in the background: they would be full before they are ready. */
const PREPARE_FROM_SEGMENT_BYTES = 1024 * 1024

/** What a reserve is of. */
export interface ReservePlan {
  readonly directory: string
  readonly segmentBytes: number
  readonly access: FileAccess
  /** So many files are kept ready by {@link SegmentReserve.rest}, as long as there is room for them. */
  readonly preparedSegments: number
}

/** How far a reserve has come. */
export interface ReserveState {
  /** Of the files that are ready. */
  readonly bytes: number
  /** Whether it prepares no more by itself: it has as many as it is to have, or can't have them for now. */
  readonly settled: boolean
}

/**
 * Zero-filled files that can become segments, the next one first. It fills up in two ways: {@link rest}, while nothing
 * else is to be done, up to the number that was asked for; and {@link prepareNext}, under load, one, for the next rotation.
 * One file is prepared at a time, and a rotation that comes too soon leaves it going on for the one after.
 */
export class SegmentReserve {
  readonly #fileSystem: FileSystem
  readonly #plan: ReservePlan
  readonly #changed: (state: ReserveState) => void
  readonly #ready: Preparation[] = []
  #current: Preparation | undefined
  /** Whether the next rotation is near, and none is ready for it. */
  #isUrgent = false
  /** After one that failed, the next one is tried once a rotation has come between. */
  #hasFailed = false
  /** Whether a write found the disk full since the active segment was begun. */
  #diskIsTight = false
  #isStopped = false
  /** How many to keep ready: fewer than were asked for once the disk had no room for more, so that it is not filled up again and again. */
  #wanted: number
  #count = 0
  /** Those with calls under way, also where they were given up. */
  readonly #underWay = new Set<Preparation>()

  constructor(fileSystem: FileSystem, plan: ReservePlan, changed: (state: ReserveState) => void) {
    this.#fileSystem = fileSystem
    this.#plan = plan
    this.#wanted = plan.preparedSegments
    this.#changed = changed
  }

  /** Whether the next rotation waits for calls under way: this thread's event loop has to turn for them. */
  get isUrgent(): boolean {
    return this.#isUrgent && this.#current !== undefined
  }

  /** Whether calls are under way, or {@link rest} would begin some: this thread's event loop has to turn for them, when there is time. */
  get hasWork(): boolean {
    return this.#current !== undefined || this.#wantsMore
  }

  /** Begins to prepare one, where none is ready for the next rotation. */
  prepareNext(): void {
    if (this.#ready.length > 0) return
    this.#prepare()
    this.#isUrgent = this.#current !== undefined
  }

  /** Begins to prepare the next one, as long as there are fewer than were asked for. */
  rest(): void {
    if (this.#wantsMore) this.#prepare()
  }

  /** A file for the segment that is begun now, which is the caller's from then on. `undefined` where none is ready. */
  take(): PreparedFile | undefined {
    this.#isUrgent = false
    this.#hasFailed = false
    const prepared = this.#ready.shift()?.take()
    this.tell()
    return prepared
  }

  /** A segment was begun: a disk that was full has room again. */
  noteRoom(): void {
    if (!this.#diskIsTight) return
    this.#diskIsTight = false
    this.tell()
  }

  /** The disk is full: gives up all there is, and prepares none until the next rotation. Returns whether there was anything. */
  giveUp(): boolean {
    this.#diskIsTight = true
    const had = this.#abandonAll()
    this.tell()
    return had
  }

  /** Gives up all there is, for good; resolves once no call is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#abandonAll()
    this.tell()
    await Promise.all([...this.#underWay].map((preparation) => preparation.settled))
  }

  /** To those who wait for what was asked for; where nothing was, nobody does. */
  tell(): void {
    const { segmentBytes, preparedSegments } = this.#plan
    if (preparedSegments === 0) return
    this.#changed({ bytes: this.#ready.length * pageFloor(segmentBytes), settled: !this.#wantsMore })
  }

  get #wantsMore(): boolean {
    return this.#ready.length < this.#wanted && this.#isPossible
  }

  get #isPossible(): boolean {
    const isLargeEnough = this.#plan.segmentBytes >= PREPARE_FROM_SEGMENT_BYTES
    return isLargeEnough && !this.#hasFailed && !this.#diskIsTight && !this.#isStopped
  }

  #prepare(): void {
    if (this.#current !== undefined || !this.#isPossible) return
    const { directory, segmentBytes, access } = this.#plan
    const file = path.join(directory, `${PREPARED_PREFIX}${++this.#count}${TEMPORARY_SUFFIX}`)
    const preparation = new Preparation(this.#fileSystem, file, pageFloor(segmentBytes), access)
    this.#current = preparation
    this.#underWay.add(preparation)
    preparation.settled.then(() => this.#settled(preparation))
  }

  #settled(preparation: Preparation): void {
    this.#underWay.delete(preparation)
    if (this.#current !== preparation) return
    const wasUrgent = this.isUrgent
    this.#current = undefined
    this.#isUrgent = false
    if (preparation.failure === undefined) this.#ready.push(preparation)
    else this.#noteFailure(preparation.failure)
    // One that was urgent came under load, which goes on.
    if (!wasUrgent) this.rest()
    this.tell()
  }

  #noteFailure(failure: unknown): void {
    this.#hasFailed = true
    if (isDiskFull(failure)) this.#wanted = Math.min(this.#wanted, this.#ready.length)
  }

  #abandonAll(): boolean {
    const given = this.#current === undefined ? this.#ready : [...this.#ready, this.#current]
    const had = given.length > 0
    for (const preparation of given) preparation.abandon()
    this.#ready.length = 0
    this.#current = undefined
    return had
  }
}
