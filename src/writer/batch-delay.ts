import type { Batch } from './batch.js'

/** What is judged is what holding brought of late: each time counts for so much of it. */
const LATEST_SHARE = 1 / 4
/** So often batches are held before that is judged: whoever is late for the first of them is there for the next ones. */
const TRIAL_HOLDS = 4
/** After a trial that brought nothing, at most so many batches in a row are not held before the next one. */
const SKIPS_MAX = 256

/** A commit that is done. Times are on the shared monotonic clock. */
export interface DoneCommit {
  readonly records: number
  readonly beganMs: number
  readonly endedMs: number
  readonly syncMs: number
  /** Records that were there for the next one when it ended. */
  readonly waiting: number
}

/** The batch that is next. */
interface NextBatch {
  /** When its first frame was handed over: where it is another one now, the batch was taken back. */
  readonly handedOverMs: number
  /** From when on it could have been committed. */
  readonly sinceMs: number
  /** With how many records there is nobody to wait for any more; 0 where it isn't held at all. */
  readonly wanted: number
}

/**
 * How long a batch is held back for company. With a number: that long, from the handover of its first frame.
 *
 * Adaptive: those whose appends the last commit made durable have just been told, and append again, if they do, in a moment.
 * Committed at once, a batch leaves them behind: they wait for all of its sync, those in it then for all of theirs, and
 * so on for ever, two groups in turn where one sync would do for both. So the batch is held until it has as many records
 * more as the last commit had, at most for half of what a sync takes, from when it could have been committed.
 *
 * Whether that pays is reckoned afterwards. Each record that came meanwhile was spared the rest of a sync; each that was
 * there waited longer. Producers who come by a clock of their own bring less than that costs: then it is tried again ever
 * more seldom.
 */
export class BatchDelay {
  readonly #maxDelayMs: number | 'adaptive'
  #syncMs = 0
  #last: DoneCommit | undefined
  #next: NextBatch | undefined
  /** Of late, in records that were spared a sync, of each batch that was held. */
  #gain = 0
  #trialHolds = 0
  #skips = 0
  #skipsLeft = 0

  constructor(maxDelayMs: number | 'adaptive') {
    this.#maxDelayMs = maxDelayMs
  }

  /** Whether a batch is held for a part of a sync at most: there is no time to do something else meanwhile. */
  get isAdaptive(): boolean {
    return this.#maxDelayMs === 'adaptive'
  }

  noteCommit(commit: DoneCommit): void {
    if (this.#next !== undefined && this.#next.wanted > 0) this.#judge(this.#next, commit)
    this.#next = undefined
    this.#last = commit
    const { syncMs } = commit
    this.#syncMs = this.#syncMs === 0 ? syncMs : this.#syncMs + (syncMs - this.#syncMs) / 8
  }

  /** Until when the batch should be held; in the past for not at all. */
  holdUntilMs(batch: Batch): number {
    if (batch.endedBy !== undefined) return 0
    if (this.#maxDelayMs !== 'adaptive') return batch.handedOverMs + this.#maxDelayMs
    if (this.#next?.handedOverMs !== batch.handedOverMs) this.#next = this.#firstLook(batch)
    const { sinceMs, wanted } = this.#next
    return batch.records < wanted ? sinceMs + this.#syncMs / 2 : 0
  }

  #firstLook({ records, handedOverMs }: Batch): NextBatch {
    const last = this.#last
    if (last === undefined) return { handedOverMs, sinceMs: handedOverMs, wanted: 0 }
    // What was there before anybody was told of the last commit is of others.
    const wanted = last.waiting + last.records
    // Where nobody came for a whole sync, nobody is about to.
    const areActive = handedOverMs <= last.endedMs + this.#syncMs
    const isHeld = areActive && records < wanted && !this.#skipped()
    return { handedOverMs, sinceMs: Math.max(handedOverMs, last.endedMs), wanted: isHeld ? wanted : 0 }
  }

  #skipped(): boolean {
    if (this.#skipsLeft === 0) return false
    this.#skipsLeft--
    return true
  }

  #judge({ sinceMs }: NextBatch, { records, beganMs }: DoneCommit): void {
    const heldMs = beganMs - sinceMs
    // One at the least had to wait.
    const held = Math.max(1, this.#last?.waiting ?? 0)
    const spared = (records - held) * (this.#syncMs - heldMs)
    const gain = (spared - held * heldMs) / this.#syncMs
    this.#gain += (gain - this.#gain) * LATEST_SHARE
    if (++this.#trialHolds < TRIAL_HOLDS) return
    if (this.#gain > 0) {
      this.#skips = 0
      return
    }
    this.#skips = Math.min(SKIPS_MAX, this.#skips * 2 + TRIAL_HOLDS)
    this.#skipsLeft = this.#skips
    this.#trialHolds = 0
    this.#gain = 0
  }
}
