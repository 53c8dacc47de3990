/** Says when a checkpoint is due by time: so many milliseconds after the last one. */
export class CheckpointTimer {
  readonly #everyMs: number
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | undefined
  #isDue = false

  constructor(everyMs: number, onDue: () => void) {
    this.#everyMs = everyMs
    this.#onDue = onDue
  }

  /** From when the time is over until it is counted anew. */
  get isDue(): boolean {
    return this.#isDue
  }

  get isCounting(): boolean {
    return this.#timer !== undefined || this.#isDue
  }

  /** Counts anew, from so many milliseconds ago: at most the whole time is waited, also where a clock was set back. */
  count(agoMs: number): void {
    this.stop()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#isDue = true
        this.#onDue()
      },
      Math.min(Math.max(this.#everyMs - agoMs, 0), this.#everyMs),
    ).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isDue = false
  }
}
