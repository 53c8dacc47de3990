import type { WriterReport } from '../ring/report.js'
import type { ReportReceiver } from '../ring/report-channel.js'

/** So long a report that was foretold is looked for, at most: where it takes longer, its message wakes this thread in time. */
const LOOK_FOR_MS = 0.1

/**
 * Hands on the writer's reports as its messages come, with two rules for the event loop.
 *
 * It goes round: Node hands over messages for as long as there are any, and where those who were told append again at once,
 * and the writer is faster than they are, there always is one. So one is handled a turn; what comes behind it waits for the next.
 *
 * A report that was foretold is waited for without sleeping, turn by turn, for a moment: a thread that sleeps takes 10 to
 * 50 µs to wake, which is a good part of a commit.
 */
export class ReportInbox {
  readonly #reports: ReportReceiver
  readonly #receive: (report: WriterReport) => void
  readonly #nowMs: () => number
  /** Set from a message in a turn of the event loop until that turn ends. */
  #turnEnds: NodeJS.Immediate | undefined
  /** Whether another message came in this turn. */
  #isLeft = false
  #isLooking = false
  #lookUntilMs = 0
  #closed = false
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    if (this.#isLooking) this.#look()
    else if (this.#isLeft) {
      this.#isLeft = false
      this.message()
    }
  }

  constructor(
    reports: ReportReceiver,
    receive: (report: WriterReport) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#reports = reports
    this.#receive = receive
    this.#nowMs = nowMs
  }

  /** The writer sent a message: there are reports, or there will be one in a moment. */
  message(): void {
    if (this.#closed) return
    if (this.#turnEnds !== undefined) {
      this.#isLeft = true
      return
    }
    this.#lookUntilMs = this.#nowMs() + LOOK_FOR_MS
    this.#look()
  }

  /** Hands on all reports that are there. */
  drain(): void {
    if (!this.#closed) this.#reports.drain(this.#receive)
  }

  /** Hands on nothing any more. */
  close(): void {
    this.#closed = true
    clearImmediate(this.#turnEnds)
  }

  #look(): void {
    this.#turnEnds = setImmediate(this.#endTurn)
    this.#isLooking = this.#reports.isForetold && this.#nowMs() < this.#lookUntilMs
    if (!this.#isLooking) this.drain()
  }
}
