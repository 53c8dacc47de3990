import * as layout from './layout.js'

/**
 * The coordinator's end of the ring: finds room for frames, hands them over, gives their memory back in the same order.
 *
 * Frames lie one behind the other, each in one piece, exactly as they will on disk: a batch is then one write(2).
 * Where the next frame doesn't fit before the end, it begins at 0.
 */
export class RingProducer {
  /** The frames' memory. */
  readonly bytes: Buffer
  readonly capacityBytes: number
  readonly #words: Int32Array
  readonly #targets: BigInt64Array
  readonly #places: Int32Array
  /** Where the next frame begins. */
  #head = 0
  /** Where the oldest frame in use begins; of no meaning while none is. */
  #tail = 0
  /** The first offset that the frame at `#head` may not reach. */
  #limit: number
  #inUse = 0
  #published = 0

  constructor(memory: layout.RingMemory) {
    this.bytes = Buffer.from(memory.frames)
    this.capacityBytes = this.bytes.length
    this.#places = new Int32Array(memory.places)
    this.#limit = this.capacityBytes
    this.#words = new Int32Array(memory.control, 0, layout.WORDS)
    this.#targets = new BigInt64Array(memory.control, layout.TARGETS_AT, 2)
  }

  /** Finds a place for a frame of at least `frameBytes`. Returns its offset, or -1 where there is none. */
  begin(frameBytes: number): number {
    if (this.#inUse > 0 && this.#head <= this.#tail) {
      this.#limit = this.#tail
      return this.#head + frameBytes <= this.#limit ? this.#head : -1
    }
    const roomAtBeginning = this.#inUse === 0 ? this.capacityBytes : this.#tail
    const fits = this.#head + frameBytes <= this.capacityBytes
    // Going round early keeps the memory in the processor's caches, where it would else wander through all of the ring.
    const early =
      this.#head >= EARLY_WRAP_BYTES && roomAtBeginning >= EARLY_WRAP_BYTES / 2 && frameBytes <= roomAtBeginning
    if (fits && !early) {
      this.#limit = this.capacityBytes
      return this.#head
    }
    if (frameBytes > roomAtBeginning) return -1
    if (this.#inUse === 0) this.#tail = 0
    this.#head = 0
    this.#limit = roomAtBeginning
    return 0
  }

  /** Whether the frame begun last may grow to `frameBytes`. */
  canGrow(frameBytes: number): boolean {
    return this.#head + frameBytes <= this.#limit
  }

  /** Hands over the frame begun last; its draft is complete. The writer sees it by {@link show}. Returns its number. */
  publish(frameBytes: number): number {
    const sequence = this.#published
    this.#places[sequence & (this.#places.length - 1)] = this.#head / 8
    if (this.#inUse === 0) this.#tail = this.#head
    this.#head += frameBytes
    this.#inUse++
    this.#published = (this.#published + 1) | 0
    return sequence
  }

  /** Lets the writer see all frames that were handed over: it takes what it sees, at any moment. */
  show(): void {
    Atomics.store(this.#words, layout.PUBLISHED, this.#published)
  }

  /** Gives back the oldest frame; `nextOffset` is where the one after it begins, `undefined` where there is none. */
  release(nextOffset: number | undefined): void {
    this.#inUse--
    this.#tail = nextOffset ?? this.#head
  }

  /** Whether the writer has begun to commit the frame with this number: what became of it is then not known for sure. */
  isTaken(sequence: number): boolean {
    return ((Atomics.load(this.#words, layout.TAKEN) - sequence) | 0) > 0
  }

  /** Forgets all frames. Only while the writer is stopped: it is told to begin at 0 as well. */
  reset(): void {
    this.#head = 0
    this.#tail = 0
    this.#inUse = 0
    this.#published = 0
    Atomics.store(this.#words, layout.PUBLISHED, 0)
    Atomics.store(this.#words, layout.TAKEN, 0)
  }

  /** Asks the writer to sync once it has written all up to `lsn`. */
  requestFlush(lsn: number): void {
    // Whoever sees the request must see what it is about, else it would be carried out too soon.
    this.show()
    Atomics.store(this.#targets, layout.FLUSH_TARGET, BigInt(lsn))
  }

  /** Asks the writer to give up the segments below `lsn`. It reports once: ask for the next trim only then. */
  requestTrim(lsn: number): void {
    Atomics.store(this.#targets, layout.TRIM_TARGET, BigInt(lsn))
    Atomics.add(this.#words, layout.TRIMS, 1)
  }

  /** Asks the writer to finish: sync, close, report. */
  requestClose(): void {
    this.show()
    Atomics.store(this.#words, layout.CLOSE, 1)
  }

  /** Wakes the writer if it waits. Returns whether no task runs: the caller then has to start one. */
  signal(): boolean {
    Atomics.add(this.#words, layout.SIGNAL, 1)
    Atomics.notify(this.#words, layout.SIGNAL)
    const { STATE, STATE_IDLE, STATE_RUNNING } = layout
    return Atomics.compareExchange(this.#words, STATE, STATE_IDLE, STATE_RUNNING) === STATE_IDLE
  }

  /** Ends the stop that follows a rollback. The next {@link signal} says that a task has to be started. */
  resume(): void {
    Atomics.store(this.#words, layout.STATE, layout.STATE_IDLE)
  }
}

const EARLY_WRAP_BYTES = 4 * 1024 * 1024
