import * as layout from './layout.js'

/** The writer's end of the ring. */
export class RingConsumer {
  readonly bytes: Buffer
  readonly #words: Int32Array
  readonly #targets: BigInt64Array
  readonly #places: Int32Array
  #taken = 0

  constructor(memory: layout.RingMemory) {
    this.bytes = Buffer.from(memory.frames)
    this.#words = new Int32Array(memory.control, 0, layout.WORDS)
    this.#places = new Int32Array(memory.places)
    this.#targets = new BigInt64Array(memory.control, layout.TARGETS_AT, 2)
  }

  /** Frames shown and not taken yet. */
  get available(): number {
    return (Atomics.load(this.#words, layout.PUBLISHED) - this.#taken) | 0
  }

  /** All up to this LSN is to be synced, whatever the policy says. */
  get flushTarget(): number {
    return Number(Atomics.load(this.#targets, layout.FLUSH_TARGET))
  }

  /** How many trims were asked for: read it before {@link trimTarget}, which is that of the last one. */
  get trims(): number {
    return Atomics.load(this.#words, layout.TRIMS)
  }

  get trimTarget(): number {
    return Number(Atomics.load(this.#targets, layout.TRIM_TARGET))
  }

  get closeRequested(): boolean {
    return Atomics.load(this.#words, layout.CLOSE) === 1
  }

  /** Where the frame `index` places behind the oldest one not taken begins; `index` is below {@link available}. */
  placeOf(index: number): number {
    const place = this.#places[(this.#taken + index) & (this.#places.length - 1)]
    return (place ?? 0) * 8 // The mask keeps the place inside the array.
  }

  /** Takes the oldest frames. From here on their outcome is uncertain until it is reported. */
  take(frames: number): void {
    this.#taken = (this.#taken + frames) | 0
    Atomics.store(this.#words, layout.TAKEN, this.#taken)
  }

  /** Begins anew, as the producer does after a rollback. */
  reset(): void {
    this.#taken = 0
  }

  /** The number to hand to {@link waitForSignal}: read it before looking for work, so that no news is missed. */
  get signalCount(): number {
    return Atomics.load(this.#words, layout.SIGNAL)
  }

  /** Blocks this thread until there is news after `signalCount`, or for `milliseconds`. Returns whether there was news. */
  waitForSignal(signalCount: number, milliseconds: number): boolean {
    return Atomics.wait(this.#words, layout.SIGNAL, signalCount, milliseconds) !== 'timed-out'
  }

  /**
   * Says that this task is about to end, unless there was news after `signalCount`. Returns whether it may end: if so,
   * whoever publishes next starts another one.
   */
  goIdle(signalCount: number): boolean {
    const { STATE, STATE_IDLE, STATE_RUNNING } = layout
    Atomics.store(this.#words, STATE, STATE_IDLE)
    if (this.signalCount === signalCount) return true
    // News came in between. Whoever turns IDLE into RUNNING goes on: this task, or the one that the producer started.
    return Atomics.compareExchange(this.#words, STATE, STATE_IDLE, STATE_RUNNING) !== STATE_IDLE
  }

  /** Refuses from here on: nobody starts a task any more until the producer resumes it. */
  stop(): void {
    Atomics.store(this.#words, layout.STATE, layout.STATE_STOPPED)
  }
}
