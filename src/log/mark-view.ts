import { SluiceError } from '../errors.js'
import type { FileSystem } from '../fs/file-system.js'
import { type LogExtent, listSegments, readExtent } from '../segment/log-extent.js'
import type { LogView, News } from './log-view.js'

const POLL_MS_MIN = 2
const POLL_MS_MAX = 50
/** Mark and folder are read one after the other: how often both are read again because the log changed in between. */
const ATTEMPTS = 8

interface Waiter {
  readonly lsn: number
  readonly resolve: (news: News) => void
}

/**
 * A log seen from outside, by its mark file: another process may be writing to it. Nothing is locked, nothing changed.
 *
 * Nobody tells of news, so while someone waits for records the mark file is read every 2 ms; while nothing happens ever
 * more seldom, down to every 50 ms. The timer keeps the process alive, as anything does that someone awaits.
 */
export class MarkView implements LogView {
  readonly fileSystem: Pick<FileSystem, 'open' | 'list'>
  readonly directory: string
  readonly #waiters = new Set<Waiter>()
  #extent: LogExtent | undefined
  #segments: readonly number[] = []
  #looking: Promise<void> = Promise.resolve()
  #nextLook: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #polling = false
  #pollMs = POLL_MS_MIN
  #closed = false

  private constructor(fileSystem: Pick<FileSystem, 'open' | 'list'>, directory: string) {
    this.fileSystem = fileSystem
    this.directory = directory
  }

  /** Rejects as {@link readExtent} and {@link listSegments} do. */
  static async open(fileSystem: Pick<FileSystem, 'open' | 'list'>, directory: string): Promise<MarkView> {
    const view = new MarkView(fileSystem, directory)
    await view.refresh()
    return view
  }

  get logId(): Buffer | undefined {
    return this.#extent?.logId
  }

  get firstLsn(): number {
    return this.#extent?.firstLsn ?? 1
  }

  get durableLsn(): number {
    return this.#extent?.durableLsn ?? 0
  }

  segments(): readonly number[] {
    return this.#segments
  }

  tailIndex(): undefined {
    return undefined
  }

  more(lsn: number, signal?: AbortSignal): Promise<News> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.durableLsn > lsn) return resolve('more')
      if (this.#closed) return resolve('closed')
      const onAbort = () => {
        this.#waiters.delete(waiter)
        this.#schedule()
        reject(signal?.reason)
      }
      const waiter: Waiter = {
        lsn,
        resolve: (news) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(news)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      if (this.#waiters.size === 0) this.#pollMs = POLL_MS_MIN
      this.#waiters.add(waiter)
      this.#schedule()
    })
  }

  /** Looks at the mark file again. Rejects as {@link readExtent} does, and with `SLUICE_CORRUPT`: see `accept`. */
  refresh(): Promise<void> {
    // A look that is under way may have begun before what the caller wants to see. The one after it has not.
    if (this.#nextLook === undefined) {
      const look = this.#looking.then(() => {
        this.#nextLook = undefined
        return this.#look()
      })
      this.#nextLook = look
      this.#looking = look.catch(() => {})
    }
    return this.#nextLook
  }

  /** Ends all waiting: whoever waits has had everything that is known to be durable. */
  close(): void {
    this.#closed = true
    this.#settle(() => 'closed')
  }

  async #look(): Promise<void> {
    let before: LogExtent | undefined
    for (let attempt = 1; ; attempt++) {
      const extent = this.#accepted(await readExtent(this.fileSystem, this.directory))
      if (extent === undefined) return
      const known = this.#extent
      if (known?.segmentFirstLsn === extent.segmentFirstLsn && known.firstLsn === extent.firstLsn) {
        return this.#publish(extent, this.#segments)
      }
      const segments = await listSegments(this.fileSystem, this.directory)
      // A rotation or a trim between the two reads leaves a list that doesn't fit. Where the mark stays as it was, a file
      // is missing for good: who reads there is told, and everybody else is not bothered.
      const settled = fits(segments, extent) || extent.sequence === before?.sequence
      if (settled || attempt === ATTEMPTS) return this.#publish(extent, segments)
      before = extent
    }
  }

  /**
   * The mark, where it is news. A mark that takes back what was durable, or that belongs to another log, means that the
   * folder was repaired or replaced: what this reader has given out contradicts it, and it can't go on.
   */
  #accepted(extent: LogExtent): LogExtent | undefined {
    const known = this.#extent
    if (known === undefined) return extent
    if (!extent.logId.equals(known.logId)) {
      throw new SluiceError('SLUICE_CORRUPT', `there is another log in ${this.directory} now: open it anew`)
    }
    // Where the newest slot is caught half-written, the one before it is read. What lies further back, or tells more, is a
    // mark file that was made anew by recovery: it counts from the beginning again.
    const isLast = extent.sequence === known.sequence || extent.sequence === known.sequence - 1
    if (isLast && extent.durableLsn <= known.durableLsn) return undefined
    if (extent.durableLsn < known.durableLsn) {
      const message = `the log in ${this.directory} is durable up to ${extent.durableLsn} now, and was up to ${known.durableLsn}`
      throw new SluiceError('SLUICE_CORRUPT', message, { firstLsn: extent.durableLsn + 1, lastLsn: known.durableLsn })
    }
    return extent
  }

  #publish(extent: LogExtent, segments: readonly number[]): void {
    if (extent.durableLsn > this.durableLsn) this.#pollMs = POLL_MS_MIN
    this.#extent = extent
    this.#segments = segments
    this.#settle((waiter) => (extent.durableLsn > waiter.lsn ? 'more' : undefined))
  }

  #settle(news: (waiter: Waiter) => News | undefined): void {
    for (const waiter of this.#waiters) {
      const found = news(waiter)
      if (found === undefined) continue
      this.#waiters.delete(waiter)
      waiter.resolve(found)
    }
    this.#schedule()
  }

  /** The timer runs while someone waits, and only then. */
  #schedule(): void {
    if (this.#waiters.size === 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined && !this.#polling) {
      this.#timer = setTimeout(() => void this.#poll(), this.#pollMs)
    }
  }

  /** Never rejects: those who wait are told. */
  async #poll(): Promise<void> {
    this.#timer = undefined
    this.#polling = true
    this.#pollMs = Math.min(this.#pollMs * 2, POLL_MS_MAX)
    try {
      await this.refresh()
    } catch (error) {
      const told = error instanceof SluiceError ? error : new SluiceError('SLUICE_IO', String(error), { cause: error })
      this.#settle(() => told)
    }
    this.#polling = false
    this.#schedule()
  }
}

/** Whether the list has the segments that the mark speaks of. */
function fits(segments: readonly number[], extent: LogExtent): boolean {
  if (extent.segmentFirstLsn === 0) return true
  return segments.includes(extent.segmentFirstLsn) && (segments[0] ?? 0) <= extent.firstLsn
}
