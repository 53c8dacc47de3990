/** Where an iterator's values come from. */
export interface BatchSource<T> {
  /** The next values, one at least; `undefined` at the end. `end` ends a wait for them. Never called twice at once. */
  next(end: IterationEnd): Promise<readonly T[] | undefined>
}

/** Whether an iteration was ended. There is a signal of it for who waits, and not before: to make one takes longer than many a reading. */
export class IterationEnd {
  #controller: AbortController | undefined
  #aborted = false

  get aborted(): boolean {
    return this.#aborted
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(DONE)
    }
    return this.#controller.signal
  }

  abort(): void {
    this.#aborted = true
    // With a reason that is there: to make an error takes long, too.
    this.#controller?.abort(DONE)
  }
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void
  readonly reject: (reason: unknown) => void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Hands out the values of batches one by one. Unlike an async generator it can be ended while somebody waits for the next
 * value, and a value that is there already costs one promise, resolved from the start. Calls of `next` that don't wait for
 * each other are served in order. Like a generator, it can be iterated once.
 */
export class BatchIterator<T> implements AsyncIterableIterator<T, undefined, unknown> {
  readonly #source: BatchSource<T>
  readonly #signal: AbortSignal | undefined
  readonly #end = new IterationEnd()
  readonly #waiting: Waiter<T>[] = []
  #batch: readonly T[] = []
  #at = 0
  #filling: Promise<void> | undefined
  #finished = false

  constructor(source: BatchSource<T>, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#finished) return Promise.resolve(DONE)
    if (this.#signal?.aborted === true) {
      this.#finish()
      return Promise.reject(this.#signal.reason)
    }
    if (this.#filling === undefined) {
      const result = this.#take()
      if (result !== undefined) return Promise.resolve(result)
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#filling ??= this.#fill()
    })
  }

  /** Ends the iteration. Resolves once nothing is being read for it any more. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish()
    await this.#filling
    return DONE
  }

  #take(): IteratorYieldResult<T> | undefined {
    if (this.#at >= this.#batch.length) return undefined
    // The index was just found to lie inside.
    return { done: false, value: this.#batch[this.#at++] as T }
  }

  /** Reads batches, and serves those who wait, until nobody does. Never rejects. */
  async #fill(): Promise<void> {
    const onAbort = () => this.#fail(this.#signal?.reason)
    this.#signal?.addEventListener('abort', onAbort, { once: true })
    try {
      while (this.#waiting.length > 0) {
        const batch = await this.#source.next(this.#end)
        if (this.#finished) break
        if (batch === undefined) this.#finish()
        else this.#serve(batch)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#signal?.removeEventListener('abort', onAbort)
      this.#filling = undefined
    }
  }

  #serve(batch: readonly T[]): void {
    this.#batch = batch
    this.#at = 0
    while (this.#waiting.length > 0) {
      const result = this.#take()
      if (result === undefined) return
      this.#waiting.shift()?.resolve(result)
    }
  }

  /** Ends the iteration with an error, for the first one who waits: it is over for those behind. */
  #fail(error: unknown): void {
    if (this.#finished) return
    this.#waiting.shift()?.reject(error)
    this.#finish()
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#batch = []
    this.#end.abort()
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(DONE)
  }
}
