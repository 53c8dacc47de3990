/** A timer this far away only keeps the process alive: the longest that timers have. */
const FAR_MS = 2 ** 31 - 1

interface Waiter {
  readonly resolve: (bytes: number) => void
  readonly reject: (error: Error) => void
}

/** Lets callers wait until segments are prepared. While one waits the process stays alive: preparing alone doesn't keep it. */
export class PreparedWatch {
  readonly #waiters: Waiter[] = []
  #alive: NodeJS.Timeout | undefined
  #bytes = 0
  #settled: boolean
  #hasEnded = false

  /** @param settled whether nothing is to be prepared */
  constructor(settled: boolean) {
    this.#settled = settled
  }

  /** Bytes of segments that are prepared. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether no more will be prepared for now. */
  get settled(): boolean {
    return this.#settled
  }

  /** So many bytes are prepared; `settled`: no more will be for now. */
  note(bytes: number, settled: boolean): void {
    if (this.#hasEnded) return
    this.#bytes = bytes
    this.#settled = settled
    if (settled) for (const { resolve } of this.#takeWaiters()) resolve(bytes)
  }

  /** Resolves to the bytes that are prepared, once no more will be for now. */
  wait(): Promise<number> {
    if (this.#settled) return Promise.resolve(this.#bytes)
    this.#alive ??= setInterval(() => {}, FAR_MS)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
  }

  /** The log ends: nothing is prepared any more. Each waiter gets an error of its own. */
  end(error: () => Error): void {
    this.#hasEnded = true
    this.#bytes = 0
    for (const { reject } of this.#takeWaiters()) reject(error())
  }

  #takeWaiters(): readonly Waiter[] {
    clearInterval(this.#alive)
    this.#alive = undefined
    return this.#waiters.splice(0)
  }
}
