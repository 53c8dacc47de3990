interface Watcher {
  readonly position: number
  readonly wake: () => void
}

/** Lets others wait until a position is reached. */
export class PositionWatch {
  readonly #watchers = new Set<Watcher>()
  /** None waits for a lower one. */
  #lowest = Number.POSITIVE_INFINITY

  /**
   * Resolves once `position` is reached, or when all are woken because something else has changed. Rejects with the
   * signal's reason.
   */
  reaches(position: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const aborted = (): void => {
        this.#watchers.delete(watcher)
        reject(signal?.reason)
      }
      const watcher: Watcher = {
        position,
        wake: () => {
          signal?.removeEventListener('abort', aborted)
          resolve()
        },
      }
      signal?.addEventListener('abort', aborted, { once: true })
      this.#watchers.add(watcher)
      this.#lowest = Math.min(this.#lowest, position)
    })
  }

  reached(position: number): void {
    if (position < this.#lowest) return
    this.#lowest = Number.POSITIVE_INFINITY
    for (const watcher of this.#watchers) {
      if (watcher.position > position) {
        this.#lowest = Math.min(this.#lowest, watcher.position)
        continue
      }
      this.#watchers.delete(watcher)
      watcher.wake()
    }
  }

  wakeAll(): void {
    this.reached(Number.POSITIVE_INFINITY)
  }
}
