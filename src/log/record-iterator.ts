import type { RecordBatch } from '../segment/record-batch.js'
import type { LogRecord } from './contract.js'

/** Where an iterator's records come from. */
export interface BatchSource {
  /** The next records; `undefined` at the end. `signal` ends a wait for them. Never called twice at once. */
  next(signal: AbortSignal): Promise<RecordBatch | undefined>
  /** Resolves once nothing is being read, `next` being settled. */
  idle(): Promise<void>
  /** Throws where a record that was read may not be given any more. */
  refuseTrimmed(lsn: number): void
}

interface Waiter {
  readonly resolve: (result: IteratorResult<LogRecord, undefined>) => void
  readonly reject: (reason: unknown) => void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Hands out the records of batches one by one. It is written by hand because an async generator costs several promises a
 * record: here a record that was read already costs one, resolved from the start. Calls of `next` that don't wait for
 * each other are served in order. Like a generator, it can be iterated once.
 */
export class RecordIterator implements AsyncIterableIterator<LogRecord, undefined, unknown> {
  readonly #source: BatchSource
  readonly #signal: AbortSignal | undefined
  readonly #stop = new AbortController()
  readonly #waiting: Waiter[] = []
  #batch: RecordBatch | undefined
  #filling: Promise<void> | undefined
  #finished = false

  constructor(source: BatchSource, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<LogRecord, undefined>> {
    if (this.#filling === undefined) {
      try {
        const record = this.#take()
        if (record !== undefined) return Promise.resolve({ done: false, value: record })
      } catch (error) {
        this.#finish()
        return Promise.reject(error)
      }
    }
    if (this.#finished) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#filling ??= this.#fill()
    })
  }

  /** Ends the iteration. Resolves once nothing is being read for it any more. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish()
    await this.#filling
    await this.#source.idle()
    return DONE
  }

  /** The next record, where it was read already. Throws where it may not be given. */
  #take(): LogRecord | undefined {
    if (this.#finished) return undefined
    if (this.#signal?.aborted) throw this.#signal.reason
    const batch = this.#batch
    if (batch === undefined) return undefined
    const record = this.#takeFrom(batch)
    if (record === undefined) this.#batch = undefined
    else this.#source.refuseTrimmed(record.lsn)
    return record
  }

  #takeFrom(batch: RecordBatch): LogRecord | undefined {
    try {
      return batch.next()
    } catch (error) {
      // What was trimmed meanwhile is nobody's damage.
      this.#source.refuseTrimmed(batch.lsn)
      throw error
    }
  }

  /** Reads batches, and serves those who wait, until nobody does. Never rejects. */
  async #fill(): Promise<void> {
    const onAbort = () => this.#fail(this.#signal?.reason)
    this.#signal?.addEventListener('abort', onAbort, { once: true })
    try {
      while (this.#waiting.length > 0) {
        const batch = await this.#source.next(this.#stop.signal)
        if (this.#finished) break
        this.#batch = batch
        if (batch === undefined) this.#finish()
        else this.#serve()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#signal?.removeEventListener('abort', onAbort)
      this.#filling = undefined
    }
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const record = this.#take()
      if (record === undefined) return
      this.#waiting.shift()?.resolve({ done: false, value: record })
    }
  }

  /** Ends the iteration with an error, for the first one who waits: it is over for those behind. */
  #fail(error: unknown): void {
    if (this.#finished) return
    this.#waiting.shift()?.reject(error)
    this.#finish()
  }

  #finish(): void {
    this.#finished = true
    this.#batch = undefined
    this.#stop.abort()
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(DONE)
  }
}
