/** The two ends of a promise. */
export interface Deferred<Value> {
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

interface Request<Value> extends Deferred<Value> {
  readonly lsn: number
}

/** Calls that wait until something has come to their LSN, in call order, which is LSN order for flushes. */
export class LsnRequests<Value> {
  #requests: Request<Value>[] = []

  get length(): number {
    return this.#requests.length
  }

  /** The LSN of the oldest request; 0 where there is none. */
  get firstLsn(): number {
    return this.#requests[0]?.lsn ?? 0
  }

  /** The LSN of the newest request; 0 where there is none. */
  get lastLsn(): number {
    return this.#requests.at(-1)?.lsn ?? 0
  }

  add(lsn: number): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#requests.push({ lsn, resolve, reject })
    })
  }

  /** Resolves those at or below `lsn`, oldest first, up to the first one above it. */
  resolveUpTo(lsn: number, value: Value): void {
    while (this.#requests.length > 0 && this.firstLsn <= lsn) this.#requests.shift()?.resolve(value)
  }

  /** Takes the oldest one out. */
  shift(): Deferred<Value> | undefined {
    return this.#requests.shift()
  }

  /** Takes those above `lsn` out. */
  takeAbove(lsn: number): readonly Request<Value>[] {
    const taken = this.#requests.filter((request) => request.lsn > lsn)
    this.#requests = this.#requests.filter((request) => request.lsn <= lsn)
    return taken
  }

  /** Rejects those above `lsn`, each with the error that `errorFor` makes of its LSN. */
  rejectAbove(lsn: number, errorFor: (lsn: number) => Error): void {
    for (const request of this.takeAbove(lsn)) request.reject(errorFor(request.lsn))
  }
}
