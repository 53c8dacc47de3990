import type { AckLevel } from '../options.js'
import { monotonicMs } from '../ring/clock.js'
import { Fifo } from './fifo.js'
import type { PendingFrame } from './pending-frame.js'

/** What those who are told do at once should not keep the event loop for longer than about this. */
const SLICE_MS = 1
/** However little they do, and whatever they leave for later turns: going round takes the event loop a few microseconds. */
const SLICE_APPENDS_MAX = 1024
/** Until it is known how much they do. */
const FIRST_SLICE_APPENDS = 256
/** How long fewer than this take tells little of each, unless more are left. */
const MEASURED_APPENDS_MIN = 32

/** What an {@link Acknowledger} does. */
export interface AcknowledgerListener {
  /** Resolves the appends of a frame; returns how many there were. */
  acknowledge(frame: PendingFrame, nowMs: number): number
  /** A slice that had been left for a later turn is told. */
  resumed(): void
}

/**
 * Has the appends of frames resolved that have come to their level, in LSN order, a slice in a turn of the event loop:
 * whoever awaits an append goes on in that very turn, and a thousand of them who each work a little would keep the loop
 * from its timers and sockets for as long as all of them take. How many are told in a turn follows from how long those
 * before them took until they waited again, and not from what else the loop does in a turn: else they would get ever less
 * of a busy loop. A frame is told as a whole.
 */
export class Acknowledger {
  readonly #listener: AcknowledgerListener
  readonly #nowMs: () => number
  readonly #due: Readonly<Record<AckLevel, Fifo<PendingFrame>>> = { written: new Fifo(), durable: new Fifo() }
  /** Whether the last slice left some of them. */
  #isLeft = false
  /** What one who is told is known to do. */
  #appendMs = SLICE_MS / FIRST_SLICE_APPENDS
  /** Appends that were told in this turn. */
  #told = 0
  #turnEnds: NodeJS.Immediate | undefined
  /** Since when, and how many, are being told whose work is measured; 0 for none. */
  #measuredFromMs = 0
  #measured = 0
  readonly #endTurn = (): void => {
    this.#turnEnds = undefined
    this.#told = 0
    if (!this.#isLeft) return
    this.#slice()
    this.#listener.resumed()
  }
  readonly #afterThem = (): void => process.nextTick(this.#done)
  readonly #done = (): void => {
    const appends = this.#measured
    this.#measured = 0
    if (appends < MEASURED_APPENDS_MIN && !this.#isLeft) return
    const appendMs = Math.max(this.#nowMs() - this.#measuredFromMs, 0) / appends
    // At once where they do more than was thought, by and by where they do less: it may have been a pause of another kind.
    this.#appendMs = appendMs > this.#appendMs ? appendMs : (appendMs + this.#appendMs) / 2
  }

  constructor(listener: AcknowledgerListener, nowMs: () => number = monotonicMs) {
    this.#listener = listener
    this.#nowMs = nowMs
  }

  /** Whether there are frames that have to wait for a later turn. */
  get isBehind(): boolean {
    return this.#isLeft
  }

  /** The lowest LSN that is left. */
  get firstLsn(): number | undefined {
    return this.#next?.firstLsn
  }

  /** A frame has come to its level. */
  push(frame: PendingFrame): void {
    this.#due[frame.ack].push(frame)
  }

  /** Begins with what was pushed, unless others are left that came before. */
  begin(): void {
    if (!this.#isLeft) this.#slice()
  }

  /** Tells all that are left, in this turn: what comes next must not overtake them. */
  finish(): void {
    this.#tell(Number.POSITIVE_INFINITY, this.#nowMs())
  }

  /** Tells as many as there is time for in this turn. */
  #slice(): void {
    const nowMs = this.#nowMs()
    const appends = Math.ceil(Math.min(SLICE_MS / this.#appendMs, SLICE_APPENDS_MAX))
    const told = this.#tell(appends - this.#told, nowMs)
    this.#told += told
    if (this.#isLeft || told > 0) this.#turnEnds ??= setImmediate(this.#endTurn)
    if (told > 0) this.#measure(told, nowMs)
  }

  /** Until there are at least so many appends. Returns how many there were. */
  #tell(appends: number, nowMs: number): number {
    let told = 0
    let next = this.#next
    for (; next !== undefined && told < appends; next = this.#next) {
      this.#due[next.ack].shift()
      told += this.#listener.acknowledge(next, nowMs)
    }
    this.#isLeft = next !== undefined
    return told
  }

  get #next(): PendingFrame | undefined {
    const written = this.#due.written.first
    const durable = this.#due.durable.first
    if (written === undefined || durable === undefined) return written ?? durable
    return written.firstLsn < durable.firstLsn ? written : durable
  }

  /** Those who are told go on in microtasks: a tick that is asked for among these comes when there are none left. */
  #measure(appends: number, fromMs: number): void {
    if (this.#measured === 0) {
      this.#measuredFromMs = fromMs
      void Promise.resolve().then(this.#afterThem)
    }
    this.#measured += appends
  }
}
