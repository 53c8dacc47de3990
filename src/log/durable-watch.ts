import type { SluiceError } from '../errors.js'
import type { News } from './log-view.js'

interface Watcher {
  readonly lsn: number
  readonly settle: (news: News) => void
}

/** Lets readers wait until the durable LSN has passed the one they know. */
export class DurableWatch {
  #durableLsn = 0
  #end: 'closed' | SluiceError | undefined
  #watchers = new Set<Watcher>()

  /** All up to `lsn` is durable. */
  advance(lsn: number): void {
    this.#durableLsn = lsn
    for (const watcher of this.#watchers) if (watcher.lsn < lsn) this.#settle(watcher, 'more')
  }

  /** Nothing more will become durable. */
  end(end: 'closed' | SluiceError): void {
    this.#end ??= end
    for (const watcher of this.#watchers) this.#settle(watcher, this.#end)
  }

  /** Resolves once the durable LSN is higher than `lsn`, or never will be. Rejects with the signal's reason. */
  past(lsn: number, signal?: AbortSignal): Promise<News> {
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (lsn < this.#durableLsn) return Promise.resolve('more')
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.#watchers.delete(watcher)
        reject(signal?.reason)
      }
      const watcher: Watcher = {
        lsn,
        settle: (news) => {
          signal?.removeEventListener('abort', aborted)
          resolve(news)
        },
      }
      signal?.addEventListener('abort', aborted, { once: true })
      this.#watchers.add(watcher)
    })
  }

  #settle(watcher: Watcher, news: News): void {
    this.#watchers.delete(watcher)
    watcher.settle(news)
  }
}
