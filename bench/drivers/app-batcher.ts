interface Waiting {
  readonly record: Buffer
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * The batching that a careful application puts before a peer without group commit of its own: all that arrived in a turn
 * of the event loop, or while the batch before was under way, becomes the next batch.
 */
export class AppBatcher {
  readonly #commit: (records: readonly Buffer[]) => Promise<unknown> | undefined
  #waiting: Waiting[] = []
  #busy = false

  /** `commit` makes records durable; it blocks, or returns a promise. */
  constructor(commit: (records: readonly Buffer[]) => Promise<unknown> | undefined) {
    this.#commit = commit
  }

  append(record: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#busy) return
    this.#busy = true
    setImmediate(() => void this.#run())
  }

  async #run(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    try {
      const pending = this.#commit(batch.map((waiting) => waiting.record))
      if (pending !== undefined) await pending
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    this.#busy = false
    if (this.#waiting.length > 0) this.#schedule()
  }
}
