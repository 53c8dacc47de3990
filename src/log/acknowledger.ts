import { monotonicMs } from '../ring/clock.js'
import type { PendingFrame } from './pending-frame.js'

/** What those who are told do at once should not keep the event loop for longer than about this. */
const SLICE_MS = 0.5
/** However little they do: going round takes the event loop a few microseconds. */
const SLICE_APPENDS_MAX = 1024
/** Until it is known how much they do. */
const FIRST_SLICE_APPENDS = 256
/** How long fewer than this take tells little of each. */
const MEASURED_APPENDS_MIN = 32

/** What an {@link Acknowledger} does. */
export interface AcknowledgerListener {
  /** Resolves the appends of a frame; returns how many there were. */
  acknowledge(frame: PendingFrame, nowMs: number): number
  /** A slice that had been left for a later turn is told. */
  resumed(): void
}

/**
 * Has the appends of frames resolved that have come to their level, in the order in which they did, a slice in a turn of the
 * event loop: whoever awaits an append goes on in that very turn, and a thousand of them who each work a little would
 * keep the loop from its timers and sockets for as long as all of them take. How many are told in a turn follows from how
 * long those before them took. A frame is told as a whole.
 */
export class Acknowledger {
  readonly #listener: AcknowledgerListener
  readonly #nowMs: () => number
  #due: PendingFrame[] = []
  #next = 0
  /** Whether the last slice left some of them. */
  #isLeft = false
  #sliceAppends = FIRST_SLICE_APPENDS
  /** Since when, and how many appends, were told in this turn. */
  #toldFromMs = 0
  #told = 0
  #turnEnds: NodeJS.Immediate | undefined
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    this.#adapt()
    if (!this.#isLeft) return
    this.#slice()
    this.#listener.resumed()
  }

  constructor(listener: AcknowledgerListener, nowMs: () => number = monotonicMs) {
    this.#listener = listener
    this.#nowMs = nowMs
  }

  /** Whether there are frames that have to wait for a later turn. */
  get isBehind(): boolean {
    return this.#isLeft
  }

  /** The first LSN of the oldest frame that is left. */
  get firstLsn(): number | undefined {
    return this.#due[this.#next]?.firstLsn
  }

  /** A frame has come to its level. */
  push(frame: PendingFrame): void {
    this.#due.push(frame)
  }

  /** Begins with what was pushed, unless others are left that came before. */
  begin(): void {
    if (!this.#isLeft) this.#slice()
  }

  /** Tells all that are left, in this turn: what comes next must not overtake them. */
  finish(): void {
    this.#tell(Number.POSITIVE_INFINITY, this.#nowMs())
  }

  #slice(): void {
    const nowMs = this.#nowMs()
    if (this.#turnEnds === undefined) {
      this.#toldFromMs = nowMs
      this.#told = 0
    }
    this.#told += this.#tell(this.#sliceAppends, nowMs)
    if (this.#isLeft || this.#told >= MEASURED_APPENDS_MIN) this.#turnEnds ??= setImmediate(this.#endTurn)
  }

  /** Until there are at least so many appends. Returns how many there were. */
  #tell(appends: number, nowMs: number): number {
    let told = 0
    while (told < appends) {
      const frame = this.#due[this.#next]
      if (frame === undefined) break
      this.#next++
      told += this.#listener.acknowledge(frame, nowMs)
    }
    this.#isLeft = this.#next < this.#due.length
    if (!this.#isLeft) {
      this.#due = []
      this.#next = 0
    }
    return told
  }

  /** At once where they do more than was thought, by and by where they do less: it may have been a pause of another kind. */
  #adapt(): void {
    if (this.#told < MEASURED_APPENDS_MIN && !this.#isLeft) return
    const tookMs = Math.max(this.#nowMs() - this.#toldFromMs, 0.001)
    const wanted = Math.min(SLICE_APPENDS_MAX, (this.#told * SLICE_MS) / tookMs)
    this.#sliceAppends = wanted < this.#sliceAppends ? wanted : (this.#sliceAppends + wanted) / 2
  }
}
