/** How long the system calls of one commit took. One object, reused for every commit. */
export class CommitTimes {
  #writeMs = 0
  #syncMs = 0
  #averageSyncMs: number | undefined
  #sealSyncMs = 0
  #syncs = 0
  #sealSyncs = 0
  #directorySyncMs = 0
  #directorySyncs = 0

  /** Forgets the last commit. */
  begin(): void {
    this.#writeMs = 0
    this.#syncMs = 0
    this.#sealSyncMs = 0
    this.#syncs = 0
    this.#sealSyncs = 0
    this.#directorySyncMs = 0
    this.#directorySyncs = 0
  }

  /** Milliseconds of this commit's {@link sync}. */
  get syncMs(): number {
    return this.#syncMs
  }

  /** Milliseconds that a sync of a batch has taken of late. Infinite before the first one. */
  get averageSyncMs(): number {
    return this.#averageSyncMs ?? Number.POSITIVE_INFINITY
  }

  write(call: () => void): void {
    this.#writeMs += elapsedMs(call)
  }

  sync(call: () => void): void {
    const tookMs = elapsedMs(call)
    this.#syncMs += tookMs
    this.#averageSyncMs = (this.#averageSyncMs ?? tookMs) * (7 / 8) + tookMs / 8
    this.#syncs++
  }

  /** The sync of the segment that a rotation sealed. */
  sealSync(call: () => void): void {
    this.#sealSyncMs = elapsedMs(call)
    this.#sealSyncs++
  }

  directorySync(call: () => void): void {
    this.#directorySyncMs += elapsedMs(call)
    this.#directorySyncs++
  }

  /** What is reported, once: a second report of the same commit tells only what came after the first. */
  take(): {
    writeMs: number
    syncMs: number
    sealSyncMs: number
    syncs: number
    sealSyncs: number
    directorySyncMs: number
    directorySyncs: number
  } {
    const figures = {
      writeMs: this.#writeMs,
      syncMs: this.#syncMs,
      sealSyncMs: this.#sealSyncMs,
      syncs: this.#syncs,
      sealSyncs: this.#sealSyncs,
      directorySyncMs: this.#directorySyncMs,
      directorySyncs: this.#directorySyncs,
    }
    this.begin()
    return figures
  }
}

function elapsedMs(call: () => void): number {
  const beganMs = performance.now()
  call()
  return performance.now() - beganMs
}
